"""Word n-grams asked letter by letter: what the letters of a word say together."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from las_cli.language.word_lm import NOWHERE, WordLM, WordState
from las_cli.text.units import BLANK, EOS

from .words import ALPHABET, BEGIN, END, SMALL, SPACE, BruteForce, make_words, words_of, zipf

CONTEXTS = ["", "a ", "a bad ", "he did ", "ghij ", "a ghij ", "bad a bad a "]


def written(model: WordLM, text: str) -> WordState:
    """Where `text` leads from the begin of a sentence."""
    state = model.start(1, 1)
    for letter in ALPHABET.encode(text):
        state = model.advance(state, torch.tensor([[letter]]))
    return state


def after(model: WordLM, text: str) -> torch.Tensor:
    """log p of each letter after `text`, [V]."""
    return model.log_probs(written(model, text))[0, 0]


@pytest.mark.parametrize("order", [2, 3, 4])
def test_letters_sum_to_one_wherever_a_word_can_go(order: int) -> None:
    model = make_words(order=order)
    words = words_of(model.ngrams)
    beginnings = {word[:n] for word in words for n in range(len(word) + 1)}
    for before in CONTEXTS:
        for beginning in beginnings:
            scores = after(model, before + beginning)
            assert float(scores.exp().sum()) == pytest.approx(1.0, abs=1e-6)
            possible = {word[len(beginning)] for word in words if word.startswith(beginning)
                        and word != beginning}  # fmt: skip
            found = {ALPHABET.decode([i]) for i in scores.isfinite().nonzero()[:, 0].tolist()}
            assert found - {"", " "} == possible
            assert bool(scores[SPACE].isfinite()) == (beginning in words)
            assert bool(scores[EOS].isfinite()) == (beginning in words)
            assert scores[BLANK] == -math.inf


@pytest.mark.parametrize("texts", [SMALL, zipf(40)])
@pytest.mark.parametrize(("order", "most_words"), [(2, 99), (3, 99), (3, 4), (4, 99)])
def test_the_letters_of_a_word_are_worth_the_word(
    texts: list[str], order: int, most_words: int
) -> None:
    model = make_words(texts, order, most_words)
    words = words_of(model.ngrams)
    expected = BruteForce(texts, words, order)
    for before in ["", *(f"{text} " for text in texts[:3])]:
        context = (BEGIN, *(w if w in words else "?" for w in before.split()))[-(order - 1) :]
        no_end = 1 - expected.probability(context, END)
        for word in words[:: len(words) // 6 + 1]:
            total = 0.0
            for place, letter in enumerate(ALPHABET.encode(word)):
                total += float(after(model, before + word[:place])[letter])
            last = after(model, before + word)
            word_wanted = expected.probability(context, word) / no_end
            end = expected.probability((*context, word)[-(order - 1) :], END)
            for letter, wanted in ((SPACE, word_wanted * (1 - end)), (EOS, word_wanted * end)):
                assert math.exp(total + float(last[letter])) == pytest.approx(wanted, rel=1e-4)


def test_nothing_follows_what_begins_no_word() -> None:
    model = make_words()
    for text in ("g", "a g", "badd", "cabb", "bad j", "a  g"):
        assert bool((after(model, text) == -math.inf).all())
        assert bool((after(model, text + "ab") == -math.inf).all())
    # A new word begins afresh, by what single words are worth.
    torch.testing.assert_close(after(model, "gggg "), after(model, "a jj "))
    assert written(model, "gggg ").contexts.tolist() == [[[NOWHERE, NOWHERE]]]
    assert written(model, "gggg a ").contexts[0, 0].tolist() == [words_of(model.ngrams).index("a"),
                                                                NOWHERE]  # fmt: skip


def test_a_batch_equals_its_hypotheses_alone() -> None:
    model = make_words()
    texts = [["a bad cab", "he did   "], ["gggg a ca", "bad bad b"]]
    state = model.start(2, 2)
    for place in range(9):
        letters = [[ALPHABET.encode(text[place])[0] for text in row] for row in texts]
        state = model.advance(state, torch.tensor(letters))
    together = model.log_probs(state)
    for b, row in enumerate(texts):
        for k, text in enumerate(row):
            torch.testing.assert_close(together[b, k], after(model, text), rtol=0, atol=0)


def test_certain_ends_are_no_nan() -> None:
    """A file may say 1, or rounded a little more, of a word or an end."""
    ngrams = make_words().ngrams
    certain = [
        dataclasses.replace(order, logs=np.where(order.words == ngrams.end, 0.0, order.logs))
        for order in ngrams.orders
    ]
    model = WordLM(dataclasses.replace(ngrams, orders=tuple(certain)), len(ALPHABET), SPACE)
    for text in ("", "bad", "a cab", "bad ", "he did a bad deed"):
        scores = after(model, text)
        assert not bool(scores.isnan().any()) and float(scores.max()) <= 1e-6


def test_the_tables_stay_behind_where_there_is_no_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_words()
    monkeypatch.setattr("las_cli.language.word_lm.NO_FLOAT64", ("meta",))
    both = torch.nn.ModuleList([model, torch.nn.Linear(1, 1)]).to("meta")
    assert {tensor.device.type for tensor in both.parameters()} == {"meta"}
    assert {tensor.device.type for tensor in model.buffers()} == {"cpu"}
    monkeypatch.undo()
    assert {tensor.device.type for tensor in model.to("meta").buffers()} == {"meta"}
