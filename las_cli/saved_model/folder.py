"""Model folders: loaded with every check, written atomically.

A folder holds config.json, alphabet.json and model.safetensors, maybe a language model
(lm.json, lm.safetensors), and a card. Only JSON and safetensors are ever read. What a config asks
for is checked against the weights' header and the free memory before anything is allocated.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from las_cli.errors import LasError
from las_cli.files import json_bytes, read_json, require_folder, write_bytes, write_json
from las_cli.saved_model.names import ALPHABET, CONFIG, HASHES, LM_CONFIG, LM_WEIGHTS, WEIGHTS
from las_cli.saved_model.weights import check_finite, check_hash, check_network, check_weights
from las_cli.text import TextPolicy, Units, units_from_json

if TYPE_CHECKING:
    import torch

    from las_cli.network.config import LASConfig
    from las_cli.network.las import LAS

FORMAT = 1  # of config.json


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


def load_folder(folder: Path, name: str, device: str = "auto") -> LoadedModel:
    """The model in `folder`, to be called `name`, on `device`, in evaluation mode.

    Raises LasError for anything missing, damaged or of another shape, naming file and field.
    """
    from las_cli.memory import keep_few_kernels
    from las_cli.network.device import pick_device
    from las_cli.network.las import LAS

    keep_few_kernels()  # clips of ever new lengths: 150 MB less
    config = read_json(folder / CONFIG)
    network = network_config(config, folder / CONFIG)
    alphabet = units_from_json(read_json(folder / ALPHABET))
    if len(alphabet) != network.units:
        raise LasError(
            f"{folder / ALPHABET}: {len(alphabet)} units, but {CONFIG} says {network.units}"
        )
    policy = text_policy(config)
    check_weights(folder / WEIGHTS, check_network(network, folder / CONFIG), CONFIG)
    listed = section(config, HASHES, folder / CONFIG)
    for file in (WEIGHTS, ALPHABET):
        check_hash(folder / file, listed, CONFIG)
    model = LAS(network)
    load_weights(model, folder / WEIGHTS)
    return LoadedModel(
        model=model.to(pick_device(device)).eval(),
        alphabet=alphabet,
        policy=policy,
        name=name,
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


def write_decoding(folder: Path, decoding: Mapping[str, Any]) -> Path:
    """Put the defaults of the search into the config.json of `folder`, whose path is returned."""
    path = folder / CONFIG
    write_json(path, read_json(path) | {"decoding": dict(decoding)})
    return path


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
                weight = file.get_tensor(name)
                check_finite(name, weight, path)
                parameter.copy_(weight)
    except (SafetensorError, OSError) as error:
        raise LasError(f"{path}: not a readable safetensors file ({error})") from error


def require_new(folder: Path) -> None:
    """LasError if something is there already: a model is not written over another by mistake."""
    try:
        taken = folder.is_file() or (folder.is_dir() and any(folder.iterdir()))
    except OSError as error:
        raise LasError(f"{folder}: cannot be read ({error.strerror or error})") from error
    if taken:
        raise LasError(f"{folder}: is not empty; name a new folder")
    require_folder(folder)


def require_own_folder(folder: Path) -> None:
    """LasError if a model cannot be written into `folder`, or would replace what las did not write:
    a config.json of another program, weights without one."""
    require_folder(folder)
    there = [name for name in (CONFIG, ALPHABET, WEIGHTS) if os.path.lexists(folder / name)]
    if there and not _is_own(folder / CONFIG, ("network", "text")):
        raise LasError(f"{folder}: holds a {there[0]} that las did not write; name another folder")


def require_own_lm_folder(folder: Path) -> None:
    """The same for a language model."""
    require_folder(folder)
    there = [name for name in (LM_CONFIG, LM_WEIGHTS) if os.path.lexists(folder / name)]
    if there and not _is_own(folder / LM_CONFIG, ("network", "alphabet")):
        raise LasError(f"{folder}: holds a {there[0]} that las did not write; name another folder")


def _is_own(config: Path, sections: Collection[str]) -> bool:
    """Whether a config is one as las writes them."""
    try:
        data = read_json(config)
    except LasError:
        return False
    return "format" in data and all(name in data for name in sections)
