"""The letter language model: network, text, training, files."""

from __future__ import annotations

import dataclasses
import gzip
import itertools
import json
from pathlib import Path

import pytest
import torch

from las_cli.errors import LasError
from las_cli.language import LetterLM, LetterLMConfig, load_language_model, save_language_model
from las_cli.language.lm_training import (
    CHECKPOINT,
    LMTraining,
    letter_batches,
    measure_perplexity,
    new_model,
    pad_letters,
    train_letter_lm,
)
from las_cli.language.text import Sentences, cut
from las_cli.text import Alphabet, TextPolicy

ALPHABET = Alphabet(" 'abcdefghijklmnopqrstuvwxyz")
CPU = torch.device("cpu")
TINY = LetterLMConfig(units=len(ALPHABET), embedding=8, hidden=24, layers=2, dropout=0.2)


def write_text(folder: Path, lines: int = 300) -> Path:
    words = ["the cat", "a dog", "no bird", "sat", "ran", "on", "the mat"]
    texts = (" ".join(words[(i * k) % 7] for k in range(1, 6)) + f" {chr(97 + i % 26)}"
             for i in range(lines))  # fmt: skip
    path = folder / "text.txt"
    path.write_text("".join(f"{line}\n" for line in texts), encoding="utf-8")
    return path


@torch.inference_mode()
def test_steps_equal_one_pass() -> None:
    model = new_model(TINY, 0, CPU).eval()
    ids = [ALPHABET.encode("hello"), ALPHABET.encode("there")]
    inputs, _ = pad_letters(ids)
    whole, _ = model(inputs)
    state = model.start(1, 2)
    for u in range(inputs.shape[1]):
        scores, state = model.step(inputs[:, u][None], state)
        torch.testing.assert_close(scores[0], whole[:, u], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(whole.exp().sum(-1), torch.ones(2, 6))
    assert float(whole[..., 0].max()) < -1000  # never the blank


def test_text_is_spelled_as_the_model_spells(tmp_path: Path) -> None:
    plain = tmp_path / "a.txt"
    plain.write_text("Don't — STOP!\n\n  \nRoom 101\nnaïve\n", encoding="utf-8")
    packed = tmp_path / "b.txt.gz"
    packed.write_bytes(gzip.compress("And “more”,\nend".encode()))
    sentences = Sentences([plain, packed], ALPHABET, TextPolicy())
    count = sentences.count()
    assert (count.lines, count.letters) == (3, 11 + 9 + 4)
    assert count.left_out == {"with digits": 1, "with letters outside the alphabet": 1}
    texts = [ALPHABET.decode(ids) for ids in sentences.shuffled(1)]
    assert sorted(texts) == ["and more", "don't stop", "end"]


def test_zstandard(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    path = tmp_path / "a.txt.zst"
    path.write_bytes(zstandard.compress(b"hello there\n" * 30))
    assert Sentences([path], ALPHABET, TextPolicy()).count().lines == 30


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("missing.txt", None, "No such file"),
        ("empty.txt", b"", "no line can be used"),
        ("latin.txt", "naïve".encode("latin-1"), "not UTF-8"),
        ("cut.gz", gzip.compress(b"hello there " * 500, mtime=0)[:-40], "damaged or cut short"),
        ("text.gz", b"plain after all", "damaged or cut short"),
        ("digits.txt", b"1\n22\n", "2 with digits"),
    ],
)
def test_bad_text_is_one_sentence(
    tmp_path: Path, name: str, content: bytes | None, found: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LasError, match=found) as error:
        Sentences([path], ALPHABET, TextPolicy()).count()
    assert name in str(error.value) and "\n" not in str(error.value)


def test_long_lines_are_cut_at_spaces() -> None:
    text = "word " * 300
    pieces = list(cut(text.strip(), 50))
    assert all(len(piece) <= 50 for piece in pieces)
    assert " ".join(pieces) == text.strip()
    assert list(cut("x" * 120, 50)) == ["x" * 50, "x" * 50, "x" * 20]


def test_every_line_is_in_one_batch() -> None:
    lines = [[2 + i % 5] * (i % 17 + 1) for i in range(500)]
    seen = []
    for inputs, targets in letter_batches(iter(lines), 200):
        assert inputs.numel() <= 200
        for row in range(len(inputs)):
            ids = targets[row][targets[row] >= 0].tolist()
            assert ids[-1] == 1 and inputs[row, 0] == 1
            assert inputs[row, 1 : len(ids)].tolist() == ids[:-1]
            seen.append(ids[:-1])
    assert sorted(seen) == sorted(lines)


