"""Two sets of word n-grams and a share in, one set with the words of both out."""

from __future__ import annotations

from itertools import zip_longest

import numpy as np

from las_cli.language.ngram_tables import Floats, Ints, Packing
from las_cli.language.word_ngrams import Order, WordNgrams

Grams = tuple[Ints, Floats]  # n-grams [n, N] in ids of words, their discounted probabilities [N]


def merge_ngrams(one: WordNgrams, other: WordNgrams, share: float) -> WordNgrams:
    """`one` and `other` interpolated, `other` with `share` (0 … 1), in a single set of n-grams.

    Single words are mixed exactly. Above them each discounted probability is, and what a context
    leaves of 1 with them; a context that only one of the two knows leaves all of the other's share
    to the shorter one. Where both contexts leave alike, that is the linear interpolation of the
    two (Jelinek and Mercer 1980); elsewhere it is near it, and always sums to 1.
    """
    words, places = _union(one, other)
    end = len(words)
    weights = (1 - share, share)
    alone = np.zeros(end + 1)
    for ngrams, place, weight in zip((one, other), places, weights, strict=True):
        alone[place[:-1]] += weight * _single(ngrams)
    orders: list[Order] = []
    below: Ints | None = None
    parted = (_grams(one, places[0]), _grams(other, places[1]))
    for pair in zip_longest(*parted):
        columns, values = _added(pair, weights, end + 2)
        contexts, count = columns[0], end + 2
        if below is not None:
            packing = Packing(len(below), end + 2)
            contexts = np.searchsorted(packing.pack(below), packing.pack(columns[:-1]))
            count = below.shape[1]
        followers = np.bincount(contexts, minlength=count)
        orders.append(Order(followers, columns[-1], np.log(np.maximum(values, 1e-30))))
        below = columns
    return WordNgrams(
        letters=np.array([letter for word in words for letter in word], dtype=np.int64),
        lengths=np.array([len(word) for word in words], dtype=np.int64),
        logs=np.log(np.maximum(alone, 1e-30)),
        orders=tuple(orders),
    )


def words_of(ngrams: WordNgrams) -> list[tuple[int, ...]]:
    """The letters of each word, in order."""
    ends = ngrams.lengths.cumsum()
    letters = ngrams.letters.tolist()
    return [
        tuple(letters[end - length : end])
        for end, length in zip(ends.tolist(), ngrams.lengths.tolist(), strict=True)
    ]


def _union(one: WordNgrams, other: WordNgrams) -> tuple[list[tuple[int, ...]], list[Ints]]:
    """All words in the order of their letters, and where each set's ids stand among them; the last
    two are the end and the begin of sentence."""
    listed = [words_of(one), words_of(other)]
    words = sorted(set(listed[0]) | set(listed[1]))
    index = {word: place for place, word in enumerate(words)}
    end = len(words)
    places = [
        np.array([*(index[word] for word in own), end, end + 1], dtype=np.int64) for own in listed
    ]
    return words, places


def _single(ngrams: WordNgrams) -> Floats:
    """The probability of each word and of the end, [W + 1], as `WordLM` has it."""
    alone = np.exp(ngrams.logs)
    return alone + max(0.0, 1 - float(alone.sum())) / len(alone)


def _grams(ngrams: WordNgrams, place: Ints) -> list[Grams]:
    """The n-grams of each order from bigrams on, in the ids of `place`."""
    found: list[Grams] = []
    columns: Ints | None = None
    for order in ngrams.orders:
        contexts = np.repeat(np.arange(len(order.followers)), order.followers)
        first = place[contexts][None] if columns is None else columns[:, contexts]
        columns = np.concatenate([first, place[order.words][None]])
        found.append((columns, np.exp(order.logs)))
    return found


def _added(
    pair: tuple[Grams | None, Grams | None], weights: tuple[float, float], stride: int
) -> Grams:
    """The n-grams of either, sorted, with the weighted sums of their probabilities."""
    parts = [(grams, weight) for grams, weight in zip(pair, weights, strict=True) if grams]
    columns = np.concatenate([grams[0] for grams, _ in parts], axis=1)
    values = np.concatenate([weight * grams[1] for grams, weight in parts])
    packing = Packing(len(columns), stride)
    keys, index = np.unique(packing.pack(columns), return_inverse=True)
    sums: Floats = np.bincount(index, weights=values).astype(np.float64)
    return packing.unpack(keys), sums
