"""The likeliest CTC path."""

from __future__ import annotations

import math

import pytest
import torch

from las_cli.decoding.ctc_search import best_path, greedy_ctc


def test_the_likeliest_path_without_blanks_and_doubles() -> None:
    """a a - a b b - -, the last two beyond the end in the second row: "aab" and "aa"."""
    path = torch.tensor([[2, 2, 0, 2, 3, 3, 0, 4], [2, 2, 0, 2, 3, 3, 0, 4]])
    log_probs = torch.nn.functional.one_hot(path, 5).float().log_softmax(-1)
    assert greedy_ctc(log_probs, torch.tensor([7, 4])) == [(2, 2, 3), (2, 2)]
    assert greedy_ctc(log_probs, torch.tensor([8, 0])) == [(2, 2, 3, 4), ()]


def test_a_path_of_blanks_is_no_surer_than_its_steps() -> None:
    log_probs = torch.full((2, 6, 5), 0.1).log()
    log_probs[:, :, 0] = torch.tensor(0.6).log()
    silent, empty = best_path(log_probs, torch.tensor([6, 0]))
    assert silent[0].units == () == empty[0].units
    assert silent[0].letter_scores[-1] == pytest.approx(math.log(0.6))
    assert empty[0].letter_scores == (0.0,)
