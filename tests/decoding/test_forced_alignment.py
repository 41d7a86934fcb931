"""Word times: from CTC posteriors with known letters, from attention, and where neither fits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from las_cli.decoding.decode import decode, search
from las_cli.decoding.decoder import Decoder
from las_cli.decoding.forced_alignment import (
    Span,
    align_attention,
    align_ctc,
    group_words,
    place_words,
    spread_evenly,
)
from las_cli.decoding.heard import Heard
from las_cli.decoding.options import DecodingOptions
from las_cli.network.las import LAS
from las_cli.text import Alphabet

from .conftest import ALPHABET, speech

STEP = 0.04  # seconds


def spikes(places: list[tuple[int, str]], steps: int) -> torch.Tensor:
    """CTC posteriors [T, V] that write a letter at each place and the blank elsewhere."""
    logits = torch.zeros(steps, len(ALPHABET))
    logits[:, 0] = 8.0
    for step, letter in places:
        logits[step, ALPHABET.encode(letter)[0]] = 16.0
    return torch.log_softmax(logits, dim=-1)


def test_words_are_where_their_letters_are() -> None:
    """Three words as if joined from single recordings: known starts and ends."""
    written = {"bad": (10, 20), "egg": (30, 41), "jab": (60, 66)}  # steps of first and last letter
    places: list[tuple[int, str]] = []
    for word, (first, last) in written.items():
        if places:
            places.append((first - 3, " "))
        places += [(first, word[0]), ((first + last) // 2, word[1]), (last, word[2])]
    log_probs = spikes(places, 80)
    units = ALPHABET.encode("bad egg jab")
    spans = align_ctc(log_probs, units)
    assert spans is not None and len(spans) == len(units)
    words = place_words(units, spans, ALPHABET, STEP, 80 * STEP)
    assert [word.text for word in words] == list(written)
    for word, (first, last) in zip(words, written.values(), strict=True):
        assert word.start == pytest.approx(first * STEP, abs=STEP)
        assert word.end == pytest.approx((last + 1) * STEP, abs=STEP)
    check(words, 80 * STEP)


def check(words: list, duration: float) -> None:  # type: ignore[type-arg]
    """Inside the utterance, rising, never overlapping."""
    before = 0.0
    for word in words:
        assert before <= word.start <= word.end <= duration + 1e-6
        before = word.end


@pytest.mark.parametrize("seed", range(5))
def test_times_rise_and_stay_inside(model: LAS, alphabet: Alphabet, seed: int) -> None:
    waveforms, lengths = speech(1.7, 0.9, 0.3, seed=seed)
    for search_ in ("greedy", "ctc", "beam"):
        options = DecodingOptions(search=search_, beam=3, precision="float32")
        decoder = Decoder(model, alphabet, options)
        for row, (hypothesis,) in enumerate(decode(decoder, waveforms, lengths)):
            assert " ".join(word.text for word in hypothesis.words) == hypothesis.text
            check(list(hypothesis.words), float(lengths[row]) / 16_000)
            assert all(0 <= word.confidence <= 1 for word in hypothesis.words)
            assert 0 <= hypothesis.confidence <= 1


def test_known_words_survive_the_whole_search(make_model: Callable[..., LAS]) -> None:
    """From posteriors to hypotheses: the CTC search finds text and times, and is sure of them."""
    model = make_model()
    places = [(5, "c"), (8, "a"), (11, "b"), (15, " "), (20, "d"), (23, "i"), (25, "e"), (27, "d")]
    log_probs = spikes(places, 40)[None]
    heard = Heard(torch.zeros(1, 40, 24), torch.tensor([40]), log_probs, (1.6,))
    options = DecodingOptions(search="ctc", beam=4, lm_weight=0.0)
    (hypothesis,) = search(Decoder(model, ALPHABET, options), heard)[0]
    assert hypothesis.text == "cab died"
    assert [word.start for word in hypothesis.words] == pytest.approx([0.2, 0.8], abs=0.04)
    assert [word.end for word in hypothesis.words] == pytest.approx([0.48, 1.12], abs=0.04)
    assert hypothesis.confidence > 0.9 and hypothesis.flags == ()


def test_more_letters_than_steps_have_no_alignment() -> None:
    units = ALPHABET.encode("aabb")
    assert align_ctc(spikes([], 5), units) is None  # two blanks are needed too
    assert align_ctc(spikes([], 6), units) is not None
    assert align_ctc(spikes([], 6), []) is None
    spans = spread_evenly([-1.0] * 7, 4)
    assert [span.start for span in spans] == sorted(span.start for span in spans)
    assert all(0 <= span.start < span.end <= 4 for span in spans)


def test_attention_places_never_go_back() -> None:
    weights = torch.full((4, 10), 0.01)
    for letter, step in enumerate((1, 4, 2, 8)):  # the third looks back
        weights[letter, step] = 0.9
    starts = [span.start for span in align_attention(weights, [-0.1] * 4)]
    assert starts[0] == 1 and starts[-1] == 8 and starts == sorted(starts)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ab cd", ["ab", "cd"]),
        (" ab  cd ", ["ab", "cd"]),
        ("a", ["a"]),
        ("", []),
        ("  ", []),
    ],
)
def test_words_of_letters(text: str, words: list[str]) -> None:
    units = ALPHABET.encode(text)
    groups = group_words(units, ALPHABET)
    assert [word for _, _, word in groups] == words
    assert all(ALPHABET.decode(units[first:last]) == word for first, last, word in groups)


def test_words_of_pieces() -> None:
    class Pieces:
        kind = "wordpieces"
        units = ("▁the", "▁ca", "t", "s", "▁")

        def decode(self, ids: list[int]) -> str:
            return "".join(self.units[i - 2] for i in ids).replace("▁", " ").strip()

    groups = group_words([2, 3, 4, 5, 6, 4], Pieces())  # type: ignore[arg-type]
    assert groups == [(0, 1, "the"), (1, 4, "cats"), (4, 6, "t")]


def test_spans_of_neighbours_share_the_gap() -> None:
    units = ALPHABET.encode("a b")
    spans = [Span(3, 4, 0.0), Span(4, 5, 0.0), Span(5, 6, 0.0)]
    first, second = place_words(units, spans, ALPHABET, STEP, 1.0)
    assert first.end <= second.start and first.start == pytest.approx(0.1)


@pytest.mark.parametrize("end", [6, 9])
def test_words_on_one_step_share_its_time(end: int) -> None:
    spans = [Span(5, end, -1.0)] * 5
    words = place_words(ALPHABET.encode("a b c"), spans, ALPHABET, STEP, 20 * STEP)
    assert [word.text for word in words] == ["a", "b", "c"]
    assert all(word.end - word.start > 0.01 for word in words)
    check(words, 20 * STEP)
