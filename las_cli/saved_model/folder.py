"""Model folders: found by name or path, loaded with every check, written atomically.

A folder holds config.json, alphabet.json and model.safetensors, maybe a language model
(lm.json, lm.safetensors), and a card. Only JSON and safetensors are ever read. What a config asks
for is checked against the weights' header and the free memory before anything is allocated.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from las_cli.errors import LasError
from las_cli.saved_model.names import ALPHABET, CONFIG, WEIGHTS
from las_cli.saved_model.weights import (
    WHY_NO_PICKLE,
    check_network,
    check_weights,
    is_pickle,
    pickles_in,
    shown,
)
from las_cli.sharing.cache import is_hub_name, parse_hub_name
from las_cli.sharing.hashes import HASHES
from las_cli.text import TextPolicy, Units, units_from_json

if TYPE_CHECKING:
    import torch

    from las_cli.network.config import LASConfig
    from las_cli.network.las import LAS

FORMAT = 1  # of config.json
LARGEST_JSON = 64 * 2**20  # bytes; word-piece models are the largest thing kept in JSON


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to recognise speech."""

    model: LAS  # in evaluation mode
    alphabet: Units
    policy: TextPolicy
    name: str
    folder: Path
    decoding: dict[str, Any] = field(default_factory=dict)  # defaults of the search
    facts: dict[str, Any] = field(default_factory=dict)  # how it was made and measured


def shipped_models() -> dict[str, Path]:
    """Name → folder of the models that travel with the package."""
    from importlib.resources import files

    # In an installed package; in a checkout, models/ stands beside las_cli/.
    package = Path(str(files("las_cli")))
    roots = [package / "models"]
    if (
        package.parent / "pyproject.toml"
    ).is_file():  # not some other package's site-packages/models
        roots.append(package.parent / "models")
    found: dict[str, Path] = {}
    for root in roots:
        if root.is_dir():
            for folder in sorted(root.iterdir()):
                if (folder / CONFIG).is_file():
                    found.setdefault(folder.name, folder)
    return found


def find_model(name: str) -> Path:
    """The folder of a shipped model's name, of a path, or of hf:user/repo[@revision].

    Only the last may use the network, and only if the model is not in the hub's cache yet.
    LasError says what there is instead.
    """
    if is_hub_name(name):
        from las_cli.sharing.hub_client import fetch

        return fetch(parse_hub_name(name))
    try:
        folder = Path(name).expanduser()
        if (folder / CONFIG).is_file():
            return folder
    except (OSError, RuntimeError, ValueError) as error:  # too long, no such home, a zero byte
        raise LasError(f"{shown(name)}: no such model or folder ({error})") from error
    shipped = shipped_models()
    if name in shipped:
        return shipped[name]
    known = f"shipped models: {', '.join(shipped) or 'none'}"
    if folder.is_dir():
        if pickles := pickles_in(folder):
            raise LasError(
                f"{folder / pickles[0]}: {WHY_NO_PICKLE}; {CONFIG} and {WEIGHTS} are missing"
            )
        raise LasError(
            f"{name}: no las model folder ({CONFIG} is missing); give a folder that "
            f"`las train` wrote, or a name ({known})"
        )
    if folder.is_file():
        if is_pickle(folder):
            raise LasError(
                f"{name}: {WHY_NO_PICKLE}; `las models convert` takes checkpoints of the "
                f"research code, --model a folder or a name ({known})"
            )
        raise LasError(f"{name}: is a file, --model takes a folder or a name ({known})")
    raise LasError(f"{shown(name)}: no such model or folder ({known})")


def load_model(name: str, device: str = "auto") -> LoadedModel:
    """The model `name` (see `find_model`) on `device`, in evaluation mode.

    Raises LasError for anything missing, damaged or of another shape, naming file and field.
    """
    from las_cli.memory import keep_few_kernels
    from las_cli.network.device import pick_device
    from las_cli.network.las import LAS

    keep_few_kernels()  # clips of ever new lengths: 150 MB less
    folder = find_model(name)
    config = read_json(folder / CONFIG)
    network = network_config(config, folder / CONFIG)
    alphabet = units_from_json(read_json(folder / ALPHABET))
    if len(alphabet) != network.units:
        raise LasError(
            f"{folder / ALPHABET}: {len(alphabet)} units, but {CONFIG} says {network.units}"
        )
    policy = text_policy(config)
    check_weights(folder / WEIGHTS, check_network(network, folder / CONFIG), CONFIG)
    model = LAS(network)
    load_weights(model, folder / WEIGHTS)
    return LoadedModel(
        model=model.to(pick_device(device)).eval(),
        alphabet=alphabet,
        policy=policy,
        name=name if is_hub_name(name) else folder.resolve().name,
        folder=folder,
        decoding=section(config, "decoding", folder / CONFIG),
        facts=section(config, "facts", folder / CONFIG),
    )


