"""Numbers in digits: which words become which, and that nothing else changes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from las_cli.errors import LasError, UsageError
from las_cli.transcript import Alternative, Segment, Word
from las_cli.written.numbers import DigitWriter, check_numbers, digit_writer

pytest.importorskip("text_to_num")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I saw twenty three birds.", "I saw 23 birds."),
        ("In nineteen oh five, we won.", "In 1905, we won."),
        ("nineteen eighty four", "1984"),
        ("in nineteen oh one", "in 1901"),  # text2num leaves a lone one or two in words
        ("twenty oh two.", "2002."),
        ("nineteen o four", "1904"),
        ("nineteen oh, one thing", "19 oh, one thing"),
        ("the nineteen eighties", "the nineteen eighties"),
        ("the nineteen hundreds", "the nineteen hundreds"),
        ("twenty twenty", "2020"),
        ("two thousand and five", "2005"),
        ("It was nineteen. Eighty people came.", "It was 19. 80 people came."),
        ("thirty one, thirty two", "31, 32"),
        ("ten thirty", "10 30"),
        ("three point five percent", "3.5 percent"),
        ("the twenty first century", "the 21st century"),
        ("one of them", "one of them"),
        ("Oh well", "Oh well"),
        ("", ""),
    ],
)
def test_english(text: str, expected: str) -> None:
    shown = text.split()
    written = DigitWriter("en").words(shown, [0.1] * len(shown))
    assert len(written) == len(shown) and " ".join(filter(None, written)) == expected


def test_another_language() -> None:
    assert DigitWriter("fr").words("vingt et un ans".split(), [0.1] * 4) == ["21", "", "", "ans"]


def test_a_pause_parts_numbers() -> None:
    shown = "twenty three".split()
    assert DigitWriter("en").words(shown, [0.1, 0.0]) == ["23", ""]
    assert DigitWriter("en").words(shown, [3.0, 0.0]) == ["20", "3"]
    shown = "nineteen eighty four".split()
    assert DigitWriter("en").words(shown, [3.0, 0.1, 0.0]) == ["19", "84", ""]


@pytest.mark.parametrize("written", [None, "Twenty three birds."])
def test_text_times_and_alternatives_stay(written: str | None) -> None:
    forms = (None,) * 3 if written is None else tuple(written.split())
    words = tuple(
        Word(text, place, place + 0.5, 0.5, form)
        for place, (text, form) in enumerate(zip("twenty three birds".split(), forms, strict=True))
    )
    others = (Alternative("twenty three words", -1.0),)
    segment = Segment(0, 3, "twenty three birds", words, 0.5, ("looped",), others, written)
    found = DigitWriter("en").segment(segment)
    assert found.written == ("23 birds." if written else "23 birds")
    assert [word.written for word in found.words][:2] == ["23", ""]
    assert found.text == segment.text and found.alternatives == others
    assert [(w.text, w.start, w.end) for w in found.words] == [
        (w.text, w.start, w.end) for w in words
    ]


def test_segments_without_times() -> None:
    found = DigitWriter("en").segment(Segment(0, 3, "twenty three birds"))
    assert (found.text, found.written) == ("twenty three birds", "23 birds")


def test_the_language_is_the_models_or_named(tmp_path: Path) -> None:
    assert digit_writer("words", tmp_path) is None
    with pytest.raises(LasError, match="does not say in which language"):
        digit_writer("digits", tmp_path)
    (tmp_path / "punctuation.json").write_text('{"language": "de"}')
    assert digit_writer("digits", tmp_path).language == "de"  # type: ignore[union-attr]
    assert digit_writer("digits:fr", tmp_path).language == "fr"  # type: ignore[union-attr]


@pytest.mark.parametrize("value", ["digit", "digits:xx", "words:en", "digits:", ""])
def test_wrong_values(value: str) -> None:
    with pytest.raises(UsageError, match="choose words, digits"):
        check_numbers(value)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "text_to_num", None)
    check_numbers("words")
    with pytest.raises(LasError, match=r"need the package text2num: pip install"):
        check_numbers("digits")
