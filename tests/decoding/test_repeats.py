"""The repeat guard: speech may repeat itself, a loop may not."""

from __future__ import annotations

import pytest
import torch

from las_cli.decoding.repeats import RepeatGuard, is_looped


def ids(text: str) -> list[int]:
    return [2 + " ,abcdefghijklmnopqrstuvwxyz".index(letter) for letter in text]


@pytest.mark.parametrize(
    ("text", "looped"),
    [
        ("", False),
        ("a", False),
        ("www", False),
        ("hahahaha", False),
        ("no no no no no", False),
        ("bookkeeper", False),
        ("the cat and the dog and the bird", False),
        ("a" * 9, True),
        ("no " * 6, True),
        ("the " * 5 + "end", True),
        ("so it is said again " * 5, True),
        ("it was " + "and the " * 5, True),
    ],
)
def test_what_counts_as_a_loop(text: str, looped: bool) -> None:
    assert is_looped(ids(text)) is looped


@pytest.mark.parametrize("pattern", ["a", "ab", "the ", "and so on, and again"])
def test_the_guard_stops_what_is_looped(pattern: str) -> None:
    """It forbids the next letter of the loop, and nothing else, once the loop is one."""
    guard = RepeatGuard(40, torch.device("cpu"))
    state = guard.start(1)
    written: list[int] = []
    first = torch.zeros(1, dtype=torch.int64)
    for letter in ids(pattern * 12):
        forbidden = guard.forbidden(state)[0].nonzero()[:, 0].tolist()
        assert set(forbidden) <= {0, letter}
        assert (letter in forbidden) == is_looped(written)
        if letter in forbidden:
            return
        written.append(letter)
        state = guard.advance(state, first, torch.tensor([letter]))
    raise AssertionError("never stopped")
