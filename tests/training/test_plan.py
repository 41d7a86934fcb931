"""What a resumed training may be told again, and what it may not be told otherwise."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from las_cli.cli.main import cli
from las_cli.network.config import LASConfig
from las_cli.text import TextPolicy
from las_cli.training.hyperparameters import TrainingConfig
from las_cli.training.plan import SETUP, Plan, read_plan, with_shares
from tests.training.corpora import TINY, write_corpus

BEGUN = ["--max-steps", "2", "--workers", "0", "--device", "cpu", "--log-seconds", "0"]


@pytest.fixture
def begun(tmp_path: Path) -> list[str]:
    """The words of a training that has done two updates in `tmp_path`/run."""
    (tmp_path / "tiny.json").write_text(json.dumps(TINY))
    write_corpus(tmp_path / "corpus", train=6, dev=2)
    words = [
        *("train", "--data", str(tmp_path / "corpus"), "--output", str(tmp_path / "run")),
        *("--network", str(tmp_path / "tiny.json"), *BEGUN),
    ]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    return words


def go_on(words: list[str], *more: str) -> Result:
    return CliRunner().invoke(cli, [*words, "--resume", "--max-steps", "3", *more])


def test_the_words_it_began_with_and_resume_are_fine(begun: list[str], tmp_path: Path) -> None:
    done = go_on(begun, "--split", "train", "--units", "letters", "--case", "lower")
    assert done.exit_code == 0, done.output
    assert read_plan(tmp_path / "run" / SETUP).training.max_steps == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--dropout", "0.3"], "--dropout 0.3, it began with 0.0"),
        (["--split", "validated"], "--split validated, it began with train"),
        (["--case", "upper"], "--case upper, it began with lower"),
        (["--units", "wordpieces"], "--units wordpieces, it began with letters"),
        (["--init", "en"], "--init en, it began with none"),
        (["--teacher", "t"], "--teacher .*t, it began with none"),
        (["--data", "{tmp}/tiny.json=0.5"], "--data .*corpus .*tiny.json=0.5, it began with"),
        (["--overwrite"], "without --overwrite and --dry-run"),
        (["--dry-run"], "without --overwrite and --dry-run"),
    ],
)
def test_what_differs_is_named_with_both_values(
    begun: list[str], tmp_path: Path, words: list[str], message: str
) -> None:
    (tmp_path / "t").mkdir()
    done = go_on(begun, *(word.format(tmp=tmp_path) for word in words))
    assert done.exit_code == 2 and re.search(message, done.output), done.output


def test_all_that_differs_is_named_at_once(begun: list[str]) -> None:
    done = go_on(begun, "--split", "validated", "--dropout", "0.3")
    assert "--split validated" in done.output and "--dropout 0.3" in done.output


def test_another_network_under_the_old_name_is_refused(begun: list[str], tmp_path: Path) -> None:
    changed = TINY | {"listener": {**TINY["listener"], "hidden": 64}}
    (tmp_path / "tiny.json").write_text(json.dumps(changed))
    done = go_on(begun)
    assert done.exit_code == 2 and "describes another network" in done.output


def test_a_corpus_that_was_moved_is_found_again(begun: list[str], tmp_path: Path) -> None:
    shutil.move(tmp_path / "corpus", tmp_path / "elsewhere")
    run = ["train", "--output", str(tmp_path / "run")]
    gone = go_on(run)
    assert gone.exit_code == 1 and "name its new place with --data" in gone.output
    done = go_on(run, "--data", str(tmp_path / "elsewhere"))
    assert done.exit_code == 0, done.output
    assert read_plan(tmp_path / "run" / SETUP).data == (str(tmp_path / "elsewhere"),)
    again = CliRunner().invoke(cli, [*run, "--resume", "--max-steps", "4"])
    assert again.exit_code == 0, again.output


def test_another_corpus_in_a_new_place_is_refused(begun: list[str], tmp_path: Path) -> None:
    write_corpus(tmp_path / "other", train=6, dev=2, seed=7)
    done = go_on(["train", "--output", str(tmp_path / "run")], "--data", str(tmp_path / "other"))
    assert done.exit_code == 1, done.output
    assert "its clips are not those of" in done.output and "6 clips, hash" in done.output
    assert read_plan(tmp_path / "run" / SETUP).data == (str(tmp_path / "corpus"),)


def test_clips_that_changed_in_their_place_are_told(begun: list[str], tmp_path: Path) -> None:
    table = tmp_path / "corpus" / "train.tsv"
    table.write_text("\n".join(table.read_text().splitlines()[:-1]) + "\n")
    done = go_on(begun)
    assert done.exit_code == 0 and "its clips are not those the training began with" in done.output
    assert "5 clips" in done.output and "then 6 clips" in done.output


def test_shares_are_told_as_they_are_given() -> None:
    assert with_shares(("/a", "/b"), (0.0, 0.4)) == "/a /b=0.4"


def test_corpora_keep_the_names_they_began_with() -> None:
    """Ids of clips begin with them, and the order of a pass hangs on the ids."""
    plan = Plan(data=(), split="train", dev_split="dev", network=LASConfig(units=9),
                training=TrainingConfig(), text=TextPolicy())  # fmt: skip
    moved = replace(plan, data=("/new/english", "/new/de"), names=("en", "de"))
    assert moved.corpus_names == ["en", "de"]
    assert replace(moved, names=()).corpus_names == ["english", "de"]
