"""Checkpoints: everything that was saved comes back, and what two of them differ in is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from las_cli.errors import LasError
from las_cli.training.checkpoint import (
    Checkpoint,
    best_weights,
    checkpoint_ler,
    differences,
    load_checkpoint,
    save_checkpoint,
    saved_progress,
)
from las_cli.training.schedule import Progress

PROGRESS = Progress(
    step=7, epoch=2, batch=3, seconds=61.5, minutes=1.25, rate_scale=0.5, best=0.25, since_best=1,
    since_scale=1,
)  # fmt: skip


def made(**changes: object) -> Checkpoint:
    weight = torch.nn.Parameter(torch.arange(6.0).view(2, 3).T)  # not contiguous, with gradient
    optimiser = torch.optim.AdamW([weight])
    weight.sum().backward()
    optimiser.step()
    whole = Checkpoint(
        {"w": weight}, {"w": torch.zeros(3, 2)}, optimiser.state_dict(), {"scale": 2.0},
        [torch.get_rng_state()], PROGRESS, {"dev_ler": 0.25}, [],
    )  # fmt: skip
    return whole._replace(**changes)


def test_everything_comes_back(tmp_path: Path) -> None:
    saved = made()
    path = save_checkpoint(tmp_path, saved)
    assert path.name == "step-0000007" and not list(tmp_path.glob(".*"))
    loaded = load_checkpoint(path)
    assert torch.equal(loaded.weights["w"], saved.weights["w"])
    assert loaded.average is not None and not loaded.average["w"].any()
    assert loaded.progress == saved_progress(path) == PROGRESS
    assert loaded.scaler == {"scale": 2.0} and loaded.facts == {"dev_ler": 0.25}
    assert torch.equal(loaded.random[0], saved.random[0])
    moments, theirs = loaded.optimiser["state"][0], saved.optimiser["state"][0]
    for name in ("step", "exp_avg", "exp_avg_sq"):
        assert torch.equal(moments[name], theirs[name])


def test_the_average_is_what_counts_where_there_is_one(tmp_path: Path) -> None:
    with_one = save_checkpoint(tmp_path / "a", made())
    without = save_checkpoint(tmp_path / "b", made(average=None))
    assert not best_weights(with_one)["w"].any()
    assert best_weights(without)["w"].sum() > 10
    assert load_checkpoint(without).average is None


@pytest.mark.parametrize(
    ("facts", "ler"),
    [({"dev_ler": 0.25}, 0.25), ({}, float("inf")), ({"dev_ler": None}, float("inf"))],
)
def test_a_rate_that_was_not_measured_is_the_worst(
    tmp_path: Path, facts: dict[str, float], ler: float
) -> None:
    assert checkpoint_ler(save_checkpoint(tmp_path, made(facts=facts))) == ler


def test_a_step_that_is_there_is_replaced(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, made())
    path = save_checkpoint(tmp_path, made(facts={"dev_ler": 0.125}))
    assert checkpoint_ler(path) == 0.125
    assert [entry.name for entry in tmp_path.iterdir()] == ["step-0000007"]


def test_a_state_without_progress_is_named(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, made())
    (path / "state.json").write_text("{}")
    with pytest.raises(LasError, match="state.json: no progress"):
        saved_progress(path)


@pytest.mark.parametrize(
    ("saved", "wanted", "expected"),
    [
        ({"a": 1, "b": {"c": [1, 2]}}, {"a": 1, "b": {"c": (1, 2)}}, []),
        ({"a": 1}, {"a": 2}, ["a 1 → 2"]),
        ({"n": {"h": 3, "k": "x"}}, {"n": {"h": 4, "k": "y"}}, ["n.h 3 → 4", "n.k 'x' → 'y'"]),
        ({"a": 1}, {}, ["a 1 → None"]),
        ({}, {"b": [1]}, ["b None → [1]"]),
    ],
)
def test_fields_that_differ_are_named_with_both_values(
    saved: dict[str, object], wanted: dict[str, object], expected: list[str]
) -> None:
    assert differences(saved, wanted) == expected
