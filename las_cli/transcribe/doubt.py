"""A hypothesis and whether a voice was there in, whether anything was said at all out.

A speller writes words whatever it hears: "they were not" of four seconds of noise. Three that
know better are asked: voice activity, the CTC head, and the confidence. docs/what-is-heard.md tells
how the bounds were chosen.
"""

from __future__ import annotations

from dataclasses import dataclass

NO_SPEECH = "no speech"  # flag: nothing was said, or nothing that anything but the speller supports


@dataclass(frozen=True)
class Support:
    """What a hypothesis needs to be written down: one of the two."""

    confidence: float  # at least, 0 … 1
    ctc: float  # at least, nats a letter, see `ctc_support`


VOICED = Support(confidence=0.05, ctc=-2.5)  # where voice activity finds speech, or was not asked
UNVOICED = Support(confidence=0.7, ctc=-1.0)  # where it finds none


def is_doubtful(confidence: float, ctc: float, voiced: bool | None) -> bool:
    """Whether neither confidence nor CTC supports a hypothesis.

    voiced: whether there is voice activity, None where nobody asked. A confidence that is not
    known (NaN) is no reason to doubt; without a CTC head (NaN) the confidence alone decides.
    """
    needed = UNVOICED if voiced is False else VOICED
    return confidence < needed.confidence and not ctc >= needed.ctc
