"""Letter posteriors in, confidences out that mean what they say; and how far off they are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from las_cli.errors import LasError

if TYPE_CHECKING:
    import torch

BINS = 10  # of the calibration error, of equal width
RIDGE = 1e-2  # keeps the fit finite where right and wrong words part cleanly


@dataclass(frozen=True)
class Evidence:
    """What the network says of one word of a hypothesis, natural log probabilities."""

    mean: float  # of the letters and what ends the word, given those before
    worst: float  # of them, the least likely
    ctc: float  # mean over the letters on their aligned CTC steps; the mean above without CTC
    letters: int

    def features(self) -> tuple[float, ...]:
        """What the logistic fit sees: of like size, so that one ridge fits all."""
        return (
            1.0,
            max(self.mean, -10.0),
            max(self.worst, -10.0) / 4,
            max(self.ctc, -10.0),
            math.log(max(self.letters, 1)),
        )


@dataclass(frozen=True)
class Calibration:
    """Platt scaling (Platt 1999) of `Evidence`; without weights the plain posterior is given."""

    weights: tuple[float, ...] = ()  # of Evidence.features, or none
    error: float = math.nan  # expected calibration error on the tuning split, cross-fitted
    plain_error: float = math.nan  # the same of the plain posterior

    def __eq__(self, other: object) -> bool:  # NaN errors are alike
        return isinstance(other, Calibration) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def confidence(self, evidence: Evidence) -> float:
        """How likely the word is right, 0 … 1."""
        if not self.weights:
            return math.exp(min(0.0, evidence.mean))
        value = sum(w * x for w, x in zip(self.weights, evidence.features(), strict=True))
        return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, value))))

    def to_json(self) -> dict[str, Any]:
        data: dict[str, Any] = {"weights": list(self.weights)}
        for name in ("error", "plain_error"):
            if not math.isnan(getattr(self, name)):
                data[name] = getattr(self, name)
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Calibration:
        """What `to_json` wrote; LasError if it is something else."""
        weights = data.get("weights", [])
        expected = len(Evidence(0.0, 0.0, 0.0, 1).features())
        if not isinstance(weights, list | tuple) or len(weights) not in (0, expected):
            raise LasError(
                f"calibration: expected {expected} weights, found {weights!r}; run `las tune` again"
            )
        return cls(
            tuple(float(weight) for weight in weights),
            float(data.get("error", math.nan)),
            float(data.get("plain_error", math.nan)),
        )


def fit_calibration(words: Sequence[Evidence], right: Sequence[bool]) -> Calibration:
    """Calibration on the words of a tuning split; `right` tells which the reference has.

    The errors are cross-fitted: each half of the words is judged by a fit on the other half.
    Fewer than 20 words, or all of them right or all wrong, give the plain posterior.
    """
    plain = Calibration()
    if len(words) < 20 or all(right) or not any(right):
        return plain
    half = len(words) // 2
    cross: list[float] = []
    for train, test in ((slice(half, None), slice(0, half)), (slice(0, half), slice(half, None))):
        fitted = Calibration(_fit(words[train], right[train]))
        cross += [fitted.confidence(word) for word in words[test]]
    return Calibration(
        _fit(words, right),
        error=calibration_error(cross, right),
        plain_error=calibration_error([plain.confidence(word) for word in words], right),
    )


def _fit(words: Sequence[Evidence], right: Sequence[bool]) -> tuple[float, ...]:
    """Weights of a ridged logistic regression, by Newton's method."""
    import torch

    features = torch.tensor([word.features() for word in words], dtype=torch.float64)
    truth = torch.tensor(right, dtype=torch.float64)
    weights = torch.zeros(features.shape[1], dtype=torch.float64)
    ridge = RIDGE * torch.eye(features.shape[1], dtype=torch.float64)
    for _ in range(50):
        chance = torch.sigmoid(features @ weights)
        slope: torch.Tensor = features.T @ (truth - chance) - ridge @ weights
        curve = features.T @ (features * (chance * (1 - chance))[:, None]) + ridge
        change = torch.linalg.solve(curve, slope)
        weights = weights + change / max(1.0, float(change.abs().max()))
        if float(change.abs().max()) < 1e-8:
            break
    return tuple(round(float(weight), 6) for weight in weights)


def calibration_error(confidences: Sequence[float], truth: Sequence[float]) -> float:
    """Expected calibration error (Guo et al. 2017, section 2): mean gap over bins of equal width.

    truth: 1 or True for right, 0 for wrong, or a share of right words. NaN of nothing.

    >>> calibration_error([0.9, 0.9, 0.9, 0.9], [1, 1, 1, 0])
    0.15000000000000002
    """
    if not confidences:
        return math.nan
    sums = [[0.0, 0.0] for _ in range(BINS)]
    for confidence, right in zip(confidences, truth, strict=True):
        cell = sums[min(BINS - 1, int(confidence * BINS))]
        cell[0] += confidence
        cell[1] += float(right)
    return sum(abs(expected - found) for expected, found in sums) / len(confidences)
