"""Training as a whole: it learns, resumes exactly, survives a kill, shares out, stops well."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file

from las_cli.cli.main import cli
from las_cli.errors import LasError, UsageError
from las_cli.network.config import build
from las_cli.sharing.find import load_model
from las_cli.training import setup
from las_cli.training.checkpoint import list_checkpoints
from las_cli.training.loop import Trainer
from las_cli.training.plan import SETUP, Plan, read_plan
from tests.training.corpora import write_corpus, write_network

REPOSITORY = Path(__file__).resolve().parents[2]
COMMON = ["--precision", "float32", "--device", "cpu", "--workers", "0", "--log-seconds", "0"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("sung") / "corpus")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_network(tmp_path_factory.mktemp("network") / "tiny.json")


def las(*words: object, launcher: tuple[str, ...] = ()) -> list[str]:
    return [sys.executable, *launcher, "-m", "las_cli", "train", *map(str, words), *COMMON]


def run(command: list[str], expect: int = 0) -> str:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=300, cwd=REPOSITORY
    )
    assert done.returncode == expect, done.stderr
    assert expect == 0 or "Traceback" not in done.stderr
    return done.stderr


def losses(folder: Path) -> dict[int, tuple[float, float, float]]:
    """Attention loss, CTC loss and norm of the gradient by update."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {
        row["step"]: (row["attention"], row["ctc"], row["norm"]) for row in rows if "loss" in row
    }


def small_trainer(corpus: Path, network: Path, folder: Path, **options: Any) -> Trainer:
    """A trainer on the sung corpus, in this process."""
    from las_cli.files import read_json
    from las_cli.network.config import LASConfig
    from las_cli.text import TextPolicy
    from las_cli.training.hyperparameters import TrainingConfig

    values = {
        "epochs": None, "max_steps": 4, "batch_seconds": 6.0, "precision": "float32",
        "device": "cpu", "workers": 0, "log_seconds": 0.0,
    }  # fmt: skip
    plan = Plan(
        data=(str(corpus),), split="train", dev_split="dev",
        network=LASConfig.from_json(read_json(network)),
        training=TrainingConfig(**(values | options)), text=TextPolicy(),
    )  # fmt: skip
    return setup.start(plan, folder, overwrite=False, quiet=True)


def train(*words: str) -> Result:
    """`las train` in this process."""
    return CliRunner().invoke(cli, ["train", *words])


def test_twenty_utterances_are_learned_by_heart(
    corpus: Path, network: Path, tmp_path: Path
) -> None:
    """Overfits to a letter error rate of 0 on its own training clips."""
    folder = tmp_path / "run"
    trainer = small_trainer(
        corpus, network, folder, max_steps=260, batch_seconds=60.0, speeds=(1.0,),
        spec_augment=0.0, learning_rate=8e-3, warmup_steps=20, label_smoothing=0.0, ema=0.9,
        checkpoint_minutes=60.0, short_first=False,
    )  # fmt: skip
    from las_cli.training.data import dev_batches

    trainer.dev = dev_batches(trainer.mixture.parts[0].cuts, trainer.config, trainer.policy)
    trainer.validate_and_save = lambda: None  # type: ignore[method-assign]
    trainer.train()
    result = trainer.validate()
    assert result.ler == 0.0 and result.ctc_ler == 0.0
    assert result.diagonal > 0.9


