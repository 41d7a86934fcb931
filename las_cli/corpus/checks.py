"""An utterance, its audio header and its text in; the reason to leave the clip out, or none."""

from __future__ import annotations

from dataclasses import dataclass

from las_cli.text.normalise import has_unspelled
from las_cli.text.units import steps_needed

# Every reason that a report can name, in the order in which it lists them.
REASONS = {
    "unreadable row": "the row of the corpus names no clip or no time, or is not UTF-8",
    "missing file": "the row names a file that is not there",
    "unreadable": "soundfile cannot open or decode the file",
    "zero length": "the file is empty or holds no samples",
    "truncated": "the file holds less sound than its header or the corpus says",
    "NaN samples": "samples that are no finite numbers (with --check-audio)",
    "silent": "never louder than -66 dB of full scale (with --check-audio)",
    "duplicate": "the same sound twice in a split, or in train and in dev or test",
    "empty text": "nothing is left of the text under the text rules",
    "digits in the text": "or & % + ½ and the like: nobody knows how they were read out",
    "letters outside the alphabet": "train only; rarer than --rare-share, or see --alphabet",
    "too short": "train only; see --min-seconds",
    "too long": "train only; see --max-seconds",
    "fewer frames than letters need": "train only; CTC needs one a letter, one more a double",
    "sentence shared": "train only: the sentence is also in dev or test",
    "speaker shared": "train only: the speaker is also in dev or test",
}

# Letters rarer than this share of the training text are strays (one é in a million letters of
# English) and not part of the alphabet; `las train` learns its alphabet by the same rule.
RARE_SHARE = 1e-5

# Of a training clip, by `las prepare` and `las train` alike.
SHORTEST_CLIP = 0.3  # seconds; less holds no word
LONGEST_CLIP = 20.0  # seconds; more fills the memory of a whole batch

Verdict = tuple[str, str]  # reason, detail


@dataclass(frozen=True)
class Limits:
    """What a training clip must keep to."""

    min_seconds: float = SHORTEST_CLIP
    max_seconds: float = LONGEST_CLIP
    step_seconds: float = 0.04  # one listener step, a letter's least room


def length_verdict(seconds: float, letters: str, limits: Limits) -> Verdict | None:
    """Whether a training clip of `seconds` with the normalised text `letters` is too short or
    too long."""
    if seconds < limits.min_seconds:
        return "too short", f"{seconds:.2f} s, less than {limits.min_seconds:g} s"
    if seconds > limits.max_seconds:
        return "too long", f"{seconds:.1f} s, more than {limits.max_seconds:g} s"
    frames = int(seconds / limits.step_seconds + 1e-6)
    if 2 * len(letters) <= frames:  # enough whatever the letters are
        return None
    needed = steps_needed(letters)
    if needed > frames:
        return (
            "fewer frames than letters need",
            f"{len(letters)} letters need {needed} frames, {seconds:.2f} s hold {frames}",
        )
    return None


def text_verdict(letters: str, digits: str, outside: frozenset[str] | None) -> Verdict | None:
    """Whether a normalised text can be learned; `outside` are letters that must not occur."""
    if not letters:
        return "empty text", "the text is empty under the text rules"
    if digits == "reject" and has_unspelled(letters):
        return "digits in the text", letters[:80]
    if outside and (found := outside.intersection(letters)):
        return "letters outside the alphabet", " ".join(sorted(found))
    return None


def declared_verdict(declared: float | None, seconds: float) -> Verdict | None:
    """Whether a file holds much less than the corpus says; other units (ms) are not mistaken
    for that."""
    if declared is None or not declared / 50 < seconds < min(declared - 0.5, declared * 0.95):
        return None
    return "truncated", f"{seconds:.2f} s, the corpus says {declared:.2f} s"
