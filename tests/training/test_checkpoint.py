"""Checkpoints: what was saved comes back, the best and the last are kept, damage is named."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest
import torch

from las_cli.errors import LasError
from las_cli.training import checkpoint as checkpoints
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


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    broken = torch.nn.Parameter(torch.tensor([1.0, float("nan")]))
    path = save_checkpoint(tmp_path / "a", made(weights={"w": broken}))
    with pytest.raises(LasError, match="w holds values that are no numbers.*delete .*step-0000007"):
        load_checkpoint(path)
    path = save_checkpoint(tmp_path / "b", made(average={"w": broken.detach()}))
    with pytest.raises(LasError, match=r"average\.safetensors: w holds values that are no numbers"):
        best_weights(path)


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


def made_checkpoint(step: int, ler: float | None = None) -> Checkpoint:
    weights = {"a": torch.arange(3.0)}
    facts = {} if ler is None else {"dev_ler": ler}
    return Checkpoint(
        weights, weights, {"lr": 1}, {}, [torch.get_rng_state()], Progress(step), facts, []
    )


def test_checkpoints_survive_and_the_best_are_kept(tmp_path: Path) -> None:
    lers = [0.9, 0.5, None, 0.7, 0.3, 0.8]
    for step, ler in enumerate(lers):
        save_checkpoint(tmp_path, made_checkpoint(step, ler))
        checkpoints.prune(tmp_path, keep_best=2)
    kept = [int(path.name[5:]) for path in checkpoints.list_checkpoints(tmp_path)]
    assert kept == [1, 4, 5]  # the best two and the last
    copy = tmp_path / "step-0000005.bak"  # a user's own is left alone
    shutil.copytree(tmp_path / "step-0000005", copy)
    checkpoints.drop_later(tmp_path, 5)
    assert checkpoints.list_checkpoints(tmp_path)[-1].name == "step-0000005" and copy.is_dir()
    (tmp_path / "step-0000005" / "optimiser.pt").write_bytes(b"")
    with pytest.raises(LasError, match="damaged checkpoint"):
        load_checkpoint(tmp_path / "step-0000005")
    loaded = load_checkpoint(tmp_path / "step-0000004")
    assert loaded.progress == Progress(4) and loaded.facts == {"dev_ler": 0.3}
    assert torch.equal(loaded.weights["a"], torch.arange(3.0))


def test_the_last_are_kept_too_most_of_them_without_what_only_a_resume_needs(
    tmp_path: Path,
) -> None:
    for step, ler in enumerate([0.9, 0.2, 0.3, 0.7, None, 0.5, 0.6, None]):
        save_checkpoint(tmp_path, made_checkpoint(step, ler))
        checkpoints.prune(tmp_path, keep_best=2, keep_last=4)
    kept = checkpoints.list_checkpoints(tmp_path)
    assert [int(path.name[5:]) for path in kept] == [1, 2, 4, 5, 6, 7]
    whole = [int(path.name[5:]) for path in checkpoints.resumable(tmp_path)]
    assert whole == [1, 6, 7]  # the best and the newest two
    for path in kept:
        assert torch.equal(checkpoints.best_weights(path)["a"], torch.arange(3.0))
    assert sorted(p.name for p in kept[1].iterdir()) == ["average.safetensors", "state.json"]
    checkpoints.drop_later(tmp_path, 4)
    assert [int(p.name[5:]) for p in checkpoints.list_checkpoints(tmp_path)] == [1, 2, 4]


def test_a_full_disk_leaves_the_last_checkpoint_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(tmp_path, made_checkpoint(1))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(LasError, match="the disk is full.*older checkpoints are intact.*--resume"):
        save_checkpoint(tmp_path, made_checkpoint(2))
    assert [p.name for p in tmp_path.iterdir()] == ["step-0000001"]
    load_checkpoint(tmp_path / "step-0000001")


@pytest.mark.parametrize("name", ["model.safetensors", "optimiser.pt", "state.json"])
def test_damaged_checkpoints_are_named(tmp_path: Path, name: str) -> None:
    path = save_checkpoint(tmp_path, made_checkpoint(1))
    (path / name).write_bytes((path / name).read_bytes()[:20])
    with pytest.raises(LasError, match="step-0000001"):
        load_checkpoint(path)


def test_a_pickle_in_the_optimiser_state_is_not_run(tmp_path: Path) -> None:
    import pickle

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "owned",))  # type: ignore[return-value]

    path = save_checkpoint(tmp_path, made_checkpoint(1))
    (path / "optimiser.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(LasError):
        load_checkpoint(path)
    assert not (tmp_path / "owned").exists()
