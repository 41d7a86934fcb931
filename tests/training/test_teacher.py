"""A teacher's states: read back, brought to the listener's steps, and what the listener learns."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch
from safetensors.torch import load_file

from las_cli.audio.augmentation import QuietEdges, SoundAugmentation
from las_cli.corpus import load_corpus
from las_cli.errors import LasError
from las_cli.network.config import PRESETS, ListenerConfig
from las_cli.network.las import LAS
from las_cli.text import Alphabet, TextPolicy
from las_cli.training import setup
from las_cli.training.data import SpeechDataset
from las_cli.training.teacher import StepGrid, Targets, Taught, Teacher, teacher_loss
from tests.training.corpora import write_corpus, write_network
from tests.training.teachers import write_teacher
from tests.training.test_loop import las, run, small_trainer

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


def test_an_id_of_two_clips_as_long_has_no_targets(tmp_path: Path) -> None:
    folders = [write_teacher(tmp_path / name, {"a": ramp()}) for name in ("one", "other")]
    assert Teacher(folders[:1], BASE).targets("a", 1.0, 16000).taught.all()
    assert not Teacher(folders, BASE).targets("a", 1.0, 16000).taught.any()


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


# --- as a part of training ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("sung") / "corpus")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_network(tmp_path_factory.mktemp("network") / "tiny.json")


@pytest.fixture(scope="module")
def states(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Loudness and its sign reversed, of most clips: what a listener can tell."""
    clips = {}
    for path in sorted((corpus / "clips").glob("train*.wav"))[2:]:
        sound = torch.from_numpy(soundfile.read(path, dtype="float32")[0])
        loudness = sound.unfold(0, 320, 320).square().mean(1).add(1e-6).log()
        loudness = (loudness - loudness.mean()) / loudness.std()
        clips[path.stem] = torch.stack([loudness, -loudness], 1)
    return write_teacher(tmp_path_factory.mktemp("teacher") / "states", clips)


def rows_of(folder: Path) -> dict[int, dict[str, float]]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {row["step"]: row for row in rows if "loss" in row}


def test_the_batch_knows_where_the_clip_is(corpus: Path, states: Path) -> None:
    """Speed and quiet edges change the targets as they change the sound."""
    cuts = load_corpus(corpus).cuts("train")
    teacher = Teacher([states], BASE)
    augment = SoundAugmentation(edges=QuietEdges(1.0))
    dataset = SpeechDataset(
        Alphabet(tuple(" abcde")), TextPolicy(), speeds=(0.8, 1.25), augment=augment,
        teacher=teacher, seed=3,
    )  # fmt: skip
    batch = dataset[cuts]
    assert batch.targets is not None
    loud, taught = batch.targets.states[..., 0].float(), batch.targets.taught
    assert taught.shape == (20, BASE.steps(batch.waveforms.shape[1]))
    known = torch.tensor([id in teacher.places for id in batch.ids])
    assert taught.any(1).tolist() == known.tolist() and int(known.sum()) == 18
    for row in known.nonzero()[:, 0].tolist():
        at = (BASE.times(int(batch.lengths[row])) * 16000).long()  # the grid's sample places
        sound = torch.nn.functional.pad(batch.waveforms[row], (160, 160))
        heard = sound.unfold(0, 320, 1)[at].square().mean(1).add(1e-6).log()
        inside = taught[row, : len(at)].nonzero()[1:-1, 0]
        alike = [
            float(torch.corrcoef(torch.stack([heard[inside + lag], loud[row, inside]]))[0, 1])
            for lag in (-1, 0, 1)
        ]
        assert alike[1] > 0.85 and alike[1] > max(alike[0], alike[2]) + 0.05, batch.ids[row]


def test_a_listener_is_led_and_the_model_is_as_without(
    corpus: Path, network: Path, states: Path, tmp_path: Path
) -> None:
    options: dict[str, Any] = {
        "max_steps": 40, "batch_seconds": 30.0, "learning_rate": 5e-3, "warmup_steps": 5,
        "spec_augment": 0.0, "validate_minutes": 0.0,
    }  # fmt: skip
    trainer = small_trainer(corpus, network, tmp_path / "run", teacher=(str(states),), **options)
    trainer.train()
    led = [row["teacher"] for row in rows_of(tmp_path / "run").values()]
    # Guesses that know nothing are 0.8 off (L1 of a normal number) and 1 (cosine).
    assert len(led) == 40 and led[0] > 1.7 and sum(led[-5:]) / 5 < 1.2
    small_trainer(corpus, network, tmp_path / "alone", max_steps=1).train()
    mine, other = (load_file(tmp_path / name / "model.safetensors") for name in ("run", "alone"))
    assert {n: t.shape for n, t in mine.items()} == {n: t.shape for n, t in other.items()}
    assert "teacher" not in rows_of(tmp_path / "alone")[1]


def test_weight_zero_leads_nowhere(
    corpus: Path, network: Path, states: Path, tmp_path: Path
) -> None:
    """Every loss is what it is without a teacher."""
    small_trainer(corpus, network, tmp_path / "alone").train()
    small_trainer(
        corpus, network, tmp_path / "led", teacher=(str(states),), teacher_weight=0.0
    ).train()
    alone, led = rows_of(tmp_path / "alone"), rows_of(tmp_path / "led")
    assert [row["loss"] for row in alone.values()] == [row["loss"] for row in led.values()]
    assert all(row["teacher"] > 1 for row in led.values())


@pytest.mark.parametrize("workers", [0, 1])
def test_a_resumed_run_equals_an_unbroken_one(
    corpus: Path, network: Path, states: Path, tmp_path: Path, workers: int
) -> None:
    options: dict[str, Any] = {
        "teacher": (str(states),), "max_steps": 6, "workers": workers, "ema": 0.9,
    }  # fmt: skip
    whole = small_trainer(corpus, network, tmp_path / "whole", **options)
    whole.train()
    broken = small_trainer(corpus, network, tmp_path / "broken", **options)
    broken.train(stop=lambda: broken.progress.step == 3)
    resumed = setup.resume(tmp_path / "broken", {}, quiet=True)
    assert resumed.progress.step == 3
    resumed.train()
    for key in ("loss", "teacher", "norm"):
        one, other = (
            [row[key] for row in rows_of(tmp_path / name).values()] for name in ("whole", "broken")
        )
        assert len(one) == 6 and one == other
    assert resumed.taught is not None and whole.taught is not None
    assert torch.equal(resumed.taught.head.weight, whole.taught.head.weight)


def test_resuming_without_the_teacher_is_refused(
    corpus: Path, network: Path, states: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    small_trainer(corpus, network, folder, max_steps=1, teacher=(str(states),)).train()
    with pytest.raises(LasError, match="saved by another network.*teacher .'made up', 2. → None"):
        setup.resume(folder, {"teacher": ()}, quiet=True)


def test_two_processes_are_led_like_one(
    corpus: Path, network: Path, states: Path, tmp_path: Path
) -> None:
    options = ["--data", corpus, "--network", network, "--batch-seconds", "4", "--max-steps", "3",
               "--spec-augment", "0", "--teacher", states]  # fmt: skip
    run(las("--output", tmp_path / "one", *options, "--accumulate", "2"))
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    run(las("--output", tmp_path / "two", *options, launcher=launcher))
    alone, together = rows_of(tmp_path / "one"), rows_of(tmp_path / "two")
    for step in (1, 2, 3):
        for key in ("teacher", "attention", "norm"):
            assert together[step][key] == pytest.approx(alone[step][key], rel=2e-3), (step, key)
