"""Weights from n-best lists, and searches kept in a file."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from las_cli.decoding.calibration import Calibration
from las_cli.decoding.hotwords import read_hotwords
from las_cli.decoding.options import DecodingOptions
from las_cli.errors import LasError
from las_cli.evaluation import tuning_run
from las_cli.evaluation.pool import (
    CTC_WEIGHTS,
    LENGTH_BONUSES,
    LM_WEIGHTS,
    Candidate,
    Pool,
    Weights,
)
from las_cli.evaluation.trials import Trials
from las_cli.evaluation.tuning import Trial, Tuner
from las_cli.evaluation.tuning_run import right_words
from las_cli.recogniser import Recogniser
from las_cli.text import TextPolicy
from tests.decoding.conftest import ALPHABET, tiny_model

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


def test_the_speller_s_own_language_is_taken_away_where_that_helps() -> None:
    """The speller likes what it was trained on, and says so unheard too."""
    names = ("attention", "ctc", "lm", "internal")
    right = Candidate("a new name", dict(zip(names, (-9.0, -6.5, -9.0, -14.0), strict=True)), 10)
    wrong = Candidate("an old one", dict(zip(names, (-4.0, -6.0, -8.0, -4.0), strict=True)), 10)
    pool = Pool(["a new name"], count)
    pool.add([[wrong, right]])
    assert pool.best(PLAIN).internal == 0.0
    best = pool.best(PLAIN, with_internal=True)
    weighed = dataclasses.replace(PLAIN, internal_weight=best.internal)
    assert best.internal > 0.1
    assert pool.rates(weighed, [best.ctc], [best.lm], [best.bonus]).item() == 0.0
    assert float(pool.rates(PLAIN, CTC_WEIGHTS, LM_WEIGHTS, LENGTH_BONUSES).min()) == 1.0


def test_right_words_are_those_of_the_hypothesis() -> None:
    assert right_words("the cat sat".split(), "the sat".split()) == [True, True]
    assert right_words("the cat".split(), "the black cat".split()) == [True, False, True]
    assert right_words("the cat".split(), "the hat".split()) == [True, False]


def test_what_ctc_is_given_the_speller_loses() -> None:
    """The speller likes the wrong one by 5 nats, CTC the right one by 1: (1 - c) · 5 against c."""
    pool = Pool(["a"], count)
    right = candidate("a", attention=-6.0, ctc=-1.0, lm=0.0)
    pool.add([[right, candidate("b", attention=-1.0, ctc=-2.0, lm=0.0)]])
    rates = pool.rates(PLAIN, [0.1, 0.5, 0.8, 0.85, 0.9], [0.0], [0.0]).flatten().tolist()
    assert rates == [1.0, 1.0, 1.0, 0.0, 0.0]  # from 5/6 on


def test_a_lone_low_rate_is_taken_for_luck() -> None:
    class Landscape(Pool):
        def rates(self, *weights: object) -> torch.Tensor:
            table = torch.ones(len(CTC_WEIGHTS), len(LM_WEIGHTS), len(LENGTH_BONUSES))
            table[10, 15, 12] = 0.0
            table[4:7, 7:10, 1:4] = 0.1
            return table

    found = Landscape([], count).best(PLAIN)
    assert found == Weights(CTC_WEIGHTS[5], LM_WEIGHTS[8], LENGTH_BONUSES[2])
    assert (found.ctc, found.lm, found.bonus) == (0.35, 0.4, -0.25)


@pytest.mark.parametrize(
    ("rates", "beam"),
    [
        ({4: 0.2, 8: 0.19964, 16: 0.19964}, 4),  # 0.18 % for a beam twice as wide: 0.2 is asked
        ({4: 0.2, 8: 0.19956, 16: 0.19956}, 8),  # 0.22 %
        ({4: 0.2, 8: 0.2, 16: 0.19924}, 4),  # 0.38 % for four times: 0.4 is asked
        ({4: 0.2, 8: 0.2, 16: 0.19916}, 16),  # 0.42 %
        ({4: 0.2, 8: 0.1, 16: 0.09978}, 16),  # each is held against the best so far
    ],
)
def test_a_wider_beam_has_to_be_worth_it(rates: dict[int, float], beam: int) -> None:
    tuner = Tuner(SimpleNamespace(model=tiny_model()), [], None, count)  # type: ignore[arg-type]
    tuner.attempt = lambda options: Trial(options, rates[options.beam])  # type: ignore
    assert tuner.widen(DecodingOptions(), [16, 4, 8]).beam == beam


def test_a_search_that_is_worse_than_the_one_it_had_is_not_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beam 32 in config.json: it is tried as well, though nobody asked for it."""
    rates = {4: 0.3, 8: 0.25, 16: 0.2, 32: 0.17}
    hotwords = read_hotwords("bad")
    given = DecodingOptions(beam=32, nbest=5, hotwords=hotwords)
    fitted = SimpleNamespace(calibration=Calibration())
    monkeypatch.setattr(tuning_run, "hear", lambda *_, **__: [])
    monkeypatch.setattr(Tuner, "attempt", lambda _, options: Trial(options, rates[options.beam]))
    monkeypatch.setattr(Tuner, "tune", lambda _, options: options)
    monkeypatch.setattr(Tuner, "calibrate", lambda *_: fitted)
    loaded: Any = SimpleNamespace(model=tiny_model(), alphabet=ALPHABET, policy=TextPolicy())
    recogniser = Recogniser.of(loaded, given)
    done = tuning_run.tune_recogniser(recogniser, [], [4, 8, 16])
    assert done.best.options.beam == 32 and done.best.rate == 0.17
    assert done.best.options.hotwords == ()  # they are no part of the model's own search


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
