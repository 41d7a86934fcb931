"""Tables of n-grams in, the rows out that a model of a given size loses least with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from las_cli.language.ngram_tables import Block, Floats, NgramTable
from las_cli.language.spool import Spool, Table

LEAST = 1e-30  # of a probability that is divided by


def losses(block: Block) -> Floats:
    """Relative entropy that the model gains when each n-gram alone is left to backing off, [N].

    In nats, times the number of words of the text (Stolcke 1998, section 3): exact for a model whose
    other probabilities stay as they are while the context's weight of backing off makes up for it.
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


def choose(tables: Sequence[NgramTable], most: int, spool: Spool) -> list[NDArray[np.int64]]:
    """Rows of each table from bigrams on that are kept: `most` in all, or all if there are fewer.

    One threshold for all orders. Contexts of n-grams that are kept are kept too.
    """
    if sum(map(len, tables[1:])) <= most:
        return [np.arange(len(own)) for own in tables[1:]]
    above: Table | None = None  # largest loss of the n-grams behind each context
    for lower, own in reversed(list(zip(tables, tables[1:], strict=False))):
        contexts = Table(spool, lower.packing.dtype)
        for block in own.blocks():
            lost = losses(block)
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


def _largest(tables: Sequence[NgramTable], most: int) -> list[NDArray[np.int64]]:
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
    rows: list[NDArray[np.int64]] = []
    for own in tables:
        kept: list[NDArray[np.int64]] = []
        for block in own.blocks():
            lost = block.column("lost")
            equal = np.flatnonzero(lost == threshold)[:room]
            room -= len(equal)
            found = np.concatenate([np.flatnonzero(lost > threshold), equal])
            kept.append(block.start + np.sort(found))
        rows.append(np.concatenate(kept) if kept else np.zeros(0, dtype=np.int64))
    return rows
