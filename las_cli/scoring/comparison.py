"""Two systems' scores of the same utterances in, their difference and how sure it is out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from las_cli.errors import LasError
from las_cli.scoring.bootstrap import (
    Interval,
    error_columns,
    interval,
    resampled_rates,
    sum_by_group,
)
from las_cli.scoring.counts import error_rate

if TYPE_CHECKING:
    import numpy


@dataclass(frozen=True)
class Difference:
    """How the second system's rate differs from the first's; negative is better."""

    first: float  # rates
    second: float
    difference: float  # second - first
    interval: Interval  # of the difference
    improvement: float  # share of the resamples in which the second is strictly better, 0 … 1


@dataclass(frozen=True)
class Comparison:
    """Two systems on the same utterances."""

    first: str  # their names
    second: str
    letters: Difference
    words: Difference
    sentences: Difference
    better: int  # utterances in which the second has fewer letter errors
    worse: int
    equal: int
    unit: str  # what the bootstrap drew
    resamples: int


def compare(
    names: tuple[str, str],
    first: numpy.ndarray,
    second: numpy.ndarray,
    groups: Sequence[str] | None,
    unit: str,
    resamples: int,
    seed: int,
) -> Comparison:
    """Compare count tables [N, 2, 4] of the same N utterances (Bisani & Ney 2004, section 4).

    Both systems are scored on each resample of utterances (or of `groups`, a label each), so what
    is hard for both does not blur the difference. `improvement` is the probability of improvement.
    """
    if not (first[:, :, :3].sum(axis=2) == second[:, :, :3].sum(axis=2)).all():
        raise LasError(f"{names[0]} and {names[1]} were not scored against the same references")
    errors, references = error_columns(first)
    other_errors, _ = error_columns(second)
    gain = errors[:, 0] - other_errors[:, 0]
    errors, references = sum_by_group(errors, groups), sum_by_group(references, groups)
    other_errors = sum_by_group(other_errors, groups)
    letters, words, sentences = (
        _difference(
            errors[:, column], other_errors[:, column], references[:, column], resamples, seed
        )
        for column in range(3)
    )
    return Comparison(
        first=names[0],
        second=names[1],
        letters=letters,
        words=words,
        sentences=sentences,
        better=int((gain > 0).sum()),
        worse=int((gain < 0).sum()),
        equal=int((gain == 0).sum()),
        unit=unit,
        resamples=resamples,
    )


def _difference(
    first: numpy.ndarray,
    second: numpy.ndarray,
    references: numpy.ndarray,
    resamples: int,
    seed: int,
) -> Difference:
    import numpy

    rates = resampled_rates(numpy.column_stack([first, second]), references, resamples, seed)
    differences = rates[:, 1] - rates[:, 0]
    total = int(references.sum())
    one, other = error_rate(int(first.sum()), total), error_rate(int(second.sum()), total)
    known = differences[~numpy.isnan(differences)]
    return Difference(
        first=one,
        second=other,
        difference=other - one,
        interval=interval(differences),
        improvement=float((known < 0).mean()) if known.size else float("nan"),
    )
