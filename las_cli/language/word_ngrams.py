"""Sentences in, discounted probabilities of words after words out: modified Kneser–Ney n-grams."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from las_cli.errors import LasError
from las_cli.language.ngram_pruning import Kept, choose_ngrams
from las_cli.language.ngram_tables import Floats, Ints, NgramTable, Packing, count_order, estimate
from las_cli.language.spool import Spool
from las_cli.language.word_tokens import read_words

MOST_WORDS = 200_000  # in a vocabulary
MOST_NGRAMS = 2_000_000  # of two words and more; about 8 bytes each in the file
MEMORY = 10**9  # bytes to count in


@dataclass(frozen=True)
class Order:
    """The n-grams of one order, sorted by context, then by word.

    The contexts of the bigrams are the words and the begin of sentence, those of the n-grams above
    the rows of the order below.
    """

    followers: Ints  # n-grams of each context, [C]
    words: Ints  # the last word of each, [N]
    logs: Floats  # log of its discounted probability after the context, [N]


@dataclass(frozen=True)
class WordNgrams:
    """What words follow which. Ids: the words in the order of their letters, then `end`, `begin`.

    The probability of a word w after the words h is interpolated (Chen and Goodman 1999, section
    3): `exp(log of h w) + rest of h · p(w after h without its first word)`, where the rest of h is
    what its n-grams leave of 1.
    """

    letters: Ints  # ids of all words, one word behind the other, [S]
    lengths: Ints  # letters of each word, [W]
    logs: Floats  # log of the discounted probability of each word and of the end, [W + 1]
    orders: tuple[Order, ...]  # bigrams, trigrams, …

    @property
    def end(self) -> int:
        """W: the end of sentence, as a word; the begin is the one after."""
        return len(self.lengths)


def count_ngrams(
    lines: Iterable[Sequence[int]],
    space: int,
    order: int = 3,
    most_words: int = MOST_WORDS,
    most_ngrams: int = MOST_NGRAMS,
    most_letters: int | None = None,
    memory: int = MEMORY,
    folder: Path | None = None,
) -> WordNgrams:
    """The n-grams of lines of letter ids, up to `order` words long, 2 or more.

    most_words: the most frequent ones; most_letters: as far as they have no more together
    most_ngrams: of two words and more together; those that the model would lose most without
    memory: bytes that counting takes beside the result, about, whatever the length of the text;
        the n-grams of one context have to fit, as has a vocabulary
    folder: for temporary files, about 60 bytes for each word of the text; None: the system's
    Orders that no sentence is long enough for are left out. LasError where there are no words or
    no room.
    """
    if order < 2:
        raise LasError(f"word n-grams: an order of {order}, expected 2 or more")
    with Spool(memory, folder) as spool:
        vocabulary, tokens = read_words(lines, space, spool, most_words, most_letters)
        end = len(vocabulary)
        tables: list[NgramTable] = []
        for n in range(1, order + 1):
            table = count_order(tokens, n, end, spool)
            if not len(table):
                break
            tables.append(table)
        tokens.close()
        if len(tables) < 2:
            raise LasError(
                "word n-grams: no word of the vocabulary stands beside another or at an end"
            )
        unigrams = estimate(tables, end, spool)
        rows = choose_ngrams(tables, most_ngrams, spool)
        if sum(map(len, rows)) < sum(map(len, tables[1:])):
            # What is not kept counts for the shorter n-grams.
            unigrams = estimate(tables, end, spool, rows)
            added = Kept(tables, rows, unigrams).added
        else:
            added = [
                own.table.take("alone", kept) for own, kept in zip(tables[1:], rows, strict=True)
            ]
        return WordNgrams(
            letters=np.array([letter for word in vocabulary for letter in word], dtype=np.int64),
            lengths=np.array([len(word) for word in vocabulary], dtype=np.int64),
            logs=_log(unigrams),
            orders=_orders(tables[1:], rows, added, end),
        )


def _orders(
    tables: Sequence[NgramTable], rows: Sequence[Ints], added: Sequence[Floats], end: int
) -> tuple[Order, ...]:
    """The n-grams above single words, those of `rows` in new rows."""
    orders: list[Order] = []
    below: NDArray | None = None  # keys of the contexts
    for own, kept, probabilities in zip(tables, rows, added, strict=True):
        if not len(kept):
            break
        keys = own.table.take("keys", kept)
        words = own.packing.unpack(keys)
        if below is None:
            contexts, count = words[0], end + 2
        else:
            packing = Packing(own.packing.order - 1, own.packing.stride)
            contexts, count = np.searchsorted(below, packing.pack(words[:-1])), len(below)
        followers = np.bincount(contexts, minlength=count)
        orders.append(Order(followers, words[-1], _log(probabilities)))
        below = keys
    return tuple(orders)


def _log(probabilities: Floats) -> Floats:
    """Natural logs, of 0 the least that float16 holds."""
    return np.log(np.maximum(probabilities, 1e-30))
