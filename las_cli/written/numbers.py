"""Segments with numbers in words in, the same with digits in their written form out.

The package text2num finds the numbers; years that English says in two halves ("nineteen oh five")
are put together here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from las_cli.errors import LasError, UsageError
from las_cli.files import read_json
from las_cli.saved_model.names import PUNCTUATION
from las_cli.text.marks import MARKS, plain_words
from las_cli.transcript import Segment

WORDS, DIGITS = "words", "digits"  # what --numbers takes; digits:fr names a language
LANGUAGES = ("en", "fr", "es", "pt", "de", "it", "nl")  # of text2num
PAUSE = 1.0  # seconds between two words that are not one number
SMALL = ("one", "two")  # which text2num leaves in words where they stand alone
DECADES = (
    "hundreds", "twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties",
    "nineties",
)  # fmt: skip
CENTURIES = range(13, 21)  # the first half of a year that is said in two


def check_numbers(value: str) -> None:
    """UsageError if `value` is not words, digits or digits:LANGUAGE, or text2num is missing."""
    kind, colon, language = value.partition(":")
    if value != WORDS and (kind != DIGITS or (colon and language not in LANGUAGES)):
        raise UsageError(
            f"numbers {value}: choose words, digits, or digits:LANGUAGE with one of "
            f"{', '.join(LANGUAGES)}"
        )
    if kind == DIGITS:
        _text2num()


def digit_writer(value: str, folder: Path) -> DigitWriter | None:
    """What `--numbers` asks for; the language of the model in `folder`, unless `value` names one.

    LasError where nothing says in which language the numbers are.
    """
    if value == WORDS:
        return None
    language = value.partition(":")[2]
    if not language and (folder / PUNCTUATION).is_file():
        language = str(read_json(folder / PUNCTUATION).get("language") or "")
    if language not in LANGUAGES:
        raise LasError(
            f"{folder}: does not say in which language its numbers are; name it, for example "
            "digits:en"
        )
    return DigitWriter(language)


def _text2num() -> Any:
    """The optional package; LasError without it."""
    try:
        import text_to_num
    except ImportError as error:
        raise LasError(
            "numbers in digits need the package text2num: pip install 'las-cli[numbers]'"
        ) from error
    return text_to_num


@dataclass(frozen=True)
class _Token:
    """A word as text2num's `find_numbers` wants it."""

    word: str
    start: float
    end: float
    ends: bool  # a mark stands behind it

    def text(self) -> str:
        return self.word

    def nt_separated(self, previous: _Token) -> bool:
        return previous.ends or self.start - previous.end > PAUSE

    def not_a_number_part(self) -> bool:
        return False


@dataclass(frozen=True)
class _Number:
    first: int  # place of its first word
    behind: int  # place behind its last
    text: str
    value: float


class DigitWriter:
    """Writes the numbers of one language in digits."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._find = _text2num().find_numbers

    def segment(self, segment: Segment) -> Segment:
        """`segment` with digits in `written`, of its words too; its text and times stay.

        The digits are the written form of a number's first word; that of the others is empty.
        """
        timed = bool(segment.words) and segment.text == " ".join(w.text for w in segment.words)
        if not timed:
            written = self.words(segment.shown.split(), [0.0] * (1 + len(segment.shown.split())))
            return replace(segment, written=" ".join(filter(None, written)))
        shown = [w.text if w.written is None else w.written for w in segment.words]
        gaps = [
            after.start - word.end
            for word, after in zip(segment.words, segment.words[1:], strict=False)
        ]
        written = self.words(shown, [*gaps, 0.0])
        words = tuple(
            replace(word, written=text) for word, text in zip(segment.words, written, strict=True)
        )
        return replace(segment, words=words, written=" ".join(filter(None, written)))

    def words(self, shown: Sequence[str], pauses: Sequence[float]) -> list[str]:
        """Written words with numbers in digits, as many as came; "" where the one before says it.

        pauses: seconds behind each word
        """
        tokens, at = [], 0.0
        for word, pause in zip(shown, pauses, strict=False):
            plain = " ".join(plain_words(word))
            tokens.append(_Token(plain, at, at, word[-1:] in MARKS and word[-1:] != ""))
            at += pause
        found = [
            _Number(one.start, one.end, one.text, one.value)
            for one in self._find(tokens, self.language)
        ]
        written = list(shown)
        for number in self._years(found, tokens):
            last = shown[number.behind - 1]
            behind = last[len(last.rstrip("".join(MARKS))) :]
            written[number.first] = number.text + behind
            for place in range(number.first + 1, number.behind):
                written[place] = ""
        return written

    def _years(self, numbers: list[_Number], tokens: Sequence[_Token]) -> list[_Number]:
        """"nineteen" "eighty four", and "nineteen" "oh" "five", as one number.

        A century before its decade ("the nineteen eighties") stays in words.
        """
        if self.language != "en":
            return numbers
        words = [token.word.lower() for token in tokens]
        joined: list[_Number] = []
        for number in self._with_small(numbers, tokens):
            before = joined[-1] if joined else None
            if before is not None and before.value in CENTURIES:
                between = words[before.behind : number.first]
                # text2num reads "o four" as one number of two digits, 04.
                zero = not between and number.text[:1] == "0" and len(number.text) == 2
                low, high = (1, 9) if between or zero else (10, 99)
                closed = self._is_closed(tokens, before.behind, number.first)
                fits = between in ([], ["oh"], ["o"]) and number.text.isdigit() and not closed
                if fits and before.text.isdigit() and low <= number.value <= high:
                    year = 100 * int(before.value) + int(number.value)
                    joined[-1] = _Number(before.first, number.behind, str(year), year)
                    continue
            joined.append(number)
        return [
            number
            for number in joined
            if not any(word in DECADES for word in words[number.behind - 1 : number.behind + 1])
        ]

    @staticmethod
    def _is_closed(tokens: Sequence[_Token], first: int, last: int) -> bool:
        """Whether a mark or a pause parts one of the words `first` … `last` from that before it."""
        return any(
            tokens[place].nt_separated(tokens[place - 1]) for place in range(first, last + 1)
        )

    def _with_small(self, numbers: list[_Number], tokens: Sequence[_Token]) -> list[_Number]:
        """`numbers` and the "one" or "two" behind a century and "oh", which text2num leaves."""
        small = []
        for number in numbers:
            oh, last = number.behind, number.behind + 1
            if number.value not in CENTURIES or last >= len(tokens):
                continue
            word = tokens[last].word.lower()
            is_oh = tokens[oh].word.lower() in ("oh", "o")
            if is_oh and word in SMALL and not self._is_closed(tokens, oh, last):
                value = 1 + SMALL.index(word)
                small.append(_Number(last, last + 1, str(value), value))
        return sorted([*numbers, *small], key=lambda number: number.first)
