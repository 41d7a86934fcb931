"""Text in ids of words in, tables of n-grams with Kneser–Ney probabilities out, on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from las_cli.language.spool import Column, KeyCounter, Spool, Table

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Packing:
    """N-grams of one order as keys that sort as their words do."""

    order: int
    stride: int  # more than any word's id

    @property
    def dtype(self) -> np.dtype:
        """int64 where it holds an n-gram, else bytes, 4 for each word."""
        fits = self.stride**self.order < 2**63
        return np.dtype(np.int64) if fits else np.dtype(f"S{4 * self.order}")

    def pack(self, words: Sequence[Ints] | Ints) -> NDArray:
        """Keys [N] of n-grams [order, N]."""
        if self.dtype == np.int64:
            keys = np.zeros(len(words[0]), dtype=np.int64)
            for column in words:
                keys = keys * self.stride + column
            return keys
        return np.stack(list(words), axis=1).astype(">u4").view(self.dtype)[:, 0]

    def unpack(self, keys: NDArray) -> Ints:
        """N-grams [order, N] of keys [N]."""
        if self.dtype == np.int64:
            words = np.empty((self.order, len(keys)), dtype=np.int64)
            for place in range(self.order - 1, -1, -1):
                keys, words[place] = np.divmod(keys, self.stride)
            return words
        raw = np.ascontiguousarray(keys).view(">u4").reshape(-1, self.order)
        return raw.T.astype(np.int64)


@dataclass
class NgramTable:
    """The n-grams of one order, 1 or more.

    Columns: `times` seen; `counts` that are discounted; `alone`, the discounted probability after
    the context; `whole`, the probability with the share of the shorter contexts.
    """

    packing: Packing
    table: Table
    discounts: Floats | None = None  # taken off counts of 0, 1, 2, 3 and more; of all n-grams

    def __len__(self) -> int:
        return len(self.table)

    def blocks(self) -> Iterator[Block]:
        """All rows, some at a time, no context parted."""
        rows, length, start = self.table.spool.rows, len(self), 0
        while start < length:
            size = rows
            while True:
                stop = min(start + size, length)
                words = self.packing.unpack(self.table.keys.read(start, stop))
                fresh = np.ones(stop - start, dtype=bool)
                fresh[1:] = (words[:-1, 1:] != words[:-1, :-1]).any(axis=0)
                starts = np.flatnonzero(fresh)
                if stop == length:
                    break
                if len(starts) > 1:
                    stop = start + int(starts[-1])
                    starts = starts[:-1]
                    break
                size *= 2
            size = stop - start
            groups = np.cumsum(fresh[:size]) - 1
            yield Block(self, start, stop, words[:, :size], starts, groups)
            start = stop


@dataclass(frozen=True)
class Block:
    """Rows of a table, whole contexts."""

    of: NgramTable
    start: int
    stop: int
    words: Ints  # [order, N]
    starts: Ints  # first row of each context, counted from `start`, [C]
    groups: Ints  # context of each row, [N]

    def column(self, name: str) -> NDArray:
        """Values of these rows, [N]."""
        return self.of.table.read(name, self.start, self.stop)

    def sums(self, values: NDArray) -> Floats:
        """Of each context, [C]; added in order, so that no block size changes a bit."""
        sums = np.bincount(self.groups, weights=values, minlength=len(self.starts))
        return sums.astype(np.float64, copy=False)


def count_order(tokens: Column, order: int, end: int, spool: Spool) -> NgramTable:
    """The n-grams of `order` words that stand within a sentence and the vocabulary."""
    packing = Packing(order, end + 2)
    counter = KeyCounter(spool, packing.dtype)
    for start in range(0, len(tokens), spool.rows):
        piece = tokens.read(start, start + spool.rows + order - 1).astype(np.int64)
        words = [piece[n : len(piece) - order + 1 + n] for n in range(order)]
        if not len(words[0]):
            continue
        inside = words[0] >= 0
        for column in words[1:]:  # an n-gram never goes on into the next sentence
            inside &= (column >= 0) & (column != end + 1)
        counter.add(packing.pack([column[inside] for column in words]))
    return NgramTable(packing, counter.table())


def estimate(
    tables: Sequence[NgramTable], end: int, spool: Spool, kept: Sequence[Ints] | None = None
) -> Floats:
    """Modified Kneser–Ney probabilities into the columns `alone` and `whole` of all tables.

    kept: rows of each table from bigrams on, for a model that is to hold no others; the tables were
        estimated without before
    Returns the probability of each word and of the end of sentence, [W + 1].
    """
    rows: list[Ints | None] = [None] * (len(tables) + 1) if kept is None else [None, *kept, None]
    # From the longest on, since n-grams that are not kept hand their counts down.
    for own, above, above_kept in reversed(
        list(zip(tables, [*tables[1:], None], rows[1:], strict=True))
    ):
        _set_counts(own, above, above_kept, end, spool)
    unigrams = np.zeros(end + 1)
    for n, own in enumerate(tables, 1):
        if own.discounts is None:
            own.discounts = _discounts(own)
        own.table.drop("alone", "whole")
        for block in own.blocks():
            counts = block.column("counts")
            left = np.maximum(counts - own.discounts[np.minimum(counts, 3)], 0.0)
            alone = left / np.maximum(block.sums(counts)[block.groups], 1.0)
            own.table.add("alone", alone)
            if n == 1:
                words = block.words[0]
                unigrams[words[words <= end]] = alone[words <= end]
                own.table.add("whole", share_rest(alone, end))
                continue
            lower = tables[n - 2]
            rest = 1 - block.sums(alone)
            below = lower.table.find("whole", lower.packing.pack(block.words[1:]))
            own.table.add("whole", alone + rest[block.groups] * below)
    return unigrams


def share_rest(alone: Floats, end: int) -> Floats:
    """Discounted probabilities of words and an equal share each of what they leave of 1."""
    return alone + max(0.0, 1 - alone.sum()) / (end + 1)


def _set_counts(
    own: NgramTable, above: NgramTable | None, kept: Ints | None, end: int, spool: Spool
) -> None:
    """What is discounted, into the column `counts`.

    Below the highest order it says in how many places an n-gram is new (Kneser and Ney 1995). Where
    the longer n-gram is not `kept` it is as often needed as that one was counted (Siivola et al.
    2007, section III).
    """
    places: Table | None = None
    if above is not None:
        counter = KeyCounter(spool, own.packing.dtype)
        for block in above.blocks():
            times = None
            if kept is not None:
                times = block.column("counts")
                first, last = np.searchsorted(kept, (block.start, block.stop))
                times[kept[first:last] - block.start] = 1
            counter.add(own.packing.pack(block.words[1:]), times)
        places = counter.table()
    own.table.drop("counts")
    for block in own.blocks():
        counts = times = block.column("times")
        if places is not None:
            found = places.find("times", own.packing.pack(block.words))
            starts = block.words[0] == end + 1  # nothing can stand before these
            counts = np.where(starts, times, np.maximum(found, 1))
        if own.packing.order == 1:  # the begin of sentence is a context, never a next word
            counts = np.where(block.words[0] == end + 1, 0, counts)
        own.table.add("counts", counts)
    if places is not None:
        places.close()


def _discounts(own: NgramTable) -> Floats:
    """What is taken off a count of 0, 1, 2 and of 3 or more."""
    seen = np.zeros(5, dtype=np.int64)
    for block in own.blocks():
        seen += np.bincount(np.minimum(block.column("counts"), 5), minlength=6)[:5]
    n1, n2, n3, n4 = seen[1:].tolist()
    if min(n1, n2, n3, n4):
        y = n1 / (n1 + 2 * n2)
        own_discounts = np.array(
            [0.0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
        )
        if (own_discounts[1:] > 0).all() and (own_discounts[1:] < (1, 2, 3)).all():
            return own_discounts
    return np.array([0.0, 0.5, 0.75, 0.9])  # of a text too small to tell
