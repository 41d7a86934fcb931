"""Aligned units in, counts out: the record every error rate is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorCounts:
    """Counts of one alignment, or of many added up. Rates come from counts, never from rates.

    >>> ErrorCounts(hits=3, substitutions=1) + ErrorCounts(deletions=1, insertions=2)
    ErrorCounts(hits=3, substitutions=1, deletions=1, insertions=2)
    >>> sum([ErrorCounts(hits=1), ErrorCounts(deletions=1)], ErrorCounts()).rate
    0.5
    """

    hits: int = 0  # units of the reference that the hypothesis has
    substitutions: int = 0
    deletions: int = 0  # units of the reference that the hypothesis lacks
    insertions: int = 0  # units of the hypothesis that the reference lacks

    def __add__(self, other: ErrorCounts) -> ErrorCounts:
        return ErrorCounts(
            self.hits + other.hits,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def reference(self) -> int:
        """Units in the reference."""
        return self.hits + self.substitutions + self.deletions

    @property
    def hypothesis(self) -> int:
        """Units in the hypothesis."""
        return self.hits + self.substitutions + self.insertions

    @property
    def rate(self) -> float:
        """Errors divided by reference units; see `error_rate` for an empty reference."""
        return error_rate(self.errors, self.reference)


def error_rate(errors: int, reference: int) -> float:
    """`errors / reference`; with nothing in the reference 0 without errors, else infinity.

    It may exceed 1: insertions count as errors but not as reference units.
    """
    if reference:
        return errors / reference
    return math.inf if errors else 0.0
