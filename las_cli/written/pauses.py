"""Pauses behind words in; how likely each is under each mark out.

The network reads text alone; a pause is weighed in by Bayes' rule, as if it told of the mark
independently of the words: score = log p(mark | words) + log p(pause | mark). So texts without
sound are enough to train on, and a table of a few numbers to hear pauses, from forced alignments.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from las_cli.errors import LasError
from las_cli.text.marks import MARKS

EDGES = (0.06, 0.15, 0.3, 0.5, 0.8)  # seconds that part short pauses from long ones
SMOOTHING = 5.0  # pauses added to each kind's counts, shared out as all pauses together are
# Marks that are heard alike: clips hold too few of some to tell them apart.
KINDS = (("",), (",",), (".", "?", "!"), (":", ";"))


@dataclass(frozen=True)
class PauseTable:
    """log p(pause | mark) - log p(pause), by class of mark and length of the pause."""

    edges: tuple[float, ...]  # seconds, rising
    scores: tuple[tuple[float, ...], ...]  # [1 + MARKS, edges + 1], nats

    def of(self, seconds: float) -> tuple[float, ...]:
        """What a pause adds to the score of no mark and of each of MARKS; 0 where it is NaN."""
        if math.isnan(seconds):
            return (0.0,) * len(self.scores)
        place = bisect.bisect_right(self.edges, seconds)
        return tuple(row[place] for row in self.scores)

    def to_json(self) -> dict[str, Any]:
        return {
            "edges": list(self.edges),
            "scores": [[round(score, 3) for score in row] for row in self.scores],
        }

    @classmethod
    def from_json(cls, data: Any, path: Path) -> PauseTable:
        """LasError, naming `path`, if it is no table."""
        try:
            edges = tuple(float(edge) for edge in data["edges"])
            scores = tuple(tuple(float(score) for score in row) for row in data["scores"])
        except (TypeError, KeyError, ValueError) as error:
            raise LasError(f"{path}: pauses is no table of scores ({error})") from error
        table = len(scores) == 1 + len(MARKS) and all(len(r) == len(edges) + 1 for r in scores)
        numbers = [*edges, *(score for row in scores for score in row)]
        if not table or sorted(edges) != list(edges) or not all(abs(n) < 100 for n in numbers):
            raise LasError(f"{path}: pauses is no table of scores, {1 + len(MARKS)} rows of them")
        return cls(edges, scores)


def count_pauses(
    pauses: Iterable[tuple[str, float]], edges: Sequence[float] = EDGES
) -> PauseTable:
    """The table of marks and the pauses behind them (seconds), as alignments give them."""
    kind_of = {mark: kind for kind, marks in enumerate(KINDS) for mark in marks}
    counts = [[0.0] * (len(edges) + 1) for _ in KINDS]
    for mark, seconds in pauses:
        counts[kind_of[mark]][bisect.bisect_right(edges, seconds)] += 1
    everything = [sum(row[place] for row in counts) + 1 for place in range(len(edges) + 1)]
    shares = [times / sum(everything) for times in everything]
    scores = []
    for row in counts:
        seen = sum(row) + SMOOTHING
        smooth = [(n + SMOOTHING * share) / seen for n, share in zip(row, shares, strict=True)]
        scores.append(tuple(math.log(p / q) for p, q in zip(smooth, shares, strict=True)))
    return PauseTable(tuple(edges), tuple(scores[kind_of[mark]] for mark in ("", *MARKS)))
