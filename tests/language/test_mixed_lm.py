"""Letters mixed with words: probabilities, their state in a search, and the share of the words."""

from __future__ import annotations

import dataclasses
import math
from types import SimpleNamespace

import pytest
import torch

from las_cli.decoding.decode import decode
from las_cli.decoding.decoder import Decoder
from las_cli.decoding.options import DecodingOptions
from las_cli.errors import LasError
from las_cli.evaluation.tuning_run import what_decides
from las_cli.language import MixedLM
from las_cli.language.lm_training import measure_perplexity
from las_cli.language.mixing import BELIEF, PRIOR, find_share
from las_cli.language.word_lm import WordLM
from las_cli.language.word_ngrams import count_ngrams
from las_cli.text.units import EOS
from tests.decoding.conftest import speech, tiny_model

from .words import (
    ALPHABET,
    SMALL,
    SPACE,
    encoded,
    make_letters,
    make_mixed,
    make_words,
    scored,
    zipf,
)

# In the vocabulary, half in it, outside it, odd spaces.
TEXTS = ["a bad cab", "he did a b", "gggg jj a", " a  badd ", "a bad cabb", "jjjjjjjjj"]


def log_p(model: MixedLM, text: str, end: bool = True) -> float:
    """Natural log p of `text`, with the end of sentence or without it."""
    scores = scored(model, text)
    letters = [*ALPHABET.encode(text), *([EOS] if end else [])]
    return sum(float(scores[place, letter]) for place, letter in enumerate(letters))


@pytest.mark.parametrize("share", [0.01, 0.4, 0.99])
@pytest.mark.parametrize("text", TEXTS)
def test_letters_sum_to_one_in_and_out_of_the_vocabulary(share: float, text: str) -> None:
    scores = scored(make_mixed(share), text)
    assert not bool(scores.isnan().any())
    torch.testing.assert_close(scores.exp().sum(-1), torch.ones(len(text) + 1))
    assert float(scores[:, 0].max()) < -1000  # never the blank


@pytest.mark.parametrize("share", [0.2, 0.7])
@pytest.mark.parametrize("before", ["", "a bad ", "he jj "])
def test_each_word_is_a_mixture(share: float, before: str) -> None:
    mixed = make_mixed(share)
    start = mixed.words.start(1, 1)
    for letter in ALPHABET.encode(before):
        start = mixed.words.advance(start, torch.tensor([[letter]]))
    for word in ("a", "bad", "cab", "deed", "badd", "j"):
        by_words, state = 0.0, start
        for letter in ALPHABET.encode(word):
            by_words += float(mixed.words.log_probs(state)[0, 0, letter])
            state = mixed.words.advance(state, torch.tensor([[letter]]))
        ids = torch.tensor([[EOS, *ALPHABET.encode(before + word)]])
        by_letters = mixed.letters(ids)[0][0]  # [U, V]
        for last in (SPACE, EOS):
            letters = sum(
                float(by_letters[len(before) + place, letter])
                for place, letter in enumerate([*ALPHABET.encode(word), last])
            )
            words = by_words + float(mixed.words.log_probs(state)[0, 0, last])
            wanted = share * math.exp(words) + (1 - share) * math.exp(letters)
            text = before + word + (" " if last == SPACE else "")
            found = log_p(mixed, text, last == EOS) - log_p(mixed, before, end=False)
            assert math.exp(found) == pytest.approx(wanted, rel=1e-4)


@torch.inference_mode()
def test_hypotheses_of_a_batch_equal_each_alone() -> None:
    """[B, K] at once; and as in a search, hypotheses that go on from others."""
    model = make_mixed()
    texts = [["a bad cab", "gggg jj a"], ["he did a ", "jjjjjjjjj"], [" a  badd ", "a bad bed"]]
    state = model.start(3, 2)
    assert all(part.shape[:2] == (3, 2) for part in state)
    scores, state = model.step(torch.full((3, 2), EOS), state)
    parents = torch.tensor([[1, 0], [0, 0], [1, 1]])
    rows = torch.arange(3)[:, None]
    for place in range(9):
        if place == 5:
            texts = [[texts[b][k] for k in row] for b, row in enumerate(parents.tolist())]
            state = tuple(part[rows, parents] for part in state)
        letters = torch.tensor([[ALPHABET.encode(text[place])[0] for text in r] for r in texts])
        scores, state = model.step(letters, state)
    for b, row in enumerate(texts):
        for k, text in enumerate(row):
            torch.testing.assert_close(scores[b, k], scored(model, text)[-1])
    left = torch.tensor([2, 0])  # as where utterances have ended
    fewer, _ = model.step(torch.full((2, 2), SPACE), tuple(part[left] for part in state))
    more, _ = model.step(torch.full((3, 2), SPACE), state)
    torch.testing.assert_close(fewer, more[left])


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, math.nan])
def test_a_share_is_between_0_and_1(share: float) -> None:
    with pytest.raises(LasError, match="a share of words of"):
        MixedLM(make_letters(), make_words(), share)


