"""A language model in, lm.safetensors and lm.json out; and back, with every check."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from las_cli.errors import LasError
from las_cli.files import read_json, write_bytes, write_json
from las_cli.language.letter_lm import LetterLM, LetterLMConfig
from las_cli.language.mixed_lm import MixedLM
from las_cli.language.word_lm import WordLM, tree_bytes
from las_cli.language.word_store import (
    Sizes,
    ngrams_of,
    read_sizes,
    sizes_of,
    table_shapes,
    tables_of,
)
from las_cli.memory import free_memory
from las_cli.saved_model.names import HASHES
from las_cli.saved_model.names import LM_CONFIG as CONFIG
from las_cli.saved_model.names import LM_WEIGHTS as WEIGHTS
from las_cli.saved_model.weights import check_finite, check_hash, check_weights, shapes_of
from las_cli.text.units import Units, parts_words

FORMATS = (1, 2)  # of lm.json; 2 holds word n-grams too


def save_language_model(
    folder: Path,
    model: LetterLM | MixedLM,
    alphabet: Units,
    facts: Mapping[str, Any] | None = None,
    half: bool = True,
) -> None:
    """Write `model` into `folder`, each file atomically; half: weights as float16."""
    from safetensors.torch import save

    folder.mkdir(parents=True, exist_ok=True)
    letters = model.letters if isinstance(model, MixedLM) else model
    tensors = {
        name: (tensor.detach().half() if half else tensor.detach()).cpu().contiguous()
        for name, tensor in letters.state_dict().items()
    }
    words = {}
    if isinstance(model, MixedLM):
        words = {"words": {"share": model.share} | sizes_of(model.words.ngrams)}
        tensors |= tables_of(model.words.ngrams)
    weights = save(tensors)
    write_bytes(folder / WEIGHTS, weights)
    write_json(
        folder / CONFIG,
        {
            "format": 2 if words else 1,
            "alphabet": alphabet.fingerprint,
            "network": dataclasses.asdict(letters.config),
            **words,
            "facts": dict(facts or {}),
            HASHES: {WEIGHTS: hashlib.sha256(weights).hexdigest()},
        },
    )


def load_language_model(
    folder: Path, alphabet: Units, device: torch.device | str = "cpu"
) -> LetterLM | MixedLM:
    """The language model in `folder`, in evaluation mode.

    LasError if it is missing, damaged, or writes another alphabet than `alphabet`.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise LasError(
            f"{folder}: no language model here ({CONFIG} is missing); train one with `las train-lm`"
        )
    data = read_json(path)
    if data.get("format") not in FORMATS:
        known = " and ".join(map(str, FORMATS))
        raise LasError(f"{path}: format {data.get('format')!r}, this version reads {known}")
    if data.get("alphabet") != alphabet.fingerprint:
        raise LasError(
            f"{path}: this language model writes another alphabet than the recogniser; "
            "train one with `las train-lm --model` and the recogniser's folder"
        )
    config = _config(path, data.get("network"))
    if config.units != len(alphabet):
        raise LasError(f"{path}: {config.units} units, the alphabet has {len(alphabet)}")
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise LasError(f"{weights}: missing, though {CONFIG} is there; copy both files")
    sizes = _sizes(path, data.get("words"), config.units)
    tables = {} if sizes is None else table_shapes(sizes)
    # Before anything is allocated: a damaged or hostile config may ask for any size.
    wanted = shapes_of(lambda: LetterLM(config)) | tables
    check_weights(weights, wanted, CONFIG, integers=[n for n in tables if not n.endswith("logs")])
    listed = data.get(HASHES)
    check_hash(weights, listed if isinstance(listed, dict) else {}, CONFIG)
    tensors = _weights(weights)
    for name, tensor in tensors.items():
        if name not in tables:
            check_finite(name, tensor, weights)
    found = {name: tensors.pop(name) for name in tables}
    letters = LetterLM(config)
    letters.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    if sizes is None:
        return letters.to(device).eval()
    space = space_of(alphabet, path)
    ngrams = ngrams_of(found, weights, config.units, space)
    words = WordLM(ngrams, config.units, space)
    return MixedLM(letters, words, data["words"]["share"]).to(device).eval()


def space_of(alphabet: Units, path: Path) -> int:
    """The id that parts words; LasError (naming `path`) for units that words are no rows of."""
    if not parts_words(alphabet):
        raise LasError(f"{path}: word n-grams need a model that writes letters and spaces")
    return alphabet.encode(" ")[0]


def _sizes(path: Path, data: Any, units: int) -> Sizes | None:
    """The sizes of the words in lm.json; LasError if this machine cannot hold them."""
    if data is None:
        return None
    share = data.get("share") if isinstance(data, dict) else None
    if not isinstance(share, float) or not 0 < share < 1:
        raise LasError(f"{path}: the share of words is {share!r}, expected a number from 0 to 1")
    try:
        sizes = read_sizes({name: value for name, value in data.items() if name != "share"})
    except ValueError as error:
        raise LasError(f"{path}: words: {error}") from error
    needed, free = tree_bytes(sizes["letters"], units) + 400 * sizes["vocabulary"], free_memory()
    if free is not None and needed > free:
        raise LasError(
            f"{path}: words that take {needed / 2**30:.1f} GB, this machine has "
            f"{free / 2**30:.1f} GB free; is the file damaged?"
        )
    return sizes


def _config(path: Path, data: Any) -> LetterLMConfig:
    names = {field.name: field.type for field in dataclasses.fields(LetterLMConfig)}
    if not isinstance(data, dict) or set(data) - set(names):
        raise LasError(f"{path}: the network section must hold {', '.join(names)} and no more")
    for name, value in data.items():
        wanted = float if names[name] == "float" else int
        if isinstance(value, bool) or not isinstance(value, (int, wanted)):
            raise LasError(f"{path}: {name} is {value!r}, expected {wanted.__name__}")
    return LetterLMConfig(**data)


def _weights(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise LasError(f"{path}: not a readable safetensors file ({error})") from error
