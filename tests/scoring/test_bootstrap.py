"""Bootstrap intervals and comparisons: against drawing one by one, and where they must lie."""

from __future__ import annotations

import math

import numpy
import pytest

from las_cli.errors import LasError
from las_cli.scoring import score_pairs
from las_cli.scoring.bootstrap import (
    interval,
    resampled_rates,
    resampled_sums,
    score_intervals,
    sum_by_group,
)
from las_cli.scoring.comparison import compare
from las_cli.scoring.metrics import METRICS


def corpus(wrong: float, count: int = 400, seed: int = 3) -> tuple[list[str], list[str]]:
    """References of five letters and hypotheses with a share of `wrong` letters."""
    generator = numpy.random.default_rng(seed)
    references = ["abcde"] * count
    hypotheses = [
        "".join("x" if bad else letter for bad, letter in zip(row, "abcde", strict=True))
        for row in generator.random((count, 5)) < wrong
    ]
    return references, hypotheses


def test_the_multinomial_draws_what_drawing_one_by_one_does() -> None:
    generator = numpy.random.default_rng(0)
    errors = generator.integers(0, 4, size=(60, 1))
    references = generator.integers(1, 9, size=60)
    sums = resampled_sums(numpy.column_stack([errors, references]), 8000, seed=1)
    ours = interval(sums[:, 0] / sums[:, 1])
    picks = generator.integers(0, 60, size=(8000, 60))
    plain = interval(errors[picks, 0].sum(axis=1) / references[picks].sum(axis=1))
    assert ours.low == pytest.approx(plain.low, abs=0.012)
    assert ours.high == pytest.approx(plain.high, abs=0.012)


def test_large_counts_are_drawn_as_small_ones_are() -> None:
    """Rows are sorted as single numbers where those fit into 63 bits, which these do not."""
    generator = numpy.random.default_rng(0)
    columns = generator.integers(0, [4, 30], size=(60, 2))
    sums = resampled_sums(columns, 50, seed=1)
    assert sums.mean(axis=0) == pytest.approx(columns.sum(axis=0), rel=0.05)
    assert (resampled_sums(columns << 40, 50, seed=1) == sums << 40).all()


@pytest.mark.parametrize(
    ("confidence", "low", "high"), [(0.95, 25.0, 975.0), (0.9, 50.0, 950.0), (0.5, 250.0, 750.0)]
)
def test_an_interval_leaves_out_half_of_the_rest_on_each_side(
    confidence: float, low: float, high: float
) -> None:
    values = numpy.random.default_rng(0).permutation(numpy.arange(1001.0))
    bounds = interval(numpy.append(values, math.nan), confidence)
    assert (bounds.low, bounds.high) == pytest.approx((low, high))
    assert bounds.confidence == confidence


def test_the_interval_of_all_is_the_95_percent_one() -> None:
    values = numpy.arange(1001.0)
    assert (interval(values).low, interval(values).high) == pytest.approx((25.0, 975.0))


def test_the_interval_holds_the_rate_and_has_the_right_width() -> None:
    score = score_pairs(*corpus(0.2))
    bounds = score_intervals(score).of["LER"]
    assert bounds.low < score.counts["letters"].rate < bounds.high
    # 2,000 letters drawn with p = 0.2: 1.96 standard errors on either side
    expected = 2 * 1.96 * math.sqrt(0.2 * 0.8 / 2000)
    assert bounds.high - bounds.low == pytest.approx(expected, rel=0.08)


def test_the_same_data_give_the_same_interval() -> None:
    score = score_pairs(*corpus(0.2))
    assert score_intervals(score) == score_intervals(score)
    assert score_intervals(score) != score_intervals(score, seed=7)


