"""`las train-lm`: letters and words, letters alone, letters of another, and what it refuses."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from safetensors.torch import load_file

from las_cli.cli.main import cli
from las_cli.errors import LasError
from las_cli.files import read_json
from las_cli.language import LetterLM, MixedLM, load_language_model
from las_cli.language.lm_training import CHECKPOINT, measure_perplexity
from las_cli.language.making import LMPlan
from las_cli.language.mixing import find_share
from las_cli.language.text import Sentences
from las_cli.network.las import LAS
from las_cli.saved_model.folder import save_model
from las_cli.text import Alphabet, TextPolicy, Units
from las_cli.text.wordpieces import WordPieces
from tests.decoding.conftest import tiny_model

from .words import ALPHABET, words_of, zipf

LINES = ["a bad cab", "he did a bad deed", "big egg", "jade faced a cafe"] * 10 + zipf(30)
SMALL = ("--hidden", 8, "--embedding", 4, "--epochs", 1, "--quiet")


def recogniser(folder: Path, units: Units = ALPHABET) -> Path:
    config = dataclasses.replace(tiny_model().config, units=len(units))
    save_model(folder, LAS(config), units, TextPolicy())
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recogniser(tmp_path_factory.mktemp("recogniser"))


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n".join(LINES), encoding="utf-8")
    return path


def train(text: Path, model: Path, output: Path, *more: object) -> Result:
    arguments = ["--text", text, "--model", model, "--output", output, *more]
    return CliRunner().invoke(cli, ["train-lm", *(str(argument) for argument in arguments)])


@pytest.fixture(scope="module")
def trained(model: Path, text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model with words, from the defaults."""
    output = tmp_path_factory.mktemp("lm") / "with-words"
    result = train(text, model, output, *SMALL)
    assert result.exit_code == 0, result.output
    assert "n-grams; " in result.stderr and "by letters alone" in result.stderr
    assert "perplexity per letter" in result.stdout and " on held-out lines, " in result.stdout
    return output


def test_letters_and_words(trained: Path, text: Path) -> None:
    lm = load_language_model(trained, ALPHABET)
    assert isinstance(lm, MixedLM) and lm.words.order == 3
    assert "bad" in words_of(lm.words.ngrams)
    facts = read_json(trained / "lm.json")["facts"]
    assert 1 < facts["perplexity_per_letter"] < facts["perplexity_by_letters_alone"]
    assert facts["measured_on"] == "held-out lines"
    assert facts["text"] == ["text.txt"] and facts["letters_read"] >= facts["letters"] > 100
    held_out = Sentences([text], ALPHABET, TextPolicy()).held_out()
    again = find_share(lm, held_out)  # from the file, in float16
    assert again.share == pytest.approx(lm.share, abs=0.01)
    assert again.perplexity == pytest.approx(facts["perplexity_per_letter"], rel=0.01)
    assert again.unknown == pytest.approx(facts["unknown_words"], abs=1e-3)
    assert sorted(path.name for path in trained.iterdir()) == ["lm.json", "lm.safetensors"]