def test_a_run_leaves_everything_it_promises(corpus: Path, network: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    trainer = small_trainer(corpus, network, folder)
    with trainer.run:
        trainer.train()
    for name in ("config.json", "alphabet.json", "model.safetensors", "training.json",
                 "metrics.jsonl", "curves.png", "attention.png", "samples.txt"):  # fmt: skip
        assert (folder / name).stat().st_size > 0, name
    samples = (folder / "samples.txt").read_text()
    assert "true_y:" in samples and "pred_y:" in samples
    loaded = load_model(str(folder), "cpu")
    assert loaded.alphabet.units == tuple(" abcde")
    assert loaded.facts["train_clips"] == 20 and loaded.facts["step"] <= 4
    assert sorted(losses(folder)) == [1, 2, 3, 4]


def test_validation_after_so_many_updates_by_another_measure(
    corpus: Path, network: Path, tmp_path: Path
) -> None:
    trainer = small_trainer(corpus, network, tmp_path / "run", max_steps=7, validate_steps=3)
    rates = iter([0.5, 0.3, 0.4])
    trainer.judge = lambda model: (next(rates), 0.9)
    trainer.train()
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").open()]
    measured = [(row["step"], row["dev_ler"], row["dev_wer"]) for row in rows if "dev_ler" in row]
    assert measured == [(3, 0.5, 0.9), (6, 0.3, 0.9), (7, 0.4, 0.9)]
    assert trainer.progress.best == 0.3
    assert load_model(str(tmp_path / "run"), "cpu").facts["step"] == 6


def test_kill_minus_nine_loses_nothing(corpus: Path, network: Path, tmp_path: Path) -> None:
    """A run killed in the middle of an epoch goes on as if nothing had happened."""
    options = [
        "--data", corpus, "--network", network, "--batch-seconds", "4", "--max-steps", "16",
        "--dropout", "0.2", "--checkpoint-minutes", "1e-9",
    ]  # fmt: skip
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run(las("--output", whole, *options))
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(
        las("--output", broken, *options), env=environment, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 200
    while not any(int(p.name[5:]) >= 6 for p in list_checkpoints(broken / "checkpoints")):
        assert process.poll() is None, "ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed_at = int(list_checkpoints(broken / "checkpoints")[-1].name[5:])
    assert killed_at < 16
    assert "goes on from" in run(las("--output", broken, "--resume"))
    assert losses(broken) == losses(whole)
    assert len(losses(whole)) == 16
    ends = [list_checkpoints(f / "checkpoints")[-1] for f in (whole, broken)]
    assert ends[0].name == ends[1].name
    for name in ("model.safetensors", "average.safetensors"):
        one, other = (load_file(end / name) for end in ends)
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_two_processes_train_like_one(corpus: Path, network: Path, tmp_path: Path) -> None:
    """The same total batch gives the same losses and gradients; only the first process writes."""
    options = ["--data", corpus, "--network", network, "--batch-seconds", "4", "--max-steps", "4",
               "--spec-augment", "0"]  # fmt: skip
    one, two = tmp_path / "one", tmp_path / "two"
    run(las("--output", one, *options, "--accumulate", "2"))
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    run(las("--output", two, *options, launcher=launcher))
    alone, together = losses(one), losses(two)
    assert sorted(alone) == sorted(together) == [1, 2, 3, 4]
    for step, values in alone.items():
        assert together[step] == pytest.approx(values, rel=2e-3)


def test_updates_that_are_not_finite_are_skipped_then_fatal(
    corpus: Path, network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = small_trainer(corpus, network, tmp_path / "run", bad_steps=3, max_steps=50)
    before = {n: p.detach().clone() for n, p in trainer.model.named_parameters()}
    with torch.no_grad():
        trainer.model.ctc.bias[2] = float("nan")
    with pytest.raises(LasError, match="3 updates in a row had no finite gradient.*train"):
        trainer.train()
    assert "not finite, skipped (train" in capsys.readouterr().err
    after = dict(trainer.model.named_parameters())
    assert all(torch.equal(before[n], after[n]) for n in before if n != "ctc.bias")


def test_ctrl_c_saves_and_says_how_to_go_on(
    corpus: Path, network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = small_trainer(corpus, network, tmp_path / "run")
    trainer.run.quiet = False
    progress = trainer.train(stop=lambda: True)
    assert progress.step == 1 and not progress.done
    assert len(list_checkpoints(tmp_path / "run" / "checkpoints")) == 1
    assert "interrupted" in (said := capsys.readouterr().err) and "--resume" in said


def test_budgets_and_early_stopping(corpus: Path, network: Path, tmp_path: Path) -> None:
    stopped = small_trainer(
        corpus, network, tmp_path / "early", max_steps=None, epochs=50, early_stop=2,
        learning_rate=1e-9, batch_seconds=60.0,
    ).train()  # fmt: skip
    assert stopped.epoch == 3 and stopped.since_best == 2
    epochs = small_trainer(corpus, network, tmp_path / "epochs", max_steps=None, epochs=2)
    assert epochs.train().epoch == 2


def test_the_rate_is_halved_where_the_dev_split_gets_no_better(
    corpus: Path, network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After more than one validation without a better LER, counted anew each time."""
    from las_cli.training.validation import Validation

    trainer = small_trainer(
        corpus, network, tmp_path / "run", schedule="plateau", plateau_patience=1
    )
    saved: list[float] = []
    monkeypatch.setattr(trainer, "save", lambda facts: None)
    monkeypatch.setattr(trainer.run, "log_validation", lambda *_: None)
    monkeypatch.setattr(trainer.run, "save_best", lambda *given: saved.append(given[3]["dev_ler"]))
    told = []
    for ler in (0.5, 0.6, 0.6, 0.55, 0.52, 0.4, 0.6):
        found = Validation(ler, ler, ler, 1.0, 1.0, 0.5, 0.5)
        monkeypatch.setattr(trainer, "validate", lambda found=found: found)
        trainer.validate_and_save()
        progress = trainer.progress
        told.append((progress.rate_scale, progress.best, progress.since_best))
    assert told == [
        (1.0, 0.5, 0), (1.0, 0.5, 1), (0.5, 0.5, 2), (0.5, 0.5, 3), (0.25, 0.5, 4),
        (0.25, 0.4, 0), (0.25, 0.4, 1),
    ]  # fmt: skip
    assert saved == [0.5, 0.4]


def test_folders_that_hold_a_training_are_kept(corpus: Path, network: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    small_trainer(corpus, network, folder, max_steps=1).train()
    with pytest.raises(UsageError, match="holds a training already.*--resume.*--overwrite"):
        small_trainer(corpus, network, folder)
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not an empty folder"):
        small_trainer(corpus, network, other)
    with pytest.raises(LasError, match="no training to resume"):
        setup.resume(other, {})


def test_overwrite_deletes_a_training_and_nothing_else(
    corpus: Path, network: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    small_trainer(corpus, network, folder, max_steps=1).train()
    options = ["--network", str(network), "--max-steps", "1", "--overwrite", "--quiet"]
    inside = folder / "corpus"
    shutil.copytree(corpus, inside)
    mine = tmp_path / "mine"
    shutil.copytree(corpus, mine)
    for data, output, said in (
        (mine, mine, "is not an empty folder"),
        (corpus, mine, "is not an empty folder"),
        (inside, folder, "--overwrite would delete --data"),
    ):
        result = train("--data", str(data), "--output", str(output), *options)
        assert result.exit_code == 2 and said in result.output, result.output
        assert (data / "train.tsv").exists() and (mine / "train.tsv").exists()
    result = train("--data", str(corpus), "--output", str(folder), *options)
    assert result.exit_code == 0 and not inside.exists(), result.output


def test_an_average_that_begins_late_begins_at_the_weights(
    corpus: Path, network: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    small_trainer(corpus, network, folder, max_steps=2, ema=0.0).train()
    trainer = setup.resume(folder, {"ema": 0.99, "max_steps": 4}, quiet=True)
    assert trainer.average is not None
    for name, parameter in trainer.model.named_parameters():
        assert torch.equal(trainer.average.weights[name], parameter)


def test_resuming_another_network_names_the_fields(
    corpus: Path, network: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    small_trainer(corpus, network, folder, max_steps=1).train()
    plan = json.loads((folder / "training.json").read_text())
    plan["network"]["listener"]["hidden"] = 64
    (folder / "training.json").write_text(json.dumps(plan))
    with pytest.raises(LasError, match="network.listener.hidden 48 → 64"):
        setup.resume(folder, {}, quiet=True)


def test_starting_from_a_model_names_what_is_fresh(
    corpus: Path, network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = small_trainer(corpus, network, tmp_path / "first", max_steps=2)
    first.train()
    more = write_corpus(tmp_path / "more", train=6, dev=2, seed=5)
    table = more / "train.tsv"
    shutil.copy(more / "clips" / "train0.wav", more / "clips" / "accent.wav")
    table.write_text(table.read_text() + "x\taccent.wav\tabé\n", encoding="utf-8")
    write_network(tmp_path / "wide.json", attention={"heads": 2, "size": 32})
    from dataclasses import replace

    trainer = small_trainer(more, tmp_path / "wide.json", tmp_path / "unused", max_steps=1)
    plan = replace(
        build(
            Plan, json.loads((tmp_path / "unused" / "training.json").read_text()), "plan"
        ),
        init=str(tmp_path / "first"),
    )
    capsys.readouterr()
    trainer = setup.start(plan, tmp_path / "second", overwrite=False)
    said = capsys.readouterr().err
    assert "6 of 7 letters known" in said and "start fresh: é" in said
    assert "speller.attention.key.weight" in said and "listener.layers.0" not in said
    old = load_model(str(tmp_path / "first"), "cpu")
    mine, theirs = trainer.units.encode("c")[0], old.alphabet.encode("c")[0]
    assert torch.equal(trainer.model.ctc.weight[mine], old.model.ctc.weight[theirs])


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--output", "{tmp}/x"], 2, "--data is missing"),
        (["--output", "{tmp}/x", "--data", "{tmp}/nowhere"], 1, "nowhere"),
        (["--output", "{tmp}/x", "--data", "{tmp}", "--epochs", "0"], 2, "--epochs"),
        (["--output", "{tmp}/x", "--resume"], 1, "no training to resume"),
        (["--output", "{tmp}/x", "--data", "{corpus}", "--device", "gpu"], 2, "device gpu"),
        (["--output", "{tmp}/x", "--data", "{corpus}", "--device", "cpu:x"], 2, "device cpu:x"),
        (["--output", "{tmp}/x", "--data", "{corpus}", "--clip", "inf"], 2, "--set clip=inf"),
        (["--output", "{tmp}/x", "--data", "{corpus}", "--early-stop", "-1"], 2, "--early-stop -1"),
        (["--output", "{tmp}/x", "--data", "{corpus}", "--wordpieces", "50"], 2, "--units"),
        (["--output", "{tmp}/x", "--data", "{corpus}", "--split", "tran"], 1, "tran"),
        (["--output", "{tmp}/x", "--data", "{corpus}", "--speeds", "1;2"], 2, "--speeds"),
        (["--output", "{tmp}/x", "--data", "{corpus}", "--init", "nobody"], 1, "nobody"),
    ],
)
def test_mistakes_get_one_sentence(
    words: list[str], code: int, message: str, corpus: Path, tmp_path: Path
) -> None:
    result = train(*(word.format(tmp=tmp_path, corpus=corpus) for word in words))
    assert result.exit_code == code, result.output
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1 or "Usage:" in result.output


def test_resuming_keeps_changed_options_and_refuses_what_it_cannot_change(
    corpus: Path, network: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    small_trainer(corpus, network, folder, max_steps=2).train()
    result = CliRunner().invoke(
        cli, ["train", "--resume", "--output", str(folder), "--preset", "large", "--dry-run"]
    )
    assert result.exit_code == 2 and "without --overwrite and --dry-run" in result.output
    trainer = setup.resume(folder, {"max_steps": 3}, quiet=True)
    assert trainer.train().step == 3
    assert json.loads((folder / "training.json").read_text())["training"]["max_steps"] == 3
    assert sorted(losses(folder)) == [1, 2, 3]


def test_overwrite_deletes_nothing_before_all_is_well(
    corpus: Path, network: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    small_trainer(corpus, network, folder, max_steps=1).train()
    words = ["train", "--output", str(folder), "--overwrite", "--data"]
    assert CliRunner().invoke(cli, [*words, str(tmp_path / "typo")]).exit_code == 1
    assert (folder / "model.safetensors").is_file()


def test_a_corpus_whose_clips_are_all_too_long_ends_with_a_reason(
    corpus: Path, network: Path, tmp_path: Path
) -> None:
    with pytest.raises(LasError, match="no clip of train can be trained on.*longer than 0.4 s"):
        small_trainer(corpus, network, tmp_path / "run", max_seconds=0.4)


def test_the_command_trains_resumes_and_goes_further(
    corpus: Path, network: Path, tmp_path: Path
) -> None:
    """As in the README: an epoch, then two more; every option as the command line gives it."""
    folder = str(tmp_path / "run")
    words = ["train", "--data", str(corpus), "--output", folder, "--network", str(network)]
    first = CliRunner().invoke(cli, [*words, "--epochs", "1", "--batch-seconds", "9", *COMMON])
    assert first.exit_code == 0, first.output
    assert "1 epochs done" in first.output
    again = CliRunner().invoke(cli, ["train", "--output", folder, "--resume", "--epochs", "3"])
    assert again.exit_code == 0, again.output
    assert "goes on from" in again.output and "3 epochs done" in again.output


def test_every_augmentation_resumes_exactly_and_an_older_plan_still_loads(
    corpus: Path, network: Path, tmp_path: Path
) -> None:
    for name in ("rain", "wind"):
        (tmp_path / name).mkdir()
        shutil.copy(corpus / "clips" / "dev0.wav", tmp_path / name)
    options: dict[str, Any] = dict(
        rooms=0.5, telephone=0.5, warp=0.1, quiet_edges=0.1, noise_share=1.0,
        noise=(str(tmp_path / "rain"), str(tmp_path / "wind")),
    )  # fmt: skip
    whole = small_trainer(corpus, network, tmp_path / "whole", **options)
    with whole.run:
        whole.train()
    broken = small_trainer(corpus, network, tmp_path / "broken", **options)
    with broken.run:
        broken.train(lambda: broken.progress.step >= 2)
    assert broken.progress.step == 2
    again = setup.resume(tmp_path / "broken", {}, quiet=True)
    with again.run:
        again.train()
    found = losses(tmp_path / "broken")
    assert list(found) == [1, 2, 3, 4] and found == losses(tmp_path / "whole")
    plain = small_trainer(corpus, network, tmp_path / "plain", **(options | {"warp": 0.0}))
    with plain.run:
        plain.train()
    assert losses(tmp_path / "plain") != found  # the warp reaches the network
    path = tmp_path / "broken" / SETUP
    saved = json.loads(path.read_text())
    for older, folders in ((saved["training"]["noise"][0], options["noise"][:1]), ("", ())):
        saved["training"]["noise"] = older  # as version 0.1.0 of November wrote it: one folder
        path.write_text(json.dumps(saved))
        assert read_plan(path).training.noise == folders


def test_augmentation_options_reach_the_training(
    corpus: Path, network: Path, tmp_path: Path
) -> None:
    shutil.copytree(corpus / "clips", tmp_path / "noise")
    folder = tmp_path / "run"
    words = ["--data", str(corpus), "--output", str(folder), "--network", str(network), *COMMON]
    effects = ["--rooms", "0.3", "--telephone", "0.2", "--warp", "0.1",
               "--noise", str(tmp_path / "noise"), "--noise", str(corpus)]  # fmt: skip
    done = train(*words, "--max-steps", "1", *effects)
    assert done.exit_code == 0, done.output
    chosen = read_plan(folder / SETUP).training
    assert (chosen.rooms, chosen.telephone, chosen.warp) == (0.3, 0.2, 0.1)
    assert chosen.noise == (str(tmp_path / "noise"), str(corpus))
    for wrong in (["--rooms", "1.5"], ["--telephone", "-0.1"], ["--warp", "0.4"]):
        done = train(*words, "--overwrite", *wrong)
        assert done.exit_code == 2 and wrong[0].strip("-") in done.output, done.output
    inside = folder / "noise"
    shutil.copytree(corpus / "clips", inside)
    done = train(*words, "--overwrite", "--noise", str(corpus), "--noise", str(inside))
    assert done.exit_code == 2 and "would delete" in done.output