def test_it_learns(tmp_path: Path) -> None:
    sentences = Sentences([write_text(tmp_path)], ALPHABET, TextPolicy())
    model = new_model(TINY, 1, CPU)
    before = measure_perplexity(model.eval(), sentences.held_out())
    assert before == pytest.approx(29, rel=0.2)  # as many letters as may be written
    settings = LMTraining(epochs=12, batch_letters=1000, learning_rate=2e-2)
    total = sentences.count().letters
    result = train_letter_lm(model, sentences, total, settings, tmp_path / "out")
    assert result.perplexity < 9
    assert not list((tmp_path / "out").glob("*checkpoint*"))


def test_a_resumed_run_equals_an_unbroken_one(tmp_path: Path) -> None:
    sentences = Sentences([write_text(tmp_path)], ALPHABET, TextPolicy())
    total = sentences.count().letters
    settings = LMTraining(
        epochs=2, batch_letters=1500, precision="float32", checkpoint_minutes=1e-9
    )
    unbroken = new_model(TINY, 1, CPU)
    train_letter_lm(unbroken, sentences, total, settings, tmp_path / "a")

    class Stop(Exception):
        pass

    broken = new_model(TINY, 1, CPU)
    countdown = itertools.count(9, -1)

    def stop(*_: object) -> None:
        if next(countdown) == 0:
            raise Stop

    with pytest.raises(Stop):
        train_letter_lm(broken, sentences, total, settings, tmp_path / "b", report=stop)
    resumed = new_model(TINY, 7, CPU)
    train_letter_lm(resumed, sentences, total, settings, tmp_path / "b", resume=True)
    for one, other in zip(unbroken.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=0, rtol=0)


def test_resume_is_refused_where_it_cannot_be(tmp_path: Path) -> None:
    sentences = Sentences([write_text(tmp_path, 30)], ALPHABET, TextPolicy())
    settings = LMTraining(epochs=1)
    with pytest.raises(LasError, match="no checkpoint"):
        train_letter_lm(new_model(TINY, 1, CPU), sentences, 100, settings, tmp_path, resume=True)
    (tmp_path / CHECKPOINT).write_bytes(b"nonsense")
    with pytest.raises(LasError, match="cannot be read"):
        train_letter_lm(new_model(TINY, 1, CPU), sentences, 100, settings, tmp_path, resume=True)


def test_saved_and_loaded(tmp_path: Path) -> None:
    model = new_model(TINY, 3, CPU).eval()
    save_language_model(tmp_path, model, ALPHABET, {"perplexity_per_letter": 3.0}, half=False)
    loaded = load_language_model(tmp_path, ALPHABET)
    inputs, _ = pad_letters([ALPHABET.encode("again")])
    torch.testing.assert_close(model(inputs)[0], loaded(inputs)[0])
    save_language_model(tmp_path, model, ALPHABET)  # float16
    half = load_language_model(tmp_path, ALPHABET)(inputs)[0]
    torch.testing.assert_close(half[..., 1:], model(inputs)[0][..., 1:], atol=0.02, rtol=0.02)
    assert not half.isnan().any()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"alphabet": "0" * 12}, "another alphabet.*las train-lm --model"),
        ({"format": 9}, "format 9"),
        ({"network": {"hidden": "big"}}, "hidden is 'big'"),
        ({"network": {"depth": 3}}, "must hold"),
        ({"network": dataclasses.asdict(dataclasses.replace(TINY, hidden=25))}, "lm.json says"),
        ({"network": dataclasses.asdict(dataclasses.replace(TINY, layers=3))}, "missing lstm"),
        ({"network": dataclasses.asdict(dataclasses.replace(TINY, layers=1))}, "unexpected lstm"),
        ({"network": dataclasses.asdict(dataclasses.replace(TINY, units=9))}, "9 units"),
        ({"network": {"units": 30, "hidden": 0}}, "hidden is 0"),
    ],
)
def test_a_folder_that_does_not_fit_is_refused(
    tmp_path: Path, change: dict[str, object], found: str
) -> None:
    save_language_model(tmp_path, LetterLM(TINY), ALPHABET)
    path = tmp_path / "lm.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(LasError, match=found) as error:
        load_language_model(tmp_path, ALPHABET)
    assert "\n" not in str(error.value)


def test_missing_and_damaged_weights(tmp_path: Path) -> None:
    with pytest.raises(LasError, match="no language model here"):
        load_language_model(tmp_path, ALPHABET)
    save_language_model(tmp_path, LetterLM(TINY), ALPHABET)
    (tmp_path / "lm.safetensors").write_bytes(b"cut")
    with pytest.raises(LasError, match="not a readable safetensors"):
        load_language_model(tmp_path, ALPHABET)
    (tmp_path / "lm.safetensors").unlink()
    with pytest.raises(LasError, match="copy both files"):
        load_language_model(tmp_path, ALPHABET)