def test_a_text_too_small_to_spare_a_line_decides_nothing(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "ten.txt"
    path.write_text("a bad cab\n" * 10, encoding="utf-8")
    result = train(path, model, tmp_path / "lm", *SMALL)
    assert result.exit_code == 0
    assert "on training lines (too few to keep any apart)" in result.stdout
    assert "on training lines, too few to keep any apart: " in result.stderr
    assert "held-out" not in result.output
    lm = load_language_model(tmp_path / "lm", ALPHABET)
    assert isinstance(lm, MixedLM) and lm.share == 0.5
    assert read_json(tmp_path / "lm" / "lm.json")["facts"]["measured_on"] == "training lines"


def test_the_checkpoint_stays_until_the_letters_are_saved(
    model: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise LasError("lm.safetensors: cannot be written (No space left on device)")

    checkpoint = tmp_path / "lm" / CHECKPOINT
    options = (*SMALL, "--word-order", 0, "--checkpoint-minutes", 1e-9)
    with monkeypatch.context() as patched:
        patched.setattr("las_cli.language.making.save_language_model", full)
        assert train(text, model, tmp_path / "lm", *options).exit_code == 1
    assert checkpoint.is_file()
    result = train(text, model, tmp_path / "lm", *options, "--resume")
    assert result.exit_code == 0, result.output
    assert not checkpoint.exists() and (tmp_path / "lm" / "lm.safetensors").is_file()


@pytest.mark.parametrize("order", [0, 1])
def test_letters_alone(model: Path, text: Path, tmp_path: Path, order: int) -> None:
    result = train(text, model, tmp_path, *SMALL, "--word-order", order)
    assert result.exit_code == 0, result.output
    assert isinstance(load_language_model(tmp_path, ALPHABET), LetterLM)
    assert read_json(tmp_path / "lm.json")["format"] == 1
    assert "words" not in result.stderr


def test_letters_of_another(
    model: Path, text: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[object] = []

    def counted(*given: Any) -> float:
        passes.append(given)
        return measure_perplexity(*given)

    monkeypatch.setattr("las_cli.language.making.measure_perplexity", counted)
    options = ("--letters-of", trained, "--word-order", 2, "--most-words", 5, "--most-ngrams", 7)
    result = train(text, model, tmp_path / "lm", *options)
    assert result.exit_code == 0, result.output
    before, after = (load_file(f / "lm.safetensors") for f in (trained, tmp_path / "lm"))
    letters = {name for name in before if not name.startswith("words.")}
    assert letters == {name for name in after if not name.startswith("words.")}
    assert all((before[name] == after[name]).all() for name in letters)
    assert after["words.lengths"].shape == (5,) and 1 <= len(after["words.2.words"]) <= 7
    assert "words.3.words" not in after
    facts = read_json(tmp_path / "lm" / "lm.json")["facts"]
    assert facts["letters_of"] == trained.name and "minutes" not in facts
    assert math.isfinite(facts["perplexity_per_letter"])
    assert not passes  # the mixture measures its letters too

    # By the name of a model that has one, and without words.
    result = train(text, model, tmp_path / "two", "--letters-of", trained, "--word-order", 0)
    assert result.exit_code == 0, result.output
    alone = load_file(tmp_path / "two" / "lm.safetensors")
    assert alone.keys() == letters
    assert all((before[name] == alone[name]).all() for name in letters)
    assert len(passes) == 1
    facts = read_json(tmp_path / "two" / "lm.json")["facts"]
    assert math.isfinite(facts["perplexity_per_letter"])


def test_wrong_usage(model: Path, text: Path, trained: Path, tmp_path: Path) -> None:
    for options, code, found in (
        (("--letters-of", trained, "--resume"), 2, "trains nothing: --resume would be of no use"),
        (("--letters-of", trained, "--hidden", 8, "--epochs", 1), 2, "--epochs, --hidden would"),
        (("--letters-of", model), 1, "no language model here"),
        (("--word-order", 7), 2, "--word-order"),
        (("--max-minutes", 0), 2, "--max-minutes"),
        (("--max-minutes", -1), 2, "--max-minutes"),
        (("--max-minutes", "nan"), 1, "max_minutes must be more than 0"),
        (("--epochs", 0), 2, "--epochs"),
        (("--precision", "fp16"), 2, "--precision"),
        (("--most-words", 0), 2, "--most-words"),
        (("--most-ngrams", 0), 2, "--most-ngrams"),
        (("--counting-memory", 0), 2, "--counting-memory"),
    ):
        result = train(text, model, tmp_path / "lm", *options)
        assert result.exit_code == code and found in result.stderr, result.output
        assert "Traceback" not in result.stderr
    assert not (tmp_path / "lm" / "lm.json").exists()


def test_defaults_are_those_of_the_dataclasses() -> None:
    command = cli.get_command(click.Context(cli), "train-lm")
    assert command is not None
    shown = {option.name: option.default for option in command.params}
    plan = LMPlan()
    for part in (plan.network, plan.training, plan):
        for field in dataclasses.fields(part):
            if field.name in shown and field.name != "letters_of":
                default = getattr(part, field.name)
                scale = 10**6 if field.name == "counting_memory" else 1
                if default is not None:
                    assert shown.pop(field.name) * scale == default, field.name
    assert {"text", "hidden", "epochs", "most_ngrams"}.isdisjoint(shown)


def test_units_that_words_are_no_rows_of(tmp_path: Path) -> None:
    lines = ["abba", "cab", "deed"] * 20
    text = tmp_path / "text.txt"
    text.write_text("\n".join(lines), encoding="utf-8")
    result = train(text, recogniser(tmp_path / "model", Alphabet("abcde")), tmp_path / "lm", *SMALL)
    assert result.exit_code == 0, result.output
    assert "no words are counted: the model does not write letters and spaces" in result.stderr
    assert read_json(tmp_path / "lm" / "lm.json")["format"] == 1


def test_word_pieces(text: Path, tmp_path: Path) -> None:
    pytest.importorskip("sentencepiece")
    pieces = WordPieces.learn(LINES, 40)
    output = tmp_path / "lm"
    result = train(text, recogniser(tmp_path / "model", pieces), output, *SMALL)
    assert result.exit_code == 0, result.output
    assert "no words are counted" in result.stderr
    assert isinstance(load_language_model(output, pieces), LetterLM)


def test_trained_letters_are_kept_where_words_fail(model: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\n".join(["ab" * 30, "cd" * 25] * 10), encoding="utf-8")
    result = train(text, model, tmp_path / "lm", *SMALL)
    assert result.exit_code == 1 and "no word of at most 40 letters" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 2  # the lines found, the error
    assert isinstance(load_language_model(tmp_path / "lm", ALPHABET), LetterLM)
