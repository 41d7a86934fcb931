"""Two sets of word n-grams in one: sums of 1, exact mixtures, words of both."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from las_cli.language.enriching import enrich
from las_cli.language.ngram_merging import merge_ngrams
from las_cli.language.word_lm import WordLM
from las_cli.language.word_ngrams import count_ngrams

from .words import (
    ALPHABET,
    BEGIN,
    END,
    SMALL,
    SPACE,
    encoded,
    grams_of,
    interpolated,
    make_letters,
    make_mixed,
    words_of,
    zipf,
)

OTHERS = ["jig a bad fig", "a jig", "a fig bad jig", "bad jig", "he did a jig"]


def tables(ngrams: object) -> list[dict]:
    return [{g: math.exp(v) for g, v in own.items()} for own in grams_of(ngrams)]  # type: ignore[arg-type]


def test_words_of_both_and_every_context_sums_to_one() -> None:
    one = count_ngrams(encoded(SMALL), SPACE)
    other = count_ngrams(encoded(OTHERS), SPACE)
    merged = merge_ngrams(one, other, 0.3)
    assert words_of(merged) == sorted(set(words_of(one)) | set(words_of(other)))
    own = tables(merged)
    following = [*words_of(merged), END]
    contexts = itertools.product([BEGIN, *words_of(merged)], following)
    for context in [(), *((a,) for a in [BEGIN, *words_of(merged)]), *contexts]:
        total = sum(interpolated(own, context, word, following) for word in following)
        assert total == pytest.approx(1, abs=1e-6), context


def test_single_words_and_shared_contexts_are_weighted_sums() -> None:
    one = count_ngrams(encoded(SMALL), SPACE)
    other = count_ngrams(encoded(OTHERS), SPACE)
    merged = tables(merge_ngrams(one, other, 0.3))
    mine, theirs = tables(one), tables(other)

    def alone(own: list[dict], ngrams: object, word: str) -> float:
        return interpolated(own, (), word, [*words_of(ngrams), END])  # type: ignore[arg-type]

    assert merged[0]["jig",] == pytest.approx(0.3 * alone(theirs, other, "jig"))
    both = 0.7 * alone(mine, one, "bad") + 0.3 * alone(theirs, other, "bad")
    assert merged[0]["bad",] == pytest.approx(both)
    assert merged[1]["a", "bad"] == pytest.approx(
        0.7 * mine[1]["a", "bad"] + 0.3 * theirs[1]["a", "bad"]
    )
    assert merged[1]["bad", "jig"] == pytest.approx(0.3 * theirs[1]["bad", "jig"])
    assert merged[2]["he", "did", "a"] == pytest.approx(
        0.7 * mine[2]["he", "did", "a"] + 0.3 * theirs[2]["he", "did", "a"]
    )


def test_of_one_text_twice_nothing_changes() -> None:
    one = count_ngrams(encoded(zipf()), SPACE)
    merged = merge_ngrams(one, one, 0.4)
    assert merged.letters.tolist() == one.letters.tolist()
    rest = (1 - np.exp(one.logs).sum()) / len(one.logs)
    assert np.allclose(np.exp(merged.logs), np.exp(one.logs) + rest)
    for mine, theirs in zip(merged.orders, one.orders, strict=True):
        assert mine.followers.tolist() == theirs.followers.tolist()
        assert mine.words.tolist() == theirs.words.tolist()
        assert np.allclose(mine.logs, theirs.logs)


def test_orders_of_unlike_length() -> None:
    one = count_ngrams(encoded(SMALL), SPACE, order=3)
    other = count_ngrams(encoded(["jig", "fig"]), SPACE, order=2)
    for pair in ((one, other), (other, one)):
        merged = merge_ngrams(*pair, 0.5)
        assert len(merged.orders) == len(one.orders)
        WordLM(merged, len(ALPHABET), SPACE)


def probability(model: object, text: str) -> float:
    from .test_mixed_lm import log_p

    return log_p(model, text)  # type: ignore[arg-type]


def test_a_user_s_words_become_likely_and_the_others_stay_so() -> None:
    model = make_mixed(texts=zipf())
    lines = ["jig a bad fig", "a jig", "the jig bad"]
    lines = [line.replace("the", "he") for line in lines] * 4
    enriched, found = enrich(model, ALPHABET, encoded(lines))
    assert not found.measured and found.new_words == len({"jig", "bad", "fig", "he"} - {
        word for line in zipf() for word in line.split()})  # fmt: skip
    assert probability(enriched, "a jig") > probability(model, "a jig") + 2
    old = zipf()[0]
    assert probability(enriched, old) > probability(model, old) - 3


def test_the_share_follows_the_sentences_kept_apart() -> None:
    model = make_mixed(texts=zipf(seed=3))
    strange = [line for line in zipf(lines=300, seed=9)]
    _, found = enrich(model, ALPHABET, encoded(strange))
    assert found.measured and found.share > 0.5
    assert found.perplexity(found.after) < 0.9 * found.perplexity(found.before)
    _, same = enrich(model, ALPHABET, encoded(zipf(lines=300, seed=3)))
    assert same.share < found.share
    assert len(found.before) == len(found.after) == len(found.held_out)


def test_what_is_measured_before_is_what_the_model_says() -> None:
    model = make_mixed(texts=zipf(seed=3))
    _, found = enrich(model, ALPHABET, encoded(zipf(lines=300, seed=9)))
    lines = zipf(lines=300, seed=9)
    # the shortest sentence kept apart comes first
    wanted = {round(-probability(model, line), 3) for line in lines}
    for nats in found.before:
        assert any(abs(nats - one) < 0.01 for one in wanted), nats


def test_a_model_of_letters_alone_gets_words() -> None:
    enriched, found = enrich(make_letters(), ALPHABET, encoded(zipf(lines=300, seed=9)))
    assert enriched.share == pytest.approx(found.share, abs=1e-3)
    assert found.perplexity(found.after) < found.perplexity(found.before)
