"""What one update did: a record for the metrics and the live view."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class UpdateRecord:
    """One optimiser step, all processes together. Losses are nats a letter."""

    failed: float  # clips that could not be read
    skipped: float  # 1: the weights were left as they are
    loss: float  # attention and CTC, weighted
    attention: float
    ctc: float
    accuracy: float  # letters the speller has right under teacher forcing, 0 … 1
    rate: float  # learning rate
    norm: float  # of the gradient
    diagonal: float  # of the attention, 0 … 1
    sharp: float  # of the attention, 0 … 1
    seconds: float  # sound heard
    teacher: float = math.nan  # distance to a teacher's states a step; NaN without one
    corpora: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # attention, CTC

    def row(self) -> dict[str, float]:
        """The numbers of a row of metrics.jsonl, in its order."""
        row = {
            "failed": self.failed,
            "skipped": self.skipped,
            "loss": self.loss,
            "attention": self.attention,
            "ctc": self.ctc,
            "accuracy": self.accuracy,
            "rate": self.rate,
            "norm": self.norm,
            "diagonal": self.diagonal,
            "sharp": self.sharp,
        }
        if not math.isnan(self.teacher):
            row["teacher"] = self.teacher
        for place, loss in enumerate(("attention", "ctc")):
            row |= {f"{loss}/{name}": pair[place] for name, pair in sorted(self.corpora.items())}
        return row
