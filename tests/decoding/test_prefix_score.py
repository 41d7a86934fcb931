"""The CTC prefix score against every path written out."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from las_cli.decoding.prefix_score import CTCPrefixScorer
from las_cli.padding import Places


def collapse(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(letter for letter, _ in itertools.groupby(path) if letter)


def brute_force(probs: torch.Tensor, prefix: tuple[int, ...]) -> tuple[float, float]:
    """log p(begins with prefix), log p(is prefix) over all paths; probs [T, V]."""
    begins = equal = 0.0
    for path in itertools.product(range(probs.shape[1]), repeat=len(probs)):
        chance = math.prod(float(probs[t, letter]) for t, letter in enumerate(path))
        spelled = collapse(path)
        if spelled[: len(prefix)] == prefix:
            begins += chance
        if spelled == prefix:
            equal += chance
    return (math.log(begins) if begins else -math.inf, math.log(equal) if equal else -math.inf)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("prefix", [(), (2,), (2, 2), (2, 3), (3, 3, 2), (2, 3, 2, 3), (2, 2, 2)])
def test_equals_brute_force(prefix: tuple[int, ...], seed: int) -> None:
    torch.manual_seed(seed)
    steps = torch.tensor([4, 5, 1])
    probs = torch.softmax(2 * torch.randn(3, 5, 4), dim=-1)  # letters 1 (EOS), 2, 3
    scorer = CTCPrefixScorer(probs.log(), steps)
    state, places = scorer.start(), Places.single(3, torch.device("cpu"))
    parents = torch.tensor([0, 0, 1, 1, 2, 2])
    for letter in prefix:
        # A second hypothesis of each utterance goes another way and must not matter.
        places = Places.of(torch.ones(3, 2, dtype=torch.bool))
        letters = torch.tensor([letter, 5 - letter] * 3)
        state = scorer.advance(state, parents, letters, places.owner)
        parents = torch.arange(6)
    scores, beams = scorer.score(state, places), places.width
    for row in range(3):
        own = probs[row, : steps[row]]
        _, whole = brute_force(own, prefix)
        assert float(state.ended[row * beams]) == pytest.approx(whole, abs=1e-4)
        for letter in (2, 3):
            begins, _ = brute_force(own, (*prefix, letter))
            if math.isinf(begins):
                assert float(scores[row * beams, letter]) < -50
            else:
                assert float(scores[row * beams, letter]) == pytest.approx(begins, abs=1e-4)


def test_parents_and_rows_are_followed() -> None:
    torch.manual_seed(0)
    log_probs = torch.log_softmax(torch.randn(2, 6, 5), dim=-1)
    scorer = CTCPrefixScorer(log_probs, torch.tensor([6, 4]))
    # Two hypotheses of the first utterance, three of the second.
    places = Places.of(torch.tensor([[True, True, False], [True, True, True]]))
    state = scorer.advance(
        scorer.start(), torch.tensor([0, 0, 1, 1, 1]), torch.tensor([2, 3, 4, 2, 3]), places.owner
    )
    letters, straight, swapped = torch.tensor([3, 3, 2, 2, 2]), torch.arange(5), [1, 0, 4, 3, 2]
    ahead = scorer.advance(state, straight, letters, places.owner)
    scores = scorer.score(ahead, places)
    around = scorer.advance(state, torch.tensor(swapped), letters, places.owner)
    torch.testing.assert_close(scorer.score(around, places), scores[swapped])
    second = scorer.take(torch.tensor([1]))
    own = type(ahead)(*(tensor[2:] for tensor in ahead))
    left = Places.of(torch.ones(1, 3, dtype=torch.bool))
    torch.testing.assert_close(second.score(own, left), scores[2:])


def test_a_minute_of_sound_stays_exact() -> None:
    """1,500 steps with sure posteriors: sums of logs reach thousands, letters must survive."""
    torch.manual_seed(0)
    log_probs = torch.log_softmax(6 * torch.randn(1, 1500, 12), dim=-1)
    scorer = CTCPrefixScorer(log_probs, torch.tensor([1500]))
    state = scorer.start()
    # The recursion of Graves et al. (2006), step by step in float64, for the same letters.
    letters = log_probs[0].argmax(-1)
    spelled = [int(x) for x, _ in itertools.groupby(letters.tolist()) if x > 1][:12]
    none = torch.zeros(1, dtype=torch.int64)
    for letter in spelled:
        state = scorer.advance(state, none, torch.tensor([letter]), none)
    loss = torch.nn.functional.ctc_loss(
        log_probs.double().transpose(0, 1),
        torch.tensor([spelled]),
        torch.tensor([1500]),
        torch.tensor([len(spelled)]),
        reduction="sum",
    )
    assert float(state.ended[0]) == pytest.approx(-float(loss), abs=1e-3)


def test_more_letters_than_steps_are_hopeless() -> None:
    scorer = CTCPrefixScorer(torch.full((1, 2, 4), 0.25).log(), torch.tensor([2]))
    state = scorer.start()
    none = torch.zeros(1, dtype=torch.int64)
    for letter in (2, 3, 2):
        state = scorer.advance(state, none, torch.tensor([letter]), none)
    assert float(state.ended[0]) == -math.inf
    assert not scorer.score(state, Places.single(1, torch.device("cpu"))).isnan().any()
