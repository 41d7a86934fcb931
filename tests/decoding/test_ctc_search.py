"""Greedy search over written-down scores, and the likeliest CTC path."""

from __future__ import annotations

import pytest
import torch

from las_cli.decoding.beam_search import beam_search
from las_cli.decoding.ctc_search import greedy_ctc, greedy_search
from las_cli.decoding.options import DecodingOptions

from .scripted import Script, Scripted, path, random_script, text_of


def searched(script: Script, bonus: float = 0.0, cap: int = 9) -> str:
    options = DecodingOptions(search="greedy", length_bonus=bonus)
    (found,) = greedy_search(Scripted(script), torch.tensor([cap]), options)
    return text_of(found[0].units)


@pytest.mark.parametrize("ends_freely", [True, False])
def test_it_is_a_beam_of_one(ends_freely: bool) -> None:
    scripts = [random_script(seed) for seed in range(20)]
    caps = torch.tensor([1 + seed % 6 for seed in range(20)])
    greedy = greedy_search(
        Scripted(*scripts, ends_freely=ends_freely), caps, DecodingOptions(search="greedy")
    )
    beam = beam_search(Scripted(*scripts, ends_freely=ends_freely), caps, DecodingOptions(beam=1))
    for one, other in zip(greedy, beam, strict=True):
        assert one[0].units == other[0].units and one[0].cut_off == other[0].cut_off
        assert one[0].total == pytest.approx(other[0].total, abs=1e-5)
        assert one[0].letter_scores == pytest.approx(other[0].letter_scores, abs=1e-5)


@pytest.mark.parametrize(("below", "text"), [(9.5, "aaaaaaaa"), (10.5, "")])
def test_what_is_ten_nats_below_the_best_is_not_waited_for(below: float, text: str) -> None:
    script = path(-1.0 - below, 0, 0, 0, 4.0, 4.0, 4.0, 4.0, ends={0: -1.0, 8: 0.0})
    assert searched(script, bonus=4.0) == text


@pytest.mark.parametrize(
    ("bonus", "below", "text"),
    [(0.5, 2.4, "aaaaaaa"), (0.5, 2.6, ""), (0.0, 0.1, ""), (-0.5, 0.1, "")],
)
def test_five_letters_of_bonus_may_still_be_made_up_for(
    bonus: float, below: float, text: str
) -> None:
    script = path(-1.0 - below, *[0.5] * 6, ends={0: -1.0, 7: 0.0})
    assert searched(script, bonus=bonus) == text


def test_the_likeliest_path_without_blanks_and_doubles() -> None:
    """a a - a b b - -, the last two beyond the end in the second row: "aab" and "aa"."""
    path = torch.tensor([[2, 2, 0, 2, 3, 3, 0, 4], [2, 2, 0, 2, 3, 3, 0, 4]])
    log_probs = torch.nn.functional.one_hot(path, 5).float().log_softmax(-1)
    assert greedy_ctc(log_probs, torch.tensor([7, 4])) == [(2, 2, 3), (2, 2)]
    assert greedy_ctc(log_probs, torch.tensor([8, 0])) == [(2, 2, 3, 4), ()]
