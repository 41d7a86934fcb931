"""Sentences in, discounted probabilities of words after words out: modified Kneser–Ney n-grams."""

from __future__ import annotations

import itertools
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from las_cli.errors import LasError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

LONGEST_WORD = 40  # letters; longer ones are left to the letters
MOST_WORDS = 200_000  # in a vocabulary
MOST_NGRAMS = 2_000_000  # of each order; 6 bytes each in the file
MOST_LETTERS = 2**15  # in an alphabet


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


def split_words(line: Sequence[int], space: int) -> list[tuple[int, ...]]:
    """The words of a line of letter ids."""
    words: list[tuple[int, ...]] = []
    start = 0
    for place in (*(i for i, letter in enumerate(line) if letter == space), len(line)):
        if place > start:
            words.append(tuple(line[start:place]))
        start = place + 1
    return words


def count_ngrams(
    lines: Iterable[Sequence[int]],
    space: int,
    order: int = 3,
    most_words: int = MOST_WORDS,
    most_ngrams: int = MOST_NGRAMS,
    most_letters: int | None = None,
) -> WordNgrams:
    """The n-grams of lines of letter ids, up to `order` words long, 2 or more.

    most_words: the most frequent ones; most_letters: as far as they have no more together
    most_ngrams: of each order, the most frequent ones and the contexts of longer ones
    Orders that no sentence is long enough for are left out. LasError where there are no words.
    """
    if order < 2:
        raise LasError(f"word n-grams: an order of {order}, expected 2 or more")
    seen: dict[tuple[int, ...], int] = {}
    text = array("q")  # words in order of first sight, -1 between the sentences
    for line in lines:
        text.append(-1)
        text.extend(seen.setdefault(word, len(seen)) for word in split_words(line, space))
    text.append(-1)
    if not seen:
        raise LasError("word n-grams: the text holds no words")
    found = np.frombuffer(text, dtype=np.int64)
    times = np.bincount(found[found >= 0], minlength=len(seen))
    kept = {
        word: int(times[index])
        for word, index in seen.items()
        if len(word) <= LONGEST_WORD and max(word) < MOST_LETTERS
    }
    frequent = [word for word, _ in Counter(kept).most_common(most_words)]
    if most_letters is not None:
        summed = itertools.accumulate(map(len, frequent))
        frequent = frequent[: sum(letters <= most_letters for letters in summed)]
    vocabulary = sorted(frequent)
    if not vocabulary:
        raise LasError(f"word n-grams: no word of at most {LONGEST_WORD} letters in the text")
    tokens = _tokens(found, seen, vocabulary)
    logs, orders = _estimate(tokens, len(vocabulary), order, most_ngrams)
    if not orders:
        raise LasError("word n-grams: no word of the vocabulary stands beside another or at an end")
    return WordNgrams(
        letters=np.array([letter for word in vocabulary for letter in word], dtype=np.int64),
        lengths=np.array([len(word) for word in vocabulary], dtype=np.int64),
        logs=logs,
        orders=orders,
    )


def _tokens(
    found: Ints, seen: dict[tuple[int, ...], int], vocabulary: Sequence[tuple[int, ...]]
) -> Ints:
    """The text in the ids of the vocabulary: … end, begin, … and -1 for words outside it."""
    end = len(vocabulary)
    ids = np.full(len(seen) + 1, -1)
    for index, word in enumerate(vocabulary):
        ids[seen[word]] = index
    ids[-1] = end  # where `found` is -1
    tokens = ids[found]
    breaks = np.flatnonzero(found < 0)
    return np.insert(tokens, breaks + 1, end + 1)[1:-1]


@dataclass
class _Counted:
    """The n-grams of one order while they are estimated."""

    contexts: Ints  # row of each n-gram's context, [N]
    words: Ints  # [N]
    times: Ints  # seen, [N]
    first: Ints  # where each was seen first, [N]
    rows: Ints  # n-gram that begins at each place of the text, -1 where none does, [P]


