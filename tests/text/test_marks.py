"""What counts as a word, its mark and its case, in several scripts."""

from __future__ import annotations

import pytest

from las_cli.text.marks import (
    bare,
    case_of,
    ends_sentence,
    marked_words,
    plain_words,
    usual_signs,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes.", "yes."),
        ('"Not I," he said.', "not i, he said."),
        ("What?!", "what?"),
        ("“Stop!” cried Ann—and ran.", "stop! cried ann, and ran."),
        ("so - I think - it was", "so, i think, it was"),
        ("dog-rose, well-kept", "dog rose, well kept"),
        ("at 3.5 or 10:30, e.g. here", "at 3 5 or 10 30, e g. here"),
        ("ham, eggs, etc., and tea", "ham, eggs, etc, and tea"),
        ("well... maybe", "well, maybe"),
        ("well... Maybe", "well. maybe"),
        ("Then...", "then."),
        ("don't 'quote' O’Brien", "don't quote o'brien"),
        ("(aside) here", "aside here"),
        ("One , two", "one, two"),
        ("… and so on", "and so on"),
        ("Τι κάνεις; Καλά· εσύ;", "τι κάνεις? καλά; εσύ?"),
        ("कहाँ हो। यहाँ", "कहाँ हो. यहाँ"),
        ("أين أنت؟ هنا، قال", "أين أنت? هنا, قال"),
        ("", ""),
        ("?!", ""),
    ],
)
def test_marks(text: str, expected: str) -> None:
    assert " ".join(word.plain + word.mark for word in marked_words(text)) == expected


def test_words_are_those_of_the_plain_text() -> None:
    text = "“Mr. O'Brien—late, of course—came at 9:30 (dog-tired).” Well…  zoë’s!"
    assert [word.plain for word in marked_words(text)] == plain_words(text)


@pytest.mark.parametrize(
    ("word", "case"),
    [
        ("a", "lower"), ("I", "capital"), ("I'm", "capital"), ("Élan", "capital"),
        ("USA", "upper"), ("O'Brien", "mixed"), ("iPod", "mixed"), ("ნინო", "lower"),
        ("Москва", "capital"), ("3", "lower"),
    ],
)  # fmt: skip
def test_case(word: str, case: str) -> None:
    assert case_of(word) == case


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("yes.", True), ("so?!", True), ('"no!"', True), ("हो।", True), ("أنت؟", True),
        ("yes,", False), ("yes", False), ("yes:", False), ("", False), ('"', False), ("…", True),
    ],
)  # fmt: skip
def test_ends_of_sentences(text: str, ends: bool) -> None:
    assert ends_sentence(text) is ends


def test_signs_of_a_language_are_those_its_text_uses() -> None:
    assert usual_signs({"؟": 3, "?": 1, ".": 9, "،": 5}) == (".", "،", "؟", "!", ":", ";")
    assert usual_signs(dict.fromkeys("αειντ", 9) | {";": 4, "?": 1})[2] == ";"
    assert usual_signs({}) == (".", ",", "?", "!", ":", ";")


def test_bare_words() -> None:
    assert [bare(word) for word in ('"Yes,"', "o'clock.", "?")] == ["Yes", "o'clock", "?"]
