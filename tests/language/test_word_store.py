"""Word n-grams in files: back as they were, or one sentence on what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from las_cli.errors import LasError
from las_cli.language import LetterLM, MixedLM, load_language_model, save_language_model
from las_cli.language.word_store import PREFIX
from las_cli.text import Alphabet

from .words import ALPHABET, SPACE, make_letters, make_mixed, words_of

TEXT = "he did a bad deed gggg a cab"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_language_model(tmp_path, make_mixed(share=0.37), ALPHABET, {"unknown_words": 0.1})
    return tmp_path


def config_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "lm.json").read_text("utf-8"))
    return found


@torch.inference_mode()
def scores_of(model: LetterLM | MixedLM, text: str = TEXT) -> torch.Tensor:
    state, found = model.start(1, 1), []
    for letter in (1, *ALPHABET.encode(text)):
        scores, state = model.step(torch.tensor([[letter]]), state)
        found.append(scores[0, 0])
    return torch.stack(found)


@pytest.mark.parametrize("order", [2, 3, 5])
@pytest.mark.parametrize("half", [True, False])
def test_back_as_it_was(tmp_path: Path, order: int, half: bool) -> None:
    model = make_mixed(share=0.37, order=order)
    save_language_model(tmp_path, model, ALPHABET, {"unknown_words": 0.1}, half=half)
    loaded = load_language_model(tmp_path, ALPHABET)
    assert isinstance(loaded, MixedLM) and not loaded.training
    assert loaded.share == 0.37 and loaded.words.order == order
    assert words_of(loaded.words.ngrams) == words_of(model.words.ngrams)
    found, wanted = scores_of(loaded)[:, 1:], scores_of(model)[:, 1:]  # the blank aside
    torch.testing.assert_close(found, wanted, atol=0.03, rtol=0.01)
    torch.testing.assert_close(scores_of(loaded).exp().sum(-1), torch.ones(len(TEXT) + 1))
    # What was rounded once is not rounded again.
    save_language_model(tmp_path / "again", loaded, ALPHABET, half=half)
    before, after = (load_file(f / "lm.safetensors") for f in (tmp_path, tmp_path / "again"))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_format_says_whether_there_are_words(folder: Path) -> None:
    config = config_of(folder)
    assert config["format"] == 2 and config["facts"] == {"unknown_words": 0.1}
    assert config["words"].keys() == {"share", "vocabulary", "letters", "ngrams"}
    save_language_model(folder, make_letters(), ALPHABET)
    config = config_of(folder)
    assert config["format"] == 1 and "words" not in config
    loaded = load_language_model(folder, ALPHABET)
    assert isinstance(loaded, LetterLM)
    wanted = scores_of(make_letters())[:, 1:]
    torch.testing.assert_close(scores_of(loaded)[:, 1:], wanted, atol=0.02, rtol=0.01)


def test_units_that_words_are_no_rows_of(folder: Path) -> None:
    other = Alphabet("kabcdefghij")
    config = config_of(folder) | {"alphabet": other.fingerprint}
    (folder / "lm.json").write_text(json.dumps(config))
    with pytest.raises(LasError, match="a model that writes letters and spaces"):
        load_language_model(folder, other)


def refused(folder: Path, found: str) -> None:
    """Loading fails with one sentence; without hashes, by which every change would be refused."""
    config = config_of(folder)
    config.pop("hashes", None)
    (folder / "lm.json").write_text(json.dumps(config))
    with pytest.raises(LasError, match=found) as error:
        load_language_model(folder, ALPHABET)
    message = str(error.value)
    assert "\n" not in message and str(folder) in message


@pytest.mark.parametrize(
    ("change", "found"),
    [
        *(({"share": share}, "the share of words is") for share in (
            0, 1, 0.0, 1.0, -0.5, "x", None, True, [0.5], float("nan"), float("inf"))),
        ({"ngrams": []}, r"ngrams is \[\], expected a list of 1 to 5"),
        ({"ngrams": [1] * 6}, "expected a list of 1 to 5 counts"),
        ({"ngrams": 7}, "ngrams is 7"),
        ({"ngrams": [0]}, "0 is no count above 0"),
        ({"ngrams": [True]}, "True is no count"),
        ({"ngrams": ["9"]}, "'9' is no count"),
        ({"ngrams": [3, 10**18]}, "is no count above 0"),
        ({"ngrams": [3]}, "lm.json says"),
        ({"vocabulary": -1}, "-1 is no count"),
        ({"vocabulary": 2**31}, "is no count"),
        ({"vocabulary": 2**31 - 1}, "words that take .* GB, this machine has"),
        ({"vocabulary": 2.5}, "2.5 is no count"),
        ({"letters": None}, "None is no count"),
        ({"letters": 1}, "lm.json says"),
        ({"letters": 2**31 - 1}, "words that take .* GB, this machine has"),
        ({"more": 1}, "must hold share, vocabulary, letters, ngrams and no more"),
    ],
)  # fmt: skip
def test_a_section_that_is_none(folder: Path, change: dict[str, Any], found: str) -> None:
    config = config_of(folder)
    (folder / "lm.json").write_text(json.dumps(config | {"words": config["words"] | change}))
    refused(folder, found)


@pytest.mark.parametrize(
    ("section", "found"),
    [
        (None, "unexpected words"),
        ([], "the share of words is None"),
        ({}, "the share of words is None"),
        ({"share": 0.5}, "must hold share, vocabulary"),
    ],
)
def test_a_section_that_does_not_fit(folder: Path, section: Any, found: str) -> None:
    (folder / "lm.json").write_text(json.dumps(config_of(folder) | {"words": section}))
    refused(folder, found)


def test_a_section_without_tables(folder: Path) -> None:
    words = config_of(folder)["words"]
    save_language_model(folder, make_letters(), ALPHABET)
    (folder / "lm.json").write_text(json.dumps(config_of(folder) | {"words": words}))
    refused(folder, r"missing words\.")


# Tensor, (place, value) to put there, what is said.
DAMAGE: list[tuple[str, dict[int, float], str]] = [
    ("letters", {0: 1}, "letters outside the alphabet"),
    ("letters", {0: -3}, "letters outside the alphabet"),
    ("letters", {2: len(ALPHABET)}, "letters outside the alphabet"),
    ("letters", {1: SPACE}, "words with a space in them"),
    ("letters", {0: 12}, "the words are not in order"),
    ("lengths", {0: 0}, "lengths of the words do not add up"),
    ("lengths", {0: -1}, "lengths of the words do not add up"),
    ("lengths", {0: 41}, "lengths of the words do not add up"),
    ("lengths", {0: 2}, "lengths of the words do not add up"),
    ("logs", {0: float("nan")}, "probabilities of words above 1"),
    ("logs", {0: float("inf")}, "probabilities of words above 1"),
    ("logs", {0: 0.1}, "probabilities of words above 1"),
    ("logs", {0: 0.0}, "words that add up to more than 1"),
    ("2.logs", {0: float("nan")}, "probabilities of n-grams above 1"),
    ("3.logs", {0: 3.0}, "probabilities of n-grams above 1"),
    ("2.logs", {0: 0.0}, "n-grams that add up to more than 1"),
    ("2.followers", {0: -1}, "counts of n-grams do not add up"),
    ("2.followers", {0: 99}, "counts of n-grams do not add up"),
    ("2.followers", {0: -1, 1: 1}, "counts of n-grams do not add up"),
    ("3.followers", {0: 2**31 - 1}, "counts of n-grams do not add up"),
    ("2.words", {0: -1}, "n-grams of words that are none"),
    ("3.words", {0: 99}, "n-grams of words that are none"),
    ("2.words", {1: 0}, "the n-grams are not in order"),
]


@pytest.mark.parametrize(("name", "values", "found"), DAMAGE)
def test_tables_that_are_none(
    folder: Path, name: str, values: dict[int, float], found: str
) -> None:
    path = folder / "lm.safetensors"
    tensors = load_file(path)
    for place, value in values.items():
        tensors[PREFIX + name][place] = value
    save_file(tensors, path)
    refused(folder, f"damaged: .*{found}.*copy or train")


@pytest.mark.parametrize(
    ("name", "kind", "found"),
    [
        ("words.letters", torch.float32, r"words\.letters holds F32, expected one of I8, I16, I32"),
        ("words.2.followers", torch.float16, r"words\.2\.followers holds F16"),
        ("words.2.words", torch.int64, r"words\.2\.words holds I64"),
        ("words.logs", torch.int32, r"words\.logs holds I32, expected one of F16"),
        ("output.weight", torch.int16, r"output\.weight holds I16, expected one of F16"),
    ],
)
def test_tables_of_another_kind(folder: Path, name: str, kind: torch.dtype, found: str) -> None:
    path = folder / "lm.safetensors"
    tensors = load_file(path)
    tensors[name] = tensors[name].to(kind)
    save_file(tensors, path)
    refused(folder, found)


def test_tables_are_listed_that_are_missing_or_too_many(folder: Path) -> None:
    path = folder / "lm.safetensors"
    tensors = load_file(path)
    del tensors["words.3.words"]
    save_file(tensors | {"words.4.words": torch.zeros(1, dtype=torch.int32)}, path)
    refused(folder, r"missing words\.3\.words; unexpected words\.4\.words")


def test_words_in_the_wrong_order_are_found_anywhere(folder: Path) -> None:
    """Equal words, and a word behind one that it begins."""
    path = folder / "lm.safetensors"
    whole = load_file(path)
    for letters, lengths in (("aab", [1, 1, 1]), ("aba", [2, 1]), ("abb", [1, 1, 1])):
        tensors = dict(whole)
        config = config_of(folder)
        tensors["words.letters"] = torch.tensor(ALPHABET.encode(letters), dtype=torch.int16)
        tensors["words.lengths"] = torch.tensor(lengths, dtype=torch.int16)
        tensors["words.logs"] = torch.full((len(lengths) + 1,), -3.0)
        tensors["words.2.followers"] = torch.zeros(len(lengths) + 2, dtype=torch.int32)
        config["words"] |= {"letters": len(letters), "vocabulary": len(lengths)}
        (folder / "lm.json").write_text(json.dumps(config))
        save_file(tensors, path)
        refused(folder, "the words are not in order")
