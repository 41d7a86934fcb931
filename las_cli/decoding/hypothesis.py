"""What a search gives back: hypotheses with their scores split by who gave them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

CUT_OFF = "cut off"  # the length cap ended it, not the model
LOOPED = "looped"  # a pattern repeats more often than speech does
TOO_SHORT = "too short"  # the utterance is shorter than one listener step


# Natural log probabilities of a whole hypothesis, end of sentence included, unweighted, by source
# (`options.SOURCES`): "attention" of the speller, "ctc" of all CTC paths that spell it, "lm".
Scores = Mapping[str, float]


@dataclass(frozen=True)
class UtteranceWord:
    """One word with its place in the utterance; that in the recording is a `transcript.Word`."""

    text: str
    start: float  # seconds from the start of the utterance
    end: float  # seconds from the start of the utterance
    confidence: float  # 0 … 1


@dataclass(frozen=True)
class Hypothesis:
    """One reading of an utterance."""

    units: tuple[int, ...]  # [U] letter ids without end of sentence
    text: str
    score: float  # the weighted sum that ranked it, see DecodingOptions
    scores: Scores  # 0 of a source that was not asked
    flags: tuple[str, ...] = ()  # CUT_OFF, LOOPED, TOO_SHORT
    confidence: float = math.nan  # 0 … 1: expected share of right words
    words: tuple[UtteranceWord, ...] = ()
    # log p of each letter and of the end of sentence given those before, [U + 1], by the speller
    # (by the language model and CTC where no speller took part); confidence is made of these.
    letter_scores: tuple[float, ...] = field(default=(), repr=False)
    ctc_support: float = math.nan  # of the best one, nats a letter by CTC alone; NaN without it
