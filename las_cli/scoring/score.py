"""Reference and hypothesis sentences in, error counts by level (letters, words, sentences) out."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from las_cli.errors import LasError
from las_cli.scoring.alignment import AlignedUnits, align, count_errors
from las_cli.scoring.counts import ErrorCounts
from las_cli.scoring.levels import LEVELS, PARTS
from las_cli.scoring.normalisers import Normaliser, find_normaliser

if TYPE_CHECKING:
    import numpy


@dataclass(frozen=True, slots=True)
class UtteranceScore:
    """One utterance: what was compared, and the counts."""

    id: str  # "" where the listings have none
    number: int  # place among the references, from 1
    reference: str  # normalised, words parted by single spaces
    hypothesis: str
    counts: Mapping[str, ErrorCounts]  # by the names of LEVELS

    @property
    def wrong(self) -> bool:
        """Whether there is any error in it."""
        return self.reference != self.hypothesis

    def aligned(self, level: str, spaces: bool = True) -> list[AlignedUnits]:
        """The alignment of its units at a level, by the name in PARTS."""
        split = PARTS[level].split
        return align(split(self.reference, spaces), split(self.hypothesis, spaces))


_numbers = attrgetter("hits", "substitutions", "deletions", "insertions")


class CountTable:
    """Counts per utterance in 48 bytes each, so that a million of them fit anywhere."""

    def __init__(self) -> None:
        self._cells = array("i")  # levels one after the other, of each hits to insertions
        self._count = 0

    def append(self, counts: Mapping[str, ErrorCounts]) -> None:
        """Add an utterance's counts, in the order of LEVELS."""
        for own in counts.values():
            self._cells.extend(_numbers(own))
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def level(self, name: str) -> list[array[int]]:
        """Hits, substitutions, deletions, insertions of all utterances: four arrays [N]."""
        first = 4 * list(LEVELS).index(name)
        return [self._cells[first + place :: 4 * len(LEVELS)] for place in range(4)]

    def numpy(self) -> numpy.ndarray:
        """Int32 [utterances, levels, hits to insertions] = [N, L, 4]."""
        import numpy

        return numpy.array(self._cells, dtype=numpy.int32).reshape(-1, len(LEVELS), 4)


def counts_at(table: numpy.ndarray, level: str) -> Any:
    """The ErrorCounts of a level whose numbers are arrays [N], of a count table [N, L, 4]."""
    return ErrorCounts(*table[:, list(LEVELS).index(level)].T)


@dataclass(frozen=True)
class Score:
    """Error counts of a corpus, added up over its utterances."""

    counts: Mapping[str, ErrorCounts]  # by the names of LEVELS
    # Means of the utterances' own rates, as the research code reported them, by the names of PARTS;
    # utterances with empty references are left out.
    mean_rates: Mapping[str, float]
    normaliser: str  # its name
    spaces: bool  # whether the space between two words counts as a letter
    table: CountTable = field(repr=False, compare=False)
    utterances: tuple[UtteranceScore, ...] = field(default=(), repr=False)  # if they were kept

    @property
    def count(self) -> int:
        """Utterances scored."""
        return len(self.table)


class Scorer:
    """Scores pairs one by one as they are read and adds their counts up."""

    def __init__(self, normaliser: str | Normaliser = "basic", spaces: bool = True) -> None:
        self.normaliser = find_normaliser(normaliser)
        self.spaces = spaces
        self.table = CountTable()

    def add(self, reference: str, hypothesis: str, id: str = "") -> UtteranceScore:
        """Score one utterance; either side may be empty."""
        ours = " ".join(self.normaliser.apply(reference).split())
        theirs = " ".join(self.normaliser.apply(hypothesis).split())
        spaces = self.spaces
        counts = {
            name: count_errors(level.split(ours, spaces), level.split(theirs, spaces))
            for name, level in LEVELS.items()
        }
        self.table.append(counts)
        return UtteranceScore(id, len(self.table), ours, theirs, counts)

    def result(self, utterances: Iterable[UtteranceScore] = ()) -> Score:
        """The score of all pairs so far, with the `utterances` that were kept of them."""
        columns = {name: self.table.level(name) for name in LEVELS}
        return Score(
            counts={name: ErrorCounts(*map(sum, columns[name])) for name in LEVELS},
            mean_rates={name: _mean_rate(*columns[name]) for name in PARTS},
            normaliser=self.normaliser.name,
            spaces=self.spaces,
            table=self.table,
            utterances=tuple(utterances),
        )


def _mean_rate(
    hits: Sequence[int], subs: Sequence[int], deletions: Sequence[int], insertions: Sequence[int]
) -> float:
    total, spoken = 0.0, 0
    for hit, sub, deletion, insertion in zip(hits, subs, deletions, insertions, strict=True):
        if reference := hit + sub + deletion:
            total += (sub + deletion + insertion) / reference
            spoken += 1
    return total / spoken if spoken else math.nan


def score_pairs(
    references: Sequence[str],
    hypotheses: Sequence[str],
    normaliser: str | Normaliser = "basic",
    *,
    ids: Sequence[str] | None = None,
    spaces: bool = True,
) -> Score:
    """Score lists of sentences, the n-th hypothesis against the n-th reference.

    Letters are the code points of the normalised text, the single spaces between words among
    them unless `spaces` is False. Raises LasError when the lists differ in length.

    >>> score = score_pairs(["the cat sat", ""], ["The cat sad.", "oh"])
    >>> score.counts["words"]
    ErrorCounts(hits=2, substitutions=1, deletions=0, insertions=1)
    >>> letters, sentences = score.counts["letters"], score.counts["sentences"]
    >>> letters.errors, letters.reference, sentences.rate
    (3, 11, 1.0)
    """
    if len(references) != len(hypotheses):
        raise LasError(
            f"{len(references)} references against {len(hypotheses)} hypotheses; "
            "each reference needs one hypothesis"
        )
    scorer = Scorer(normaliser, spaces)

    def scored() -> Iterator[UtteranceScore]:
        for place, (reference, hypothesis) in enumerate(zip(references, hypotheses, strict=True)):
            yield scorer.add(reference, hypothesis, ids[place] if ids is not None else "")

    utterances = list(scored())
    return scorer.result(utterances)


def letter_error_rate(
    references: Sequence[str], hypotheses: Sequence[str], normaliser: str | Normaliser = "basic"
) -> float:
    """Letter errors divided by letters in all references (1.0 is 100 %).

    >>> letter_error_rate(["abcd"], ["abxd"])
    0.25
    """
    return score_pairs(references, hypotheses, normaliser).counts["letters"].rate