def _estimate(
    tokens: Ints, end: int, order: int, most_ngrams: int
) -> tuple[Floats, tuple[Order, ...]]:
    counted = [_count(np.zeros_like(tokens), tokens, 0, end)]
    for n in range(2, order + 1):
        counted.append(_count(counted[-1].rows, tokens, n - 1, end))
    probabilities: list[Floats] = []
    for n, own in enumerate(counted, 1):
        # Below the highest order it counts in how many places a word is new (Kneser and Ney 1995).
        counts = own.times
        if n < order:
            above = counted[n]
            suffix = own.rows[above.first + 1]
            places = np.bincount(suffix, minlength=len(own.words))
            starts = tokens[own.first] == end + 1  # nothing can stand before these
            counts = np.where(starts, own.times, np.maximum(places, 1))
        if n == 1:  # the begin of sentence is a context, never a next word
            counts = np.where(own.words == end + 1, 0, counts)
        probabilities.append(_discount(own.contexts, counts))
    unigrams = np.zeros(end + 1)
    words = counted[0].words
    unigrams[words[words <= end]] = probabilities[0][words <= end]
    return _log(unigrams), _prune(counted, probabilities, end, most_ngrams)


def _count(contexts: Ints, tokens: Ints, behind: int, end: int) -> _Counted:
    """The n-grams made of the context that begins at each place and the word `behind` places on."""
    words = np.full_like(tokens, -1)
    words[: len(tokens) - behind] = tokens[behind:]
    valid = (contexts >= 0) & (words >= 0)
    if behind:  # an n-gram never goes on into the next sentence
        valid &= words != end + 1
    places = np.flatnonzero(valid)
    stride = end + 2
    keys, first, inverse, times = np.unique(
        contexts[places] * stride + words[places],
        return_index=True,
        return_inverse=True,
        return_counts=True,
    )
    rows = np.full_like(tokens, -1)
    rows[places] = inverse
    return _Counted(keys // stride, keys % stride, times, places[first], rows)


def _discount(contexts: Ints, counts: Ints) -> Floats:
    """Discounted probability of each n-gram after its context; 0 for a count of 0."""
    n1, n2, n3, n4 = (int((counts == c).sum()) for c in (1, 2, 3, 4))
    discounts = np.array([0.0, 0.5, 0.75, 0.9])  # of a text too small to tell
    if min(n1, n2, n3, n4):
        y = n1 / (n1 + 2 * n2)
        own = np.array([0.0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
        if (own[1:] > 0).all() and (own[1:] < (1, 2, 3)).all():
            discounts = own
    totals = np.bincount(contexts, weights=counts)
    left = counts - discounts[np.minimum(counts, 3)]
    return np.maximum(left, 0.0) / np.maximum(totals[contexts], 1.0)


def _prune(
    counted: Sequence[_Counted], probabilities: Sequence[Floats], end: int, most: int
) -> tuple[Order, ...]:
    """The n-grams above single words, at most about `most` of each order, in new rows."""
    kept: list[Ints] = []
    needed: Ints = np.zeros(0, dtype=np.int64)  # rows that the order above has as contexts
    for own in reversed(counted[1:]):
        keep = np.ones(len(own.words), dtype=bool)
        if len(own.words) > most:
            keep = own.times > np.partition(own.times, -most)[-most]
            if not keep.any():  # more than `most` are as frequent as the first
                keep[np.argsort(-own.times, kind="stable")[:most]] = True
        keep[needed] = True
        kept.insert(0, np.flatnonzero(keep))
        needed = np.unique(own.contexts[kept[0]])
    orders: list[Order] = []
    contexts = end + 2
    below: Ints | None = None  # old rows of the order below that were kept
    for own, logs, rows in zip(counted[1:], probabilities[1:], kept, strict=True):
        if not len(rows):
            break
        own_contexts = own.contexts[rows]
        if below is None:  # unigram rows are words already, those never seen left out
            own_contexts = counted[0].words[own_contexts]
        else:
            own_contexts = np.searchsorted(below, own_contexts)
        followers = np.bincount(own_contexts, minlength=contexts)
        orders.append(Order(followers, own.words[rows], _log(logs[rows])))
        contexts, below = len(rows), rows
    return tuple(orders)


def _log(probabilities: Floats) -> Floats:
    """Natural logs, of 0 the least that float16 holds."""
    return np.log(np.maximum(probabilities, 1e-30))
