"""Two systems' scores of the same utterances in, their difference and how sure it is out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from las_cli.errors import LasError
from las_cli.scoring.bootstrap import Interval, interval, resampled_rates, sum_by_group
from las_cli.scoring.counts import ErrorCounts
from las_cli.scoring.levels import LEVELS
from las_cli.scoring.metrics import METRICS, Metric
from las_cli.scoring.score import counts_at

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
    differences: Mapping[str, Difference]  # by the names of METRICS
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
    """Compare count tables [N, L, 4] of the same N utterances (Bisani & Ney 2004, section 4).

    Both systems are scored on each resample of utterances (or of `groups`, a label each), so what
    is hard for both does not blur the difference. `improvement` is the probability of improvement.
    """
    if not (first[:, :, :3].sum(axis=2) == second[:, :, :3].sum(axis=2)).all():
        raise LasError(f"{names[0]} and {names[1]} were not scored against the same references")
    gain = counts_at(first, "letters").errors - counts_at(second, "letters").errors
    tables = [sum_by_group(table, groups) for table in (first, second)]
    return Comparison(
        first=names[0],
        second=names[1],
        differences={
            name: _difference(metric, tables, resamples, seed) for name, metric in METRICS.items()
        },
        better=int((gain > 0).sum()),
        worse=int((gain < 0).sum()),
        equal=int((gain == 0).sum()),
        unit=unit,
        resamples=resamples,
    )


def _difference(
    metric: Metric, tables: Sequence[numpy.ndarray], resamples: int, seed: int
) -> Difference:
    import numpy

    rates = resampled_rates(metric, tables, resamples, seed)
    differences = rates[:, 1] - rates[:, 0]
    place = list(LEVELS).index(metric.level.name)
    one, other = (
        metric.rate(ErrorCounts(*table[:, place].sum(axis=0).tolist())) for table in tables
    )
    known = differences[~numpy.isnan(differences)]
    return Difference(
        first=one,
        second=other,
        difference=other - one,
        interval=interval(differences),
        improvement=float((known < 0).mean()) if known.size else float("nan"),
    )
