"""Corpora, checkpoints and disks that are not as they should be: trained around, or told."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner

from las_cli.cli.main import cli
from las_cli.errors import LasError
from las_cli.network.config import build
from las_cli.training import setup
from las_cli.training.checkpoint import list_checkpoints, load_checkpoint
from las_cli.training.loop import Trainer
from las_cli.training.plan import Plan
from las_cli.training.plots import draw_curves
from tests.training.corpora import RATE, write_corpus, write_network
from tests.training.test_loop import small_trainer, train


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_network(tmp_path_factory.mktemp("network") / "tiny.json")


def rows(folder: Path) -> list[dict[str, float | None]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_clips_of_silence_of_no_numbers_and_of_too_much_text(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=6, dev=2)
    clips = corpus / "clips"
    soundfile.write(clips / "train0.wav", np.zeros(RATE), RATE)
    samples = np.full(RATE, 0.1, dtype="float32")
    samples[5] = np.nan
    soundfile.write(clips / "train1.wav", samples, RATE, subtype="FLOAT")
    table = (corpus / "train.tsv").read_text()
    table += "x\tlong.wav\t" + "abcde" * 30 + "\n"
    (corpus / "train.tsv").write_text(table)
    soundfile.write(clips / "long.wav", samples[100:], RATE)
    trainer = small_trainer(corpus, network, tmp_path / "run", max_steps=3, batch_seconds=30.0)
    trainer.run.quiet = False
    trainer.train()
    said = capsys.readouterr().err
    assert "train1.wav: holds samples that are not numbers" in said
    measured = [row for row in rows(tmp_path / "run") if "loss" in row]
    assert len(measured) == 3
    for row in measured:
        assert row["skipped"] == 0 and row["failed"] == 1
        assert row["loss"] is not None and math.isfinite(row["loss"])
    assert trainer.accept.reasons["more letters than the listener has steps"] >= 1


def test_a_language_of_one_letter(network: Path, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=4, dev=2)
    for split in ("train", "dev"):
        head, *lines = (corpus / f"{split}.tsv").read_text().splitlines()
        lines = ["\t".join([*line.split("\t")[:2], "a" * (i + 1)]) for i, line in enumerate(lines)]
        (corpus / f"{split}.tsv").write_text("\n".join([head, *lines]) + "\n")
    # All train sentences but two are in dev as well, and so are left out.
    trainer = small_trainer(corpus, network, tmp_path / "run", max_steps=2)
    assert trainer.units.units == ("a",)
    assert trainer.train().step == 2
    assert all(row.get("loss", 0.0) is not None for row in rows(tmp_path / "run"))


def test_a_corpus_without_a_dev_split_sets_speakers_aside_and_says_so(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=20, dev=2)
    (corpus / "dev.tsv").unlink()
    trainer = small_trainer(corpus, network, tmp_path / "run", max_steps=1)
    dev = {cut.supervisions[0].speaker for batch in trainer.dev for cut in batch}
    train = {cut.supervisions[0].speaker for cut in trainer.mixture.parts[0].cuts}
    assert dev and train and not dev & train
    result = CliRunner().invoke(
        cli,
        [
            *("train", "--data", str(corpus), "--output", str(tmp_path / "told")),
            *("--network", str(network), "--max-steps", "1", "--workers", "0"),
        ],
    )
    assert result.exit_code == 0, result.output
    assert "no dev split" in result.output and "speaker" in result.output


def test_a_checkpoint_of_another_alphabet_is_refused(network: Path, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=4, dev=2)
    folder = tmp_path / "run"
    small_trainer(corpus, network, folder, max_steps=1).train()
    letters = json.loads((folder / "alphabet.json").read_text())
    letters["letters"][1] = "z"
    (folder / "alphabet.json").write_text(json.dumps(letters))
    with pytest.raises(LasError, match="saved by another network or alphabet .alphabet .* → "):
        setup.resume(folder, {}, quiet=True)
    letters["letters"].append("y")
    (folder / "alphabet.json").write_text(json.dumps(letters))
    with pytest.raises(LasError, match="alphabet.json: 9 units, training.json says 8"):
        setup.resume(folder, {}, quiet=True)


def test_a_checkpoint_from_before_a_field_existed_goes_on(network: Path, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=4, dev=2)
    folder = tmp_path / "run"
    small_trainer(corpus, network, folder, max_steps=1).train()
    (state,) = folder.glob("checkpoints/step-*/state.json")
    for path in (state, folder / "training.json"):
        found = json.loads(path.read_text())
        del (found["network"] if "network" in found else found["facts"]["network"])["features"]
        path.write_text(json.dumps(found))
    setup.resume(folder, {"max_steps": 2}, quiet=True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_one_sentence_and_the_checkpoint_stays(
    network: Path, tmp_path: Path
) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=4, dev=2)
    folder = tmp_path / "run"
    trainer = small_trainer(corpus, network, folder, max_steps=2)
    trainer.save({})
    (folder / "metrics.jsonl").unlink(missing_ok=True)
    (folder / "metrics.jsonl").symlink_to("/dev/full")
    with pytest.raises(LasError, match=r"metrics.jsonl: cannot be written \(No space left.*room"):
        trainer.train()
    (checkpoint,) = list_checkpoints(folder / "checkpoints")
    weights = load_checkpoint(checkpoint).weights
    assert all(torch.isfinite(tensor).all() for tensor in weights.values())


def test_what_las_prepare_left_out_is_told_again(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=6, dev=2)
    table = corpus / "train.tsv"
    table.write_text(table.read_text() + "x\tgone.wav\tabc\nx\ttrain0.wav\tabc\nx\tlost.wav\tab\n")
    prepared = tmp_path / "prepared"
    words = ["prepare", str(corpus), "--output", str(prepared)]
    assert CliRunner().invoke(cli, words).exit_code == 0
    trainer = small_trainer(prepared, network, tmp_path / "run", max_steps=1, speeds=(1.0,))
    plan = build(Plan, json.loads((tmp_path / "run/training.json").read_text()), "")
    assert trainer.mixture.parts[0].cuts
    capsys.readouterr()
    setup.start(plan, tmp_path / "again", overwrite=False)
    said = capsys.readouterr().err
    line = "train: 3 of 9 clips left out (2 missing file, 1 duplicate); rejected.tsv lists them"
    assert said.count(line) == 1


def test_a_disk_that_is_gone_stops_the_training(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Silence in place of the clips must not be learned, nor be the best model ever measured."""
    corpus = write_corpus(tmp_path / "corpus", train=8, dev=4)
    folder = tmp_path / "run"
    small_trainer(corpus, network, folder, max_steps=2).train()
    before = json.loads((folder / "config.json").read_text())
    changes = {"max_steps": 9, "bad_steps": 3, "checkpoint_minutes": 60.0}
    trainer = setup.resume(folder, changes, quiet=True)
    (corpus / "clips").rename(corpus / "elsewhere")
    weights = {n: p.detach().clone() for n, p in trainer.model.named_parameters()}
    trainer.validate_and_save = lambda: None  # type: ignore[method-assign]
    with pytest.raises(LasError, match=r"for 3 updates no clip could be read.*\.wav.*--resume"):
        trainer.train()
    assert ".wav: cannot be read" in capsys.readouterr().err
    assert all(torch.equal(weights[n], p) for n, p in trainer.model.named_parameters())
    with pytest.raises(LasError, match="4 of 4 dev clips cannot be read"):
        Trainer.validate_and_save(trainer)
    assert json.loads((folder / "config.json").read_text()) == before
    (corpus / "elsewhere").rename(corpus / "clips")
    assert setup.resume(folder, {}, quiet=True).train().step == 9


