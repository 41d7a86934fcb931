"""Both attentions against a second way to compute them, step by step."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from las_cli.network.attention import ContentAttention, LocationAttention, make_attention
from las_cli.network.config import AttentionConfig

LENGTHS = torch.tensor([6, 2, 5])


def sizes(kind: str) -> AttentionConfig:
    return AttentionConfig(kind, heads=2, size=6, channels=3, kernel=2)


def inputs(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """States [3, 6, 4], queries [3, 2, 5], and weights of the letter before [3, 2, 2, 6]."""
    generator = torch.Generator().manual_seed(seed)
    states = torch.randn(3, 6, 4, generator=generator)
    before = torch.randn(3, 2, 2, 6, generator=generator).mul(2)
    mask = torch.arange(6) < LENGTHS[:, None]
    before = before.masked_fill(~mask[:, None, None], -math.inf).softmax(-1)
    return states, torch.randn(3, 2, 5, generator=generator), before


@torch.no_grad()
def test_content_attention_is_scaled_dot_products() -> None:
    torch.manual_seed(1)
    attention = ContentAttention(sizes("content"), states=4, query=5)
    states, query, before = inputs()
    context, weights = attention(query, attention.remember(states, LENGTHS), before)
    keys, values, queries = (
        projected.unflatten(2, (2, 3)).transpose(1, 2)
        for projected in (attention.key(states), attention.value(states), attention.query(query))
    )
    mask = (torch.arange(6) < LENGTHS[:, None])[:, None, None]
    expected = functional.scaled_dot_product_attention(queries, keys, values, mask)
    torch.testing.assert_close(context, expected.transpose(1, 2).flatten(2), atol=1e-6, rtol=0)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 2, 2))
    assert not weights.masked_select(~mask).any()


@torch.no_grad()
def test_location_attention_adds_what_it_sees_of_the_weights_before() -> None:
    torch.manual_seed(1)
    attention = LocationAttention(sizes("location"), states=4, query=5)
    states, query, before = inputs()
    context, weights = attention(query, attention.remember(states, LENGTHS), before)
    keys, values, queries = attention.key(states), attention.value(states), attention.query(query)
    for row, hypothesis, head in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (2, 1, 0)):
        own = slice(3 * head, 3 * head + 3)
        energies = []
        for step in range(int(LENGTHS[row])):
            place = torch.zeros(3)
            for channel in range(3):
                filtered = 0.0
                for offset in range(-2, 3):
                    if 0 <= step + offset < 6:
                        weight = attention.filters.weight[3 * head + channel, 0, 2 + offset]
                        filtered += weight * before[row, hypothesis, head, step + offset]
                place += filtered * attention.place[head, channel]
            fit = torch.tanh(keys[row, step, own] + queries[row, hypothesis, own] + place)
            energies.append(fit @ attention.score[head])
        expected = torch.stack(energies).softmax(0)
        found = weights[row, hypothesis, head]
        torch.testing.assert_close(found[: len(expected)], expected, atol=1e-6, rtol=0)
        torch.testing.assert_close(
            context[row, hypothesis, own], expected @ values[row, : len(expected), own],
            atol=1e-6, rtol=0,
        )  # fmt: skip


def test_before_the_first_letter_it_looks_everywhere_alike() -> None:
    attention = make_attention(sizes("location"), states=4, query=5)
    memory = attention.remember(torch.zeros(3, 6, 4), LENGTHS)
    start = attention.start(memory, 4)
    assert start.shape == (3, 4, 2, 6)
    assert start[1, 3, 1].tolist() == [0.5, 0.5, 0, 0, 0, 0]
    assert start[2, 0, 0].tolist() == pytest.approx([0.2] * 5 + [0.0])


def test_the_config_names_the_kind() -> None:
    assert isinstance(make_attention(sizes("content"), 4, 5), ContentAttention)
    assert isinstance(make_attention(sizes("location"), 4, 5), LocationAttention)
