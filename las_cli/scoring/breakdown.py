"""Counts per utterance in, counts per group out: by label or by length of the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from las_cli.scoring.bootstrap import Interval, sum_by_group, table_intervals
from las_cli.scoring.counts import ErrorCounts
from las_cli.scoring.levels import LEVELS
from las_cli.scoring.metrics import GROUPED
from las_cli.scoring.score import counts_at

if TYPE_CHECKING:
    import numpy

# Words in the reference: first and last of each bin.
LENGTHS = ((0, 0), (1, 3), (4, 6), (7, 10), (11, 15), (16, 20), (21, 30), (31, 50), (51, None))


@dataclass(frozen=True)
class Group:
    """The utterances that share a label."""

    label: str
    utterances: int
    counts: Mapping[str, ErrorCounts]  # by the names of LEVELS
    intervals: Mapping[str, Interval]  # by the names of GROUPED


def by_label(
    table: numpy.ndarray,
    labels: Sequence[str],
    resamples: int,
    seed: int,
    draw: Sequence[str] | None = None,
) -> list[Group]:
    """Groups of a count table [N, L, 4] by `labels` [N], the most letters first.

    `draw` [N]: the label of what the bootstrap draws (a speaker); None draws utterances.
    """
    import numpy

    names, places = numpy.unique(numpy.array(labels, dtype=str), return_inverse=True)
    groups = []
    order = numpy.argsort(places, kind="stable")
    starts = numpy.cumsum(numpy.bincount(places, minlength=len(names)))[:-1]
    for name, rows in zip(names, numpy.split(order, starts), strict=True):
        drawn = None if draw is None else [draw[row] for row in rows.tolist()]
        groups.append(_group(str(name), table[rows], drawn, resamples, seed))
    return sorted(groups, key=lambda group: (-group.counts["letters"].reference, group.label))


def by_length(
    table: numpy.ndarray, resamples: int, seed: int, draw: Sequence[str] | None = None
) -> list[Group]:
    """Groups of a count table [N, L, 4] by the number of words in the reference, shortest first."""
    import numpy

    words = counts_at(table, "words").reference
    groups = []
    for first, last in LENGTHS:
        inside = (words >= first) & (words <= (words.max(initial=0) if last is None else last))
        rows = numpy.flatnonzero(inside)
        if rows.size:
            label = str(first) if first == last else f"{first}–{last}" if last else f"{first}+"
            drawn = None if draw is None else [draw[row] for row in rows.tolist()]
            groups.append(_group(label, table[rows], drawn, resamples, seed))
    return groups


def _group(
    label: str,
    table: numpy.ndarray,
    draw: Sequence[str] | None,
    resamples: int,
    seed: int,
) -> Group:
    sums = table.sum(axis=0).tolist()
    drawn = sum_by_group(table, draw)
    # One speaker drawn again and again says nothing about others.
    resamples = resamples if len(drawn) > 1 else 0
    return Group(
        label=label,
        utterances=len(table),
        counts={name: ErrorCounts(*own) for name, own in zip(LEVELS, sums, strict=True)},
        intervals=table_intervals(drawn, GROUPED.values(), resamples, seed),
    )
