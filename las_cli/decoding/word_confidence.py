"""A hypothesis as the search found it in, the same with word times and confidences out."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from las_cli.decoding.calibration import Evidence
from las_cli.decoding.decoder import Decoder
from las_cli.decoding.forced_alignment import (
    Span,
    align_attention,
    align_ctc,
    group_words,
    place_words,
    spread_evenly,
)
from las_cli.decoding.heard import HeardUtterance
from las_cli.decoding.hypothesis import Hypothesis, Scores, UtteranceWord
from las_cli.text.units import EOS

if TYPE_CHECKING:
    from las_cli.network.las import LAS


def describe_words(
    hypothesis: Hypothesis,
    heard: HeardUtterance,
    decoder: Decoder,
    with_times: bool,
) -> Hypothesis:
    """`hypothesis` with confidence and, if asked, words with times in seconds of the utterance.

    The utterance's confidence is that of its words, weighted by their letters; an empty hypothesis
    is as sure as its end of sentence.
    """
    calibration = decoder.options.calibration
    aligned = with_times or bool(calibration.weights)
    groups, spans, evidence = weigh_words(hypothesis, heard, decoder, aligned)
    if not groups:
        scores = hypothesis.letter_scores
        sure = min(0.0, scores[-1]) if scores else 0.0
        return replace(hypothesis, confidence=round(math.exp(sure), 4))
    confidences = [calibration.confidence(one) for one in evidence]
    letters = sum(one.letters for one in evidence)
    overall = sum(c * one.letters for c, one in zip(confidences, evidence, strict=True)) / letters
    words: tuple[UtteranceWord, ...] = ()
    if spans is not None and with_times:
        step_seconds = decoder.model.config.step_seconds
        places = place_words(
            hypothesis.units, spans, decoder.alphabet, step_seconds, heard.seconds
        )
        words = tuple(
            UtteranceWord(place.text, place.start, place.end, round(confidence, 4))
            for place, confidence in zip(places, confidences, strict=True)
        )
    return replace(hypothesis, confidence=round(overall, 4), words=words)


@torch.inference_mode()
def weigh_words(
    hypothesis: Hypothesis, heard: HeardUtterance, decoder: Decoder, aligned: bool = True
) -> tuple[list[tuple[int, int, str]], list[Span] | None, list[Evidence]]:
    """The words of a hypothesis, the place of each letter if `aligned`, evidence of each word."""
    units, scores = hypothesis.units, hypothesis.letter_scores
    groups = group_words(units, decoder.alphabet)
    if not groups:
        return [], None, []
    spans = align_units(units, scores, heard, decoder.model) if aligned else None
    by_ctc = spans if heard.log_probs is not None else None
    alone = [word_evidence(scores, by_ctc, first, last) for first, last, _ in groups]
    return groups, spans, in_context(alone, hypothesis.scores, len(units))


def align_units(
    units: tuple[int, ...], scores: tuple[float, ...], heard: HeardUtterance, model: LAS
) -> list[Span]:
    """The place of every letter: by CTC, without a head by attention, else spread evenly."""
    states, log_probs, _ = heard
    if log_probs is not None:
        return align_ctc(log_probs, units) or spread_evenly(scores[: len(units)], len(states))
    letters = torch.tensor([[EOS, *units[:-1]]], device=states.device)
    memory = model.speller.remember(states[None], torch.tensor([len(states)], device=states.device))
    _, weights = model.speller(letters, memory)
    return align_attention(weights[0], scores[: len(units)])


def word_evidence(
    scores: tuple[float, ...], spans: list[Span] | None, first: int, last: int
) -> Evidence:
    """What is known of the word of units `first` … `last` - 1.

    The score behind the word counts too: that of its space or of the end of sentence says whether
    the word ends there.
    """
    letters = scores[first : last + 1]
    mean = sum(letters) / len(letters)
    heard = [span.score for span in spans[first:last]] if spans is not None else [mean]
    return Evidence(mean, min(letters), sum(heard) / len(heard), last - first)


def in_context(words: list[Evidence], scores: Scores, letters: int) -> list[Evidence]:
    """The words of an utterance, with what their neighbours and its scores say of them."""
    means = [word.mean for word in words]
    spoken = sum(means) / len(means)
    found = []
    for place, word in enumerate(words):
        around = means[max(0, place - 1) : place] + means[place + 1 : place + 2]
        found.append(
            replace(
                word,
                around=sum(around) / len(around) if around else None,
                spoken=spoken,
                by_attention=scores.get("attention", 0.0) / letters,
                by_ctc=scores.get("ctc", 0.0) / letters,
                by_lm=scores.get("lm", 0.0) / letters,
            )
        )
    return found
