"""`las train-punctuation`, and `las transcribe` with what it made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result

from las_cli.cli.main import cli
from las_cli.written.punctuation_making import MadePunctuator
from tests.written.conftest import write_text

Run = Callable[..., Result]
CTC = ("--device", "cpu", "--search", "ctc", "--beam", "1")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)

    def invoke(*arguments: object, code: int = 0) -> Result:
        result = CliRunner().invoke(cli, list(map(str, arguments)))
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return invoke


@pytest.fixture
def writing_model(tiny_model: Path, made: tuple[Path, MadePunctuator], tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    shutil.copytree(tiny_model, folder)
    for path in (made[0] / "model").iterdir():
        shutil.copy(path, folder)
    return folder


def test_train_punctuation(run: Run, tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", 1200)
    small = ("--most-words", 20, "--buckets", 8, "--embedding", 4, "--hidden", 4, "--epochs", 0.2)
    result = run("train-punctuation", "--text", "a.txt", "-o", "new", "--language", "en", *small)
    assert "held-out lines, one by one" in result.stdout and "5 at a time" in result.stdout
    assert "1,150 lines" in result.stderr
    data = json.loads((tmp_path / "new" / "punctuation.json").read_text())
    assert data["language"] == "en" and data["network"]["hidden"] == 4
    assert data["facts"]["text"] == ["a.txt"] and data["facts"]["words"] > 4000
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "punctuation.json", "punctuation.safetensors",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--text is missing"),
        (("--text", "a.txt", "--pauses", "cv"), "--pauses: needs --model"),
        (("--text", "a.txt", "--model", "en"), "--model: aligns the clips of --pauses"),
    ],
)
def test_wrong_usage(run: Run, arguments: tuple[str, ...], message: str) -> None:
    assert message in run("train-punctuation", "-o", "new", *arguments, code=2).stderr


def test_an_output_that_is_a_file_is_refused_before_training(run: Run, tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", 30)
    result = run("train-punctuation", "--text", "a.txt", "-o", "a.txt", code=1)
    assert "a.txt: cannot be written" in result.stderr


def test_a_text_of_one_word(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Yes!\n")
    run("train-punctuation", "--text", "a.txt", "-o", "new", "--epochs", 1)


def test_written_scores_need_files(run: Run) -> None:
    result = run("score", "--model", "en", "--data", "cv", "--written", code=2)
    assert "--written: --model decodes plain words" in result.stderr


def test_text_without_punctuation_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no marks here\n" * 20)
    result = run("train-punctuation", "--text", "a.txt", "-o", "new", code=1)
    assert "no line has punctuation to learn from (20 that end without a mark)" in result.stderr


def test_transcribe_writes_both_forms(
    run: Run, writing_model: Path, write_noise: Any, tmp_path: Path
) -> None:
    write_noise(tmp_path / "a.wav", 3.0)
    own = ("transcribe", "--model", "tiny", "--keep-doubtful", *CTC)
    plain = run(*own, "a.wav", "--plain")
    doubt = "las: a.wav: 0.0 s–3.0 s: no speech\n"  # noise; nothing else is complained of
    assert plain.stderr == doubt
    run(*own, "a.wav", "-o", "out", "--format", "all")
    record = json.loads((tmp_path / "out" / "a.json").read_text())
    from importlib.resources import files

    schema = files("las_cli.output").joinpath("transcript.schema.json").read_text("utf-8")
    jsonschema.validate(record, json.loads(schema))
    assert record["text"] == " ".join(plain.stdout.split())
    assert record["written"] != record["text"]
    for segment in record["segments"]:
        assert segment["written"] == " ".join(word["written"] for word in segment["words"])
    shown = run(*own, "a.wav")
    assert shown.stderr == doubt and " ".join(shown.stdout.split()) == record["written"]
    text = (tmp_path / "out" / "a.txt").read_text()
    assert text == shown.stdout
    for name in ("srt", "vtt", "tsv"):
        assert record["written"].split()[0] in (tmp_path / "out" / f"a.{name}").read_text()
    ctm = (tmp_path / "out" / "a.ctm").read_text().splitlines()
    assert " ".join(line.split()[4] for line in ctm) == record["text"]


def test_workers_write_the_same(
    run: Run, writing_model: Path, write_noise: Any, tmp_path: Path
) -> None:
    for seed in range(2):
        write_noise(tmp_path / "in" / f"{seed}.wav", 1.0, seed=seed)
    own = ("transcribe", "--model", "tiny", *CTC, "in", "-o")
    run(*own, "one")
    run(*own, "two", "--processes", 2)
    for name in ("0.txt", "1.txt"):
        assert (tmp_path / "one" / name).read_text() == (tmp_path / "two" / name).read_text()


def test_a_model_without_a_written_form_says_so_once(
    run: Run, tiny_model: Path, write_noise: Any, tmp_path: Path
) -> None:
    for seed in range(2):
        write_noise(tmp_path / "in" / f"{seed}.wav", 1.0, seed=seed)
    own = ("transcribe", "--model", tiny_model, *CTC, "in")
    told = run(*own)
    assert told.stderr.count("has no written form, so these are plain words") == 1
    plain = run(*own, "--plain")
    assert "written form" not in plain.stderr and plain.stdout == told.stdout
    assert "written" not in json.loads(run(*own, "--format", "json").stdout.splitlines()[0])


def test_numbers_need_a_language(
    run: Run, tiny_model: Path, write_noise: Any, tmp_path: Path
) -> None:
    pytest.importorskip("text_to_num")
    write_noise(tmp_path / "a.wav")
    own = ("transcribe", "--model", tiny_model, *CTC, "a.wav", "--numbers")
    assert "for example digits:en" in run(*own, "digits", code=1).stderr
    run(*own, "digits:en")
    assert "choose words, digits" in run(*own, "roman", code=2).stderr


def test_score_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ref.txt").write_text("Yes, I know. Do you?\nStop!\n")
    (tmp_path / "hyp.txt").write_text("yes I know, do you?\nStop\n")
    own = ("score", "--ref", "ref.txt", "--hyp", "hyp.txt")
    assert "written form" not in run(*own).stdout
    result = run(*own, "--written")
    assert "written form" in result.stdout
    assert "66.67 % of 6 words" in result.stdout
    report = json.loads(run(*own, "--written", "--json", "-").stdout)["systems"][0]
    assert report["words"]["errors"] == 0
    written = report["written"]
    assert written["question_mark"] == {
        "precision": 1.0, "recall": 1.0, "f1": 1.0, "right": 1, "hypothesis": 1, "reference": 1,
    }  # fmt: skip
    assert written["comma"]["f1"] == 0.0 and written["exclamation_mark"]["recall"] == 0.0
    assert written["all_marks"]["reference"] == 4 and written["all_marks"]["hypothesis"] == 2
    assert written["case"] == {
        "accuracy": 0.666667, "words": 6, "capitals_accuracy": 0.5, "capitals": 4,
    }  # fmt: skip


