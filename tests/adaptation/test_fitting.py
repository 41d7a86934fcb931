"""Whether a text belongs to its sound: by CTC, beside the texts of other clips."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from las_cli.adaptation.fitting import Fit, clip_names, gain_of, least_gain, refuse_strange
from las_cli.errors import LasError


def spoken(letters: list[int], clear: float = 0.9) -> torch.Tensor:
    """Log-probabilities [T, 6] of a head that hears `letters`, each for a step, blanks between."""
    steps = [0]
    for letter in letters:
        steps += [letter, 0]
    probabilities = torch.full((len(steps), 6), (1 - clear) / 5)
    probabilities[torch.arange(len(steps)), torch.tensor(steps)] = clear
    return probabilities.log()


@pytest.mark.parametrize("clear", [0.3, 0.5, 0.9])  # however badly the voice is heard
def test_the_own_text_is_likelier(clear: float) -> None:
    heard = spoken([2, 3, 4, 5, 2, 4], clear)
    rivals = [[5, 2, 2, 3, 3, 2], [4, 4, 3, 2, 5, 5], [3, 5, 3, 5, 3, 5]]
    assert gain_of(heard, [2, 3, 4, 5, 2, 4], rivals) > 0.15
    assert gain_of(heard, rivals[0], [[2, 3, 4, 5, 2, 4], *rivals[1:]]) < 0.15


def test_a_text_that_nearly_another_clip_has_still_belongs() -> None:
    heard = spoken([2, 3, 4, 5, 2, 4])
    near, others = [2, 3, 4, 5, 2, 3], [[5, 2, 2, 3, 3, 2], [4, 4, 3, 2, 5, 5]]
    assert gain_of(heard, [2, 3, 4, 5, 2, 4], [near, *others]) > 0.15


def test_the_gain_is_a_difference_of_nats_a_letter() -> None:
    # one step, one letter: CTC's likelihood is the letter's own probability
    heard = torch.tensor([[0.1, 0.1, 0.6, 0.2]]).log()
    assert gain_of(heard, [2], [[3]]) == pytest.approx(math.log(3), abs=1e-5)


def test_texts_that_do_not_fit_into_the_steps() -> None:
    heard = spoken([2, 3])
    assert gain_of(heard, [2, 3, 4, 5, 2, 3], [[2, 3]]) == -math.inf
    assert gain_of(heard, [2, 3], [[2, 3, 4, 5, 2, 3]]) == math.inf
    assert gain_of(heard, [], [[2]]) == -math.inf


def fits(*gains: float) -> list[Fit]:
    clips: list[Any] = [SimpleNamespace(id=f"c{n}") for n in range(len(gains))]
    return [Fit(clip, gain) for clip, gain in zip(clips, gains, strict=True)]


def test_a_few_strange_ones_are_named_the_strangest_first() -> None:
    good, strange = refuse_strange(fits(1.0, 0.1, 2.0, -1.0, 1.0))  # least: 0.3 of the median
    assert [fit.cut.id for fit in good] == ["c0", "c2", "c4"]
    assert clip_names(strange) == "c3, c1"
    assert clip_names(fits(*[0.0] * 8)) == "c0, c1, c2, c3, c4 and 3 more"


@pytest.mark.parametrize(
    ("gains", "least"),
    [((4.0, 4.0, 1.1), 1.2), ((0.4, 0.3, -1.0), 0.15), ((-1.0, -2.0, 0.1), 0.15)],
)
def test_what_is_usual_decides_how_much_a_text_must_gain(
    gains: tuple[float, ...], least: float
) -> None:
    assert least_gain(fits(*gains)) == pytest.approx(least)


def test_many_strange_ones_are_another_recording_or_language() -> None:
    with pytest.raises(LasError, match=r"2 of 4 clips do not belong.*c1, c3.*each text"):
        refuse_strange(fits(1.0, -2.0, 1.0, -1.0))
