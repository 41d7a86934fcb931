"""Options of the search: what is refused, and how config.json and the command line meet."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest

from las_cli.decoding.calibration import Calibration
from las_cli.decoding.hotwords import read_hotwords
from las_cli.decoding.options import DecodingOptions
from las_cli.decoding.search_table import SEARCHES
from las_cli.errors import UsageError


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"beam": 0}, "beam 0: choose 1 to 100"),
        ({"beam": 10_000}, "beam 10000: choose 1 to 100"),
        ({"beam": -3}, "beam -3"),
        ({"beam_threshold": 0.0}, "beam-threshold 0: choose more than 0 nats"),
        ({"beam_threshold": -3.5}, "beam-threshold -3.5"),
        ({"beam_threshold": float("nan")}, "beam-threshold nan"),
        ({"nbest": 0}, "nbest 0"),
        ({"nbest": 9}, "beam of 8 holds no more"),
        ({"beam": 1, "nbest": 2}, "beam of 1 holds no more than 1; raise the beam to 2"),
        ({"search": "greedy", "beam": 3, "nbest": 3}, "nbest 3: greedy gives one reading; use"),
        ({"ctc_weight": 1.1}, "ctc-weight 1.1: choose 0 to 1"),
        ({"ctc_weight": -0.1}, "ctc-weight -0.1"),
        ({"ctc_weight": float("nan")}, "ctc-weight nan"),
        ({"lm_weight": 3.0}, "lm-weight 3.0: choose 0 to 1"),
        ({"length_bonus": 50.0}, "length-bonus 50.0"),
        ({"length_bonus": float("nan")}, "length-bonus nan"),
        ({"eos_threshold": 0.5}, "eos-threshold 0.5"),
        ({"eos_threshold": float("nan")}, "eos-threshold nan"),
        ({"candidates": -1}, "candidates -1"),
        ({"letters_per_step": 0.0}, "letters-per-step 0.0"),
        ({"letters_per_step": float("inf")}, "letters-per-step inf"),
        ({"search": "best"}, "choose one of beam, greedy, ctc, rescore"),
        ({"precision": "fp8"}, "choose one of auto"),
    ],
)
def test_values_out_of_range_are_refused(values: dict[str, Any], found: str) -> None:
    with pytest.raises(UsageError, match=found) as error:
        DecodingOptions(**values)
    assert "\n" not in str(error.value)
    with pytest.raises(UsageError):
        DecodingOptions.from_config({}, **values)


def test_the_command_line_lies_over_the_config() -> None:
    config = {"beam": 4, "ctc_weight": 0.5, "lm_weight": 1}
    options = DecodingOptions.from_config(config, beam=None, ctc_weight=0.2, nbest=None)
    assert (options.beam, options.ctc_weight, options.lm_weight) == (4, 0.2, 1.0)
    assert DecodingOptions.from_config({}) == DecodingOptions()


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"width": 4}, "width not known"),
        ({"beam": "8"}, "'8' is no int"),
        ({"beam": True}, "True is no int"),
        ({"ctc_weight": "high"}, "'high' is no float"),
        ({"calibration": [1]}, "is no Calibration"),
    ],
)
def test_a_config_that_is_off_is_refused(config: dict[str, Any], found: str) -> None:
    with pytest.raises(UsageError, match=found):
        DecodingOptions.from_config(config)


def test_round_trip() -> None:
    options = DecodingOptions(
        beam=12, length_bonus=0.5, calibration=Calibration((1.0, 2.0, 3.0, 4.0, 5.0), 0.02, 0.1)
    )
    assert DecodingOptions.from_config(options.to_config()) == options
    assert {"beam", "search", "ctc_weight"} <= DecodingOptions().to_config().keys()


@pytest.mark.parametrize(
    ("search", "needs_ctc", "attention", "ctc", "width"),
    [
        ("beam", False, 0.75, 0.25, 8),
        ("greedy", False, 0.75, 0.25, 1),
        ("ctc", True, 0.0, 1.0, 8),
        ("rescore", True, 0.75, 0.25, 8),
    ],
)
def test_what_a_search_asks(
    search: str, needs_ctc: bool, attention: float, ctc: float, width: int
) -> None:
    options = DecodingOptions(search=search, ctc_weight=0.25, lm_weight=0.5)
    assert options.weights == {"attention": attention, "ctc": ctc, "lm": 0.5}
    assert options.width == width and options.kind.needs_ctc is needs_ctc
    assert callable(options.kind.load())


def test_every_search_is_tried_here() -> None:
    assert list(SEARCHES) == ["beam", "greedy", "ctc", "rescore"]


def test_the_total_by_hand() -> None:
    options = DecodingOptions(ctc_weight=0.25, lm_weight=0.5, length_bonus=0.1)
    scores = {"attention": -4.0, "ctc": -8.0, "lm": -6.0}
    assert options.total(scores, 3) == pytest.approx(-3.0 - 2.0 - 3.0 + 0.3)
    assert options.total({"attention": -4.0}, 0) == pytest.approx(-3.0)


def test_what_the_next_letter_may_lift_a_total_by() -> None:
    # Two nats a letter of the speller's own language, where it is asked at all.
    options = DecodingOptions(internal_weight=0.25, length_bonus=0.125)
    assert options.rise == pytest.approx(0.625)
    assert dataclasses.replace(options, search="ctc").rise == pytest.approx(0.125)
    biased = dataclasses.replace(options, hotwords=read_hotwords(["Thornton"]))
    assert biased.rise == pytest.approx(0.625 + biased.hotword_weight)


@pytest.mark.parametrize(("beam", "tried"), [(1, 16), (4, 16), (8, 16), (20, 40)])
def test_letters_tried(beam: int, tried: int) -> None:
    assert DecodingOptions(beam=beam).tried == tried
    assert DecodingOptions(beam=beam, candidates=5).tried == 5


def test_no_threshold_is_strict_json() -> None:
    config = DecodingOptions(beam_threshold=math.inf).to_config()
    assert json.loads(json.dumps(config, allow_nan=False)) == config
    assert DecodingOptions.from_config(config).beam_threshold == math.inf
