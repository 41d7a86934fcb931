"""The losses of hand-made posteriors, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from las_cli.network.las import Output
from las_cli.training.losses import losses

# p of blank, end of sentence, a, b
POSTERIORS = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.1, 0.6, 0.2, 0.1]])
LETTERS, LENGTH = torch.tensor([[1, 2]]), torch.tensor([1])  # "a"


def output(ctc: torch.Tensor | None = None) -> Output:
    logits = POSTERIORS.log()[None] + 3.0  # a constant means nothing
    return Output(logits, logits, ctc, torch.tensor([2]))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_smoothing_is_spread_over_all_that_can_be_written(smoothing: float) -> None:
    """The blank gets none, as the speller cannot write it."""
    right = math.log(0.3) + math.log(0.6)  # "a", then the end
    spread = sum(map(math.log, (0.2, 0.3, 0.4, 0.6, 0.2, 0.1))) / 3
    found = losses(output(), LETTERS, LENGTH, smoothing)
    expected = -(1 - smoothing) * right - smoothing * spread
    assert float(found.attention) == pytest.approx(expected, rel=1e-5)
    assert (int(found.letters), int(found.correct)) == (2, 1)  # b was likelier than a
    assert float(found.ctc) == 0.0


def test_ctc_sums_over_all_alignments() -> None:
    """Two steps of "a": a a, a –, – a."""
    found = losses(output(POSTERIORS.log()[None]), LETTERS, LENGTH)
    expected = -math.log(0.3 * 0.2 + 0.3 * 0.1 + 0.1 * 0.2)
    assert float(found.ctc) == pytest.approx(expected, rel=1e-5)
