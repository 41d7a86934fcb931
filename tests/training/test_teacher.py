"""A teacher's states: read back, brought to the listener's steps, and what the listener learns."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from las_cli.errors import LasError
from las_cli.network.config import PRESETS, ListenerConfig
from las_cli.network.las import LAS
from las_cli.training.teacher import StepGrid, Targets, Taught, Teacher, teacher_loss
from tests.training.teachers import write_teacher

BASE = StepGrid.of(PRESETS["base"])
ROWS = 50  # a second of sound, in the middle of row n at 0.01 + 0.02 n seconds


def ramp(slope: float = 1.0) -> torch.Tensor:
    """States that say how many seconds into the clip they are, times `slope`; [N, 2]."""
    seconds = 0.01 + 0.02 * torch.arange(ROWS)
    return slope * torch.stack([seconds, -seconds], 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    # A step of 0.02: the ramp is kept without rounding.
    return write_teacher(tmp_path / "states", {"a": ramp(), "b": ramp(2.0)}, 0.01, 0.02)


@pytest.mark.parametrize(
    ("listener", "first", "reduction"),
    [
        (ListenerConfig(reductions=(1, 1)), 0.0, 4),
        (ListenerConfig(reductions=(2, 1)), 2.0, 8),  # between frames 0 and 4
        (ListenerConfig(front_end="none", reductions=(2, 2)), 1.5, 4),
    ],
)
def test_steps_are_in_the_middle_of_what_they_hear(
    listener: ListenerConfig, first: float, reduction: int
) -> None:
    """A sound at one moment moves most the step that the grid has there."""
    config = replace(PRESETS["small"], units=5, listener=listener)
    grid = StepGrid.of(config)
    assert (grid.hop, grid.reduction, grid.first) == (160, reduction, first)
    torch.manual_seed(1)
    model = LAS(config).eval()
    for samples in (1600, 1759, 1760, 16000):
        _, steps = model.listen(torch.randn(1, samples), torch.tensor([samples]))
        assert grid.steps(samples) == int(steps)
    assert grid.times(16000)[:2].tolist() == pytest.approx([first / 100, (first + reduction) / 100])


@pytest.mark.parametrize("speed", [0.9, 1.0, 1.1])
@pytest.mark.parametrize("before", [0, 1000])
def test_targets_follow_speed_and_quiet_before(folder: Path, speed: float, before: int) -> None:
    """The ramp's value at a step is the moment of the clip that is heard there."""
    teacher = Teacher([folder], BASE)
    samples = before + round(16000 / speed) + 2000
    states, taught = teacher.targets("a", 1.0, samples, speed, before)
    assert states.dtype == torch.float16 and states.shape == (len(taught), 2)
    moments = (0.04 * torch.arange(len(taught)) - before / 16000) * speed
    assert taught.tolist() == ((moments >= -1e-9) & (moments <= 1.0 + 1e-9)).tolist()
    inside = (moments > 0.01) & (moments < 0.98)
    assert int(inside.sum()) > 20
    # Standardised by the mean 0.01 and the deviation 0.02 · 127 / 4.
    wanted = (moments - 0.01) / 0.635
    torch.testing.assert_close(states[inside, 0].float(), wanted[inside], atol=5e-3, rtol=0)
    assert not states[~taught].any()


def test_a_clip_of_which_nothing_is_known_has_no_targets(folder: Path) -> None:
    teacher = Teacher([folder], BASE)
    for id, seconds in (("c", 1.0), ("a", 2.0), ("a", 0.5)):  # the others: not its length
        states, taught = teacher.targets(id, seconds, 16000)
        assert states.shape == (26, 2) and not taught.any() and not states.any()
    assert teacher.targets("b", 1.02, 16320).taught.sum() == 26


def test_folders_are_standardised_as_the_first(tmp_path: Path) -> None:
    one = write_teacher(tmp_path / "one", {"a": ramp()}, 0.01, 0.02)
    other = write_teacher(tmp_path / "other", {"a": ramp()[:25], "x": ramp()}, 0.03, 0.01)
    teacher = Teacher([one, other], BASE)
    assert len(teacher) == 2
    mine, theirs = (teacher.targets(id, 1.0, 16000).states for id in "xa")
    torch.testing.assert_close(mine, theirs, atol=2e-3, rtol=0)
    assert teacher.targets("a", 0.5, 8000).taught.sum() == 13  # the clip of that id that is as long


