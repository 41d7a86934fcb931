"""Normalisation, the alphabet, word pieces."""

from __future__ import annotations

import json

import pytest

from las_cli.errors import LasError
from las_cli.text import (
    Alphabet,
    TextPolicy,
    casing_language,
    has_unspelled,
    normalise,
    units_from_json,
)


@pytest.mark.parametrize(
    ("written", "spelled"),
    [
        ("Don't  stop — “Tom”, please!", "don't stop tom please"),
        ("AS IF THE YOUNG LADY", "as if the young lady"),
        ("the boys’ ‘quoted’ word", "the boys quoted word"),
        ("mother-in-law", "mother in law"),
        ("  tabs\tand\nlines ", "tabs and lines"),
        ("cafe\u0301", "café"),
        ("STRASSE straße", "strasse straße"),
        ("Ёжик, привет!", "ёжик привет"),
        ("İstanbul I\u0307L i\u0307l", "istanbul il il"),
        ("co\u00adoperate zero\u200bwidth \ufeffmark\u2060", "cooperate zerowidth mark"),
        ("e\u200b\u0301t\u00e9", "été"),
        ("\u200fשלום\u200f, עולם", "שלום עולם"),
        ("I ❤\ufe0f you", "i you"),
        ("a\u200db 👩\u200d💻 c\u200c", "ab c"),
        ("അവന\u0d4d\u200d, ক\u09cd\u200cষ", "അവന\u0d4d\u200d ক\u09cd\u200cষ"),
        ("你好，世界。", "你好 世界"),
        ("نمی\u200cدانم", "نمی\u200cدانم"),
        ("room 101", "room 101"),
        ("…", ""),
        ("", ""),
    ],
)
def test_normalise(written: str, spelled: str) -> None:
    assert normalise(written, TextPolicy()) == spelled
    assert normalise(spelled, TextPolicy()) == spelled  # a second time changes nothing


@pytest.mark.parametrize(
    ("case", "language", "written", "spelled"),
    [
        ("lower", "tr", "IŞIK, İzmir; ırmak iyi", "ışık izmir ırmak iyi"),
        ("lower", "az-AZ", "I\u0307YI", "iyı"),
        ("upper", "tr", "ırmak iyi", "IRMAK İYİ"),
        ("keep", "tr", "Irmak İyi", "Irmak İyi"),
        ("lower", "en", "IŞIK", "işik"),
        ("upper", "", "ırmak iyi", "IRMAK IYI"),
    ],
)
def test_capitals_of_turkish(case: str, language: str, written: str, spelled: str) -> None:
    assert normalise(written, TextPolicy(case=case, language=language)) == spelled


@pytest.mark.parametrize(
    ("told", "code"),
    [("TR", "tr"), ("tr_TR", "tr"), ("az-Latn-AZ", "az"), ("tur", "tr"), ("Turkish", "tr"),
     ("en", ""), ("", ""), (None, ""), ("trk", "")],
)  # fmt: skip
def test_languages_whose_capitals_are_others(told: str | None, code: str) -> None:
    assert casing_language(told) == code


def test_policies() -> None:
    text = "Hello, World's!"
    assert normalise(text, TextPolicy(case="upper")) == "HELLO WORLD'S"
    assert normalise(text, TextPolicy(case="keep", punctuation="keep")) == text
    assert normalise(text, TextPolicy(keep="")) == "hello world s"
    with pytest.raises(LasError, match="case is 'title'"):
        TextPolicy(case="title")


@pytest.mark.parametrize(
    "text",
    ["room 7", "٣ كتب", "seven ½", "x² and y", "salt & pepper", "A&B", "fifty % of it", "me + you",
     "cats = dogs", "ten $", "ten €", "№ five", "40°", "two × three", "Ⅳ"],
)  # fmt: skip
def test_what_is_read_aloud_but_not_spelled(text: str) -> None:
    assert has_unspelled(text) and has_unspelled(normalise(text, TextPolicy()))


@pytest.mark.parametrize("text", ["seven", "don't", "so — “yes”…", "(a) b/c; d*e", "<unk>", "~"])
def test_what_is_spelled_or_not_read(text: str) -> None:
    assert not has_unspelled(text)


def test_marks_that_are_read_aloud_stay_unless_they_are_to_go() -> None:
    assert normalise("Salt & pepper, 5 %!", TextPolicy()) == "salt & pepper 5 %"
    assert normalise("Salt & pepper, ½ %!", TextPolicy(), marks=False) == "salt pepper ½"


def test_alphabet_learns_encodes_and_survives_json() -> None:
    alphabet = Alphabet.learn(["ab a", "c"])
    assert alphabet.units == (" ", "a", "b", "c") and len(alphabet) == 6
    assert alphabet.encode("cab") == [5, 3, 4]
    assert alphabet.decode([1, 5, 0, 3, 4, 1]) == "cab"
    again = units_from_json(json.loads(json.dumps(alphabet.to_json())))
    assert again.units == alphabet.units and again.fingerprint == alphabet.fingerprint
    assert Alphabet(["a", "b"]).fingerprint != Alphabet(["b", "a"]).fingerprint


def test_alphabet_names_letters_it_does_not_hold() -> None:
    alphabet = Alphabet.learn(["ab"])
    with pytest.raises(LasError, match="outside the alphabet: x z"):
        alphabet.encode("abzx")
    assert alphabet.encode("abzx", skip_unknown=True) == [2, 3]
    assert alphabet.unknown("abzx") == {"x", "z"}


def test_alphabet_leaves_rare_letters_out() -> None:
    assert Alphabet.learn(["a" * 999 + "é"], rare_share=0.01).units == ("a",)
    assert Alphabet.learn(["a" * 999 + "é"], rare_share=0.001).units == ("a", "é")


@pytest.mark.parametrize("texts", [[], [""], ["", ""]])
def test_alphabet_of_nothing(texts: list[str]) -> None:
    with pytest.raises(LasError, match="no letters"):
        Alphabet.learn(texts)


@pytest.mark.parametrize(
    "data",
    [None, {}, {"kind": "letters"}, {"kind": "letters", "letters": "ab"}, {"kind": "runes"},
     {"kind": "letters", "letters": ["a", 3]}, {"kind": "letters", "letters": ["ab"]},
     {"kind": "letters", "letters": ["a", "a"]}],
)  # fmt: skip
def test_damaged_alphabets(data: object) -> None:
    with pytest.raises(LasError, match="alphabet"):
        units_from_json(data)


def test_word_pieces() -> None:
    pytest.importorskip("sentencepiece")
    from las_cli.text.wordpieces import WordPieces

    texts = ["the cat sat on the mat", "the hat of the cat", "a rat at the mat"] * 20
    pieces = WordPieces.learn(texts, 24)
    assert len(pieces) == 26
    for text in texts:
        ids = pieces.encode(text)
        assert min(ids) >= 2 and len(ids) < len(text) and pieces.decode([1, *ids, 0]) == text
    assert pieces.unknown("cat zoo") == {"z"}
    again = units_from_json(json.loads(json.dumps(pieces.to_json())))
    assert again.units == pieces.units and again.encode(texts[0]) == pieces.encode(texts[0])
    with pytest.raises(LasError, match="choose fewer"):
        WordPieces.learn(texts, 5000)
    with pytest.raises(LasError, match="damaged"):
        units_from_json({"kind": "wordpieces", "model": "!!"})
