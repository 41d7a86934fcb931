"""Weights from n-best lists, and searches kept in a file."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import pytest

from las_cli.decoding.options import DecodingOptions
from las_cli.errors import LasError
from las_cli.evaluation.pool import Candidate, Pool
from las_cli.evaluation.trials import Trials

PLAIN = DecodingOptions()


def count(reference: str, hypothesis: str) -> tuple[int, int]:
    """Words that differ, place by place."""
    pairs = itertools.zip_longest(reference.split(), hypothesis.split())
    return sum(a != b for a, b in pairs), len(reference.split())


def candidate(text: str, attention: float, ctc: float, lm: float) -> Candidate:
    return Candidate(text, {"attention": attention, "ctc": ctc, "lm": lm}, len(text))


def test_a_length_bonus_makes_up_for_a_language_model_that_likes_it_short() -> None:
    # The language model knows which of two readings is text, and rates any short one above both.
    right = candidate("the cat sat", attention=-6.0, ctc=-6.0, lm=-11.0)
    wrong = candidate("the cat sad", attention=-5.0, ctc=-5.5, lm=-19.0)
    short = candidate("the", attention=-9.0, ctc=-9.0, lm=-3.0)
    pool = Pool(["the cat sat"] * 3, count)
    pool.add([[wrong, right], [short, wrong], [right, short]])
    pool.add([[right, short], [right], [wrong]])
    best = pool.best(PLAIN)
    assert best.lm > 0.1 and best.bonus > 0.0
    assert pool.rates(PLAIN, [best.ctc], [best.lm], [best.bonus]).item() == 0.0
    by_sound = pool.rates(PLAIN, [0.5], [0.0], [0.0]).item()
    assert by_sound == pytest.approx(1 / 3)  # wrong sounds best
    by_text = pool.rates(PLAIN, [0.5], [1.0], [-0.5]).item()
    assert by_text == pytest.approx(2 / 3)  # short reads best


def test_an_utterance_of_which_nothing_was_found_counts_nothing() -> None:
    pool = Pool(["a", "b"], count)
    pool.add([[candidate("a", -1.0, -1.0, 0.0)], []])
    assert pool.rates(PLAIN, [0.3], [0.0], [0.0]).item() == 0.0
    by_ctc = DecodingOptions(search="ctc", ctc_weight=0.4)
    assert pool.rates(by_ctc, [0.4], [0.0], [0.0]).item() == 0.0
    best = pool.best(by_ctc, with_ctc=False, with_lm=False)
    assert (best.ctc, best.lm) == (0.4, 0.0)


def test_trials_are_taken_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "kept" / "trials.jsonl"
    found = [[candidate("é", -1.5, -2.0, 0.0), candidate("", -3.0, -4.0, 0.0)], []]
    options = DecodingOptions(beam=2)
    Trials(path, {"model": "a"}).put(options, found)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"options": "half a li')  # interrupted here
    again = Trials(path, {"model": "a"})
    assert again.get(options) == found
    assert again.get(dataclasses.replace(options, beam=3)) is None
    again.put(dataclasses.replace(options, beam=3), [[], []])
    assert Trials(path, {"model": "a"}).get(dataclasses.replace(options, beam=3)) == [[], []]
    with pytest.raises(LasError, match="another model"):
        Trials(path, {"model": "b"})
    with pytest.raises(LasError, match="cannot be read"):
        (tmp_path / "binary").write_bytes(b"\xff\xfe")
        Trials(tmp_path / "binary", {})
