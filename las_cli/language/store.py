"""A language model and its facts in, lm.safetensors and lm.json out; and back, with every check."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from las_cli.errors import LasError
from las_cli.hub import read_json, write_bytes, write_json
from las_cli.language.letter_lm import LetterLM, LetterLMConfig
from las_cli.sharing.hashes import HASHES
from las_cli.text.alphabet import Units
from las_cli.weights import check_weights, shapes_of

FORMAT = 1  # of lm.json
CONFIG, WEIGHTS = "lm.json", "lm.safetensors"


def save_language_model(
    folder: Path,
    model: LetterLM,
    alphabet: Units,
    facts: Mapping[str, Any] | None = None,
    half: bool = True,
) -> None:
    """Write `model` into `folder`, each file atomically; half: weights as float16."""
    from safetensors.torch import save

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: (tensor.detach().half() if half else tensor.detach()).cpu().contiguous()
        for name, tensor in model.state_dict().items()
    }
    weights = save(tensors)
    write_bytes(folder / WEIGHTS, weights)
    write_json(
        folder / CONFIG,
        {
            "format": FORMAT,
            "alphabet": alphabet.fingerprint,
            "network": dataclasses.asdict(model.config),
            "facts": dict(facts or {}),
            HASHES: {WEIGHTS: hashlib.sha256(weights).hexdigest()},
        },
    )


def load_language_model(
    folder: Path, alphabet: Units, device: torch.device | str = "cpu"
) -> LetterLM:
    """The language model in `folder`, in evaluation mode.

    LasError if it is missing, damaged, or writes another alphabet than `alphabet`.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise LasError(
            f"{folder}: no language model here ({CONFIG} is missing); train one with `las train-lm`"
        )
    data = read_json(path)
    if data.get("format") != FORMAT:
        raise LasError(f"{path}: format {data.get('format')!r}, this version reads {FORMAT}")
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
    # Before anything is allocated: a damaged or hostile config may ask for any size.
    check_weights(weights, shapes_of(lambda: LetterLM(config)), CONFIG)
    model = LetterLM(config)
    model.load_state_dict(_weights(weights))
    return model.to(device).eval()


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
        return {name: tensor.float() for name, tensor in load_file(path).items()}
    except (SafetensorError, OSError) as error:
        raise LasError(f"{path}: not a readable safetensors file ({error})") from error
