"""Text files with punctuation in; words, marks and cases as arrays out, to learn from."""

from __future__ import annotations

import re
import zlib
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from las_cli.errors import LasError
from las_cli.language.text import read_lines
from las_cli.text.marks import (
    CASES,
    MARKS,
    capitalised,
    case_of,
    read_marked,
    usual_signs,
)

BLOCK = 50  # lines that are kept apart, or learned from, together: they follow one another
HELD_OUT = 100  # one block in so many is kept apart
ENOUGH = 1000  # lines, of which a block is kept apart in any case
UNKNOWN = -1  # class of a mark or case that is not learned from: the edges of a recording
LONGEST_ABBREVIATION = 4  # letters
STOPPED = 0.8  # share of a short word's places that have a full stop: it is an abbreviation
LOOKED_AT = 20_000  # lines whose signs say how the language writes its marks
SEEN = 20  # stops that a word must have to be called one

_MARK_CLASS = {mark: place for place, mark in enumerate(("", *MARKS))}
STOP = _MARK_CLASS["."]
_CASE_CLASS = {case: place for place, case in enumerate(CASES)}


@dataclass
class PunctuatedText:
    """Lines one after the other, as classes."""

    types: list[str]  # the different plain words
    words: np.ndarray  # int32 [N]: places in types
    marks: np.ndarray  # int8 [N]: the mark behind each, 0 none, then MARKS; or UNKNOWN
    cases: np.ndarray  # int8 [N]: places in CASES
    starts: np.ndarray  # int64 [L + 1]: where each line begins, and the end
    spellings: dict[str, str] = field(default_factory=dict)  # plain → McBride, Mr.
    signs: tuple[str, ...] = MARKS  # how the text writes MARKS
    left_out: Counter[str] = field(default_factory=Counter)  # reason → lines

    def __len__(self) -> int:
        """Lines."""
        return len(self.starts) - 1

    def written(self, first: int, last: int) -> list[str]:
        """The lines `first` to before `last` with their marks and capitals."""
        lines = []
        for begin, end in zip(self.starts[first:last], self.starts[first + 1 :], strict=False):
            words = []
            for place in range(begin, end):
                plain = self.types[self.words[place]]
                own = self.spellings.get(plain, plain)
                forms = (plain, capitalised(plain), plain.upper(), own)
                form = own if own.endswith(".") else forms[self.cases[place]]
                words.append(form + ("", *self.signs)[max(0, self.marks[place])])
            lines.append(" ".join(words))
        return lines

    def without_last(self, lines: int) -> PunctuatedText:
        """The same without its last lines."""
        starts = self.starts[: len(self.starts) - lines]
        end = int(starts[-1])
        return replace(
            self,
            words=self.words[:end],
            marks=self.marks[:end],
            cases=self.cases[:end],
            starts=starts,
        )


def read_punctuated(files: Sequence[Path]) -> tuple[PunctuatedText, list[str]]:
    """The text to learn from, and the lines that are kept apart, as they stand.

    Lines that end without any mark, or stand in capitals throughout, are left out. LasError for a
    file that cannot be read, and where nothing is left.
    """
    found = _Reading()
    held_out: list[str] = []
    for path in files:
        for place, line in enumerate(read_lines([path])):
            block = zlib.crc32(f"{path.name} {place // BLOCK}".encode("utf-8", "replace"))
            if block % HELD_OUT == 0:
                if found.reason(read_marked(line)) is None:
                    held_out.append(" ".join(line.split()))
            else:
                found.add(line)
    if len(found.starts) == 1:
        reasons = ", ".join(f"{n} {reason}" for reason, n in found.left_out.most_common())
        raise LasError(
            f"{', '.join(map(str, files))}: no line has punctuation to learn from "
            f"({reasons or 'no text'}); give text as it is written, a sentence or more a line"
        )
    text = found.text()
    if not held_out and len(text) >= ENOUGH:  # chance kept nothing apart
        count = len(text)
        return text.without_last(BLOCK), text.written(count - BLOCK, count)
    return text, list(dict.fromkeys(_joined(held_out, text.spellings)))


