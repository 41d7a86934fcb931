"""Hypotheses with the same last letters: the better one lives on, the other is its alternative."""

from __future__ import annotations

import math
import random

import pytest
import torch

from las_cli.decoding.beam_search import Ended, beam_search
from las_cli.decoding.options import DecodingOptions
from las_cli.decoding.recombination import Recombination

from .scripted import Script, Scripted, text_of

CPU = torch.device("cpu")
REMEMBERED = 63 // 3  # letters of the five units of `Scripted`
COMMON = "".join(random.Random(1).choices("abc", k=27))  # more than that, and no pattern


def search(
    *scripts: Script, threshold: float = 20.0, **options: int
) -> tuple[list[list[Ended]], Scripted]:
    joint = Scripted(*scripts)
    caps = torch.full((len(scripts),), 2 * REMEMBERED)
    return beam_search(joint, caps, DecodingOptions(beam_threshold=threshold, **options)), joint


def branching(begins: dict[str, float], common: str = COMMON) -> Script:
    """A few ways to begin, one way to go on, each letter of it at -0.1."""

    def script(text: str) -> dict[str, float]:
        for begin in begins:
            if text.startswith(begin):
                at = len(text) - len(begin)
                return {common[at] if at < len(common) else "": -0.1}
        following = {begin[len(text)] for begin in begins if begin.startswith(text)}
        # The whole score of a beginning stands on its last letter.
        return {
            letter: max(
                (score if len(begin) == len(text) + 1 else 0.0)
                for begin, score in begins.items()
                if begin.startswith(text + letter)
            )
            for letter in following
        }

    return script


@pytest.mark.parametrize(
    "begins",
    [
        {"b": -1.0, "c": -2.0},  # as long
        {"b": -1.0, "cc": -2.0},  # the worse one a letter longer
        {"b": -1.0, "caa": -2.0},  # two letters
        {"bb": -1.0, "c": -2.0},  # the better one a letter longer
    ],
)
def test_the_worse_of_two_that_go_on_alike_is_dropped(begins: dict[str, float]) -> None:
    script, best = branching(begins), max(begins, key=lambda begin: begins[begin])
    for threshold, live in ((20.0, 1), (math.inf, 2)):
        (found,), joint = search(script, beam=4, threshold=threshold)
        assert [text_of(entry.units) for entry in found] == [best + COMMON]
        assert joint.live[REMEMBERED + 4] == live


@pytest.mark.parametrize(
    "begins", [{"b": -1.0, "c": -2.0, "ac": -2.5}, {"bb": -1.0, "c": -2.0, "ac": -2.5}]
)
def test_it_is_an_alternative_at_its_distance(begins: dict[str, float]) -> None:
    (found,), _ = search(branching(begins), beam=8, nbest=3)
    (kept,), _ = search(branching(begins), beam=8, nbest=3, threshold=math.inf)
    assert [text_of(entry.units) for entry in found] == [
        begin + COMMON for begin in begins
    ]
    for one, other in zip(found, kept, strict=True):
        assert one.units == other.units
        assert one.total == pytest.approx(other.total)
        assert one.scores == pytest.approx(other.scores)
        assert one.letter_scores == pytest.approx(other.letter_scores)


def test_alternatives_of_two_places_are_combined() -> None:
    """Two letters in two places, far from each other: four readings."""

    def script(text: str) -> dict[str, float]:
        if len(text) in (0, REMEMBERED + 2):
            return {"b": -0.1, "c": -0.4 if text else -0.2}
        return {"abc"[len(text) % 3]: -0.01} if len(text) < 2 * REMEMBERED - 1 + 4 else {"": 0.0}

    joint = Scripted(script)
    options = DecodingOptions(beam=8, nbest=8, beam_threshold=20.0)
    (found,) = beam_search(joint, torch.tensor([3 * REMEMBERED]), options)
    first_and_later = [(text_of(e.units)[0], text_of(e.units)[REMEMBERED + 2]) for e in found]
    assert first_and_later == [("b", "b"), ("c", "b"), ("b", "c"), ("c", "c")]
    assert [round(e.total - found[0].total, 4) for e in found] == [0.0, -0.1, -0.3, -0.4]
    assert max(joint.live) == 2


def test_nothing_falls_for_its_own_past() -> None:
    """A letter that repeats for longer than is remembered has the same last letters each time."""

    def script(text: str) -> dict[str, float]:
        if not text:
            return {"b": -1.0, "c": -2.0}
        if len(text) > len(COMMON):
            return {"": -9.0 if text[0] == "b" else -1.0}
        return {COMMON[len(text) - 1] if text[0] == "b" else "a": -0.5}

    (found,), joint = search(script, beam=4)
    assert text_of(found[0].units) == "c" + "a" * len(COMMON)
    assert joint.live[-1] == 2


def test_utterances_know_nothing_of_each_other() -> None:
    longer = branching({"c": -1.0, "a": -3.0}, COMMON + "abba")
    scripts = [branching({"b": -1.0, "cc": -2.0}), longer]
    together, _ = search(*scripts, beam=4, nbest=2)
    for script, entries in zip(scripts, together, strict=True):
        (alone,), _ = search(script, beam=4, nbest=2)
        assert [entry.units for entry in alone] == [entry.units for entry in entries]


def test_units_that_need_more_bits_are_remembered_fewer_at_a_time() -> None:
    """Of 5,000 word pieces four fit into 63 bits, 13 each."""
    recombination = Recombination(1, 5000, CPU)
    for place, (one, other) in enumerate([(7, 8), *[(4999, 4999)] * 4]):
        parents = torch.tensor([[0, 0 if place == 0 else 1]])
        letters = torch.tensor([[one, other]])
        scores = torch.tensor([[-1.0, -2.0]])
        live = torch.ones(1, 2, dtype=torch.bool)
        dropped = recombination.drop(parents, letters, scores, live).dropped
        assert dropped.tolist() == [[False, place == 4]]


def test_options_say_when() -> None:
    assert DecodingOptions(beam=8).recombines
    assert not DecodingOptions(beam=1).recombines
    assert not DecodingOptions(beam=8, recombine=False).recombines
    assert not DecodingOptions(beam=8, beam_threshold=math.inf).recombines
