"""Confidences: fitted to what is right, and the error measured."""

from __future__ import annotations

import math
import random

import pytest

from las_cli.decoding.calibration import (
    Calibration,
    Evidence,
    calibration_error,
    cross_fitted,
    fit_calibration,
)
from las_cli.errors import LasError


def words(count: int = 2000) -> tuple[list[Evidence], list[bool]]:
    """Words of an overconfident model: right with probability p, while it says sqrt(p)."""
    chance = random.Random(0)
    evidence, right = [], []
    for _ in range(count):
        p = chance.random()
        mean = math.log(max(p, 1e-3)) / 2
        evidence.append(Evidence(mean, 2 * mean, mean, chance.randint(1, 9)))
        right.append(chance.random() < p)
    return evidence, right


def test_an_overconfident_model_is_put_right() -> None:
    evidence, right = words()
    calibration = fit_calibration(evidence, right)
    assert calibration.plain_error > 0.1 > 0.05 > calibration.error
    sure = calibration.confidence(Evidence(-0.01, -0.02, -0.01, 5))
    unsure = calibration.confidence(Evidence(-1.5, -4.0, -1.5, 5))
    assert 0 <= unsure < 0.5 < sure <= 1
    assert Calibration.from_json(calibration.to_json()) == calibration


@pytest.mark.parametrize("right", [[True] * 50, [False] * 50, [True, False]])
def test_too_little_to_fit_leaves_the_posterior(right: list[bool]) -> None:
    evidence = [Evidence(-0.5, -1.0, -0.5, 3)] * len(right)
    calibration = fit_calibration(evidence, right)
    assert calibration == Calibration()
    assert calibration.confidence(evidence[0]) == pytest.approx(math.exp(-0.5))


def test_each_half_is_judged_by_the_other() -> None:
    """Alike words, right in the first half 18 times of 20, in the second twice: 0.8 off."""
    evidence = [Evidence(-0.5, -1.0, -0.5, 3)] * 40
    right = [place % 10 != 0 for place in range(20)] + [place % 10 == 0 for place in range(20)]
    calibration = fit_calibration(evidence, right)
    assert calibration.error == pytest.approx(0.8, abs=0.02)
    assert calibration.confidence(evidence[0]) == pytest.approx(0.5, abs=0.01)  # fitted to all
    assert calibration.plain_error == pytest.approx(math.exp(-0.5) - 0.5, abs=1e-6)


def test_folds_are_taken_from_the_whole_split() -> None:
    """Utterances of two corpora one after the other: a half would be judged by the other corpus."""
    chance = random.Random(1)
    evidence, right, groups = [], [], []
    for utterance in range(200):
        share = 0.9 if utterance < 100 else 0.4
        for _ in range(5):
            evidence.append(Evidence(-0.3, -0.6, -0.3, 4, spoken=math.log(share)))
            right.append(chance.random() < share)
            groups.append(utterance)
    calibration = fit_calibration(evidence, right, groups)
    assert calibration.error < 0.06 < calibration.plain_error
    assert fit_calibration(evidence, right).error > 0.2
    sure = cross_fitted(evidence, right, groups)
    assert sum(sure[:500]) / 500 == pytest.approx(0.9, abs=0.05)
    assert sum(sure[500:]) / 500 == pytest.approx(0.4, abs=0.05)
    few = cross_fitted(evidence[:10], right[:10], groups[:10])
    assert few == pytest.approx([math.exp(-0.3)] * 10)


def test_what_the_utterance_says_of_a_word() -> None:
    """Alike words in utterances that were heard well and badly."""
    alone = Evidence(-0.5, -1.0, -0.5, 3)
    assert alone.features() == Evidence(-0.5, -1.0, -0.5, 3, -0.5, -0.5).features()
    lost = Evidence(-0.5, -1.0, -0.5, 3, -2.0, -1.5, -1.0, -2.0, -3.0)
    odds = [math.log(math.exp(x) / (1 - math.exp(x))) for x in (-0.5, -1.5, -2.0)]
    assert lost.features() == pytest.approx(
        (1, -0.5, -0.25, -0.5, math.log(3), odds[0], odds[0] ** 2 / 4, odds[1], odds[1] ** 2 / 4,
         odds[2], -1.0, -2.0, -3.0)
    )  # fmt: skip


def test_the_weights_of_older_models_mean_what_they_did() -> None:
    older = Calibration.from_json({"weights": [1.0, 2.0, -0.5, 0.5, -0.2]})
    value = 1.0 - 2 * 0.5 + 0.5 * 1.0 / 4 - 0.5 * 0.4 - 0.2 * math.log(3)
    evidence = Evidence(-0.5, -1.0, -0.4, 3, -9.0, -9.0, -9.0, -9.0, -9.0)
    assert older.confidence(evidence) == pytest.approx(1 / (1 + math.exp(-value)))


def test_extreme_evidence_stays_a_probability() -> None:
    calibration = fit_calibration(*words(100))
    for mean in (0.0, -1e6, 1e-9):
        assert 0 <= calibration.confidence(Evidence(mean, -1e6, mean, 0)) <= 1


@pytest.mark.parametrize(
    ("confidences", "truth", "error"),
    [
        ([], [], math.nan),
        ([1.0, 1.0], [1, 1], 0.0),
        ([1.0, 1.0], [0, 0], 1.0),
        ([0.5, 0.5], [1, 0], 0.0),
        ([0.25, 0.85], [1, 1], 0.45),
        ([0.5], [0.5], 0.0),
    ],
)
def test_calibration_error(confidences: list[float], truth: list[float], error: float) -> None:
    assert calibration_error(confidences, truth) == pytest.approx(error, nan_ok=True)


def test_a_damaged_calibration_says_so() -> None:
    with pytest.raises(LasError, match="las tune"):
        Calibration.from_json({"weights": [1.0]})
