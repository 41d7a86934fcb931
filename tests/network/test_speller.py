"""Both spellers against torch's own LSTM, letter by letter."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from las_cli.network.config import AttentionConfig, SpellerConfig
from las_cli.network.speller import BLANK_LOGIT, Speller, lstm_step, make_speller

UNITS = 7
LENGTHS = torch.tensor([6, 3])
LETTERS = torch.tensor([[1, 2, 3, 4, 4, 6], [1, 5, 2, 2, 6, 3]])


def made(form: str, kind: str, layers: int) -> tuple[Speller, torch.Tensor]:
    """A speller of random weights whose attention is sharp, and listener states [2, 6, 4]."""
    torch.manual_seed(4)
    attends = AttentionConfig(kind, heads=2, size=6, channels=3, kernel=2)
    speller = make_speller(SpellerConfig(form, 3, 5, layers, 0.0), attends, 4, UNITS).eval()
    with torch.no_grad():
        for parameter in speller.attention.parameters():
            parameter.mul_(3)
    return speller, torch.randn(2, 6, 4)


def expected_logits(speller: Speller, hidden: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
    logits = speller.output(torch.cat([hidden, context], dim=-1))
    logits[..., 0] += BLANK_LOGIT
    return logits


@pytest.mark.parametrize("layers", [2, 3])
@torch.no_grad()
def test_the_parallel_speller_feeds_the_context_to_the_layers_above(layers: int) -> None:
    speller, states = made("parallel", "content", layers)
    memory = speller.remember(states, LENGTHS)
    query, _ = speller.below(speller.embedding(LETTERS))  # type: ignore[operator]
    context, weights = speller.attention(query, memory, query)
    hidden, _ = speller.above(torch.cat([query, context], dim=-1))  # type: ignore[operator]
    logits, mean = speller(LETTERS, memory)
    torch.testing.assert_close(logits, expected_logits(speller, hidden, context))
    torch.testing.assert_close(mean, weights.mean(2))


@pytest.mark.parametrize("kind", ["content", "location"])
@pytest.mark.parametrize("layers", [1, 2])
@torch.no_grad()
def test_the_feeding_speller_gives_context_and_weights_on_to_the_next_letter(
    kind: str, layers: int
) -> None:
    speller, states = made("feeding", kind, layers)
    memory = speller.remember(states, LENGTHS)
    logits, mean = speller(LETTERS, memory)
    context = torch.zeros(2, 1, 6)
    weights = speller.attention.start(memory, 1)
    state = (torch.zeros(layers, 2, 5), torch.zeros(layers, 2, 5))
    for u in range(LETTERS.shape[1]):
        letters = torch.cat([speller.embedding(LETTERS[:, u : u + 1]), context], dim=-1)
        hidden, state = speller.layers(letters, state)  # type: ignore[operator]
        context, weights = speller.attention(hidden, memory, weights)
        expected = expected_logits(speller, hidden, context)
        torch.testing.assert_close(logits[:, u : u + 1], expected, atol=1e-5, rtol=0)
        torch.testing.assert_close(mean[:, u : u + 1], weights.mean(2), atol=1e-6, rtol=0)


@torch.no_grad()
def test_a_step_of_any_lstm_is_that_of_torch() -> None:
    torch.manual_seed(2)
    lstm = nn.LSTM(3, 5, num_layers=3, batch_first=True)
    inputs, hidden, cell = (torch.randn(shape) for shape in ((2, 4, 3), (2, 4, 3, 5), (2, 4, 3, 5)))
    out, (hidden_after, cell_after) = lstm_step(lstm, inputs, hidden, cell)
    for row in range(2):
        for beam in range(4):
            before = (hidden[row, beam][:, None], cell[row, beam][:, None])  # [L, 1, H]
            expected, after = lstm(inputs[row, beam][None, None], before)
            torch.testing.assert_close(out[row, beam], expected[0, 0], atol=1e-6, rtol=0)
            torch.testing.assert_close(hidden_after[row, beam], after[0][:, 0], atol=1e-6, rtol=0)
            torch.testing.assert_close(cell_after[row, beam], after[1][:, 0], atol=1e-6, rtol=0)
