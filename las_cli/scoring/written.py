"""Written references and hypotheses in; right and wrong marks and capitals out, counted."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from las_cli.scoring.alignment import align
from las_cli.text.marks import MARKS, MarkedWord, case_of, marked_words


@dataclass(frozen=True)
class MarkCounts:
    """How often a mark was set, and how often rightly."""

    hits: int = 0
    reference: int = 0  # in the references
    hypothesis: int = 0  # in the hypotheses

    def __add__(self, other: MarkCounts) -> MarkCounts:
        return MarkCounts(
            self.hits + other.hits,
            self.reference + other.reference,
            self.hypothesis + other.hypothesis,
        )

    @property
    def precision(self) -> float:
        """Share of the hypotheses' marks that are right; NaN without any."""
        return self.hits / self.hypothesis if self.hypothesis else math.nan

    @property
    def recall(self) -> float:
        """Share of the references' marks that were set; NaN without any."""
        return self.hits / self.reference if self.reference else math.nan

    @property
    def f1(self) -> float:
        """Their harmonic mean; NaN where neither side has the mark."""
        both = self.reference + self.hypothesis
        return 2 * self.hits / both if both else math.nan


@dataclass(frozen=True)
class WrittenCounts:
    """Marks and cases of a corpus, added up over its utterances.

    >>> counts = written_counts("Yes, I know. Do you?", "yes I know, do you?")
    >>> counts.marks["?"].f1, counts.marks[","].f1, counts.cases_right, counts.cases
    (1.0, 0.0, 3, 5)
    """

    marks: dict[str, MarkCounts] = field(
        default_factory=lambda: {mark: MarkCounts() for mark in MARKS}
    )
    cases: int = 0  # words that both sides have
    cases_right: int = 0  # of them, those with the same letters large
    large: int = 0  # of them, those with a large letter in the reference
    large_right: int = 0  # of these, those with the same letters large

    def __add__(self, other: WrittenCounts) -> WrittenCounts:
        return WrittenCounts(
            {mark: own + other.marks[mark] for mark, own in self.marks.items()},
            self.cases + other.cases,
            self.cases_right + other.cases_right,
            self.large + other.large,
            self.large_right + other.large_right,
        )

    @property
    def all_marks(self) -> MarkCounts:
        """All marks together; one for another is wrong on both sides."""
        return sum(self.marks.values(), MarkCounts())

    @property
    def case_accuracy(self) -> float:
        """Share of the words that both sides have whose letters are large and small alike."""
        return self.cases_right / self.cases if self.cases else math.nan

    @property
    def large_accuracy(self) -> float:
        """The same of the words with a large letter in the reference."""
        return self.large_right / self.large if self.large else math.nan


def written_counts(reference: str, hypothesis: str) -> WrittenCounts:
    """The counts of one utterance.

    Words are aligned as for the word error rate, without marks and case. A mark is right if the
    other side has it between the same aligned words, be they the same or not: words that one side
    lacks do not move it. Case is compared where both sides have the same word.
    """
    ours, theirs = marked_words(reference), marked_words(hypothesis)
    hits, cases, right, large, large_right = dict.fromkeys(MARKS, 0), 0, 0, 0, 0
    for one, other in _gaps(ours, theirs):
        for mark in one:
            if mark in other:
                other.remove(mark)
                hits[mark] += 1
    for word, heard in _pairs(ours, theirs):
        if word is None or heard is None or word.plain != heard.plain:
            continue
        cases += 1
        alike = word.text == heard.text
        right += alike
        if case_of(word.text) != "lower":
            large += 1
            large_right += alike
    reference_marks, hypothesis_marks = _times(ours), _times(theirs)
    counts = {
        mark: MarkCounts(hits[mark], reference_marks[mark], hypothesis_marks[mark])
        for mark in MARKS
    }
    return WrittenCounts(counts, cases, right, large, large_right)


Pairs = Iterable[tuple[MarkedWord | None, MarkedWord | None]]


def _pairs(ours: list[MarkedWord], theirs: list[MarkedWord]) -> Pairs:
    """The alignment word by word, None where a side lacks one."""
    first, second = [word.plain for word in ours], [word.plain for word in theirs]
    if first == second:
        yield from zip(ours, theirs, strict=True)
        return
    one, other = iter(ours), iter(theirs)
    for column in align(first, second):
        yield (
            None if column.kind == "insertion" else next(one),
            None if column.kind == "deletion" else next(other),
        )


def _gaps(
    ours: list[MarkedWord], theirs: list[MarkedWord]
) -> Iterable[tuple[list[str], list[str]]]:
    """The marks that each side has between a pair of aligned words and the next."""
    gap: tuple[list[str], list[str]] = ([], [])
    for pair in _pairs(ours, theirs):
        if None not in pair:
            yield gap
            gap = ([], [])
        for marks, word in zip(gap, pair, strict=True):
            if word is not None and word.mark:
                marks.append(word.mark)
    yield gap


def _times(words: Iterable[MarkedWord]) -> dict[str, int]:
    times = dict.fromkeys(MARKS, 0)
    for word in words:
        if word.mark:
            times[word.mark] += 1
    return times
