"""What was taken for what: counted by kind, the most frequent first."""

from __future__ import annotations

from las_cli.scoring.alignment import align
from las_cli.scoring.confusions import Confusions, ranked


def test_errors_are_counted_by_kind() -> None:
    counted = Confusions()
    counted.add(align("the cat sat".split(), "the cat sad".split()))
    counted.add(align("the cat sat on it".split(), "cat sad on it".split()))
    counted.add(align("the cat".split(), "the cat on".split()))
    assert counted.substitutions == {("sat", "sad"): 2}
    assert counted.deletions == {"the": 1}
    assert counted.insertions == {"on": 1}


def test_the_most_frequent_come_first_and_equal_ones_by_their_units() -> None:
    counted = Confusions()
    for reference, hypothesis, times in (
        ("b", "c", 2), ("a", "b", 2), ("x", "y", 5), ("d", "", 3), ("", "e", 1), ("a", "c", 2),
    ):  # fmt: skip
        for _ in range(times):
            counted.add(align([reference] * bool(reference), [hypothesis] * bool(hypothesis)))
    expected = [
        ("x", "y", 5), ("d", "", 3), ("a", "b", 2), ("a", "c", 2), ("b", "c", 2), ("", "e", 1),
    ]  # fmt: skip
    assert counted.most_common(99) == expected
    assert counted.most_common(2) == expected[:2]
    assert ranked(reversed(expected)) == expected
