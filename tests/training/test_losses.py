"""The losses of hand-made posteriors, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from las_cli.network.las import Output
from las_cli.training.losses import alignment_health, losses

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


def test_losses_add_up_over_utterances_whatever_their_padding() -> None:
    torch.manual_seed(1)
    logits, ctc = torch.randn(2, 6, 5), torch.randn(2, 9, 5).log_softmax(-1)
    letters = torch.tensor([[1, 2, 3, 4, 2, 3], [1, 4, 4, 1, 1, 1]])
    lengths, steps = torch.tensor([5, 2]), torch.tensor([9, 7])
    both = losses(Output(logits, logits, ctc, steps), letters, lengths, 0.1)
    parts = [
        losses(
            Output(
                logits[i : i + 1, : n + 1], logits[:1], ctc[i : i + 1, : steps[i]], steps[i : i + 1]
            ),
            letters[i : i + 1, : n + 1], lengths[i : i + 1], 0.1,
        )
        for i, n in enumerate(lengths.tolist())
    ]  # fmt: skip
    for name in ("attention", "ctc", "letters", "correct"):
        total = sum(float(getattr(part, name)) for part in parts)
        assert float(getattr(both, name)) == pytest.approx(total, rel=1e-5), name
    assert int(both.letters) == 6 + 3
    first = functional.cross_entropy(logits[0], torch.tensor([2, 3, 4, 2, 3, 1]), reduction="sum")
    plain = losses(Output(logits[:1], logits, None, steps), letters[:1], lengths[:1])
    assert float(plain.attention) == pytest.approx(float(first), rel=1e-5)
    assert float(plain.ctc) == 0


def test_a_text_with_more_letters_than_steps_has_no_infinite_loss() -> None:
    ctc = torch.randn(1, 3, 5).log_softmax(-1)
    letters = torch.tensor([[1, 2, 2, 2, 2]])
    result = losses(
        Output(torch.randn(1, 5, 5), ctc, ctc, torch.tensor([3])), letters, torch.tensor([4])
    )
    assert float(result.ctc) == 0 and math.isfinite(float(result.attention))


def test_guidance_leads_attention_to_where_ctc_hears_the_letters() -> None:
    from las_cli.training.losses import guidance, letter_places

    # CTC hears a (id 2) at step 3, b (3) at 9, b again at 15, of 20 steps.
    ctc = torch.full((2, 20, 4), -9.0)
    ctc[:, :, 0] = 0.0
    for step, letter in ((3, 2), (9, 3), (15, 3)):
        ctc[:, step, 0], ctc[:, step, letter] = -9.0, 0.0
    ctc = ctc.log_softmax(-1)
    letters = torch.tensor([[1, 2, 3, 3], [1, 2, 1, 1]])
    lengths, steps = torch.tensor([3, 1]), torch.tensor([20, 8])
    places = letter_places(ctc, steps, letters, lengths)
    assert places.tolist() == [[3, 9, 15, 19], [3, 7, -1, -1]]
    right = torch.zeros(2, 4, 20)
    for row, column, step in ((0, 0, 3), (0, 1, 9), (0, 2, 15), (0, 3, 19), (1, 0, 3), (1, 1, 7)):
        right[row, column, step] = 1
    assert float(guidance(Output(ctc, right, ctc, steps), letters, lengths)) == pytest.approx(0)
    even = torch.full((2, 4, 20), 0.05).requires_grad_()
    loss = guidance(Output(ctc, even, ctc, steps), letters, lengths)
    # Steps within 4 of each place: 0 … 7, 5 … 13, 11 … 19, 15 … 19; 0 … 7, 3 … 11.
    expected = -sum(math.log(0.05 * near) for near in (8, 9, 9, 5, 8, 9))
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)
    loss.backward()
    assert even.grad is not None and even.grad[0, 0, 3] < 0 and even.grad[0, 0, 15] == 0


def test_alignment_health_tells_a_diagonal_from_a_blur() -> None:
    size = torch.tensor([20])
    sharp = alignment_health(torch.eye(20)[None], size, size)
    assert sharp == pytest.approx((1.0, 1.0), abs=1e-3)
    backwards = alignment_health(torch.eye(20).flip(0)[None], size, size)
    assert backwards == pytest.approx((0.0, 1.0), abs=1e-3)
    blur = alignment_health(torch.full((1, 20, 20), 0.05), size, size)
    assert blur == pytest.approx((0.0, 0.0), abs=1e-3)
    assert alignment_health(torch.eye(2)[None], torch.tensor([2]), torch.tensor([2])) == (0, 0)
