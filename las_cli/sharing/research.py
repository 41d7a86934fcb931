"""A checkpoint of the research code (jiwidi/las-pytorch) in; a model folder to train on from out.

Its listener and its speller's LSTM are those of the preset `seed`, and map number by number: the
letters it feeds as one-hot vectors become an embedding that is the identity, the context that it
takes from raw states becomes values that are the identity. Its attention compares through a ReLU,
which has no counterpart here unless it was switched off; see `ATTENTION` below.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from las_cli.audio.analysis import FeatureConfig
from las_cli.errors import LasError
from las_cli.memory import free_memory
from las_cli.network.config import AttentionConfig, LASConfig, ListenerConfig, SpellerConfig
from las_cli.network.las import LAS
from las_cli.saved_model.folder import require_new, save_model
from las_cli.saved_model.weights import check_network, shown
from las_cli.text import Alphabet, TextPolicy
from las_cli.text.units import EOS, FIRST

LARGEST = 2**20  # bytes
SPACE_NAMES = ("", "<space>", "|")  # a line that ends after its comma means the space
START = 0  # the research code's id of the start of a sentence, and of padding; 1 ends one
GATES = 4  # of an LSTM; an RNN would have 1, a GRU 3
LSTM = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
ATTENTION = "speller.attention."


def convert(
    checkpoint: Path, output: Path, vocabulary: Path, *, activation: str, case: str
) -> list[str]:
    """Writes a model folder; returns sentences on what was mapped and what was not.

    activation: its `mlp_activate_in_attention`, "relu" or "None"
    Raises LasError for a file that is no such checkpoint, or whose sizes have no counterpart.
    """
    tensors = read_checkpoint(checkpoint)
    require_new(output)
    letters = read_vocabulary(vocabulary)
    taken: set[str] = set()
    config = _config(checkpoint, tensors)
    if config.units != len(letters) + FIRST:
        raise LasError(
            f"{vocabulary}: {len(letters)} letters and two marks, but {checkpoint} was trained "
            f"with {config.units} units"
        )
    check_network(config, checkpoint)
    torch.manual_seed(0)
    model = LAS(config)
    weights = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    _map_listener(tensors, weights, len(config.listener.reductions), taken)
    _map_speller(tensors, weights, config, taken)
    missed = _map_attention(checkpoint, tensors, weights, activation, taken)
    missed += sorted(shown(name) for name in tensors.keys() - taken)
    facts = {"preset": "research code", "converted": checkpoint.name, "not_mapped": missed}
    save_model(
        output, model, Alphabet(letters), TextPolicy(case=case), weights=weights, facts=facts
    )
    said = [f"{output}: {len(taken)} of {len(tensors)} tensors mapped exactly"]
    if missed:
        said.append(f"not mapped, left at random: {', '.join(missed)}")
    said.append(
        "its features (filter banks without normalisation) and its first context differ, so train "
        f"on: las train --init {output} --data ..."
    )
    return said


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Tensors by name from a .pt file, read without running code; LasError if it is none."""
    import pickle

    import numpy as np

    if not path.is_file():
        raise LasError(f"{path}: no such file")
    _check_size(path)
    try:
        from numpy._core import multiarray as core
    except ImportError:  # numpy 1
        from numpy.core import multiarray as core  # type: ignore[no-redef]
    # The package holds the losses as numpy arrays; numpy 1 and 2 call the same function by two
    # names. These rebuild arrays of numbers and run nothing else.
    arrays: list[Any] = [
        (core._reconstruct, "numpy.core.multiarray._reconstruct"),
        (core._reconstruct, "numpy._core.multiarray._reconstruct"),
        (core.scalar, "numpy.core.multiarray.scalar"),
        (core.scalar, "numpy._core.multiarray.scalar"),
        np.ndarray, np.dtype, type(np.dtype(np.float64)), type(np.dtype(np.float32)),
    ]  # fmt: skip
    try:
        with torch.serialization.safe_globals(arrays):
            data = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise LasError(
            f"{path}: holds more than tensors and numbers, or is damaged; nothing in it was run "
            f"({_first_line(error)})"
        ) from error
    except Exception as error:  # the reader's own errors, whatever their class
        raise LasError(f"{path}: no checkpoint of torch ({_first_line(error)})") from error
    state = data.get("state_dict", data) if isinstance(data, Mapping) else None
    if not isinstance(state, Mapping) or not state:
        raise LasError(f"{path}: holds no state_dict; is it a checkpoint of las-pytorch?")
    tensors = {}
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise LasError(f"{path}: its state_dict holds more than tensors by name")
        if tensor.layout != torch.strided or not tensor.is_floating_point():
            raise LasError(f"{path}: {shown(name)} holds no plain floats")
        if tensor.numel() * 4 > (free_memory() or 2**62):
            raise LasError(f"{path}: {shown(name)} is larger than this machine's memory")
        # DataParallel puts its own name in front.
        tensors[name.removeprefix("module.")] = tensor.detach().float()
    return tensors


