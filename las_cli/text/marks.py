"""Text with punctuation in; its plain words out, each with the mark behind it and its case."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from las_cli.text.normalise import TextPolicy, normalise

MARKS = (".", ",", "?", "!", ":", ";")  # what is put behind words
SENTENCE_ENDS = frozenset(".?!")
CASES = ("lower", "capital", "upper", "mixed")
PLAIN = TextPolicy()  # lower case, no punctuation but apostrophes: what words are looked up as

# What other scripts write for the same marks (Unicode 15, category Po).
_SAME = {
    "؟": "?", "⸮": "?", "\u037e": "?", "՞": "?", "،": ",", "՝": ",", "؛": ";", "·": ";",
    "।": ".", "॥": ".", "۔": ".", "։": ".", "።": ".", "፣": ",", "፤": ";", "፧": "?", "…": "...",
}  # fmt: skip
_ENDS = frozenset(".?!。？！") | {sign for sign, mark in _SAME.items() if mark in (".", "?", "...")}
_DASH = re.compile(r"[\u2012-\u2015]|--+")  # one between two words is read as a comma
_APOSTROPHES = str.maketrans("’ʼ‘", "'''")


@dataclass(frozen=True, slots=True)
class MarkedWord:
    """One word of a punctuated text."""

    text: str  # as it is written, without what stands around it
    plain: str  # as a recogniser writes it
    mark: str  # behind it: "" or one of MARKS

    @property
    def case(self) -> str:
        """One of CASES."""
        return case_of(self.text)


def case_of(text: str) -> str:
    """Which of CASES a word is written in; without upper and lower case it is "lower".

    >>> [case_of(text) for text in ("house", "I'm", "USA", "McBride")]
    ['lower', 'capital', 'upper', 'mixed']
    """
    if text == text.lower():
        return "lower"
    if text == capitalised(text.lower()):
        return "capital"
    return "upper" if text == text.upper() else "mixed"


def capitalised(text: str) -> str:
    """`text` with its first letter in title case and the rest as it is.

    >>> capitalised("i'm")
    "I'm"
    """
    return text[:1].title() + text[1:]


def marked_words(text: str) -> list[MarkedWord]:
    """The words of `text` in order. Marks inside a word (3.5, e.g.) are none.

    A full stop before another mark belongs to an abbreviation (etc., Mrs.;) and is none either;
    an ellipsis ends a sentence if the next word is not in lower case; a dash between two words
    counts as a comma.

    >>> [(word.plain, word.mark) for word in marked_words('"Not I," he said - softly...')]
    [('not', ''), ('i', ','), ('he', ''), ('said', ','), ('softly', '.')]
    """
    return [MarkedWord(*word) for word in read_marked(text)]


def read_marked(text: str) -> list[tuple[str, str, str]]:
    """The same as tuples of `MarkedWord`'s fields, in a third of the time."""
    words: list[tuple[str, str]] = []  # as written, and all that stands behind it
    for token in text.split():
        before, *found = _pieces(token)
        if words and before[1]:
            words[-1] = (words[-1][0], f"{words[-1][1]} {before[1]}")
        words += found
    marked: list[tuple[str, str, str]] = []
    last = len(words) - 1
    for place, (surface, behind) in enumerate(words):
        mark = ""
        if behind:
            mark = _mark(surface[-1:], behind, "" if place == last else words[place + 1][0][:1])
        plain = _plain(surface)
        if plain:
            marked.append((surface, plain, mark))
        elif mark and marked and not marked[-1][2]:
            marked[-1] = (*marked[-1][:2], mark)
    return marked


def bare(word: str) -> str:
    """A word without the signs around it.

    >>> bare('"Yes,"')
    'Yes'
    """
    inside = [place for place, letter in enumerate(word) if _is_letter(letter)]
    return word[inside[0] : inside[-1] + 1] if inside else word


def plain_words(text: str) -> list[str]:
    """The words of a text without marks, as the punctuation looks them up."""
    return normalise(text, PLAIN, marks=False).split()


def usual_signs(times: Mapping[str, int]) -> tuple[str, ...]:
    """How a text writes each of MARKS; times: how often each letter and sign stands in it.

    >>> usual_signs({"؟": 3, "?": 1, ".": 9})
    ('.', ',', '؟', '!', ':', ';')
    """
    found = []
    greek = sum(times.get(letter, 0) for letter in "αειντ") > sum(times.get(x, 0) for x in "aeint")
    for mark in MARKS:
        signs = [mark, *(sign for sign, meant in _SAME.items() if meant == mark)]
        if greek and mark in "?;":
            signs = [";", "\u037e"] if mark == "?" else ["·"]
        found.append(max(signs, key=lambda sign: times.get(sign, 0)))
    return tuple(found)


@lru_cache(maxsize=2**18)
def _plain(surface: str) -> str:
    return " ".join(plain_words(surface)).replace(" ", "")


@lru_cache(maxsize=2**18)
def _pieces(token: str) -> tuple[tuple[str, str], ...]:
    """("", what stands before the first word), then each word and what stands behind it."""
    token = unicodedata.normalize("NFC", token).translate(_APOSTROPHES)
    if token.isalpha():
        return (("", ""), (token, ""))
    found = [["", ""]]
    inside = False
    for place, letter in enumerate(token):
        if _is_letter(letter) or (
            letter == "'" and inside and place + 1 < len(token) and _is_letter(token[place + 1])
        ):
            if not inside:
                found.append(["", ""])
            found[-1][0] += letter
            inside = True
        else:
            found[-1][1] += letter
            inside = False
    if all(word for word, _ in found[1:]):
        for place in range(1, len(found) - 1):
            found[place][1] = _inside(found[place][1])
    return tuple((word, behind) for word, behind in found)


def _is_letter(letter: str) -> bool:
    return letter.isalnum() or unicodedata.category(letter)[0] == "M" or letter in "\u200c\u200d"


def _inside(between: str) -> str:
    """What of the signs between two words without a space says something: 3.5 is no sentence."""
    return "" if len(between) == 1 and between in ".,:-'/·" else between


@lru_cache(maxsize=2**18)
def _mark(last: str, behind: str, following: str) -> str:
    """The mark in `behind`, which stands between the letters `last` and `following`."""
    if "\u0370" <= last <= "\u03ff":
        behind = behind.replace(";", "?")  # so Greek writes its questions
    signs = "".join(_SAME.get(sign, sign) for sign in behind)
    if "?" in signs:
        return "?"
    if "!" in signs:
        return "!"
    if "..." in signs or ". . ." in signs:
        return "," if following.islower() else "."
    for mark in ";:,":
        if mark in signs:
            return mark
    if "." in signs:
        return "."
    # A hyphen that stands alone is a dash too, as in "so - I think - it was".
    dash = _DASH.search(signs) or re.search(r"(?:^|\s)-(?:\s|$)", signs)
    return "," if dash and following else ""


def ends_sentence(text: str) -> bool:
    """Whether a written text ends with the end of a sentence, maybe inside quotation marks.

    >>> ends_sentence('he said "No!"'), ends_sentence("he said,")
    (True, False)
    """
    last = text.rstrip("\"'”’»)]")[-1:]
    return last != "" and last in _ENDS
