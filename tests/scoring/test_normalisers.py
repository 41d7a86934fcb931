"""Normalisers: the named ones, files of rules, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from las_cli.errors import LasError
from las_cli.scoring import find_normaliser, score_pairs
from las_cli.scoring.normalisers import basic
from las_cli.text.normalise import TextPolicy, normalise


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=20) | st.text(alphabet=st.characters(max_codepoint=127), max_size=30))
def test_basic_is_the_text_rules_of_training(text: str) -> None:
    assert basic(text) == normalise(text, TextPolicy(), marks=False)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("none", " Oh,  No! ", " Oh,  No! "),
        ("basic", " Oh,  No! ", "oh no"),
        ("basic", "DON’T", "don't"),
        ("basic", "Cafe\u0301", "café"),
    ],
)
def test_named_normalisers(name: str, text: str, expected: str) -> None:
    normaliser = find_normaliser(name)
    assert normaliser.name == name
    assert normaliser.apply(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # appendix C of the Whisper paper, rule by rule
        ("[noise] well (sic) uh done", "well done"),
        ("Mr. Smith can't stay", "mister smith can not stay"),
        ("Ten thousand dollars", "$10000"),
        ("1,000.5 km.", "1000.5 km"),
        ("the colour of café", "the color of cafe"),
    ],
)
def test_whisper_is_the_published_english_normaliser(text: str, expected: str) -> None:
    pytest.importorskip("whisper_normalizer")
    assert " ".join(find_normaliser("whisper").apply(text).split()) == expected


RULES = """# spoken English
basic
gonna => going to
uh =>
new york => newyork
/(\\d+)th\\b/ => \\1
"""


def test_rules_are_carried_out_in_order(tmp_path: Path) -> None:
    path = tmp_path / "english.rules"
    path.write_text(RULES, encoding="utf-8")
    rules = find_normaliser(str(path))
    assert rules.name == "rules of english.rules"
    text = rules.apply("Uh, I'm GONNA see New York on the 5th")
    assert text.split() == "i'm going to see newyork on the 5".split()
    assert score_pairs(["I'm gonna"], ["i'm going to"], rules).counts["words"].errors == 0


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("lower\nshout\n", "line 2: 'shout' is no rule"),
        ("/(/ => x\n", r"line 1: /\(/ => x: "),
        ("/a/ => \\1\n", r"line 1: .*group reference"),
        (" => x\n", "line 1: nothing stands before the arrow"),
        ("# nothing\n", "no rules in it"),
    ],
)
def test_a_wrong_rule_is_named(tmp_path: Path, rules: str, message: str) -> None:
    path = tmp_path / "rules.txt"
    path.write_text(rules, encoding="utf-8")
    with pytest.raises(LasError, match=message):
        find_normaliser(str(path))


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(LasError, match="'fancy': neither one of none, basic, whisper nor a file"):
        find_normaliser("fancy")