class _Reading:
    def __init__(self) -> None:
        self.types: dict[str, int] = {}
        self.surfaces: dict[str, tuple[int, int]] = {}  # as written → place of its type, case
        self.seen: Counter[str] = Counter()  # spellings of words of mixed case
        self.words, self.marks, self.cases = array("i"), array("b"), array("b")
        self.starts = array("q", [0])
        self.left_out: Counter[str] = Counter()
        self.signs: Counter[str] = Counter()  # marks as they are written, in the first lines

    def reason(self, words: list[tuple[str, str, str]]) -> str | None:
        """Why a line is of no use, or None."""
        if not words:
            return "without words"
        if not words[-1][2]:
            return "that end without a mark"
        if len(words) > 2 and all(len(w[0]) < 2 or case_of(w[0]) == "upper" for w in words):
            return "in capitals"
        return None

    def add(self, line: str) -> None:
        words = read_marked(line)
        if (reason := self.reason(words)) is not None:
            self.left_out[reason] += 1
            return
        if len(self.starts) <= LOOKED_AT:
            self.signs.update(line)
        for surface, plain, mark in words:
            entry = self.surfaces.get(surface)
            if entry is None:
                place = self.types.setdefault(plain, len(self.types))
                entry = self.surfaces[surface] = (place, _CASE_CLASS[case_of(surface)])
            self.words.append(entry[0])
            self.cases.append(entry[1])
            self.marks.append(_MARK_CLASS[mark])
            if entry[1] == 3:
                self.seen[surface] += 1
        self.starts.append(len(self.words))

    def text(self) -> PunctuatedText:
        types = list(self.types)
        words = np.frombuffer(self.words, np.int32)
        marks = np.array(self.marks, np.int8)
        cases = np.frombuffer(self.cases, np.int8)
        starts = np.frombuffer(self.starts, np.int64)
        spellings = {}
        for surface, times in self.seen.most_common():
            plain = types[self.surfaces[surface][0]]
            if times > 1 and plain not in spellings:
                spellings[plain] = surface
        stops = _abbreviations(words, marks, cases, starts, len(types))
        stops &= np.array([len(one) <= LONGEST_ABBREVIATION and one.isalpha() for one in types])
        for place in np.flatnonzero(stops):
            own = np.bincount(cases[words == place], minlength=len(CASES))
            plain = types[place]
            written = {1: capitalised(plain), 2: plain.upper()}.get(int(own.argmax()), plain)
            spellings[plain] = written + "."
        # Their stops are part of them; a line that ends with one goes on in the next.
        taken = stops[words] & (marks == STOP)
        goes_on = taken[starts[1:-1] - 1]
        marks[taken] = 0
        starts = np.concatenate([starts[:1], starts[1:-1][~goes_on], starts[-1:]])
        signs = usual_signs(self.signs)
        return PunctuatedText(types, words, marks, cases, starts, spellings, signs, self.left_out)


def _abbreviations(
    words: np.ndarray, marks: np.ndarray, cases: np.ndarray, starts: np.ndarray, types: int
) -> np.ndarray:
    """Bool [types]: which words have a full stop nearly everywhere (after Kiss & Strunk 2006).

    At the ends of lines any word may have one; there, only a word with a capital counts as a title.
    """
    inside = np.ones(len(words), bool)
    inside[starts[1:] - 1] = False

    def times(where: np.ndarray) -> np.ndarray:
        return np.bincount(words[where], minlength=types)

    everywhere, stopped = times(np.ones(len(words), bool)), times(marks == STOP)
    mostly = (stopped >= SEEN) & (stopped >= STOPPED * everywhere)
    large = times(cases > 0) >= STOPPED * everywhere
    return mostly & (large | (times(inside & (marks == STOP)) >= SEEN))


def _joined(lines: list[str], spellings: dict[str, str]) -> list[str]:
    """Lines of which none ends with an abbreviation: the next is put behind it."""
    stops = {spelling for spelling in spellings.values() if spelling.endswith(".")}
    joined: list[str] = []
    goes_on = False
    for line in lines:
        if goes_on:
            joined[-1] += f" {line}"
        else:
            joined.append(line)
        goes_on = re.sub(r"^\W+", "", line.split()[-1]) in stops
    return joined


def recordings(text: PunctuatedText, seed: int) -> Iterator[tuple[int, int]]:
    """Runs of lines, first and behind the last, as recordings might hold them: a third of one
    line, a third of two to six, a third of ten to sixty."""
    draws = np.random.default_rng(seed)
    place = 0
    while place < len(text):
        kind = draws.integers(3)
        lines = (1, draws.integers(2, 7), draws.integers(10, 61))[kind]
        yield place, min(len(text), place + int(lines))
        place += int(lines)
