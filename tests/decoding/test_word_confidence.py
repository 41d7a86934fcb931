"""What is known of a word: its letters, what stands behind it, and what CTC heard."""

from __future__ import annotations

import math

import pytest

from las_cli.decoding.calibration import Evidence
from las_cli.decoding.forced_alignment import Span
from las_cli.decoding.word_confidence import in_context, word_evidence

# "ab cd": letters 0 and 1, a space, letters 3 and 4, the end of sentence
SCORES = (-0.1, -0.2, -3.0, -0.3, -0.5, -1.0)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (0, 2, Evidence(-1.1, -3.0, -1.1, 2)),  # (0.1 + 0.2 + 3.0) / 3: the space is doubtful
        (3, 5, Evidence(-0.6, -1.0, -0.6, 2)),  # (0.3 + 0.5 + 1.0) / 3
    ],
)
def test_the_letter_behind_a_word_counts(first: int, last: int, expected: Evidence) -> None:
    evidence = word_evidence(SCORES, None, first, last)
    assert (evidence.mean, evidence.worst, evidence.ctc, evidence.letters) == pytest.approx(
        (expected.mean, expected.worst, expected.ctc, expected.letters)
    )


def test_ctc_speaks_for_the_letters_of_the_word_alone() -> None:
    spans = [Span(u, u + 1, -0.1 * 2**u) for u in range(5)]
    assert word_evidence(SCORES, spans, 0, 2).ctc == pytest.approx(-(0.1 + 0.2) / 2)
    assert word_evidence(SCORES, spans, 3, 5).ctc == pytest.approx(-(0.8 + 1.6) / 2)
    assert word_evidence(SCORES, spans, 3, 5).mean == pytest.approx(-0.6)


def test_a_long_word_weighs_more_in_the_confidence_of_the_utterance() -> None:
    """Worked by hand: confidence is e to the mean, weighted by letters."""
    import torch

    from las_cli.decoding.decoder import Decoder
    from las_cli.decoding.heard import HeardUtterance
    from las_cli.decoding.hypothesis import Hypothesis
    from las_cli.decoding.options import DecodingOptions
    from las_cli.decoding.word_confidence import describe_words

    from .conftest import ALPHABET, tiny_model

    decoder = Decoder(tiny_model(), ALPHABET, DecodingOptions())
    heard = HeardUtterance(torch.zeros(9, 24), None, 1.0)
    units = tuple(ALPHABET.encode("a bcd"))
    scores = (-1.0, -1.0, 0.0, 0.0, -0.2, -0.2)
    hypothesis = Hypothesis(units, "a bcd", 0.0, {}, letter_scores=scores)
    described = describe_words(hypothesis, heard, decoder, with_times=False)
    expected = (1 * math.exp(-1.0) + 3 * math.exp(-0.1)) / 4
    assert described.confidence == pytest.approx(expected, abs=1e-4)
    empty = Hypothesis((), "", 0.0, {}, letter_scores=(-0.5,))
    described = describe_words(empty, heard, decoder, with_times=False)
    assert described.confidence == pytest.approx(math.exp(-0.5), abs=1e-4)


def test_words_know_their_neighbours_and_their_utterance() -> None:
    words = [Evidence(mean, mean, mean, 2) for mean in (-0.1, -0.5, -1.2)]
    found = in_context(words, {"attention": -6.0, "ctc": -3.0, "lm": -12.0}, 6)
    assert [word.around for word in found] == pytest.approx([-0.5, -0.65, -0.5])
    assert [word.spoken for word in found] == pytest.approx([-0.6] * 3)
    told = {(word.by_attention, word.by_ctc, word.by_lm) for word in found}
    assert told == {(-1.0, -0.5, -2.0)}
    assert in_context(words[:1], {}, 2) == [Evidence(-0.1, -0.1, -0.1, 2, None, -0.1)]