def test_a_row_without_numbers_is_left_out_of_the_picture(tmp_path: Path) -> None:
    numbers = {"attention": 2.0, "ctc": 3.0, "accuracy": 0.5}
    found: list[dict[str, float | None]] = [
        {"step": 1, "hours": 0.1, "loss": 2.5} | numbers,
        {"step": 2, "hours": 0.2, "loss": None} | dict.fromkeys(numbers),
        {"step": 2, "hours": 0.2, "dev_ler": 0.5, "dev_wer": 0.9, "dev_ctc_ler": None,
         "dev_attention": 1.0, "dev_ctc": None},
    ]  # fmt: skip
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in found))
    assert draw_curves(tmp_path).stat().st_size > 0
    (tmp_path / "curves.png").unlink()
    (tmp_path / "curves.png").mkdir()
    with pytest.raises(LasError, match="curves.png: cannot be written"):
        draw_curves(tmp_path)


def test_broken_noise_is_told_at_once(network: Path, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=4, dev=2)
    noise = tmp_path / "noise"
    noise.mkdir()
    soundfile.write(noise / "a.wav", np.full(RATE, 0.1), RATE)
    (noise / "._a.wav").write_bytes(b"of a Mac")
    small_trainer(corpus, network, tmp_path / "run", noise=(str(noise),))
    (noise / "b.wav").write_bytes(b"no sound")
    with pytest.raises(LasError, match=r"b\.wav"):
        small_trainer(corpus, network, tmp_path / "other", noise=(str(noise),))


def test_a_split_that_holds_dev_is_not_trained_on(network: Path, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=4, dev=2)
    table, dev = (corpus / f"{name}.tsv" for name in ("train", "dev"))
    header, *rest = dev.read_text().splitlines(keepends=True)
    (corpus / "validated.tsv").write_text(table.read_text() + "".join(rest))
    (corpus / "other.tsv").write_text(table.read_text())
    words = ["--data", corpus, "--network", network, "--max-steps", "1", "--quiet"]
    for split, code, said in (
        ("validated", 2, "2 clips of validated are in dev too; `las prepare --train-split"),
        ("other", 0, ""),
    ):
        result = train(*map(str, words), "--output", str(tmp_path / split), "--split", split)
        assert result.exit_code == code and said in result.output, result.output


def test_dev_clips_that_cannot_be_spelled_are_not_measured(network: Path, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=4, dev=3)
    table = corpus / "dev.tsv"
    lines = table.read_text().splitlines()
    lines[1] = lines[1].rsplit("\t", 1)[0] + "\tabc 123"
    table.write_text("\n".join(lines) + "\n")
    trainer = small_trainer(corpus, network, tmp_path / "run")
    assert sum(len(batch) for batch in trainer.dev) == 2
