"""A list of expected words in a language model: their share, letter by letter, and its search."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from las_cli.decoding.decode import search
from las_cli.decoding.decoder import HOTWORD_WEIGHT, Decoder
from las_cli.decoding.heard import Heard
from las_cli.decoding.hotwords import Hotword
from las_cli.decoding.options import DecodingOptions
from las_cli.language import ExpectingLM, LetterLM, MixedLM, expect_words
from las_cli.language.expected_words import END, MOST_SHARE, SHARE
from las_cli.text.units import EOS
from tests.decoding.conftest import tiny_model

from .words import ALPHABET, make_letters, make_mixed, scored

PHRASES = {"bad jig": 3.0, "jj": 1.0}
WEIGHTS = {"bad": 3.0, "jig": 3.0, "jj": 1.0}
TEXTS = ["a bad cab", "jj", "jig jj", "he did a b", "gggg jj a", "ba", " a  badd "]

Model = LetterLM | MixedLM | ExpectingLM


@pytest.fixture(params=["letters", "mixed"])
def base(request: pytest.FixtureRequest) -> LetterLM | MixedLM:
    return make_letters() if request.param == "letters" else make_mixed()


def log_p(model: Model, before: str, text: str) -> float:
    """Natural log p of `text` behind `before`."""
    place = len(before)
    scores = scored(model, before + text)[place:]
    return sum(float(scores[at, one]) for at, one in enumerate(ALPHABET.encode(text)))


def expecting(base: LetterLM | MixedLM, phrases: dict[str, float] = PHRASES) -> ExpectingLM:
    model = expect_words(base, phrases, ALPHABET)
    assert isinstance(model, ExpectingLM)
    return model


@pytest.mark.parametrize("text", TEXTS)
def test_letters_sum_to_one(base: LetterLM | MixedLM, text: str) -> None:
    total = scored(expecting(base), text)[:, EOS:].exp().sum(-1)
    torch.testing.assert_close(total, torch.ones_like(total), atol=1e-4, rtol=0)


@pytest.mark.parametrize("before", ["", "he did ", "jj "])
@pytest.mark.parametrize("word", ["bad", "jig", "jj", "badd", "ba", "he"])
def test_a_word_has_its_share_of_what_may_come(
    base: LetterLM | MixedLM, before: str, word: str
) -> None:
    model = expecting(base)
    assert model.share == pytest.approx(SHARE * 7)
    plain = math.exp(log_p(base, before, word + " "))
    own = WEIGHTS.get(word, 0.0) / 7 * (1 - END)
    found = math.exp(log_p(model, before, word + " "))
    assert found == pytest.approx((1 - model.share) * plain + model.share * own, rel=1e-3)


def test_a_long_list_has_a_share_with_a_bound(base: LetterLM | MixedLM) -> None:
    many = {"".join(pair): 1.0 for pair in zip("abcdefghij" * 100, "abcdefghi" * 112, strict=False)}
    assert len(many) == 90 and expecting(base, many).share == pytest.approx(90 * SHARE)
    heavy = dict.fromkeys(many, 10.0)
    assert expecting(base, heavy).share == pytest.approx(MOST_SHARE)


def test_a_new_list_takes_the_place_of_the_old_one(base: LetterLM | MixedLM) -> None:
    first = expecting(base)
    again = expect_words(first, {"cab": 1.0}, ALPHABET)
    assert isinstance(again, ExpectingLM) and again.base is base
    assert expect_words(first, {}, ALPHABET) is base
    assert expect_words(first, {"zoo": 1.0}, ALPHABET) is base  # the alphabet lacks z and o


def test_some_letters_of_a_phrase_are_lacking(base: LetterLM | MixedLM) -> None:
    words = expecting(base, {"zoo bad": 2.0}).words.ngrams
    assert ALPHABET.decode(words.letters.tolist()) == "bad" and words.end == 1


def heard() -> Heard:
    """CTC hears "cab" a little worse than "cad"."""
    log_probs = torch.full((1, 8, len(ALPHABET)), -9.0)
    log_probs[0, [0, 2, 4, 6, 7], 0] = 0.0
    for step, letters in ((1, "c"), (3, "a"), (5, "bd")):
        for place, letter in enumerate(letters):
            log_probs[0, step, ALPHABET.encode(letter)[0]] = -0.5 + 0.4 * place
    return Heard(torch.zeros(1, 8, 24), torch.tensor([8]), log_probs.log_softmax(-1), (0.3,))


def test_a_search_finds_what_is_expected_without_a_bonus() -> None:
    model = tiny_model()
    base = make_letters()
    plain = DecodingOptions(search="ctc", beam=4, lm_weight=0.5, precision="float32")
    likelier = log_p(base, "", "cad") - log_p(base, "", "cab")
    assert search(Decoder(model, ALPHABET, plain, base), heard())[0][0].text == "cad"
    asked = dataclasses.replace(plain, hotwords=(Hotword("cab", 10.0),))
    decoder = Decoder(model, ALPHABET, asked, expecting(base, {"cab": 10.0}))
    assert abs(likelier) < 1 and decoder.options.weights.keys() == {"attention", "ctc", "lm"}
    best = search(decoder, heard())[0][0]
    assert best.text == "cab" and "hotwords" not in best.scores
    assert decoder.hotwords is not None and decoder.hotwords.spot("a cab") == ("cab",)


def test_without_a_model_that_expects_them_words_have_a_bonus() -> None:
    base = make_letters()
    options = DecodingOptions(lm_weight=0.5, hotwords=(Hotword("cab"),))
    model = tiny_model()

    def weight(lm: Model | None, **changes: float) -> float:
        given = dataclasses.replace(options, **changes)  # type: ignore[arg-type]
        return Decoder(model, ALPHABET, given, lm).options.hotword_weight

    assert weight(None) == weight(base) == HOTWORD_WEIGHT
    assert weight(expecting(base)) == 0.0
    assert weight(expecting(base), lm_weight=0.0) == HOTWORD_WEIGHT
    assert weight(expecting(base), hotword_weight=2.0) == weight(None, hotword_weight=2.0) == 2.0
