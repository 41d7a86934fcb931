"""Cuts and the units of a network in, those that can be trained on out; why the others cannot."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from las_cli.text import TextPolicy, Units, has_unspelled, normalise
from las_cli.text.units import steps_needed
from las_cli.training.hyperparameters import TrainingConfig

if TYPE_CHECKING:
    from lhotse.cut import Cut


class TextFilter:
    """Tells which cuts can be trained on, and counts why the others cannot."""

    def __init__(
        self, units: Units, policy: TextPolicy, config: TrainingConfig, step_seconds: float
    ) -> None:
        self.units, self.policy, self.config = units, policy, config
        self.step_seconds = step_seconds
        self.held_out: frozenset[str] = frozenset()  # sentences of the dev split, normalised
        self.reasons: Counter[str] = Counter()

    def __call__(self, cut: Cut) -> bool:
        reason = self.reason(cut)
        if reason:
            self.reasons[reason] += 1
        return not reason

    def reason(self, cut: Cut) -> str:
        """Why `cut` is left out; empty if it is not."""
        if cut.duration < self.config.min_seconds:
            return f"shorter than {self.config.min_seconds} s"
        if cut.duration > self.config.max_seconds:
            return f"longer than {self.config.max_seconds} s"
        text = cut_text(cut, self.policy)
        if not text:
            return "empty text"
        if self.policy.digits == "reject" and has_unspelled(text):
            return "digits in the text"
        if self.units.unknown(text):
            return "letters outside the alphabet"
        if text in self.held_out:
            return "sentence shared with the dev split"
        steps = cut.duration / max(self.config.speeds) / self.step_seconds  # at the fastest
        if steps_needed(self.units.encode(text)) > steps:
            return "more letters than the listener has steps"
        return ""


def cut_text(cut: Cut, policy: TextPolicy) -> str:
    """The normalised text of a cut's supervisions."""
    return normalise(written_text(cut), policy)


def written_text(cut: Cut) -> str:
    """The text of a cut's supervisions as the corpus writes it."""
    return " ".join(s.text or "" for s in cut.supervisions)


def is_spelled(text: str, policy: TextPolicy) -> bool:
    """Whether a normalised text is one to learn from: not empty, no digits where they are out."""
    return bool(text) and not (policy.digits == "reject" and has_unspelled(text))
