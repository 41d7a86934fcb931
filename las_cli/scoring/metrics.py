"""The error rates that reports are made of, as data: what is added up, and what is divided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from las_cli.scoring.counts import ErrorCounts, error_rate, information_lost, quotient
from las_cli.scoring.levels import LEVELS, PARTS, Level


@dataclass(frozen=True, slots=True)
class Metric:
    """A rate of one level, made of counts that add up. A new one is one more in `METRICS`."""

    name: str  # for people and, in lower case, in CSV
    level: Level  # whose counts it is made of
    key: str  # in JSON; an error rate stands with the counts of its level, under the level's name
    parts: tuple[str, ...] = ("errors", "reference")  # what of ErrorCounts is added up
    # Sums of the parts, numbers or arrays of them → numerator and denominator.
    fraction: Callable[..., tuple[Any, Any]] = quotient
    grouped: bool = False  # stands in tables by group and by utterance as well
    about: str = ""  # explained below the tables, unless everybody knows it

    @property
    def counted(self) -> bool:
        """Whether the counts of the level stand beside it."""
        return self.key == self.level.name

    @property
    def title(self) -> str:
        """Its name and its level's, at the left of tables."""
        return f"{self.level.name} ({self.name})"

    def rate(self, counts: ErrorCounts) -> float:
        """The rate of these counts; what is divided by nothing is 0, or infinite with errors."""
        return error_rate(*self.fraction(*(getattr(counts, part) for part in self.parts)))


_MORRIS = "(Morris et al. 2004)"

METRICS = {
    metric.name: metric
    for metric in (
        Metric("LER", LEVELS["letters"], "letters", grouped=True),
        Metric("WER", LEVELS["words"], "words", grouped=True),
        Metric("SER", LEVELS["sentences"], "sentences"),
        # 0 where both sides are empty, 1 where one is: never more, unlike the WER.
        Metric(
            "MER", LEVELS["words"], "match_error_rate", ("errors", "aligned"),
            about=f"match error rate, errors in all aligned words {_MORRIS}",
        ),
        Metric(
            "WIL", LEVELS["words"], "word_information_lost", ("hits", "reference", "hypothesis"),
            information_lost, about=f"word information lost {_MORRIS}",
        ),
    )
}  # fmt: skip
GROUPED = {name: metric for name, metric in METRICS.items() if metric.grouped}
# Those that tell more of an utterance than whether it is right.
OF_PARTS = {name: metric for name, metric in METRICS.items() if metric.level.name in PARTS}