def test_eight_bits_are_a_hundredth_of_a_deviation(tmp_path: Path) -> None:
    torch.manual_seed(2)
    states = torch.randn(400, 3)
    teacher = Teacher([write_teacher(tmp_path / "states", {"a": states})], BASE)
    error = teacher.states(teacher.places["a"][0]) - states.clamp(-4, 4)
    assert 0.01 < float(error.abs().max()) < 0.016  # half of 4 / 127


def test_a_teacher_can_be_sent_to_the_processes_that_read(folder: Path) -> None:
    teacher = Teacher([folder], BASE)
    before = teacher.targets("a", 1.0, 16000)
    after = pickle.loads(pickle.dumps(teacher)).targets("a", 1.0, 16000)
    assert torch.equal(before.states, after.states) and torch.equal(before.taught, after.taught)


def test_what_is_damaged_is_named(folder: Path, tmp_path: Path) -> None:
    index = json.loads((folder / "index.json").read_text())
    for changes in (
        {"clips": {"a": ["states-000.safetensors", 0]}},
        {"clips": {"a": ["states-000.safetensors", 20, 50]}},
        {"clips": {"a": ["../elsewhere.safetensors", 0, 50]}},
        {"clips": {"a": ["states-009.safetensors", 0, 50]}},
        {"clips": {}},
        {"clips": []},
        {"frame_seconds": "often"},
        {"dimension": 3},
    ):
        (folder / "index.json").write_text(json.dumps(index | changes))
        with pytest.raises(LasError, match=r"states.*damaged states of a teacher \(.*make"):
            Teacher([folder], BASE)
    (folder / "index.json").write_text("{")
    with pytest.raises(LasError, match="index.json: not readable as JSON"):
        Teacher([folder], BASE)
    with pytest.raises(LasError, match="index.json: missing"):
        Teacher([tmp_path], BASE)
    (folder / "index.json").write_text(json.dumps(index))
    file = folder / "states-001.safetensors"
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(LasError, match="states-001.safetensors: damaged states"):
        Teacher([folder], BASE)


def test_folders_of_two_teachers_are_refused(folder: Path, tmp_path: Path) -> None:
    other = write_teacher(tmp_path / "other", {"a": torch.zeros(50, 3)})
    with pytest.raises(LasError, match="other: its states are of made up .3 numbers"):
        Teacher([folder, other], BASE)


def test_the_loss_by_hand() -> None:
    targets = Targets(
        torch.tensor([[[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]]]).half(),
        torch.tensor([[True, True, False]]),
    )
    guessed = torch.tensor([[[1.0, 1.0], [0.0, 1.0], [9.0, 0.0]]], requires_grad=True)
    # (0 + 1) / 2 and 1 − cos 45°; (0 + 1) / 2 and 1 − cos 0°; the third has no target
    assert teacher_loss(guessed, targets).item() == pytest.approx(0.5 + 0.292893 + 0.5, abs=1e-5)
    nothing = Targets(torch.zeros(1, 3, 2).half(), torch.zeros(1, 3, dtype=torch.bool))
    loss = teacher_loss(guessed, nothing)
    loss.backward()
    assert loss.item() == 0.0 and guessed.grad is not None and not guessed.grad.any()


def test_the_listener_is_led() -> None:
    torch.manual_seed(1)
    config = replace(PRESETS["small"], units=5)
    taught = Taught(LAS(config), 2)
    heard = torch.randn(1, 8000), torch.tensor([8000]), torch.zeros(1, 3, dtype=torch.long)
    output, guessed = taught(*heard)
    assert guessed.shape == (1, 13, 2)
    targets = Targets(torch.ones(1, 13, 2).half(), torch.ones(1, 13, dtype=torch.bool))
    teacher_loss(guessed, targets).backward()
    for name, parameter in taught.named_parameters():
        listens = name.startswith(("model.listener", "head"))
        assert (parameter.grad is not None and bool(parameter.grad.any())) == listens, name
