"""Checkpoints of the research code: what maps gives the same numbers, the rest is named."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from las_cli.errors import LasError
from las_cli.sharing.find import load_model
from las_cli.sharing.research import _check_size, convert, read_checkpoint

VOCAB = "0,<sos>\n1,<eos>\n2,b\n3,a\n4, \n"
UNITS, HIDDEN, MELS = 5, 3, 8


def checkpoint(layers: int = 2, mlp: int | None = 4, kind: str = "LSTM") -> dict[str, Tensor]:
    """Random weights under the research code's names."""
    torch.manual_seed(3)
    made = getattr(nn, kind)
    parts: dict[str, nn.Module] = {}
    size = MELS
    for layer in range(layers):
        parts[f"listener.pLSTM_layer{layer}.BLSTM"] = made(2 * size, HIDDEN, bidirectional=True)
        size = 2 * HIDDEN
    parts["speller.rnn_layer"] = made(UNITS + size, size, num_layers=2)
    parts["speller.character_distribution"] = nn.Linear(2 * size, UNITS)
    if mlp is not None:
        parts["speller.attention.phi"] = nn.Linear(size, mlp)
        parts["speller.attention.psi"] = nn.Linear(size, mlp)
    return {f"{p}.{n}": t for p, module in parts.items() for n, t in module.state_dict().items()}


