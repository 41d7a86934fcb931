"""Word n-grams: against a count in dictionaries, and what is left out of a large text."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from las_cli.errors import LasError
from las_cli.language.word_ngrams import count_ngrams
from las_cli.language.word_tokens import split_words

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
        ([3, 4], ["CD"]),  # 64 letters behind their ids
        ([2, 3, 2, 2, 4, 5, 2], ["C", "DE"]),
    ],
)
def test_lines_are_split_at_spaces(line: list[int], words: list[str]) -> None:
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


def test_as_many_are_kept_as_may_be_and_their_contexts() -> None:
    texts = zipf()
    full = grams_of(count_ngrams(encoded(texts), SPACE, 4))
    assert sum(map(len, full[1:])) > 800
    pruned = grams_of(count_ngrams(encoded(texts), SPACE, 4, most_ngrams=150))
    assert sum(map(len, pruned[1:])) == 150
    assert pruned[0].keys() == full[0].keys()  # words are never pruned
    for below, table, whole in zip(pruned, pruned[1:], full[1:], strict=False):
        assert 0 < len(table) < len(whole)
        assert all(len(gram) == 2 or gram[:-1] in below for gram in table)
        assert table.keys() <= whole.keys()


@pytest.mark.parametrize("order", [2, 3, 4])
def test_those_kept_have_the_probabilities_of_a_model_of_them(order: int) -> None:
    texts = zipf()
    pruned = count_ngrams(encoded(texts), SPACE, order, most_ngrams=120)
    own = [{gram: math.exp(log) for gram, log in table.items()} for table in grams_of(pruned)]
    kept = {gram for table in own for gram in table}
    full = BruteForce(texts, words_of(pruned), order, kept)
    for gram, log in grams_of(pruned)[0].items():
        assert math.exp(log) == pytest.approx(full.own[0][gram], rel=1e-9)
    exact = 0
    for table in own[1:]:
        for gram, added in table.items():
            if added > 1e-20:  # else backing off says as much
                exact += 1
                found = interpolated(own, gram[:-1], gram[-1], full.next)
                expected = full.probability(gram[:-1], gram[-1])
                assert found == pytest.approx(expected, rel=1e-7)
    assert exact > 100


@pytest.mark.parametrize("most_ngrams", [40, 10**6])
@pytest.mark.parametrize("memory", [2000, 20_000])
def test_memory_changes_nothing(memory: int, most_ngrams: int) -> None:
    lines = encoded(zipf(60))
    few, much = (
        count_ngrams(lines, SPACE, 3, 30, most_ngrams, memory=most) for most in (memory, 10**9)
    )
    assert len(much.lengths) == 30 and len(much.orders) == 3 - 1
    for one, other in ((few, much), *zip(few.orders, much.orders, strict=True)):
        for name, values in vars(one).items():
            if name != "orders":
                np.testing.assert_array_equal(values, vars(other)[name])


def test_nothing_is_left_of_a_count_that_ends_early(tmp_path: Path) -> None:
    def stopped() -> Iterator[list[int]]:
        yield from encoded(zipf(60))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        count_ngrams(stopped(), SPACE, memory=1, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("memory", [1, 10**9], ids=["text", "numbers"])
def test_a_full_disk_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: int
) -> None:
    def full(mode: str = "w+b", **options: Any) -> IO[Any]:
        options.pop("dir")
        # Where memory is little the first to be written are words, as text.
        buffering = -1 if ("b" in mode) == (memory > 1) else 0
        path = "/dev/full" if buffering else tmp_path / "empty"
        return open(path, mode, **options)

    monkeypatch.setattr("las_cli.language.spool.tempfile.TemporaryFile", full)
    with pytest.raises(LasError, match=r": counts of words .*No space left") as error:
        count_ngrams(encoded(zipf(60)), SPACE, memory=memory, folder=tmp_path)
    assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LasError, match="missing: counts of words cannot be kept there"):
        count_ngrams(encoded(["a b"]), SPACE, folder=tmp_path / "missing")


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
