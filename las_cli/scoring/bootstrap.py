"""Counts per utterance or per speaker in, confidence intervals of their error rates out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy

    from las_cli.scoring.score import Score

RESAMPLES = 2000
SEED = 20221  # the same data print the same interval on every run


@dataclass(frozen=True)
class Interval:
    """Where the rate lies with the stated confidence; NaN where nothing can be said."""

    low: float
    high: float
    confidence: float = 0.95


@dataclass(frozen=True)
class Intervals:
    """The intervals of a score."""

    letters: Interval
    words: Interval
    sentences: Interval
    unit: str  # what was drawn: "utterances" or the name of a column such as "speaker"
    units: int  # how many of them there are
    resamples: int


def score_intervals(
    score: Score,
    groups: Sequence[str] | None = None,
    unit: str = "utterances",
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Intervals:
    """Bootstrap intervals of a score (Bisani & Ney 2004, section 3).

    Utterances are drawn with replacement, or with `groups` (a label per utterance, such as its
    speaker) whole groups, whose utterances are not independent of each other.
    """
    errors, references = error_columns(score.table.numpy())
    errors, references = sum_by_group(errors, groups), sum_by_group(references, groups)
    letters, words, sentences = (
        interval(resampled_rates(errors[:, [column]], references[:, column], resamples, seed)[:, 0])
        for column in range(3)
    )
    return Intervals(letters, words, sentences, unit, len(errors), resamples)


def error_columns(table: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Errors and reference units [utterances, 3] (letters, words, sentences) of a count table."""
    import numpy

    errors = table[:, :, 1:].sum(axis=2)  # [utterances, 2]
    references = table[:, :, :3].sum(axis=2)
    wrong = (errors[:, 1] > 0).astype(numpy.int64)
    return (
        numpy.column_stack([errors, wrong]),
        numpy.column_stack([references, numpy.ones_like(wrong)]),
    )


def sum_by_group(counts: numpy.ndarray, groups: Sequence[str] | None) -> numpy.ndarray:
    """Rows of `counts` [utterances, C] added up by label: [groups, C]; as they are without."""
    import numpy

    if groups is None:
        return counts
    _, places = numpy.unique(numpy.asarray(groups, dtype=object).astype(str), return_inverse=True)
    sums = numpy.zeros((places.max(initial=-1) + 1, counts.shape[1]), dtype=numpy.int64)
    numpy.add.at(sums, places, counts)
    return sums


def resampled_rates(
    errors: numpy.ndarray, references: numpy.ndarray, resamples: int, seed: int
) -> numpy.ndarray:
    """Rates of `resamples` corpora drawn with replacement: float64 [resamples, systems].

    `errors` is int64 [units, systems], `references` int64 [units]. Units with equal counts are
    exchangeable, so how often each distinct row is drawn follows a multinomial over the distinct
    rows: the same distribution as drawing the units one by one, in time that hardly grows with
    the corpus. A resample without any reference unit has no rate and is NaN.
    """
    import numpy

    if len(errors) == 0:
        return numpy.full((resamples, errors.shape[1]), math.nan)
    rows, repeats = numpy.unique(
        numpy.column_stack([errors, references]), axis=0, return_counts=True
    )
    generator = numpy.random.default_rng(seed)
    rates = numpy.empty((resamples, errors.shape[1]))
    chunk = max(1, 4_000_000 // len(rows))  # 32 MB of draws at a time
    for first in range(0, resamples, chunk):
        last = min(first + chunk, resamples)
        draws = generator.multinomial(len(errors), repeats / len(errors), size=last - first)
        sums = draws @ rows  # [chunk, systems + 1]
        with numpy.errstate(divide="ignore", invalid="ignore"):
            rates[first:last] = sums[:, :-1] / sums[:, -1:]
    rates[~numpy.isfinite(rates)] = math.nan
    return rates


def interval(values: numpy.ndarray, confidence: float = 0.95) -> Interval:
    """The middle `confidence` share of resampled values (percentile interval)."""
    import numpy

    values = values[~numpy.isnan(values)]
    if values.size == 0:
        return Interval(math.nan, math.nan, confidence)
    tail = (1 - confidence) / 2
    low, high = numpy.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high), confidence)
