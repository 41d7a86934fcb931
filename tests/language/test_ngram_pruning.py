"""What an n-gram is worth: against the definition of relative entropy, and by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest

from las_cli.language.ngram_pruning import choose_ngrams, pruning_losses
from las_cli.language.ngram_tables import NgramTable, Packing, count_order, estimate
from las_cli.language.spool import Spool
from las_cli.language.word_ngrams import count_ngrams
from las_cli.language.word_tokens import read_words

from .words import ALPHABET, BEGIN, END, SMALL, SPACE, BruteForce, Gram, encoded, zipf


@contextmanager
def tables_of(
    texts: Sequence[str], order: int, memory: int = 10**6
) -> Iterator[tuple[list[str], list[NgramTable], Spool]]:
    with Spool(memory) as spool:
        words, tokens = read_words(encoded(texts), SPACE, spool, 99)
        tables = [count_order(tokens, n, len(words), spool) for n in range(1, order + 1)]
        estimate(tables, len(words), spool)
        yield [*map(ALPHABET.decode, words), END, BEGIN], tables, spool


def losses_of(names: Sequence[str], table: NgramTable) -> dict[Gram, float]:
    return {
        tuple(names[word] for word in gram): loss
        for block in table.blocks()
        for gram, loss in zip(block.words.T.tolist(), pruning_losses(block).tolist(), strict=True)
    }


def by_definition(brute: BruteForce, times: int, gram: Gram) -> float:
    """Σ p log (p / p') over all words after the context, as often as the context was seen."""
    context, word = gram[:-1], gram[-1]
    own = brute.own[len(context)]
    before = {name: brute.probability(context, name) for name in brute.next}
    below = {name: brute.probability(context[1:], name) for name in brute.next}
    explicit = {name for name in brute.next if (*context, name) in own} - {word}
    weight = (1 - sum(before[name] for name in explicit)) / (
        1 - sum(below[name] for name in explicit)
    )
    after = {name: before[name] if name in explicit else weight * below[name] for name in below}
    assert sum(after.values()) == pytest.approx(1)
    return times * sum(p * math.log(p / after[name]) for name, p in before.items())


@pytest.mark.parametrize(("texts", "order"), [(SMALL, 3), (zipf(60), 3), (zipf(20), 4)])
def test_losses_are_relative_entropies(texts: list[str], order: int) -> None:
    with tables_of(texts, order, memory=20_000) as (names, tables, _):
        brute = BruteForce(texts, names[:-2], order)
        lines = [f" {BEGIN} {text} {END}" for text in texts]
        for table in tables[1:]:
            found = losses_of(names, table)
            assert len(found) == len(table)
            for gram, loss in found.items():
                times = sum(occurrences(line.split(), gram[:-1]) for line in lines)
                assert loss == pytest.approx(by_definition(brute, times, gram), rel=1e-6, abs=1e-9)
                assert loss > -1e-9


def occurrences(words: Sequence[str], gram: Gram) -> int:
    return sum(tuple(words[n : n + len(gram)]) == gram for n in range(len(words)))


def test_losses_by_hand() -> None:
    # Discounts 0.5, 0.75, 0.9. New in places: a 1, b 1, c 1, the end 2; so p(b) = p(c) = 0.2125.
    # After a: 0.525 + 0.35 × 0.2125 = 0.599375 for b, 0.125 + 0.35 × 0.2125 = 0.199375 for c, and
    # 0.20125 for others. Without c the weight of backing off is 0.400625 / 0.7875 instead of 0.35;
    # 4 × (0.199375 × log(0.199375 / 0.108105) + 0.20125 × log(0.35 / 0.50873)) = 0.187.
    with tables_of(["a b", "a b", "a b", "a c"], 2) as (names, tables, _):
        found = losses_of(names, tables[1])
    assert found["a", "c"] == pytest.approx(0.1871, abs=5e-4)
    assert found["a", "b"] == pytest.approx(1.5880, abs=5e-4)


@pytest.mark.parametrize("most", [1, 5, 17, 200])
@pytest.mark.parametrize("memory", [2000, 10**6])
def test_the_largest_losses_are_kept_and_their_contexts(most: int, memory: int) -> None:
    with tables_of(zipf(20), 3, memory) as (names, tables, spool):
        worth: list[tuple[float, int, Gram]] = []
        bigrams, trigrams = (losses_of(names, table) for table in tables[1:])
        for gram, loss in bigrams.items():
            behind = [own for longer, own in trigrams.items() if longer[:-1] == gram]
            worth.append((max([loss, *behind]), 2, gram))
        worth += [(loss, 3, gram) for gram, loss in trigrams.items()]
        worth.sort(key=lambda row: (-row[0], row[1]))
        rows = choose_ngrams(tables, most, spool)
        kept = {
            tuple(names[word] for word in gram)
            for table, own in zip(tables[1:], rows, strict=True)
            for gram in table.packing.unpack(table.table.take("keys", own)).T.tolist()
        }
    assert len(kept) == min(most, len(worth))
    assert all(len(gram) == 2 or gram[:-1] in kept for gram in kept)
    least = worth[len(kept) - 1][0]
    assert kept >= {gram for loss, _, gram in worth if loss > least}
    assert kept <= {gram for loss, _, gram in worth if loss >= least}


@pytest.mark.parametrize("order", [1, 3, 4, 6])
@pytest.mark.parametrize("stride", [5, 200_002])
def test_keys_sort_as_their_words(order: int, stride: int) -> None:
    words = np.random.default_rng(2).integers(0, stride, (order, 500))
    words[:-1, 250:] = words[:-1, :250]
    words[0, :9] = 0
    packing = Packing(order, stride)
    keys = packing.pack(words)
    assert keys.dtype == (np.int64 if stride**order < 2**63 else f"S{4 * order}")
    np.testing.assert_array_equal(packing.unpack(keys), words)
    ordered = sorted(words.T.tolist())
    np.testing.assert_array_equal(packing.unpack(np.sort(keys)).T, ordered)


def test_keys_of_bytes_make_the_same_model(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = encoded(zipf(60))
    numbers = count_ngrams(lines, SPACE, 4, most_ngrams=200)
    width = property(lambda self: np.dtype(f"S{4 * self.order}"))
    monkeypatch.setattr(Packing, "dtype", width)
    letters = count_ngrams(lines, SPACE, 4, most_ngrams=200)
    assert len(numbers.orders) == 3
    for one, other in zip(numbers.orders, letters.orders, strict=True):
        for name, values in vars(one).items():
            np.testing.assert_array_equal(values, vars(other)[name])
