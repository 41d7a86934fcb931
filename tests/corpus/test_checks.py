"""The rules for leaving a clip out, one by one."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from las_cli.corpus.checks import (
    REASONS,
    Limits,
    declared_verdict,
    length_verdict,
    text_verdict,
)
from las_cli.corpus.survey import TOO_MUCH
from las_cli.text.units import steps_needed


@pytest.mark.parametrize(
    ("letters", "frames"), [("", 0), ("a", 1), ("aa", 3), ("hello", 6), ("aaa", 5), ("a b", 3)]
)
def test_steps_needed(letters: str, frames: int) -> None:
    assert steps_needed(letters) == frames


@given(st.text("ab", min_size=1, max_size=5))
def test_steps_needed_is_where_ctc_begins_to_have_a_path(letters: str) -> None:
    ids = torch.tensor([["_ab".index(letter) for letter in letters]])

    def loss(frames: int) -> float:
        scores = torch.zeros(frames, 1, 3).log_softmax(2)
        lengths = torch.tensor([frames]), torch.tensor([len(letters)])
        return float(torch.nn.functional.ctc_loss(scores, ids, *lengths))

    needed = steps_needed(letters)
    assert loss(needed) < float("inf")
    assert needed == 1 or loss(needed - 1) == float("inf")


@pytest.mark.parametrize(
    ("seconds", "letters", "reason"),
    [
        (1.0, "hello", None),
        (0.29, "a", "too short"),
        (0.3, "a", None),
        (20.0, "a", None),
        (20.01, "a", "too long"),
        (0.4, "abcdefghij", None),  # ten letters, ten frames
        (0.4, "abcdefghii", "fewer frames than letters need"),
        (0.39, "abcdefghij", "fewer frames than letters need"),
        (0.8, "aaaaaaaaaa", None),  # 19 needed, 20 there
        (0.72, "aaaaaaaaaa", "fewer frames than letters need"),
    ],
)
def test_lengths(seconds: float, letters: str, reason: str | None) -> None:
    verdict = length_verdict(seconds, letters, Limits())
    assert (verdict and verdict[0]) == reason


@pytest.mark.parametrize(
    ("letters", "digits", "outside", "reason"),
    [
        ("abc", "reject", frozenset(), None),
        ("", "reject", frozenset(), "empty text"),
        ("room 5", "reject", frozenset(), "digits in the text"),
        ("room ५", "reject", frozenset(), "digits in the text"),  # Devanagari
        ("room 5", "keep", frozenset(), None),
        ("łódź", "reject", frozenset("łq"), "letters outside the alphabet"),
        ("łódź", "reject", frozenset("q"), None),
        ("łódź", "reject", None, None),
    ],
)
def test_texts(
    letters: str, digits: str, outside: frozenset[str] | None, reason: str | None
) -> None:
    verdict = text_verdict(letters, digits, outside)
    assert (verdict and verdict[0]) == reason


@pytest.mark.parametrize(
    ("declared", "seconds", "reason"),
    [
        (None, 3.0, None),
        (3.0, 3.0, None),
        (3.0, 2.9, None),
        (3.0, 1.0, "truncated"),
        (3000.0, 3.0, None),  # milliseconds
        (48000.0, 3.0, None),  # samples
        (0.05, 3.0, None),  # minutes
        (3.0, 6.0, None),
        (3.0, 2.51, None),  # half a second may be missing of a short clip
        (3.0, 2.49, "truncated"),
        (100.0, 95.1, None),  # a twentieth of a long one
        (100.0, 94.9, "truncated"),
        (100.0, 2.1, "truncated"),
        (100.0, 1.9, None),  # a fiftieth is another unit
    ],
)
def test_declared_lengths(declared: float | None, seconds: float, reason: str | None) -> None:
    verdict = declared_verdict(declared, seconds)
    assert (verdict and verdict[0]) == reason


def test_every_reason_is_explained() -> None:
    assert all(REASONS.values()) and 0 < TOO_MUCH < 1