@pytest.mark.parametrize("held_out", [TEXTS, SMALL, zipf(9, seed=8), ["cab"], ["j"]])
def test_the_share_is_the_likeliest(held_out: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("las_cli.language.mixing.LINES", 3)  # several batches
    letters, words, lines = make_letters(), make_words(), encoded(held_out)
    found = find_share(MixedLM(letters, words, 0.3), lines)
    count = sum(len(text) + 1 for text in held_out)

    def perplexity(share: float) -> float:
        model = MixedLM(letters, words, share).eval()
        return math.exp(-sum(log_p(model, text) for text in held_out) / count)

    def cost(share: float) -> float:
        """Nats of the text, and of the words that stand for what is believed beforehand."""
        belief = PRIOR * BELIEF * (math.log(share) + math.log(1 - share))
        return count * math.log(perplexity(share)) - belief

    assert 0 < found.share < 1
    assert found.perplexity == pytest.approx(perplexity(found.share), rel=2e-4)
    assert found.by_letters == pytest.approx(measure_perplexity(letters, lines), rel=1e-5)
    for other in (found.share - 0.05, found.share + 0.05):
        if 0 < other < 1:
            assert cost(other) >= cost(found.share) - 1e-3
    assert found.counts == (words.ngrams.end, *(len(o.words) for o in words.ngrams.orders))
    assert " % of words unknown, perplexity per letter" in found.summary


def test_unknown_words_are_counted() -> None:
    found = find_share(make_mixed(), encoded(["a bad jj", "gggg"]))
    assert found.unknown == pytest.approx(0.5)
    assert found.facts["unknown_words"] == 0.5


def test_a_word_too_unlikely_for_a_float_is_no_harm() -> None:
    found = find_share(make_mixed(), encoded(["a bad cab", "j" * 400]))
    assert 0 < found.share < 1
    assert math.isfinite(found.perplexity) and found.unknown == pytest.approx(0.25)


def test_searches_with_other_words_are_never_taken_for_these() -> None:
    loaded, options = SimpleNamespace(model=make_letters()), SimpleNamespace(precision="auto")
    letters, words = make_letters(), make_words()
    other = count_ngrams(encoded([*SMALL, "cab cab"]), SPACE)
    models = (
        letters,
        MixedLM(letters, words, 0.4),
        MixedLM(letters, words, 0.5),
        MixedLM(letters, WordLM(other, len(ALPHABET), SPACE), 0.4),
    )
    recognisers = (SimpleNamespace(loaded=loaded, options=options, lm=lm) for lm in models)
    told = {what_decides(one, [])["language model"] for one in recognisers}  # type: ignore[arg-type]
    assert len(told) == len(models)


@pytest.mark.parametrize("search", ["beam", "greedy", "rescore", "ctc"])
def test_padding_never_changes_what_a_search_finds(search: str) -> None:
    model, lm = tiny_model(), make_mixed()
    waveforms, lengths = speech(0.4, 1.1, 0.02, 0.8)
    options = DecodingOptions(
        search=search, beam=3, nbest=1 if search == "greedy" else 2, lm_weight=0.5,
        precision="float32",
    )  # fmt: skip
    together = decode(Decoder(model, ALPHABET, options, lm), waveforms, lengths)
    assert any(one[0].scores["lm"] < 0 for one in together)
    for row, length in enumerate(lengths.tolist()):
        part = waveforms[row : row + 1, :length]
        alone = decode(Decoder(model, ALPHABET, options, lm), part, lengths[row : row + 1])[0]
        for one, other in zip(alone, together[row], strict=True):
            assert one.units == other.units
            assert one.score == pytest.approx(other.score, abs=2e-3)


def test_a_search_adds_up_what_it_says_of_a_sentence() -> None:
    model, lm = tiny_model(), make_mixed()
    options = DecodingOptions(beam=4, nbest=4, lm_weight=0.5, precision="float32")
    for one in decode(Decoder(model, ALPHABET, options, lm), *speech(0.9))[0]:
        assert one.scores["lm"] == pytest.approx(log_p(lm, one.text), abs=1e-3)


def test_without_weight_it_changes_nothing() -> None:
    model = tiny_model()
    options = DecodingOptions(beam=3, nbest=3, lm_weight=0.0, precision="float32")
    without = decode(Decoder(model, ALPHABET, options), *speech(0.9, 0.5))
    assert decode(Decoder(model, ALPHABET, options, make_mixed()), *speech(0.9, 0.5)) == without
    weighed = dataclasses.replace(options, lm_weight=1.0)
    assert decode(Decoder(model, ALPHABET, weighed, make_mixed()), *speech(0.9, 0.5)) != without