def _check_size(path: Path) -> None:
    """LasError for an archive that unpacks to much more than it is."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        raise LasError(f"{path}: a damaged archive ({_first_line(error)})") from error
    if size > 2 * path.stat().st_size + 2**20:  # torch packs without compression
        raise LasError(f"{path}: would unpack to {size / 1e9:.1f} GB; it is no checkpoint")


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return shown(lines[0] if lines else type(error).__name__)


def _config(path: Path, tensors: Mapping[str, Tensor]) -> LASConfig:
    """The network whose sizes these tensors have; LasError names what does not fit."""
    layers = 0
    while f"listener.pLSTM_layer{layers}.BLSTM.weight_ih_l0" in tensors:
        layers += 1
    depth = 0
    while f"speller.rnn_layer.weight_ih_l{depth}" in tensors:
        depth += 1
    wanted = {"listener.pLSTM_layer0.BLSTM.weight_ih_l0": layers,
              "speller.rnn_layer.weight_ih_l0": depth,
              "listener.pLSTM_layer0.BLSTM.weight_hh_l0": True,
              "speller.rnn_layer.weight_hh_l0": True,
              "speller.character_distribution.weight": True}  # fmt: skip
    for name, found in wanted.items():
        if not found or name not in tensors or tensors[name].ndim != 2:
            raise LasError(f"{path}: {name} is missing; is it a checkpoint of las-pytorch?")
    first = tensors["listener.pLSTM_layer0.BLSTM.weight_ih_l0"]
    hidden = tensors["listener.pLSTM_layer0.BLSTM.weight_hh_l0"].shape[-1]
    size = tensors["speller.rnn_layer.weight_hh_l0"].shape[-1]
    units = len(tensors["speller.character_distribution.weight"])
    if len(first) != GATES * hidden:
        raise LasError(f"{path}: its recurrent layers are no LSTMs; only LSTMs have a counterpart")
    if size != 2 * hidden:
        raise LasError(
            f"{path}: the speller has {size} units, expected twice the listener's {hidden}"
        )
    mels = first.shape[1] // 2
    return LASConfig(
        units=units,
        features=FeatureConfig(mels=mels),
        listener=ListenerConfig(
            front_end="none", hidden=hidden, reductions=(2,) * layers, norm=False
        ),
        attention=AttentionConfig(heads=1, size=size),
        speller=SpellerConfig(form="feeding", embedding=units, hidden=size, layers=depth),
    )


def _put(
    tensors: Mapping[str, Tensor], weights: dict[str, Tensor], theirs: str, ours: str,
    taken: set[str],
) -> None:  # fmt: skip
    found = tensors.get(theirs)
    if found is None or found.shape != weights[ours].shape:
        shape = "missing" if found is None else list(found.shape)
        raise LasError(f"{shown(theirs)} is {shape}, its counterpart {list(weights[ours].shape)}")
    weights[ours] = found.clone()
    taken.add(theirs)


def _map_listener(
    tensors: Mapping[str, Tensor], weights: dict[str, Tensor], layers: int, taken: set[str]
) -> None:
    for layer in range(layers):
        for part in LSTM:
            for end, direction in (("l0", "forwards"), ("l0_reverse", "backwards")):
                theirs = f"listener.pLSTM_layer{layer}.BLSTM.{part}_{end}"
                _put(tensors, weights, theirs, f"listener.layers.{layer}.{direction}.{part}_l0",
                     taken)  # fmt: skip


def _map_speller(
    tensors: Mapping[str, Tensor], weights: dict[str, Tensor], config: LASConfig, taken: set[str]
) -> None:
    for layer in range(config.speller.layers):
        for part in LSTM:
            name = f"{part}_l{layer}"
            _put(tensors, weights, f"speller.rnn_layer.{name}", f"speller.layers.{name}", taken)
    for part in ("weight", "bias"):
        theirs = f"speller.character_distribution.{part}"
        _put(tensors, weights, theirs, f"speller.output.{part}", taken)
    letters = torch.eye(config.units)
    letters[EOS] = letters[START]  # sentences start with the end mark here
    weights["speller.embedding.weight"] = letters
    weights["speller.attention.value.weight"] = torch.eye(config.attention.size)
    weights["speller.attention.value.bias"] = torch.zeros(config.attention.size)


def _map_attention(
    path: Path, tensors: Mapping[str, Tensor], weights: dict[str, Tensor], activation: str,
    taken: set[str],
) -> list[str]:  # fmt: skip
    """Keys and queries, where they are linear; else the names of what has no counterpart."""
    size = weights["speller.attention.query.weight"].shape[0]
    own = {name for name in tensors if name.startswith(ATTENTION)}
    query, key = torch.eye(size), torch.eye(size)
    if own:  # an MLP on both sides; without one, states are compared as they are
        if f"{ATTENTION}dim_reduce.weight" in own:
            return ["its attention of several heads, whose contexts are mixed otherwise"]
        if activation != "None":
            return [f"its attention, which compares through {activation}"]
        parts = [tensors.get(f"{ATTENTION}{part}") for part in
                 ("phi.weight", "phi.bias", "psi.weight", "psi.bias")]  # fmt: skip
        phi, phi_bias, psi, psi_bias = parts
        if phi is None or psi is None or phi_bias is None or psi_bias is None:
            raise LasError(f"{path}: phi or psi of its attention is missing")
        if phi.ndim != 2 or phi.shape != psi.shape or phi.shape[1] != size or len(phi) > size:
            return [f"its attention, which compares {list(phi.shape)} numbers"]
        if bool(phi_bias.any()):
            return ["its attention, whose queries have a bias"]
        query, key = torch.zeros(size, size), torch.zeros(size, size)
        query[: len(phi)], key[: len(psi)] = phi, psi
        bias = torch.zeros(size)
        bias[: len(psi)] = psi_bias
        weights["speller.attention.key.bias"] = bias
        taken |= own
    else:
        weights["speller.attention.key.bias"] = torch.zeros(size)
    # Scores are divided by the root of the size here, not there.
    weights["speller.attention.query.weight"] = query * math.sqrt(size)
    weights["speller.attention.key.weight"] = key
    return []


def read_vocabulary(path: Path) -> list[str]:
    """Letters of the ids 2, 3, … from lines `id,letter` or `id<tab>letter`; a header is skipped.

    Ids 0 and 1 (start or padding, end of sentence) may be listed. LasError for gaps and for
    entries of more than one letter, such as <UNK>, which no alphabet here can hold.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise LasError(f"{path}: too large for a vocabulary")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LasError(f"{path}: no readable vocabulary ({error})") from error
    found: dict[int, str] = {}
    for number, line in enumerate(lines, start=1):
        index, comma, letter = line.partition("\t" if "\t" in line else ",")
        if not comma or not re.fullmatch(r"\s*[0-9]{1,6}\s*", index):
            if number == 1 or not line.strip():
                continue
            raise LasError(f"{path}, line {number}: expected index,letter")
        found[int(index)] = letter if letter == " " else letter.strip()
    letters = []
    for place in range(2, max(found, default=0) + 1):
        if place not in found:
            raise LasError(f"{path}: no letter has the index {place}")
        letter = " " if found[place] in SPACE_NAMES else found[place]
        if len(letter) != 1:
            raise LasError(f"{path}: index {place} is {letter[:20]!r}, expected one letter")
        letters.append(letter)
    if not letters:
        raise LasError(f"{path}: holds no lines `index,letter`")
    return letters
