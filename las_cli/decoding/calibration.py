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
FOLDS = 5  # of the cross-fitted errors
FEWEST = 20  # words a fit takes
RIDGE = 1e-2  # keeps the fit finite where right and wrong words part cleanly


@dataclass(frozen=True)
class Evidence:
    """What is known of one word of a hypothesis, natural log probabilities.

    How well its neighbours and the whole utterance were heard says more of a word than its own
    letters do: a network that is lost is as sure of them as any other.
    """

    mean: float  # of the letters and what ends the word, given those before
    worst: float  # of them, the least likely
    ctc: float  # mean over the letters on their aligned CTC steps; the mean above without CTC
    letters: int
    around: float | None = None  # mean of the words before and behind; None: as the word itself
    spoken: float | None = None  # mean of all words of the utterance; None: as the word itself
    # The utterance's scores by source (`hypothesis.Scores`) over its letters.
    by_attention: float = 0.0
    by_ctc: float = 0.0
    by_lm: float = 0.0

    def features(self) -> tuple[float, ...]:
        """What the logistic fit sees: of like size, so that one ridge fits all."""
        own, spoken = _odds(self.mean), _odds(self.mean if self.spoken is None else self.spoken)
        return (
            1.0,
            max(self.mean, -10.0),
            max(self.worst, -10.0) / 4,
            max(self.ctc, -10.0),
            math.log(max(self.letters, 1)),
            # Until here as models of before December 2026 have them.
            own,
            own * own / 4,
            spoken,
            spoken * spoken / 4,
            _odds(self.mean if self.around is None else self.around),
            max(self.by_attention, -10.0),
            max(self.by_ctc, -10.0),
            max(self.by_lm, -10.0),
        )


FIRST_FEATURES = 5  # of models of before December 2026


def _odds(log_probability: float) -> float:
    """Log odds of a log probability, within ±8 (3 in 10,000)."""
    least = math.log(3.4e-4)
    likely = min(max(log_probability, least), -3.4e-4)
    return likely - math.log(-math.expm1(likely))


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
        # Fewer weights are those of the features that there were first.
        value = sum(w * x for w, x in zip(self.weights, evidence.features(), strict=False))
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
        known = (0, FIRST_FEATURES, expected)
        if not isinstance(weights, list | tuple) or len(weights) not in known:
            raise LasError(
                f"calibration: expected {expected} weights, found {weights!r}; run `las tune` again"
            )
        return cls(
            tuple(float(weight) for weight in weights),
            float(data.get("error", math.nan)),
            float(data.get("plain_error", math.nan)),
        )


def fit_calibration(
    words: Sequence[Evidence], right: Sequence[bool], groups: Sequence[int] | None = None
) -> Calibration:
    """Calibration on the words of a tuning split; `right` tells which the reference has.

    The errors are cross-fitted, see `cross_fitted`. Fewer than 20 words, or all of them right or
    all wrong, give the plain posterior.
    """
    plain = Calibration()
    if not _is_enough(right):
        return plain
    return Calibration(
        _fit(words, right),
        error=calibration_error(cross_fitted(words, right, groups), right),
        plain_error=calibration_error([plain.confidence(word) for word in words], right),
    )


def cross_fitted(
    words: Sequence[Evidence], right: Sequence[bool], groups: Sequence[int] | None = None
) -> list[float]:
    """Confidences of words that each come from a fit on other groups of them.

    groups: number of the group each word is of, such as its utterance; a fold takes every
    `FOLDS`th group, so that it is a sample of the whole split. None: two halves.
    Where the other folds are too few words to fit, the plain posteriors.
    """
    if groups is None:
        groups = [int(place >= len(words) // 2) for place in range(len(words))]
    folds = [group % FOLDS for group in groups]
    confidences = [0.0] * len(words)
    for fold in set(folds):
        others = [place for place, own in enumerate(folds) if own != fold]
        truth = [right[place] for place in others]
        fitted = Calibration()
        if _is_enough(truth):
            fitted = Calibration(_fit([words[place] for place in others], truth))
        for place, own in enumerate(folds):
            if own == fold:
                confidences[place] = fitted.confidence(words[place])
    return confidences


def _is_enough(right: Sequence[bool]) -> bool:
    """Whether words can be fitted to: some right, some wrong."""
    return len(right) >= FEWEST and any(right) and not all(right)


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