def test_speakers_that_differ_widen_the_interval() -> None:
    score = score_pairs(["abcd"] * 40, ["abcd"] * 20 + ["xxxx"] * 20)
    by_utterance = score_intervals(score)
    by_speaker = score_intervals(score, ["ann"] * 20 + ["bob"] * 20, "speaker")
    assert (by_speaker.unit, by_speaker.units) == ("speaker", 2)
    assert (by_speaker.of["LER"].low, by_speaker.of["LER"].high) == (0.0, 1.0)
    assert by_utterance.of["LER"].low > 0.3


def test_groups_are_added_up() -> None:
    counts = numpy.array([[1, 10], [2, 20], [3, 30]])
    assert sum_by_group(counts, ["b", "a", "b"]).tolist() == [[2, 20], [4, 40]]
    assert sum_by_group(counts, None) is counts


@pytest.mark.parametrize("references", [[], [""]])
def test_without_reference_units_there_is_no_interval(references: list[str]) -> None:
    counts = table(references, ["a"] * len(references))
    rates = resampled_rates(METRICS["LER"], [counts], 10, 1)
    assert math.isnan(interval(rates[:, 0]).low)


def test_a_rate_of_sums_is_drawn_as_such() -> None:
    """One utterance lost, one right: drawn twice, one of each, or none of the first."""
    counts = table(["a b", "c d"], ["", "c d"])
    wil = resampled_rates(METRICS["WIL"], [counts], 200, 1)[:, 0]
    # 1 - hits² / (reference · hypothesis): nothing written at all; 2 of 4 found, none made up.
    assert set(wil.tolist()) == {1.0, 1 - 2 * 2 / (4 * 2), 0.0}
    mer = resampled_rates(METRICS["MER"], [counts], 200, 1)[:, 0]
    assert set(mer.tolist()) == {1.0, 0.5, 0.0}


def table(references: list[str], hypotheses: list[str]) -> numpy.ndarray:
    return score_pairs(references, hypotheses).table.numpy()


def compared(first: list[str], second: list[str], references: list[str], groups=None):
    tables = table(references, first), table(references, second)
    return compare(("old", "new"), *tables, groups, "utterances", 1000, 1)


def test_a_clear_improvement_is_sure_and_its_interval_leaves_zero_out() -> None:
    references, bad = corpus(0.4)
    _, good = corpus(0.1, seed=4)
    result = compared(bad, good, references)
    letters = result.differences["LER"]
    assert letters.improvement == 1.0
    assert letters.interval.high < 0
    assert letters.difference == pytest.approx(letters.second - letters.first)
    assert result.better + result.worse + result.equal == len(references)
    assert compared(good, bad, references).differences["LER"].improvement == 0.0


def test_a_system_is_no_improvement_on_itself() -> None:
    references, hypotheses = corpus(0.3)
    result = compared(hypotheses, hypotheses, references)
    assert result.differences["LER"].difference == 0.0
    assert result.differences["LER"].improvement == 0.0
    assert (result.better, result.worse) == (0, 0)


def test_equally_good_systems_are_a_toss() -> None:
    references, one = corpus(0.3, count=2000, seed=5)
    _, other = corpus(0.3, count=2000, seed=6)
    result = compared(one, other, references)
    bounds = result.differences["LER"].interval
    assert bounds.low < 0 < bounds.high
    assert 0.01 < result.differences["LER"].improvement < 0.99


def test_both_systems_are_rated_on_the_same_draws() -> None:
    """One and two of four letters wrong in every utterance: whatever is drawn, a quarter more."""
    result = compared(["abcx", "abcdefxx"], ["abxx", "abcdxxxx"], ["abcd", "abcdefgh"])
    letters, words = result.differences["LER"], result.differences["WIL"]
    assert (letters.first, letters.second) == (0.25, 0.5)
    assert (letters.interval.low, letters.interval.high) == (0.25, 0.25)
    assert (words.first, words.second, words.interval.high) == (1.0, 1.0, 0.0)


def test_other_references_cannot_be_compared() -> None:
    with pytest.raises(LasError, match="same references"):
        compare(("a", "b"), table(["ab"], ["ab"]), table(["abc"], ["ab"]), None, "", 10, 1)
