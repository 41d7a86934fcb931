"""The search of live hypotheses against what the one of B × K rows found, written down."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest

from las_cli.decoding.decode import decode
from las_cli.decoding.decoder import Decoder

from .conftest import ALPHABET, speech, tiny_model
from .test_searches import PLAIN, tiny_lm

# Made by the search as it was at commit d74060a, of 2026-11-25; scores to three places.
CASES = json.loads(Path(__file__).with_name("searches.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "case", CASES, ids=[f"{case['form']}-{case['seed']}-{case['options']}" for case in CASES]
)
def test_without_a_threshold_it_finds_what_was_found_before(case: dict[str, Any]) -> None:
    options = dataclasses.replace(PLAIN, **case["options"], beam_threshold=math.inf)
    decoder = Decoder(tiny_model(case["form"], seed=case["seed"]), ALPHABET, options, tiny_lm())
    found = decode(decoder, *speech(0.5, 1.1, 0.8, seed=case["seed"]))
    for hypotheses, expected in zip(found, case["found"], strict=True):
        texts = ["".join(ALPHABET.decode(one.units)) for one in hypotheses]
        assert texts == [text for text, _ in expected]
        scores = [one.score for one in hypotheses]
        assert scores == pytest.approx([score for _, score in expected], abs=2e-3)
