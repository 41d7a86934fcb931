"""Tables of n-grams in, the rows out that a model of a given size loses least with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from las_cli.language.ngram_tables import Block, Floats, Ints, NgramTable, Packing, share_rest
from las_cli.language.spool import Spool, Table

LEAST = 1e-30  # of a probability that is divided by
ROUNDING = 1e-9  # what is left where n-grams of all words follow a context


def pruning_losses(block: Block) -> Floats:
    """Relative entropy that the model gains when each n-gram alone is left to backing off, [N].

    In nats, times the words of the text (Stolcke 1998, section 3): exact for a model whose other
    probabilities stay as they are while the context's weight of backing off makes up for it.
    How likely a context is, is counted: the probabilities of shorter contexts under Kneser–Ney say
    in how many places they are new, not how frequent (Chelba et al. 2010, section 3).
    """
    alone, whole, groups = block.column("alone"), block.column("whole"), block.groups
    weight = np.maximum(1 - block.sums(alone), LEAST)[groups]  # of backing off
    below = np.maximum(whole - alone, 0.0) / weight  # after the shorter context
    left = np.maximum(1 - block.sums(whole), 0.0)  # for words that have no n-gram here
    left_below = np.maximum(1 - block.sums(below), 0.0)
    left, left_below = left[groups], left_below[groups]
    new_weight = (left + whole) / np.maximum(left_below + below, LEAST)
    change = np.log(np.maximum(below * new_weight, LEAST) / np.maximum(whole, LEAST))
    grown = np.log(np.maximum(new_weight, LEAST) / weight)
    return -block.sums(block.column("times"))[groups] * (whole * change + left * grown)


def choose_ngrams(tables: Sequence[NgramTable], most: int, spool: Spool) -> list[Ints]:
    """Rows of each table from bigrams on that are kept: `most` in all, or all if there are fewer.

    One threshold for all orders. Contexts of n-grams that are kept are kept too.
    """
    if sum(map(len, tables[1:])) <= most:
        return [np.arange(len(own)) for own in tables[1:]]
    above: Table | None = None  # largest loss of the n-grams behind each context
    for lower, own in reversed(list(zip(tables, tables[1:], strict=False))):
        contexts = Table(spool, lower.packing.dtype)
        for block in own.blocks():
            lost = pruning_losses(block)
            if above is not None:
                found = above.find("lost", own.packing.pack(block.words), missing=-np.inf)
                lost = np.maximum(lost, found)
            own.table.add("lost", lost)
            contexts.append(
                lower.packing.pack(block.words[:-1, block.starts]),
                lost=np.maximum.reduceat(lost, block.starts),
            )
        if above is not None:
            above.close()
        above = contexts
    if above is not None:
        above.close()
    return _largest(tables[1:], most)


def _largest(tables: Sequence[NgramTable], most: int) -> list[Ints]:
    """The rows of the `most` largest losses; of equal ones those of shorter n-grams first.

    No n-gram has a larger loss than its context, so that no context is missing.
    """
    largest = np.zeros(0)
    for own in tables:
        for block in own.blocks():
            largest = np.concatenate([largest, block.column("lost")])
            if len(largest) > most:
                largest = np.partition(largest, -most)[-most:]
    threshold = largest.min()
    room = most - int((largest > threshold).sum())  # for losses that equal the threshold
    rows: list[Ints] = []
    for own in tables:
        kept: list[Ints] = []
        for block in own.blocks():
            lost = block.column("lost")
            equal = np.flatnonzero(lost == threshold)[:room]
            room -= len(equal)
            found = np.concatenate([np.flatnonzero(lost > threshold), equal])
            kept.append(block.start + np.sort(found))
        rows.append(np.concatenate(kept) if kept else np.zeros(0, dtype=np.int64))
    return rows


class Kept:
    """The n-grams that are kept: what each adds to the probability after its shorter context.

    Those that are kept have the probabilities of the column `whole`, all others are left to backing
    off. As in any interpolated model what a context's n-grams leave of 1 is its weight of backing
    off: with `added` p(w | h) - weight · p(w | shorter h), the two are the same (Chen and Goodman
    1999, section 2.8).
    """

    def __init__(
        self, tables: Sequence[NgramTable], rows: Sequence[Ints], unigrams: Floats
    ) -> None:
        """`unigrams` [W + 1]: discounted probabilities of the words; `rows` of all other tables."""
        end = len(unigrams) - 1
        self.keys: list[NDArray] = []
        self.added: list[Floats] = []
        self._rests: list[Floats] = []
        self._unigrams = share_rest(unigrams, end)
        self._stride = end + 2
        for own, kept in zip(tables[1:], rows, strict=True):
            keys, whole = (own.table.take(name, kept) for name in ("keys", "whole"))
            words = own.packing.unpack(keys)
            below = self.probability(words[1:])
            contexts, count = self._contexts(words)

            def left(values: Floats, of: Ints = contexts, count: int = count) -> Floats:
                return np.maximum(1 - np.bincount(of, weights=values, minlength=count), 0.0)

            # Less than by backing off cannot be said: such n-grams are left to it.
            weights = left(whole) / np.maximum(left(below), ROUNDING)
            more = whole > weights[contexts] * below
            weights = left(whole * more) / np.maximum(left(below * more), ROUNDING)
            added = np.maximum(whole - weights[contexts] * below, 0.0) * more
            self.keys.append(keys)
            self.added.append(added)
            self._rests.append(left(added))

    def probability(self, words: Ints) -> Floats:
        """p of the last word of n-grams [order, N] after the others, [N]."""
        order = len(words)
        if order == 1:
            return self._unigrams[words[0]]
        below = self.probability(words[1:])
        contexts, _ = self._contexts(words)
        known = contexts >= 0
        rests = np.where(known, self._rests[order - 2][contexts], 1.0)
        rows = self._rows(words)
        return np.where(rows >= 0, self.added[order - 2][rows], 0.0) + rests * below

    def _contexts(self, words: Ints) -> tuple[Ints, int]:
        """Row of each n-gram's context, -1 where there is none, and how many contexts there are."""
        if len(words) == 2:
            return words[0], self._stride
        return self._rows(words[:-1]), len(self.keys[len(words) - 3])

    def _rows(self, words: Ints) -> Ints:
        keys = self.keys[len(words) - 2]
        wanted = Packing(len(words), self._stride).pack(words)
        if not len(keys):
            return np.full(len(wanted), -1)
        rows = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
        return np.where(keys[rows] == wanted, rows, -1)
