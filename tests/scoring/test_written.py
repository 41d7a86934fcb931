"""Marks and capitals, counted in sentences whose counts are plain to see."""

from __future__ import annotations

import math

import pytest

from las_cli.scoring.written import MarkCounts, WrittenCounts, written_counts


@pytest.mark.parametrize(
    ("reference", "hypothesis", "mark", "counts"),
    [
        ("Yes, he is.", "yes he is.", ".", (1, 1, 1)),
        ("Yes, he is.", "yes he is.", ",", (0, 1, 0)),
        ("Is he? Yes.", "is he. Yes?", "?", (0, 1, 1)),
        ("He is in Rome.", "he is in room.", ".", (1, 1, 1)),  # another word, the same place
        ("He is home.", "he is home so.", ".", (1, 1, 1)),  # words that are too many
        ("He is at home.", "he is.", ".", (1, 1, 1)),  # or that lack do not move a mark
        ("He is. She was.", "he is she. was.", ".", (1, 2, 2)),
        ("Yes. No.", "", ".", (0, 2, 0)),
        ("", "yes.", ".", (0, 0, 1)),
        ("A. b. c", "x y a. b. c", ".", (2, 2, 2)),
        ("So. on", "so so. so. on", ".", (1, 1, 2)),
    ],
)
def test_marks(reference: str, hypothesis: str, mark: str, counts: tuple[int, int, int]) -> None:
    assert written_counts(reference, hypothesis).marks[mark] == MarkCounts(*counts)


def test_rates() -> None:
    counts = MarkCounts(hits=3, reference=4, hypothesis=6)
    assert (counts.precision, counts.recall, counts.f1) == (0.5, 0.75, 0.6)
    none = MarkCounts()
    assert all(map(math.isnan, (none.precision, none.recall, none.f1)))
    assert MarkCounts(0, 2, 0).f1 == 0.0


def test_cases_are_of_words_that_both_sides_have() -> None:
    counts = written_counts("Ann saw McRae on the BBC.", "ann saw Mcrae on a BBC news")
    assert (counts.cases, counts.cases_right) == (5, 3)  # saw, on, BBC
    assert (counts.large, counts.large_right) == (3, 1)
    assert counts.case_accuracy == 0.6 and counts.large_accuracy == pytest.approx(1 / 3)
    assert math.isnan(written_counts("", "").case_accuracy)


def test_counts_are_added() -> None:
    total = written_counts("Yes, no.", "yes, no") + written_counts("Why?", "Why?")
    assert total.marks[","] == MarkCounts(1, 1, 1) and total.marks["?"] == MarkCounts(1, 1, 1)
    assert total.all_marks == MarkCounts(2, 3, 2)
    assert (total.cases, total.cases_right, total.large) == (3, 2, 2)
    assert WrittenCounts() + total == total


def test_marks_of_other_scripts_are_the_same() -> None:
    assert written_counts("أين أنت؟", "أين أنت?").marks["?"].f1 == 1.0
