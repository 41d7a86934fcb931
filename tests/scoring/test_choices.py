"""What a transcript leaves open: of sclite's alternatives the best reading counts."""

from __future__ import annotations

import pytest

from las_cli.scoring.choices import parse_choices
from las_cli.scoring.normalisers import basic


@pytest.mark.parametrize(
    ("text", "other", "reading"),
    [
        ("(%hesitation) good bye", "good bye", "good bye"),
        ("(%hesitation) good bye", "%hesitation good bye", "%hesitation good bye"),
        ("(uh) good bye", "um good bye", "uh good bye"),  # as cheap: one more word was said
        ("well (you know) yes", "well yes", "well yes"),
        ("{ i've / i have } seen", "i have seen", "i have seen"),
        ("{ i've / i have } seen", "ive seen", "i've seen"),
        ("a { b / @ } c", "a c", "a c"),
        ("a { b / } c", "a c", "a c"),
        ("{a / b} {c/d}", "b d", "b d"),
        ("{ a { b / c } d / e } f", "a c d f", "a c d f"),
        ("{ a { b / c } d / e } f", "e f", "e f"),
        ("{ a / b } x { a / b } y { a / b }", "b x a y b", "b x a y b"),
        ("(a) (b) (c)", "", ""),
        ("{ It's / It is }, he said", "it is he said", "It is , he said"),
    ],
)
def test_the_closest_reading(text: str, other: str, reading: str) -> None:
    choices = parse_choices(text)
    assert choices is not None
    assert choices.closest(other, basic) == reading


@pytest.mark.parametrize(
    "text", ["plain words", "th(is) one", "word(2)", "{breath} he said", "( )", "a / b"]
)
def test_what_leaves_nothing_open(text: str) -> None:
    assert parse_choices(text) is None


def test_the_first_reading_is_everything_that_may_be_said() -> None:
    choices = parse_choices("(uh) { one / two { three / four } } five")
    assert choices is not None and choices.first == "uh one five"


@pytest.mark.parametrize(
    ("text", "message"),
    [("{ a / b", "a { that is not closed"), ("a / b }", "a } without its {")],
)
def test_braces_that_do_not_match(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_choices(text)
