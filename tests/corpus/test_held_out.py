"""Setting a dev split aside: the same every time, whole speakers where that is possible."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from las_cli.corpus.held_out import choose
from las_cli.corpus.utterance import BadRow, Utterance


def rows(clips: dict[str | None, int], sentence: str = "{speaker} {n}") -> list[Utterance]:
    return [
        Utterance(f"{name}{n}", f"{name}{n}.wav", sentence.format(speaker=name, n=n), "t", name)
        for name, count in clips.items()
        for n in range(count)
    ]


def test_whole_speakers_about_a_twentieth() -> None:
    corpus = rows({f"s{n}": 10 for n in range(100)})
    held_out = choose(corpus)
    assert held_out is not None
    dev = [row for row in corpus if row in held_out]
    assert 40 <= len(dev) <= 100
    assert {row.speaker for row in dev} == held_out.speakers
    assert f"{len(held_out.speakers)} of 100 speakers ({len(dev)} of 1000 clips)" in held_out.note


def test_the_choice_does_not_depend_on_order() -> None:
    corpus = rows({f"s{n}": 1 + n % 7 for n in range(60)})
    first = choose(corpus)
    random.Random(1).shuffle(corpus)
    assert choose(corpus) == first


def test_a_speaker_with_most_of_the_clips_stays_in_train() -> None:
    held_out = choose(rows({"big": 900, "small": 20, "tiny": 30}))
    assert held_out is not None and "big" not in held_out.speakers and held_out.speakers


def test_few_speakers_give_the_smallest() -> None:
    held_out = choose(rows({"a": 30, "b": 20, "c": 40, "d": 10}))
    assert held_out is not None and held_out.speakers == {"d"}


def test_one_speaker_gives_sentences() -> None:
    for clips in ({"only": 200}, {None: 200}, {"a": 100, "b": 100}, {"a": 60, None: 140}):
        corpus = rows(clips)
        held_out = choose(corpus)
        assert held_out is not None and not held_out.speakers
        assert 1 <= sum(row in held_out for row in corpus) <= 10
        assert "too few speakers" in held_out.note


def test_readings_of_one_sentence_stay_together() -> None:
    corpus = rows({"only": 100}, "Sentence {n}!") + rows({"only": 100}, "sentence {n}")
    held_out = choose(corpus)
    assert held_out is not None
    dev = {row.text.lower().strip("!") for row in corpus if row in held_out}
    train = {row.text.lower().strip("!") for row in corpus if row not in held_out}
    assert dev and train and not dev & train


def test_too_little_to_share() -> None:
    assert choose([]) is None
    assert choose(rows({"a": 1})) is None
    assert choose([BadRow("t:2", "x"), *rows({"a": 1})]) is None
    assert choose(rows({"a": 5}, "always the same")) is None


@given(st.lists(st.integers(1, 8), min_size=1, max_size=30))
def test_both_sides_hold_something(counts: list[int]) -> None:
    corpus = rows({f"s{n}": count for n, count in enumerate(counts)})
    held_out = choose(corpus)
    if held_out is None:
        assert len(corpus) < 2
    else:
        assert 0 < sum(row in held_out for row in corpus) < len(corpus)
