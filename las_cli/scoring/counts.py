"""Aligned units in, counts out: the record every error rate is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


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
    def aligned(self) -> int:
        """Columns of the alignment: units of either side, a hit or substitution once."""
        return self.hits + self.errors

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


def quotient(above: Any, below: Any) -> tuple[Any, Any]:
    """The fraction of two sums, numbers or arrays, as it is."""
    return above, below


def information_lost(hits: Any, reference: Any, hypothesis: Any) -> tuple[Any, Any]:
    """1 - hits² / (reference · hypothesis) as a fraction: word information lost.

    Morris, Maier & Green 2004, "From WER and RIL to MER and WIL". 0 where both sides
    are empty, 1 where one is, as jiwer has it. Takes numbers, or arrays of them.

    >>> information_lost(2, 3, 4), information_lost(0, 3, 0), information_lost(0, 0, 0)
    ((8, 12), (3, 3), (0, 0))
    """
    product = reference * hypothesis
    one_side = (product == 0) * (reference + hypothesis)
    return product - hits * hits + one_side, product + one_side
