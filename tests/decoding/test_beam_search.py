"""Beam search over written-down scores: what is best by brute force, and when it stops."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from las_cli.decoding.beam_search import Ended, beam_search
from las_cli.decoding.options import DecodingOptions

from .scripted import Script, Scripted, path, random_script, text_of


def search(
    *scripts: Script,
    cap: int = 9,
    beam: int = 4,
    nbest: int = 1,
    bonus: float = 0.0,
    threshold: float = math.inf,
) -> list[list[Ended]]:
    options = DecodingOptions(
        beam=beam, nbest=nbest, length_bonus=bonus, beam_threshold=threshold
    )
    return beam_search(Scripted(*scripts), torch.full((len(scripts),), cap), options)


def best_texts(script: Script, longest: int, count: int) -> list[tuple[str, float]]:
    """The best of all texts of up to `longest` letters that end, by brute force."""
    scored = []
    for length in range(longest + 1):
        for letters in itertools.product("abc", repeat=length):
            text = "".join(letters)
            score = sum(script(text[:u])[letter] for u, letter in enumerate(text))
            scored.append((text, score + script(text)[""]))
    return sorted(scored, key=lambda entry: -entry[1])[:count]


@pytest.mark.parametrize("seed", range(6))
def test_a_wide_beam_finds_the_best_texts_there_are(seed: int) -> None:
    """All 3 + 9 + 27 texts fit into the beam; the cap adds none, as others ended before."""
    script = random_script(seed)
    (found,) = search(script, cap=4, beam=81, nbest=5)
    expected = best_texts(script, 3, 5)
    assert [text_of(entry.units) for entry in found] == [text for text, _ in expected]
    assert [entry.total for entry in found] == pytest.approx([s for _, s in expected], abs=1e-5)
    for entry in found:
        assert sum(entry.letter_scores) == pytest.approx(entry.total, abs=1e-5)
        assert not entry.cut_off


def test_utterances_of_a_batch_are_searched_as_if_alone() -> None:
    """They end at different lengths, so that the batch is made smaller on the way."""
    scripts = [random_script(seed) for seed in range(5)]
    together = search(*scripts, cap=6, beam=3, nbest=3)
    for script, entries in zip(scripts, together, strict=True):
        (alone,) = search(script, cap=6, beam=3, nbest=3)
        assert [entry.units for entry in alone] == [entry.units for entry in entries]


def test_the_cap_ends_what_does_not_end_by_itself() -> None:
    (found,) = search(path(-1.0, -1.0, -1.0, -1.0, -1.0, ends={5: 0.0, 3: -20.0}), cap=3)
    assert [(text_of(entry.units), entry.cut_off) for entry in found] == [("aaa", True)]
    assert found[0].total == pytest.approx(-23.0)
    (found,) = search(path(-1.0, -1.0, -1.0, ends={1: -5.0, 3: 0.0}), cap=3)
    assert [(text_of(entry.units), entry.cut_off) for entry in found] == [("a", False)]


@pytest.mark.parametrize(("below", "texts"), [(9.5, ["", "aaaaaa"]), (10.5, [""])])
def test_what_is_ten_nats_below_the_best_is_not_waited_for(below: float, texts: list[str]) -> None:
    """Of two hypotheses the second is still open, and no other ended at the last three lengths."""
    script = path(-1.0 - below, 0.0, 0.0, 0.0, 0.0, 0.0, ends={0: -1.0, 6: 0.0})
    (found,) = search(script, nbest=2)
    assert [text_of(entry.units) for entry in found] == texts


@pytest.mark.parametrize(("below", "text"), [(9.5, "aaaaaaaa"), (10.5, "")])
def test_nor_with_a_bonus_for_length(below: float, text: str) -> None:
    script = path(-1.0 - below, 0, 0, 0, 4.0, 4.0, 4.0, 4.0, ends={0: -1.0, 8: 0.0})
    (found,) = search(script, bonus=4.0)
    assert text_of(found[0].units) == text


@pytest.mark.parametrize(
    ("bonus", "below", "text"),
    [(0.5, 2.4, "aaaaaaa"), (0.5, 2.6, ""), (0.0, 0.1, ""), (-0.5, 0.1, "")],
)
def test_five_letters_of_bonus_may_still_be_made_up_for(
    bonus: float, below: float, text: str
) -> None:
    """An open hypothesis that is less than 5 bonuses below the best is not given up."""
    (found,) = search(path(-1.0 - below, *[0.5] * 6, ends={0: -1.0, 7: 0.0}), bonus=bonus)
    assert text_of(found[0].units) == text


def test_an_end_must_be_among_the_best_where_only_the_speller_is_asked() -> None:
    """Without CTC the shortest text would win: its end must beat the letters of the beam."""

    def script(text: str) -> dict[str, float]:
        if not text:
            return {"": -2.0, "a": -0.5, "b": -1.0}
        return {"": -2.0} if len(text) == 1 else {}

    options = DecodingOptions(beam=2, nbest=1)
    cap = torch.tensor([4])
    joint = Scripted(script, ends_freely=False)
    (found,) = beam_search(joint, cap, options)
    assert text_of(found[0].units) == "a" and found[0].total == pytest.approx(-2.5)
    (found,) = beam_search(Scripted(script), cap, options)
    assert text_of(found[0].units) == "" and found[0].total == pytest.approx(-2.0)


def test_it_stops_as_soon_as_nothing_can_change() -> None:
    script = path(-3.0, *[-1.0] * 8, ends={0: -1.0, 9: 0.0})
    joint = Scripted(script)
    (found,) = beam_search(joint, torch.tensor([9]), DecodingOptions(beam=4))
    assert text_of(found[0].units) == "" and joint.steps == 1
    assert math.isclose(found[0].total, -1.0)


@pytest.mark.parametrize(("threshold", "text"), [(3.1, "ba"), (2.9, "a"), (math.inf, "ba")])
def test_what_falls_behind_by_the_threshold_is_dropped(threshold: float, text: str) -> None:
    """"b" begins 3 nats worse than "a", and would end 1 better."""

    def script(text: str) -> dict[str, float]:
        return {"": {"a": -1.0, "b": -4.0}, "a": {"": -5.0}, "b": {"a": -0.5}}.get(
            text, {"": -0.5} if text == "ba" else {}
        )

    joint = Scripted(script)
    options = DecodingOptions(beam=4, beam_threshold=threshold)
    (found,) = beam_search(joint, torch.tensor([9]), options)
    assert text_of(found[0].units) == text
    assert joint.live[:2] == [1, 2 if text == "ba" else 1]


def test_what_cannot_reach_the_ended_any_more_is_dropped() -> None:
    """Of two open hypotheses the worse is below the one that has ended."""

    def script(text: str) -> dict[str, float]:
        return {"": {"": -2.0, "a": -1.0, "b": -3.0}}.get(text, {"a": -0.1, "": -4.0})

    for threshold, live in ((5.0, 1), (math.inf, 2)):
        joint = Scripted(script)
        beam_search(joint, torch.tensor([9]), DecodingOptions(beam=4, beam_threshold=threshold))
        assert joint.live[1] == live
