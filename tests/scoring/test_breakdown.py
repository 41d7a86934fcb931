"""Groups of utterances: by label and by length, with counts, order and intervals."""

from __future__ import annotations

import math

import pytest

from las_cli.scoring import ErrorCounts, score_pairs
from las_cli.scoring.breakdown import by_label, by_length


@pytest.mark.parametrize(
    ("words", "label"),
    [
        (0, "0"), (1, "1–3"), (3, "1–3"), (4, "4–6"), (6, "4–6"), (7, "7–10"), (10, "7–10"),
        (11, "11–15"), (15, "11–15"), (16, "16–20"), (20, "16–20"), (21, "21–30"), (30, "21–30"),
        (31, "31–50"), (50, "31–50"), (51, "51+"), (400, "51+"),
    ],
)  # fmt: skip
def test_bins_of_words_in_the_reference(words: int, label: str) -> None:
    table = score_pairs(["a " * words], ["a"]).table.numpy()
    assert [group.label for group in by_length(table, 10, 1)] == [label]


def test_short_ones_come_first_and_empty_bins_are_left_out() -> None:
    table = score_pairs(["a " * 60, "a b", "", "a"], ["b " * 60, "a", "x", "a"]).table.numpy()
    groups = by_length(table, 10, 1)
    assert [(group.label, group.utterances) for group in groups] == [
        ("0", 1), ("1–3", 2), ("51+", 1),
    ]  # fmt: skip
    assert groups[1].counts["words"] == ErrorCounts(hits=2, deletions=1)
    assert groups[1].counts["sentences"] == ErrorCounts(hits=1, substitutions=1)
    assert groups[2].counts["words"] == ErrorCounts(substitutions=60)


def test_the_label_with_most_letters_comes_first() -> None:
    table = score_pairs(["ab", "abcdef", "abc", "abc"], ["ab", "abcdex", "abc", "xbc"])
    groups = by_label(table.table.numpy(), ["z", "b", "z", "a"], 50, 1)
    assert [group.label for group in groups] == ["b", "z", "a"]
    assert [group.counts["letters"] for group in groups] == [
        ErrorCounts(hits=5, substitutions=1),
        ErrorCounts(hits=5),
        ErrorCounts(hits=2, substitutions=1),
    ]


def test_of_equal_groups_the_first_letter_of_the_alphabet() -> None:
    table = score_pairs(["ab", "ab"], ["ab", "ab"]).table.numpy()
    assert [group.label for group in by_label(table, ["y", "x"], 0, 1)] == ["x", "y"]


def test_one_speaker_says_nothing_about_others() -> None:
    """A group of one drawn unit has no interval; the same utterances of two speakers have one."""
    table = score_pairs(["abcd"] * 6, ["abcd", "xbcd", "xxcd", "abcd", "xxxx", "abcx"])
    (alone,) = by_label(table.table.numpy(), ["us"] * 6, 200, 1, ["ann"] * 6)
    assert math.isnan(alone.intervals["LER"].low) and math.isnan(alone.intervals["WER"].high)
    (both,) = by_label(table.table.numpy(), ["us"] * 6, 200, 1, ["ann"] * 3 + ["bob"] * 3)
    # Ann has 3 errors in 12 letters, Bob 5; drawn twice either may come alone.
    assert (both.intervals["LER"].low, both.intervals["LER"].high) == (3 / 12, 5 / 12)
