"""The part to check by: the end of what was recorded together, no sentence on both sides."""

from __future__ import annotations

import pytest

from las_cli.adaptation.division import divide, given_division, sound_seconds
from las_cli.errors import LasError
from las_cli.text import TextPolicy

POLICY = TextPolicy()


def cut(name: str, text: str, seconds: float = 5.0, file: str = "", start: float = 0.0):  # noqa: ANN201
    from las_cli.corpus.cuts import make_cut
    from las_cli.corpus.headers import AudioHeader
    from las_cli.corpus.utterance import Utterance

    return make_cut(
        Utterance(id=name, audio=file or f"/{name}.wav", text=text, where="", start=start,
                  seconds=seconds),
        AudioHeader(sampling_rate=16000, frames=round((start + seconds) * 16000), channels=1),
    )  # fmt: skip


def test_of_separate_clips_the_last_fifth() -> None:
    clips = [cut(f"c{n:02}", f"sentence {chr(97 + n)}") for n in range(20)]
    parts = divide(clips, POLICY)
    assert [one.id for one in parts.check] == ["c16", "c17", "c18", "c19"]
    assert [one.id for one in parts.train] == [f"c{n:02}" for n in range(16)]
    assert (parts.train_seconds, parts.check_seconds) == (80.0, 20.0)


def test_of_long_recordings_the_end_of_each() -> None:
    clips = [
        cut(f"{file}{n:02}", f"{file} says {chr(97 + n)}", file=f"/{file}.wav", start=10.0 * n)
        for file in "xy"
        for n in reversed(range(10))
    ]
    assert [one.id for one in divide(clips, POLICY).check] == ["x08", "x09", "y08", "y09"]


def test_no_sentence_is_on_both_sides() -> None:
    texts = ["Hello there!", *(f"number {chr(97 + n)}" for n in range(18)), "hello there"]
    parts = divide([cut(f"c{n}", text) for n, text in enumerate(texts)], POLICY)
    assert "c19" in {one.id for one in parts.check}
    assert "c0" not in {one.id for one in parts.train} and parts.shared == 1


def test_much_sound_is_checked_by_three_minutes() -> None:
    clips = [cut(f"c{n}", f"s {n:b}".replace("0", "o").replace("1", "i")) for n in range(720)]
    assert 170 <= sound_seconds(divide(clips, POLICY).check) <= 185


def test_of_a_long_dev_split_clips_from_all_over() -> None:
    train = [cut(f"t{n}", f"s {n:b}".replace("0", "o").replace("1", "i")) for n in range(20)]
    dev = [cut(f"d{n:03}", f"z {n:b}".replace("0", "o").replace("1", "i")) for n in range(360)]
    parts = given_division(train, dev, POLICY)
    assert 150 <= parts.check_seconds <= 180 and len(parts.train) == 20
    assert parts.check[0].id == "d000" and parts.check[-1].id >= "d345"


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        ([cut(f"c{n}", f"s {chr(97 + n)}") for n in range(6)], "^30 s of speech"),
        ([cut(f"c{n}", "the same again") for n in range(60)], "60 clips say only 1 different sen"),
        (
            [cut(f"c{n}", f"{'abcde'[n % 5]}") for n in range(60)],
            "only .* s of speech are left to learn from",
        ),
    ],
)
def test_too_little(clips: list, message: str) -> None:
    with pytest.raises(LasError, match=message):
        divide(clips, POLICY)


def test_a_dev_split_of_its_own_is_taken() -> None:
    train = [cut(f"t{n}", f"s {chr(97 + n)}") for n in range(10)]
    dev = [cut("d0", "S, b."), cut("d1", "other")]
    parts = given_division(train, dev, POLICY)
    assert [one.id for one in parts.check] == ["d0", "d1"]
    assert [one.id for one in parts.train] == [f"t{n}" for n in range(10) if n != 1]
