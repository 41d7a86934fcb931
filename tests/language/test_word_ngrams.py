"""Word n-grams: against a count in dictionaries, and what is left out of a large text."""

from __future__ import annotations

import math
from typing import Any

import pytest

from las_cli.errors import LasError
from las_cli.language.word_ngrams import count_ngrams, split_words

from .words import (
    END,
    FALLBACK,
    SMALL,
    SPACE,
    BruteForce,
    Gram,
    encoded,
    grams_of,
    interpolated,
    words_of,
    zipf,
)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ([], []),
        ([2], []),
        ([3, 4], [(3, 4)]),
        ([2, 3, 2, 2, 4, 5, 2], [(3,), (4, 5)]),
    ],
)
def test_lines_are_split_at_spaces(line: list[int], words: list[tuple[int, ...]]) -> None:
    assert split_words(line, 2) == words


def known_contexts(own: list[dict[Gram, float]]) -> set[Gram]:
    return {gram[:-1] for table in own for gram in table}


@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize(
    ("texts", "most_words"), [(SMALL, 99), (SMALL, 5), (zipf(), 99), (zipf(), 20)]
)
def test_they_equal_a_count_in_dictionaries(texts: list[str], most_words: int, order: int) -> None:
    ngrams = count_ngrams(encoded(texts), SPACE, order, most_words)
    vocabulary = words_of(ngrams)
    assert vocabulary == sorted(vocabulary) and len(vocabulary) <= most_words
    expected = BruteForce(texts, vocabulary, order)
    if texts is not SMALL:
        assert expected.discounts[1] != FALLBACK
    found = grams_of(ngrams)
    for table, own in zip(found, expected.own, strict=True):
        assert table.keys() == own.keys()
        for gram, log in table.items():
            assert math.exp(log) == pytest.approx(own[gram], rel=1e-9), gram


@pytest.mark.parametrize("most_ngrams", [1, 5, 40, 10**6])
@pytest.mark.parametrize("order", [2, 3, 5])
def test_they_sum_to_one_after_every_context(order: int, most_ngrams: int) -> None:
    texts = zipf(60)
    ngrams = count_ngrams(encoded(texts), SPACE, order, 30, most_ngrams)
    following = [*words_of(ngrams), END]
    own = [{gram: math.exp(log) for gram, log in table.items()} for table in grams_of(ngrams)]
    for context in [*known_contexts(own), ("j", "no such word"), ("no such word",)]:
        total = sum(interpolated(own, context, word, following) for word in following)
        assert total == pytest.approx(1.0, abs=1e-9)


def test_pruning_keeps_the_frequent_ones_and_their_contexts() -> None:
    texts = zipf()
    full = grams_of(count_ngrams(encoded(texts), SPACE, 4))
    most = 60
    pruned = grams_of(count_ngrams(encoded(texts), SPACE, 4, most_ngrams=most))
    lines = [f" < {text} > " for text in texts]
    for n, (table, whole) in enumerate(zip(pruned, full, strict=True), 1):
        for gram, log in table.items():
            assert log == whole[gram]
            assert n <= 2 or gram[:-1] in pruned[n - 2]
        if n == 1:
            assert table == whole  # words are never pruned
            continue
        assert 0 < len(table) < len(whole)
        needed = {gram[:-1] for gram in pruned[n]} if n < 4 else set()
        assert len(table.keys() - needed) <= most
        times = {gram: seen(lines, gram) for gram in whole}
        rarest = min((times[gram] for gram in table.keys() - needed), default=0)
        assert all(times[gram] <= rarest for gram in whole.keys() - table.keys())


def seen(lines: list[str], gram: Gram) -> int:
    """How often the words of `gram` stand in a row."""
    words = list(gram)
    return sum(
        line.split()[place : place + len(words)] == words
        for line in lines
        for place in range(len(line.split()))
    )


def test_where_all_are_as_frequent_as_many_are_kept_as_may_be() -> None:
    ngrams = count_ngrams(encoded(["a bad cab", "he did", "big egg"]), SPACE, 3, most_ngrams=2)
    assert len(ngrams.orders[1].words) == 2
    assert 2 <= len(ngrams.orders[0].words) <= 4


@pytest.mark.parametrize(
    ("texts", "order", "orders"), [(["a", "b", "ab"], 6, 2), (["a bad", "b"], 6, 3), (["a"], 2, 1)]
)
def test_orders_longer_than_every_sentence_are_left_out(
    texts: list[str], order: int, orders: int
) -> None:
    ngrams = count_ngrams(encoded(texts), SPACE, order)
    assert len(ngrams.orders) == orders
    assert all(len(one.words) for one in ngrams.orders)


def test_long_and_rare_words_are_left_out() -> None:
    texts = ["a " + "b" * 40, "a " + "b" * 41, "a cab", "cab a", "bed"]
    everything = words_of(count_ngrams(encoded(texts), SPACE))
    assert everything == ["a", "b" * 40, "bed", "cab"]
    few = count_ngrams(encoded(texts), SPACE, most_words=2)
    assert words_of(few) == ["a", "cab"]
    assert words_of(count_ngrams(encoded(texts), SPACE, most_letters=6)) == ["a", "cab"]
    # What stands on either side of a word outside the vocabulary is no n-gram.
    assert ("a", END) not in grams_of(count_ngrams(encoded(["a bed b", "a b"]), SPACE, 2, 2))[1]
    assert ("a", "b") not in grams_of(count_ngrams(encoded(["a bed b", "a", "b"]), SPACE, 2, 2))[1]


@pytest.mark.parametrize(
    ("texts", "options", "found"),
    [
        (["a bad cab"], {"order": 1}, "an order of 1"),
        ([], {}, "holds no words"),
        (["", "  "], {}, "holds no words"),
        (["a" * 41], {}, "no word of at most 40 letters"),
        (["ab a bc", "cd a de"], {"most_words": 1}, "no word of the vocabulary stands beside"),
    ],
)
def test_text_without_words(texts: list[str], options: dict[str, Any], found: str) -> None:
    with pytest.raises(LasError, match=found) as error:
        count_ngrams(encoded(texts), SPACE, **options)
    assert "\n" not in str(error.value)
