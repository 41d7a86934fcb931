"""Reference and hypothesis sentences in, letter, word and sentence error counts out."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from las_cli.errors import LasError
from las_cli.scoring.alignment import count_errors
from las_cli.scoring.counts import ErrorCounts
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
    letters: ErrorCounts
    words: ErrorCounts


class CountTable:
    """Counts per utterance in 32 bytes each, so that a million of them fit anywhere."""

    def __init__(self) -> None:
        self._cells = array("i")

    def append(self, letters: ErrorCounts, words: ErrorCounts) -> None:
        self._cells.extend(
            (
                letters.hits,
                letters.substitutions,
                letters.deletions,
                letters.insertions,
                words.hits,
                words.substitutions,
                words.deletions,
                words.insertions,
            )
        )

    def __len__(self) -> int:
        return len(self._cells) // 8

    def numpy(self) -> numpy.ndarray:
        """Int64 [utterances, letters and words, hits to insertions] = [N, 2, 4]."""
        import numpy

        return numpy.array(self._cells, dtype=numpy.int64).reshape(-1, 2, 4)


@dataclass(frozen=True)
class Score:
    """Error counts of a corpus, added up over its utterances."""

    letters: ErrorCounts
    words: ErrorCounts
    sentences: ErrorCounts  # hits: sentences without an error; substitutions: the others
    mean_letter_rate: float  # mean of the utterances' own rates, as the research code reported
    mean_word_rate: float  # the same for words; both leave out utterances with empty references
    normaliser: str  # its name
    spaces: bool  # whether the space between two words counts as a letter
    table: CountTable = field(repr=False, compare=False)
    utterances: tuple[UtteranceScore, ...] = field(default=(), repr=False)  # if they were kept

    @property
    def count(self) -> int:
        """Utterances scored."""
        return self.sentences.reference


class Scorer:
    """Scores pairs one by one as they are read and adds their counts up."""

    def __init__(self, normaliser: str | Normaliser = "basic", spaces: bool = True) -> None:
        self.normaliser = find_normaliser(normaliser)
        self.spaces = spaces
        self.table = CountTable()
        self._totals = [0] * 8
        self._wrong = 0
        self._letter_rates = 0.0
        self._word_rates = 0.0
        self._with_reference = 0

    def add(self, reference: str, hypothesis: str, id: str = "") -> UtteranceScore:
        """Score one utterance; either side may be empty."""
        ref_words = self.normaliser.apply(reference).split()
        hyp_words = self.normaliser.apply(hypothesis).split()
        ref_text, hyp_text = " ".join(ref_words), " ".join(hyp_words)
        words = count_errors(ref_words, hyp_words)
        if self.spaces:
            letters = count_errors(ref_text, hyp_text)
        else:
            letters = count_errors("".join(ref_words), "".join(hyp_words))
        self.table.append(letters, words)
        self._wrong += ref_words != hyp_words
        if ref_words:
            self._letter_rates += letters.rate
            self._word_rates += words.rate
            self._with_reference += 1
        for place, counts in ((0, letters), (4, words)):
            self._totals[place] += counts.hits
            self._totals[place + 1] += counts.substitutions
            self._totals[place + 2] += counts.deletions
            self._totals[place + 3] += counts.insertions
        return UtteranceScore(id, len(self.table), ref_text, hyp_text, letters, words)

    def result(self, utterances: Iterable[UtteranceScore] = ()) -> Score:
        """The score of all pairs so far, with the `utterances` that were kept of them."""
        count, spoken = len(self.table), self._with_reference
        return Score(
            letters=ErrorCounts(*self._totals[:4]),
            words=ErrorCounts(*self._totals[4:]),
            sentences=ErrorCounts(hits=count - self._wrong, substitutions=self._wrong),
            mean_letter_rate=self._letter_rates / spoken if spoken else math.nan,
            mean_word_rate=self._word_rates / spoken if spoken else math.nan,
            normaliser=self.normaliser.name,
            spaces=self.spaces,
            table=self.table,
            utterances=tuple(utterances),
        )


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
    >>> score.words
    ErrorCounts(hits=2, substitutions=1, deletions=0, insertions=1)
    >>> score.letters.errors, score.letters.reference, score.sentences.rate
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
    return score_pairs(references, hypotheses, normaliser).letters.rate
