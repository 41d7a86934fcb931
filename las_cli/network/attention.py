"""A query and the listener's states in, a context and the attention weights out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from las_cli.network.config import AttentionConfig
from las_cli.padding import Places, length_mask


class Memory(NamedTuple):
    """What the attention keeps of an utterance; shared by all its hypotheses."""

    keys: Tensor  # [B, N, T, A/N], N heads
    values: Tensor  # [B, N, T, A/N]
    mask: Tensor  # True where a step belongs to the utterance, [B, T]


class Attention(nn.Module):
    """Attention over the listener's states, masked on their length."""

    def __init__(self, config: AttentionConfig, states: int, query: int) -> None:
        super().__init__()
        self.config = config
        self.size = config.size  # of the context
        self.key = nn.Linear(states, config.size)
        self.value = nn.Linear(states, config.size)
        self.query = nn.Linear(query, config.size, bias=False)

    def remember(self, states: Tensor, lengths: Tensor) -> Memory:
        """Keys and values, once an utterance. states [B, T, E], lengths [B]."""
        return Memory(
            self._heads(self.key(states)),
            self._heads(self.value(states)),
            length_mask(lengths, states.shape[1]),
        )

    def start(self, memory: Memory, queries: int) -> Tensor:
        """Weights before the first letter: even over the utterance, [B, K, N, T]."""
        even = memory.mask.float() / memory.mask.sum(1, keepdim=True).clamp(min=1)
        return even[:, None, None].expand(-1, queries, self.config.heads, -1).contiguous()

    def forward(self, query: Tensor, memory: Memory, previous: Tensor) -> tuple[Tensor, Tensor]:
        """query [B, K, Q], previous weights [B, K, N, T] → context [B, K, A], weights [B, K, N, T].

        K counts whatever shares an utterance: hypotheses of a beam or letters of a text.
        """
        energy = self.energy(query, memory, previous).float()  # [B, N, K, T]
        energy = energy.masked_fill(~memory.mask[:, None, None], float("-inf"))
        weights = torch.softmax(energy, dim=-1)
        context = weights.to(memory.values.dtype) @ memory.values  # [B, N, K, A/N]
        return context.transpose(1, 2).flatten(2), weights.transpose(1, 2)

    def of_rows(
        self, query: Tensor, memory: Memory, previous: Tensor, places: Places
    ) -> tuple[Tensor, Tensor]:
        """`forward` of a flat batch of R hypotheses: query [R, 1, Q], previous [R, 1, N, T]."""
        queries = places.pad(query[:, 0])
        # Attention by content is handed its queries for want of weights before.
        before = queries if previous is query else places.pad(previous[:, 0])
        context, weights = self(queries, memory, before)
        return places.flat(context)[:, None], places.flat(weights)[:, None]

    def energy(self, query: Tensor, memory: Memory, previous: Tensor) -> Tensor:
        """How well each step fits each query, [B, N, K, T]."""
        raise NotImplementedError

    def _heads(self, states: Tensor) -> Tensor:
        """[B, T, A] → [B, N, T, A/N]."""
        return states.unflatten(2, (self.config.heads, -1)).transpose(1, 2)


class ContentAttention(Attention):
    """Scaled dot products (Vaswani et al. 2017, §3.2); does not look at `previous`."""

    def energy(self, query: Tensor, memory: Memory, previous: Tensor) -> Tensor:
        queries = self._heads(self.query(query)).to(memory.keys.dtype)  # [B, N, K, A/N]
        return (queries * queries.shape[-1] ** -0.5) @ memory.keys.transpose(2, 3)


class LocationAttention(Attention):
    """Additive attention that sees where it looked before (Chorowski et al. 2015, §2.2)."""

    def __init__(self, config: AttentionConfig, states: int, query: int) -> None:
        super().__init__(config, states, query)
        heads, size = config.heads, config.size // config.heads
        self.filters = nn.Conv1d(
            heads, heads * config.channels, 2 * config.kernel + 1,
            padding=config.kernel, groups=heads, bias=False,
        )  # fmt: skip
        self.place = nn.Parameter(torch.randn(heads, config.channels, size) * 0.1)
        self.score = nn.Parameter(torch.randn(heads, size) * size**-0.5)

    def energy(self, query: Tensor, memory: Memory, previous: Tensor) -> Tensor:
        batch, hypotheses, heads, steps = previous.shape
        found = self.filters(previous.flatten(0, 1))  # [B·K, N·C, T]
        found = found.view(batch, hypotheses, heads, -1, steps)
        place = torch.einsum("bknct,nca->bnkta", found, self.place.to(found.dtype))
        queries = self._heads(self.query(query))[:, :, :, None]  # [B, N, K, 1, A/N]
        fit = torch.tanh(memory.keys[:, :, None] + queries + place)  # [B, N, K, T, A/N]
        return torch.einsum("bnkta,na->bnkt", fit, self.score.to(fit.dtype))


def make_attention(config: AttentionConfig, states: int, query: int) -> Attention:
    """The attention that `config.kind` names."""
    kind = ContentAttention if config.kind == "content" else LocationAttention
    return kind(config, states, query)
