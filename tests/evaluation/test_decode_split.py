"""Batches of a split: of like length, within their budget."""

from __future__ import annotations

import pytest

from las_cli.evaluation.decode_split import batches_by_length, default_budget


@pytest.mark.parametrize(
    ("seconds", "beams", "count", "budget"),
    [
        (1e6, 8, 1, 160.0),
        (1e6, 8, 2, 80.0),
        (1e6, 1, 2, 320.0),
        (1e6, 100, 1, 40.0),
        (1e6, 8, 64, 40.0),
        (1800.0, 1, 2, 300.0),
        (5.0, 8, 2, 40.0),
    ],
)
def test_batches_suit_beam_and_cores(seconds: float, beams: int, count: int, budget: float) -> None:
    assert default_budget(seconds, beams, count) == budget


@pytest.mark.parametrize("budget", [0.5, 3.0, 10.0, 1e6])
def test_batches_keep_their_budget(budget: float) -> None:
    seconds = [0.5, 7.0, 1.0, 3.0, 2.9, 0.1, 12.0, 0.0]
    found = list(batches_by_length(seconds, budget))
    assert sorted(index for batch in found for index in batch) == list(range(len(seconds)))
    for batch in found:
        longest = max(seconds[index] for index in batch)
        assert len(batch) == 1 or longest * len(batch) <= budget
    assert list(batches_by_length([], budget)) == []
    assert max(len(batch) for batch in batches_by_length([1.0] * 100, 1e6, largest=7)) == 7
