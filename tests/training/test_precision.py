"""float16 with a scaled loss, on the CPU in place of an older GPU; TensorBoard's events."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from las_cli.training import processes, setup
from las_cli.training.loop import Trainer
from las_cli.training.update_record import UpdateRecord
from tests.training.corpora import write_corpus, write_network
from tests.training.test_loop import small_trainer


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("sung")
    return write_corpus(folder / "corpus", train=6, dev=2), write_network(folder / "tiny.json")


@pytest.fixture
def float16(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As on a GPU without bf16: `las train` refuses float16 on CPUs, where it is slow."""
    monkeypatch.setattr(processes, "pick_precision", lambda name, device: torch.float16)
    with torch.backends.mkldnn.flags(enabled=False):  # it has no LSTM of that precision
        yield


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in trainer.model.named_parameters()}


def updates(trainer: Trainer, count: int) -> list[UpdateRecord]:
    batches = [batch for batch, _ in zip(trainer.batches(), range(count), strict=False)]
    assert len(batches) == count
    return [trainer.update(batch) for batch in batches]


def test_a_scaled_loss_changes_nothing_but_the_range(
    made: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float32, where a power of two costs no digit, the weights are the same to the last bit."""
    plain = small_trainer(*made, tmp_path / "plain", spec_augment=0.0)
    scaled = small_trainer(*made, tmp_path / "scaled", spec_augment=0.0)
    scaled.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    torch.manual_seed(3)
    one = updates(plain, 2)
    torch.manual_seed(3)
    other = updates(scaled, 2)
    assert [row.loss for row in one] == [row.loss for row in other]
    assert [row.norm for row in one] == [row.norm for row in other]
    after, same = weights(plain), weights(scaled)
    assert all(torch.equal(after[name], same[name]) for name in after)


@pytest.mark.usefixtures("float16")
def test_float16_that_overflows_only_rescales_and_resumes_with_its_scale(
    made: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = small_trainer(*made, tmp_path / "run")
    assert trainer.scaler.is_enabled()
    trainer.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**120)
    before = weights(trainer)
    (record,) = updates(trainer, 1)
    assert record.skipped == 1 and trainer.bad_steps == 0  # the batch is not to blame
    assert "not finite" not in capsys.readouterr().err
    assert trainer.scaler.get_scale() == 2.0**119
    after = weights(trainer)
    assert all(torch.equal(before[name], after[name]) for name in before)

    trainer.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**8)
    for record in updates(trainer, 2):
        assert record.skipped == 0 and math.isfinite(record.loss)
    assert not torch.equal(before["ctc.weight"], trainer.model.ctc.weight)
    trainer.progress.step = 2
    trainer.save({})
    resumed = setup.resume(tmp_path / "run", {}, quiet=True)
    assert resumed.scaler.state_dict() == trainer.scaler.state_dict()
    assert resumed.scaler.get_scale() == 2.0**8


@pytest.mark.usefixtures("float16")
def test_float16_whose_loss_is_no_number_at_any_scale_is_a_bad_step(
    made: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = small_trainer(*made, tmp_path / "run")
    trainer.scaler = torch.amp.GradScaler("cpu", init_scale=1.0)
    with torch.no_grad():
        trainer.model.ctc.bias[2] = float("nan")
    updates(trainer, 1)
    assert trainer.bad_steps == 0 and trainer.scaler.get_scale() == 0.5
    updates(trainer, 1)
    assert trainer.bad_steps == 1
    assert "not finite, skipped (train" in capsys.readouterr().err


def test_tensorboard_gets_every_row_of_metrics(made: tuple[Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    folder = tmp_path / "run"
    trainer = small_trainer(*made, folder, max_steps=2, tensorboard=True)
    with trainer.run:
        trainer.train()
    (path,) = (folder / "events").iterdir()
    written = {
        (event.step, value.tag): value.tensor.float_val[0]
        for event in EventFileLoader(str(path)).Load()
        for value in event.summary.value
    }
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert {step for step, _ in written} == {1, 2}
    for row in rows:
        for name in ("loss", "ctc", "rate", "dev_ler", "dev_wer"):
            if row.get(name) is not None:
                assert written[row["step"], name] == pytest.approx(row[name], rel=1e-4)
