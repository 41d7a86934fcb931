"""Counts per utterance or per speaker in, confidence intervals of their error rates out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from las_cli.scoring.metrics import METRICS, Metric
from las_cli.scoring.score import counts_at

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

    of: Mapping[str, Interval]  # by the names of METRICS
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
    table = sum_by_group(score.table.numpy(), groups)
    return Intervals(
        table_intervals(table, METRICS.values(), resamples, seed), unit, len(table), resamples
    )


def table_intervals(
    table: numpy.ndarray, metrics: Iterable[Metric], resamples: int, seed: int
) -> dict[str, Interval]:
    """The interval of each metric, by its name, of a count table [units, L, 4]."""
    return {
        metric.name: interval(resampled_rates(metric, [table], resamples, seed)[:, 0])
        for metric in metrics
    }


def sum_by_group(table: numpy.ndarray, groups: Sequence[str] | None) -> numpy.ndarray:
    """Rows of `table` [utterances, ...] added up by label: [groups, ...]; as they are without."""
    import numpy

    if groups is None:
        return table
    _, places = numpy.unique(numpy.asarray(groups, dtype=object).astype(str), return_inverse=True)
    sums = numpy.zeros((places.max(initial=-1) + 1, *table.shape[1:]), dtype=numpy.int64)
    numpy.add.at(sums, places, table)
    return sums


def resampled_rates(
    metric: Metric, systems: Sequence[numpy.ndarray], resamples: int, seed: int
) -> numpy.ndarray:
    """Rates of the same `resamples` corpora in each system: float64 [resamples, systems].

    `systems` are count tables [units, L, 4] of the same units. A resample in which nothing is
    there to divide by has no rate and is NaN.
    """
    import numpy

    counts = [counts_at(table, metric.level.name) for table in systems]
    columns = [getattr(own, part) for part in metric.parts for own in counts]
    sums = resampled_sums(numpy.column_stack(columns), resamples, seed)
    parts = sums.reshape(resamples, len(metric.parts), len(systems))
    above, below = metric.fraction(*(parts[:, place] for place in range(len(metric.parts))))
    with numpy.errstate(divide="ignore", invalid="ignore"):
        rates = above / below
    rates[~numpy.isfinite(rates)] = math.nan
    return rates


def resampled_sums(columns: numpy.ndarray, resamples: int, seed: int) -> numpy.ndarray:
    """Sums of `columns`, integers [units, C], over units drawn with replacement: [resamples, C].

    Units with equal counts are exchangeable, so how often each distinct row is drawn follows a
    multinomial over the distinct rows: the same distribution as drawing the units one by one, in
    time that hardly grows with the corpus.
    """
    import numpy

    sums = numpy.zeros((resamples, columns.shape[1]), dtype=numpy.int64)
    if not len(columns):
        return sums
    rows, repeats = _distinct(columns)
    generator = numpy.random.default_rng(seed)
    chunk = max(1, 4_000_000 // len(rows))  # 32 MB of draws at a time
    for first in range(0, resamples, chunk):
        last = min(first + chunk, resamples)
        draws = generator.multinomial(len(columns), repeats / len(columns), size=last - first)
        sums[first:last] = draws @ rows
    return sums


def _distinct(rows: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Distinct rows of `rows`, integers [units, C] ≥ 0, in order, and how often each is there.

    The rows as digits of one number each sort some ten times as fast as rows do.
    """
    import numpy

    sizes = [int(highest) + 1 for highest in rows.max(axis=0)]
    if math.prod(sizes) >= 2**63:  # sums of large groups
        return numpy.unique(rows, axis=0, return_counts=True)
    keys, repeats = numpy.unique(
        numpy.ravel_multi_index(tuple(rows.T), tuple(sizes)), return_counts=True
    )
    return numpy.column_stack(numpy.unravel_index(keys, tuple(sizes))), repeats


def interval(values: numpy.ndarray, confidence: float = 0.95) -> Interval:
    """The middle `confidence` share of resampled values (percentile interval)."""
    import numpy

    values = values[~numpy.isnan(values)]
    if values.size == 0:
        return Interval(math.nan, math.nan, confidence)
    tail = (1 - confidence) / 2
    low, high = numpy.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high), confidence)
