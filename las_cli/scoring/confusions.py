"""Alignments in; what was taken for what, and how often, out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from las_cli.scoring.alignment import AlignedUnits


class Confusions:
    """Substitutions, deletions and insertions of letters or of words, counted by unit."""

    def __init__(self) -> None:
        self.substitutions: Counter[tuple[str, str]] = Counter()  # (reference, hypothesis)
        self.deletions: Counter[str] = Counter()
        self.insertions: Counter[str] = Counter()

    def add(self, columns: Iterable[AlignedUnits]) -> None:
        """Count the errors of one alignment."""
        for column in columns:
            if column.kind == "substitution":
                self.substitutions[column.reference, column.hypothesis] += 1
            elif column.kind == "deletion":
                self.deletions[column.reference] += 1
            elif column.kind == "insertion":
                self.insertions[column.hypothesis] += 1

    def most_common(self, count: int) -> list[tuple[str, str, int]]:
        """The most frequent errors of all kinds: reference, hypothesis ("" where one lacks), times.

        Equally frequent ones come in order of the units, so that a report does not depend on the
        order of the utterances.
        """
        return ranked(
            [
                *((ours, theirs, times) for (ours, theirs), times in self.substitutions.items()),
                *((unit, "", times) for unit, times in self.deletions.items()),
                *(("", unit, times) for unit, times in self.insertions.items()),
            ]
        )[:count]


def ranked(errors: Iterable[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    """Errors by frequency, then by their units."""
    return sorted(errors, key=lambda error: (-error[2], error[0], error[1]))
