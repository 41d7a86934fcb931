"""The likeliest CTC path."""

from __future__ import annotations

import torch

from las_cli.decoding.ctc_search import greedy_ctc


def test_the_likeliest_path_without_blanks_and_doubles() -> None:
    """a a - a b b - -, the last two beyond the end in the second row: "aab" and "aa"."""
    path = torch.tensor([[2, 2, 0, 2, 3, 3, 0, 4], [2, 2, 0, 2, 3, 3, 0, 4]])
    log_probs = torch.nn.functional.one_hot(path, 5).float().log_softmax(-1)
    assert greedy_ctc(log_probs, torch.tensor([7, 4])) == [(2, 2, 3), (2, 2)]
    assert greedy_ctc(log_probs, torch.tensor([8, 0])) == [(2, 2, 3, 4), ()]