def theirs(tensors: dict[str, Tensor], features: Tensor, letters: list[int]) -> Tensor:
    """What the research code computes (without an activation in its attention), written anew.

    features [T, D], T a multiple of 4; the first context is zero, as here. → logits [U, V]
    """

    def lstm(prefix: str, size: int, **options: Any) -> nn.LSTM:
        own = {n.removeprefix(f"{prefix}."): t for n, t in tensors.items() if n.startswith(prefix)}
        made = nn.LSTM(size, own["weight_hh_l0"].shape[1], batch_first=True, **options)
        made.load_state_dict(own)
        return made

    states = features[None]
    for layer in range(2):
        states = states.reshape(1, states.shape[1] // 2, -1)
        name = f"listener.pLSTM_layer{layer}.BLSTM"
        states, _ = lstm(name, states.shape[2], bidirectional=True)(states)
    speller = lstm("speller.rnn_layer", UNITS + 2 * HIDDEN, num_layers=2)
    context, memory, logits = torch.zeros(1, 1, 2 * HIDDEN), None, []
    for letter in letters:
        word = nn.functional.one_hot(torch.tensor([[letter]]), UNITS).float()
        hidden, memory = speller(torch.cat([word, context], dim=2), memory)
        query, keys = hidden, states
        if "speller.attention.phi.weight" in tensors:
            at = "speller.attention."
            query = hidden @ tensors[f"{at}phi.weight"].T + tensors[f"{at}phi.bias"]
            keys = states @ tensors[f"{at}psi.weight"].T + tensors[f"{at}psi.bias"]
        context = torch.softmax(query @ keys.transpose(1, 2), dim=2) @ states
        both = torch.cat([hidden, context], dim=2)
        logits.append(both @ tensors["speller.character_distribution.weight"].T
                      + tensors["speller.character_distribution.bias"])  # fmt: skip
    return torch.cat(logits, dim=1)[0]


def save(folder: Path, tensors: dict[str, Tensor], **extra: Any) -> tuple[Path, Path]:
    package = {"state_dict": tensors, "epoch": 3, "tr_loss": np.array([1.5]), **extra}
    torch.save(package, folder / "best.pth.tar")
    (folder / "vocab.csv").write_text(VOCAB)
    return folder / "best.pth.tar", folder / "vocab.csv"


@pytest.mark.parametrize("mlp", [None, 4])
@torch.no_grad()
def test_what_is_linear_gives_the_same_logits(tmp_path: Path, mlp: int | None) -> None:
    tensors = checkpoint(mlp=mlp)
    if mlp:
        tensors["speller.attention.phi.bias"].zero_()
    wrapped = {f"module.{name}": tensor for name, tensor in tensors.items()}
    path, vocab = save(tmp_path, wrapped)
    said = convert(path, tmp_path / "out", vocab, activation="None", case="lower")
    assert f"{len(tensors)} of {len(tensors)} tensors mapped exactly" in said[0]
    loaded = load_model(str(tmp_path / "out"), "cpu")
    assert loaded.alphabet.units == ("b", "a", " ")
    model, features = loaded.model, torch.randn(16, MELS)
    states, steps = model.listener(features[None], torch.tensor([16]))
    memory = model.speller.remember(states, steps)
    found, _ = model.speller(torch.tensor([[1, 2, 4, 3]]), memory)  # 1 starts a sentence here
    wanted = theirs(tensors, features, [0, 2, 4, 3])  # 0 does there
    torch.testing.assert_close(found[0, :, 1:], wanted[:, 1:])  # 0 is never written here


def test_what_does_not_map_is_named(tmp_path: Path) -> None:
    path, vocab = save(tmp_path, checkpoint())
    said = convert(path, tmp_path / "out", vocab, activation="relu", case="lower")
    assert "its attention, which compares through relu" in said[1]
    assert "speller.attention.phi.weight" in said[1] and "las train --init" in said[2]
    load_model(str(tmp_path / "out"), "cpu")
    with pytest.raises(LasError, match="out: is not empty; name a new folder"):
        convert(path, tmp_path / "out", vocab, activation="None", case="lower")
    said = convert(path, tmp_path / "other", vocab, activation="None", case="lower")
    assert "whose queries have a bias" in said[1]


def test_checkpoints_that_have_no_counterpart(tmp_path: Path) -> None:
    cases = {
        "no LSTMs": checkpoint(kind="GRU"),
        "listener.pLSTM_layer0.BLSTM.weight_ih_l0 is missing": {"a": torch.zeros(2)},
        "no plain floats": {"a": torch.zeros(2, dtype=torch.int32)},
        "more than tensors by name": {"a": 3},
    }
    for message, tensors in cases.items():
        path, vocab = save(tmp_path, tensors)  # type: ignore[arg-type]
        with pytest.raises(LasError, match=message):
            convert(path, tmp_path / "out", vocab, activation="relu", case="lower")
    path, vocab = save(tmp_path, checkpoint())
    for text, message in (
        ("0,a\n", "holds no lines"), ("2,a\n4,b\n", "no letter has the index 3"),
        ("2,<UNK>\n", "expected one letter"), ("2,a\n", "1 letters and two marks"),
        ("2,a\nhello\n", "line 2: expected index,letter"),
    ):  # fmt: skip
        vocab.write_text(text)
        with pytest.raises(LasError, match=message):
            convert(path, tmp_path / "out", vocab, activation="relu", case="lower")
    assert not (tmp_path / "out").exists()


class Attack:
    """What a hostile checkpoint would hold."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("attacked",)


def test_a_hostile_checkpoint_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path, _ = save(tmp_path, checkpoint(), extra=Attack())
    with pytest.raises(LasError, match="holds more than tensors and numbers.*nothing in it was"):
        read_checkpoint(path)
    assert not (tmp_path / "attacked").exists()
    data = path.read_bytes()
    for cut in (0, 10, len(data) // 2):
        path.write_bytes(data[:cut])
        with pytest.raises(LasError):
            read_checkpoint(path)


def test_an_archive_that_unpacks_to_much_more_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "best.pth.tar"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.pkl", bytes(40_000_000))
    with pytest.raises(LasError, match="would unpack to 0.0 GB; it is no checkpoint"):
        _check_size(path)
    with zipfile.ZipFile(path, "w") as archive:  # stored, as torch does
        archive.writestr("data.pkl", bytes(4_000_000))
    _check_size(path)
