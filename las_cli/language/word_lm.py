"""A beginning of a word and the words before it in, probabilities of its next letter out."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from las_cli.language.ngram_tables import Ints
from las_cli.language.word_ngrams import Order, WordNgrams
from las_cli.text.units import BLANK, EOS

NOWHERE = -1  # a context that the text does not hold
MOST_TREE = 2**30  # bytes; a syllabary of thousands gets fewer words than an alphabet of thirty
NO_FLOAT64 = ("mps",)  # devices that the tables cannot be on


class WordState(NamedTuple):
    """Where hypotheses stand; each tensor [B, K, …]."""

    node: Tensor  # beginning of a word in the tree of all words, [B, K] int64
    contexts: Tensor  # rows of the words before, 1 … order - 1 of them, [B, K, N-1] int64


class WordLM(nn.Module):
    """Word n-grams, asked letter by letter (look-ahead, Hori et al. 2017, 1706.02737, section 3.2).

    The words are sorted by their letters, so that all words with the same beginning are a range of
    ids, and the probability of a beginning is a difference of two cumulative sums. A letter has the
    probability of the beginning with it over that of the beginning without it. No tensor here is a
    parameter; all are made from the n-grams.
    """

    def __init__(self, ngrams: WordNgrams, units: int, space: int) -> None:
        """`units`: V of the alphabet; `space`: the id that ends a word within a sentence."""
        super().__init__()
        self.ngrams, self.space = ngrams, space
        self.order = max(2, len(ngrams.orders) + 1)  # single words too have one before them
        tree, edges = word_tree(ngrams.letters, ngrams.lengths, units)
        self.tree: Tensor
        self.edges: Tensor
        self.below: Tensor
        # The node that each letter leads to, [N, V]; node 0 is no beginning of any word.
        self.register_buffer("tree", torch.from_numpy(tree), persistent=False)
        # The words of node n with letter v next are edges[n, v] … edges[n, v + 1] - 1, [N, V + 1];
        # letter 0, the blank, stands for the end of the word.
        self.register_buffer("edges", torch.from_numpy(edges), persistent=False)
        alone = np.exp(ngrams.logs)
        alone += max(0.0, 1 - alone.sum()) / len(alone)
        summed = np.concatenate([[0.0], alone.cumsum()])
        self.register_buffer("below", torch.from_numpy(summed), persistent=False)  # [W + 2]
        self.tables = nn.ModuleList(_Table(order, ngrams.end + 2) for order in ngrams.orders)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> WordLM:
        """As any module moves, but for devices without float64: there the tables stay behind."""
        if fn(torch.empty(0)).device.type in NO_FLOAT64:
            return self
        return super()._apply(fn, recurse)

    def start(self, batch: int, beams: int) -> WordState:
        """The begin of a sentence."""
        node = torch.ones(batch, beams, dtype=torch.int64, device=self.tree.device)
        contexts = torch.full(
            (batch, beams, self.order - 1), NOWHERE, device=node.device, dtype=torch.int64
        )
        contexts[..., 0] = self.ngrams.end + 1
        return WordState(node, contexts)

    def advance(self, state: WordState, letters: Tensor) -> WordState:
        """`letters` [B, K] on: into a word, or with a space to the next one."""
        spaces = letters == self.space
        node = self.tree[state.node, letters].long().masked_fill(spaces, 1)
        contexts = torch.where(spaces[..., None], self._after_word(state), state.contexts)
        return WordState(node, contexts)

    def log_probs(self, state: WordState) -> Tensor:
        """Natural log p of each next letter [B, K, V]; -inf where no word goes on so.

        A space and the end of sentence share the probability of the end of the word.
        """
        edges = self.edges[state.node].long()  # [B, K, V + 1]
        below = self._below(state.contexts, edges)
        total = (below[..., -1:] - below[..., :1]).clamp(min=1e-300)
        found = below.diff(dim=-1).clamp(min=0.0) / total
        ends = found[..., BLANK]
        last = torch.full_like(edges[..., :2], self.ngrams.end)
        last[..., 1] += 1
        final = self._below(self._after_word(state), last).diff(dim=-1)[..., 0].clamp(0.0, 1.0)
        found[..., self.space] = ends * (1 - final)
        found[..., EOS] = ends * final
        found[..., BLANK] = 0.0
        return found.log().float()

    def _after_word(self, state: WordState) -> Tensor:
        """The contexts once the word of `state` has ended, [B, K, N-1]."""
        first, longer = self.edges[state.node, 0], self.edges[state.node, 1]  # [B, K]
        word = torch.where(longer > first, first.long(), NOWHERE)
        contexts = [word]
        for level, table in enumerate(list(self.tables)[:-1]):
            contexts.append(table.row(state.contexts[..., level], word))  # type: ignore[operator]
        return torch.stack(contexts, dim=-1)

    def _below(self, contexts: Tensor, edges: Tensor) -> Tensor:
        """Probability of all words before each edge [B, K, E] after `contexts`, [B, K, E]."""
        total = self.below[edges]
        for level, table in enumerate(self.tables):
            total = table.mix(contexts[..., level], edges, total)  # type: ignore[operator]
        return total


class _Table(nn.Module):
    """The n-grams of one order as sorted keys and sums within each context."""

    def __init__(self, order: Order, stride: int) -> None:
        super().__init__()
        self.stride = stride  # more than any word's id
        followers = np.asarray(order.followers, dtype=np.int64)
        first = np.concatenate([[0], followers.cumsum()])
        keys = np.repeat(np.arange(len(followers)), followers) * stride + order.words
        alpha = np.concatenate([[0.0], np.exp(order.logs).cumsum()])
        sums = alpha[1:] - np.repeat(alpha[first[:-1]], followers)
        rest = np.ones(len(followers))
        some = followers > 0
        rest[some] = 1 - sums[first[1:][some] - 1]
        self.keys: Tensor
        self.first: Tensor
        self.sums: Tensor
        self.rest: Tensor
        self.register_buffer("keys", torch.from_numpy(keys), persistent=False)  # [N]
        self.register_buffer("first", torch.from_numpy(first), persistent=False)  # [C + 1]
        self.register_buffer("sums", torch.from_numpy(sums), persistent=False)  # [N], inclusive
        rest = np.clip(rest, 1e-6, 1.0)
        self.register_buffer("rest", torch.from_numpy(rest), persistent=False)  # [C]

    def row(self, contexts: Tensor, words: Tensor) -> Tensor:
        """The row of each context [B, K] with its word behind it, NOWHERE where there is none."""
        keys = contexts * self.stride + words
        place = torch.searchsorted(self.keys, keys).clamp(max=len(self.keys) - 1)
        known = (self.keys[place] == keys) & (contexts >= 0) & (words >= 0)
        return place.masked_fill(~known, NOWHERE)

    def mix(self, contexts: Tensor, edges: Tensor, total: Tensor) -> Tensor:
        """Sums of this order below `edges` [B, K, E], the rest shared out as `total` [B, K, E]."""
        known = (contexts >= 0)[..., None]
        rows = contexts.clamp(min=0)
        place = torch.searchsorted(self.keys, rows[..., None] * self.stride + edges)
        own = self.sums[(place - 1).clamp(min=0)] * (place > self.first[rows][..., None])
        return torch.where(known, own + self.rest[rows][..., None] * total, total)


def tree_bytes(letters: int, units: int) -> int:
    """The most memory that the tree of words with so many `letters` takes, of V `units`."""
    return letters * (2 * units + 1) * 4


def most_letters(units: int) -> int:
    """How many letters the words of a tree of `MOST_TREE` may have together, of V `units`."""
    return MOST_TREE // tree_bytes(1, units)


def word_tree(letters: Ints, lengths: Ints, units: int) -> tuple[np.ndarray, np.ndarray]:
    """Tree of words that are sorted by letters: child of each node by letter, edges by letter.

    Returns int32 [N, V] and [N, V + 1], as `WordLM` describes them; node 1 is the empty beginning.
    """
    longest = int(lengths.max())
    table = np.zeros((len(lengths), longest + 1), dtype=np.int64)  # 0 behind the last letter
    table[np.arange(longest + 1) < lengths[:, None]] = letters
    children: list[np.ndarray] = [np.zeros((2, units), dtype=np.int32)]
    counts: list[np.ndarray] = []  # words by next letter, [nodes of a depth, V]
    first: list[np.ndarray] = []  # first word of each node
    rows = np.arange(len(lengths))
    group = np.zeros(len(rows), dtype=np.int64)  # node of each word within its depth
    nodes, made = 1, 2
    for depth in range(longest + 1):
        now = table[rows, depth]
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        first.append(rows[starts])
        found = np.bincount(group * units + now, minlength=nodes * units)
        counts.append(found.astype(np.int32).reshape(-1, units))
        on = now > 0
        rows, group, now = rows[on], group[on], now[on]
        keys, group = np.unique(group * units + now, return_inverse=True)
        children[-1].reshape(-1)[(units if depth == 0 else 0) + keys] = made + np.arange(len(keys))
        nodes, made = len(keys), made + len(keys)
        children.append(np.zeros((nodes, units), dtype=np.int32))
    edges = np.zeros((made, units + 1), dtype=np.int32)
    edges[1:, 0] = np.concatenate(first)
    np.cumsum(np.concatenate(counts), axis=1, out=edges[1:, 1:])
    edges[1:, 1:] += edges[1:, :1]
    return np.concatenate(children), edges