def section(config: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
    """A part of a config.json that may be missing; LasError if it is no object."""
    found = config.get(name) or {}
    if not isinstance(found, dict):
        raise LasError(f"{path}: {name} is a {type(found).__name__}, expected an object")
    return dict(found)


def network_config(config: Mapping[str, Any], path: Path) -> LASConfig:
    """The network part of a config.json."""
    from las_cli.network.config import LASConfig

    if config.get("format") != FORMAT:
        raise LasError(
            f"{path}: format {config.get('format')!r}, this version reads {FORMAT}; "
            "is it a las model folder, or one of a newer version?"
        )
    return LASConfig.from_json(config.get("network"))


def text_policy(config: Mapping[str, Any]) -> TextPolicy:
    """The text part of a config.json."""
    from las_cli.network.config import build

    policy = build(TextPolicy, config.get("text") or {}, "text")
    assert isinstance(policy, TextPolicy)
    return policy


def save_model(
    folder: Path,
    model: LAS,
    alphabet: Units,
    policy: TextPolicy,
    *,
    weights: Mapping[str, torch.Tensor] | None = None,
    decoding: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
    half: bool = False,
) -> None:
    """Writes a model folder, each file atomically.

    weights: in place of the model's own, e.g. their moving average
    half: floats as float16, for shipping
    """
    import dataclasses
    import hashlib

    from safetensors.torch import save

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LasError(f"{folder}: cannot be written ({error.strerror or error})") from error
    config = {
        "format": FORMAT,
        "network": model.config.to_json(),
        "text": dataclasses.asdict(policy),
        "decoding": dict(decoding or {}),
        "facts": dict(facts or {}),
    }
    tensors = {
        name: (tensor.detach().half() if half and tensor.is_floating_point() else tensor.detach())
        .to("cpu", copy=True)
        .contiguous()
        for name, tensor in (weights or trained_weights(model)).items()
    }
    files = {WEIGHTS: save(tensors), ALPHABET: json_bytes(alphabet.to_json())}
    config[HASHES] = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    for name, data in files.items():
        write_bytes(folder / name, data)
    write_json(folder / CONFIG, config)


def trained_weights(model: LAS) -> dict[str, torch.Tensor]:
    """The parameters of a model; filter banks and windows are computed, not stored."""
    return dict(model.named_parameters())


def load_weights(model: LAS, path: Path) -> None:
    """Fills `model` from a safetensors file that `check_weights` found to fit."""
    import torch
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file, torch.no_grad():
            for name, parameter in trained_weights(model).items():
                parameter.copy_(file.get_tensor(name))
    except (SafetensorError, OSError) as error:
        raise LasError(f"{path}: not a readable safetensors file ({error})") from error


def whole_number(digits: str) -> int:
    """An integer of a JSON file; ValueError for one that no float and no size can hold."""
    if len(digits) > 19:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def read_json(path: Path) -> dict[str, Any]:
    """An object from a JSON file; LasError if missing, too large, damaged or no object."""
    if not path.is_file():
        raise LasError(f"{path}: missing; is {path.parent} a folder that las wrote?")
    if path.stat().st_size > LARGEST_JSON:
        raise LasError(f"{path}: {path.stat().st_size} bytes is too large for a las JSON file")
    try:
        data = json.loads(path.read_text(encoding="utf-8"), parse_int=whole_number)
    except (OSError, ValueError, RecursionError) as error:
        raise LasError(f"{path}: not readable as JSON ({error})") from error
    if not isinstance(data, dict):
        raise LasError(f"{path}: holds a {type(data).__name__}, expected an object")
    return data


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """JSON, written atomically."""
    write_bytes(path, json_bytes(data))


def require_new(folder: Path) -> None:
    """LasError if something is there already: a model is not written over another by mistake."""
    try:
        taken = folder.is_file() or (folder.is_dir() and any(folder.iterdir()))
    except OSError as error:
        raise LasError(f"{folder}: cannot be read ({error.strerror or error})") from error
    if taken:
        raise LasError(f"{folder}: is not empty; name a new folder")


def json_bytes(data: Mapping[str, Any]) -> bytes:
    """JSON as las writes it."""
    return (json.dumps(data, ensure_ascii=False, indent=2) + "\n").encode("utf-8", "replace")


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file so that a reader sees the old or the new one, never half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):  # a read-only disk refuses this too
            temporary.unlink(missing_ok=True)
        raise LasError(f"{path}: cannot be written ({error.strerror or error})") from error
