"""A punctuator in, punctuation.safetensors and punctuation.json out; and back, with every check.

Vectors of words and affixes are most of the file; they are kept as whole numbers of 8 bits, a
scale a row, everything else as float16.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from las_cli.errors import LasError
from las_cli.files import read_json, write_bytes
from las_cli.saved_model.names import HASHES, PUNCTUATION, PUNCTUATION_WEIGHTS
from las_cli.saved_model.weights import (
    Shapes,
    check_finite,
    check_hash,
    check_memory,
    check_weights,
    shapes_of,
)
from las_cli.text.marks import MARKS
from las_cli.written.pauses import PauseTable
from las_cli.written.punctuation_network import PunctuationConfig, PunctuationNetwork
from las_cli.written.punctuator import Punctuator, Vocabulary

FORMAT = 1  # of punctuation.json
TABLES = ("words.weight", "affixes.weight")  # kept as whole numbers
SCALE = ".scale"  # behind a table's name: the scale of each row


def save_punctuator(
    folder: Path, punctuator: Punctuator, facts: Mapping[str, Any] | None = None
) -> None:
    """Write `punctuator` into `folder`, each file atomically; LasError if that fails."""
    from safetensors.torch import save

    make_folder(folder)
    tensors: dict[str, Tensor] = {}
    for name, tensor in punctuator.network.state_dict().items():
        tensor = tensor.detach().cpu()
        if name in TABLES:
            tensors[name], tensors[name + SCALE] = _rounded(tensor)
        else:
            tensors[name] = tensor.half().contiguous()
    weights = save(tensors)
    write_bytes(folder / PUNCTUATION_WEIGHTS, weights)
    vocabulary = punctuator.vocabulary
    data = {
        "format": FORMAT,
        "language": vocabulary.language,
        "network": dataclasses.asdict(punctuator.network.config),
        "marks": list(vocabulary.marks),
        "biases": [round(bias, 3) for bias in vocabulary.biases],
        "pauses": None if punctuator.pauses is None else punctuator.pauses.to_json(),
        "spellings": dict(vocabulary.spellings),
        "facts": dict(facts or {}),
        HASHES: {PUNCTUATION_WEIGHTS: hashlib.sha256(weights).hexdigest()},
        "words": " ".join(vocabulary.words),
    }
    text = json.dumps(data, ensure_ascii=False, indent=1) + "\n"
    write_bytes(folder / PUNCTUATION, text.encode("utf-8", "replace"))


def make_folder(folder: Path) -> None:
    """The folder is there afterwards; LasError if it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LasError(f"{folder}: cannot be written ({error.strerror or error})") from error


def load_punctuator(folder: Path) -> Punctuator:
    """The punctuator in `folder`, on the CPU, in evaluation mode.

    LasError if it is missing, damaged or of another shape, naming file and field.
    """
    path, weights = folder / PUNCTUATION, folder / PUNCTUATION_WEIGHTS
    if not path.is_file():
        raise LasError(
            f"{folder}: has no written form ({PUNCTUATION} is missing); train one with "
            "`las train-punctuation`"
        )
    data = read_json(path)
    if data.get("format") != FORMAT:
        raise LasError(f"{path}: format {data.get('format')!r}, this version reads {FORMAT}")
    config = _config(path, data.get("network"))
    words = str(data.get("words") or "").split()
    if len(words) != config.words:
        raise LasError(f"{path}: {len(words)} words, its network has {config.words}")
    if not weights.is_file():
        raise LasError(f"{weights}: missing, though {PUNCTUATION} is there; copy both files")
    # Before anything is allocated: a damaged or hostile config may ask for any size.
    wanted = shapes_of(lambda: PunctuationNetwork(config))
    check_memory(wanted, path)
    check_weights(weights, _stored(wanted), PUNCTUATION, integers=TABLES)
    listed = data.get(HASHES)
    check_hash(weights, listed if isinstance(listed, dict) else {}, PUNCTUATION)
    network = PunctuationNetwork(config)
    network.load_state_dict(_tensors(weights))
    return Punctuator(
        network.eval(),
        Vocabulary(
            words=tuple(words),
            spellings=_texts(path, "spellings", data.get("spellings")),
            marks=_marks(path, data.get("marks")),
            biases=_numbers(path, "biases", data.get("biases"), 1 + len(MARKS)),
            language=str(data.get("language") or ""),
        ),
        None if data.get("pauses") is None else PauseTable.from_json(data["pauses"], path),
    )


def has_punctuator(folder: Path) -> bool:
    """Whether a model folder has a written form."""
    return (folder / PUNCTUATION).is_file()


def _rounded(table: Tensor) -> tuple[Tensor, Tensor]:
    """Int8 [N, D] and the float16 scale of each row [N]."""
    scale = (table.abs().amax(dim=1) / 127).half()
    divisor = scale.float().clamp(min=1e-8)[:, None]
    return (table / divisor).round().clamp(-127, 127).to(torch.int8), scale


def _stored(shapes: Shapes) -> dict[str, tuple[int, ...]]:
    scales = {name + SCALE: tuple(shapes[name][:1]) for name in TABLES}
    return {name: tuple(shape) for name, shape in shapes.items()} | scales


def _tensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise LasError(f"{path}: not a readable safetensors file ({error})") from error
    tables = {}
    for name in TABLES:
        scale = tensors.pop(name + SCALE).float()
        check_finite(name + SCALE, scale, path)
        tables[name] = tensors.pop(name).float() * scale[:, None]
    for name, tensor in tensors.items():
        check_finite(name, tensor, path)
    return {name: tensor.float() for name, tensor in tensors.items()} | tables


def _config(path: Path, data: Any) -> PunctuationConfig:
    names = {field.name: field.type for field in dataclasses.fields(PunctuationConfig)}
    if not isinstance(data, dict) or set(data) != set(names):
        raise LasError(f"{path}: the network section must hold {', '.join(names)} and no more")
    for name, value in data.items():
        wanted = float if names[name] == "float" else int
        if isinstance(value, bool) or not isinstance(value, (int, wanted)):
            raise LasError(f"{path}: network: {name} is {value!r}, expected {wanted.__name__}")
    return PunctuationConfig(**data)


def _marks(path: Path, data: Any) -> tuple[str, ...]:
    right = isinstance(data, list) and len(data) == len(MARKS)
    if not right or not all(isinstance(mark, str) and len(mark) == 1 for mark in data):
        raise LasError(f"{path}: marks is {str(data)[:60]}, expected {len(MARKS)} signs")
    return tuple(data)


def _numbers(path: Path, name: str, data: Any, count: int) -> tuple[float, ...]:
    right = isinstance(data, list) and len(data) == count
    if not right or not all(type(value) in (int, float) and abs(value) < 100 for value in data):
        raise LasError(f"{path}: {name} is {str(data)[:60]}, expected {count} numbers")
    return tuple(map(float, data))


def _texts(path: Path, name: str, data: Any) -> dict[str, str]:
    if not isinstance(data, dict) or not all(isinstance(text, str) for text in data.values()):
        raise LasError(f"{path}: {name} must hold texts by their words")
    return {str(key): text for key, text in data.items()}
