"""Subtitles fit the screen, can be read in time, follow each other, and hold every word."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from las_cli.errors import UsageError
from las_cli.output.subtitles import SubtitleLimits, cues_of, shown_words, timed_words, wrap
from las_cli.transcript import Segment, Transcript, Word


def transcript(*segments: Segment) -> Transcript:
    return Transcript("a.wav", 100.0, segments, "en")


@st.composite
def recordings(draw: st.DrawFn) -> Transcript:
    segments, at = [], draw(st.floats(0, 3))
    for _ in range(draw(st.integers(1, 4))):
        words = []
        start = at
        for letters in draw(st.lists(st.integers(1, 14), min_size=1, max_size=30)):
            length = letters * draw(st.floats(0.03, 0.12))
            words.append(Word("w" * letters, at, at + length, 0.9))
            at += length + draw(st.floats(0, 0.4))
        text = " ".join(word.text for word in words)
        segments.append(Segment(start, words[-1].end, text, tuple(words)))
        at += draw(st.floats(0, 4))
    return transcript(*segments)


@settings(max_examples=60, deadline=None)
@given(
    recordings(),
    st.builds(SubtitleLimits, st.integers(14, 50), st.integers(1, 3)),
)
def test_limits_hold(recording: Transcript, limits: SubtitleLimits) -> None:
    cues = cues_of(recording, limits)
    assert " ".join(cue.text for cue in cues) == recording.text
    for cue in cues:
        assert len(cue.lines) <= limits.max_line_count
        assert all(len(line) <= limits.max_line_width for line in cue.lines)
        assert 0 <= cue.start < cue.end
        assert cue.end - cue.start <= limits.longest + 0.01
        assert cue.start <= cue.words[0].start + 0.01 and cue.end >= cue.words[-1].end - 0.01
    for before, after in zip(cues, cues[1:], strict=False):
        assert before.end <= after.start + 1e-9
    for index, cue in enumerate(cues):
        # Slower than 17 characters a second wherever the neighbours leave room.
        free = index + 1 == len(cues) or cues[index + 1].start - cue.end > limits.gap + 0.01
        if free:
            wanted = max(limits.shortest, len(cue.text) / limits.comfortable_speed)
            assert cue.end - cue.start >= min(wanted, limits.longest) - 0.01


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("ab", min_size=1, max_size=9), min_size=1, max_size=20))
def test_lines_are_as_few_as_the_width_allows_and_even(words: list[str]) -> None:
    limits = SubtitleLimits(20, 99)
    text = " ".join(words)
    lines = wrap(text, limits)
    assert " ".join(lines) == text and max(map(len, lines)) <= 20


def test_two_lines_are_about_equal() -> None:
    text = "the old man opened the door and looked out upon"
    assert wrap(text, SubtitleLimits()) == ["the old man opened the", "door and looked out upon"]


def test_cuts_fall_into_pauses() -> None:
    first, second = (
        "we had been travelling all day".split(),
        "and the horses were very tired".split(),
    )
    words = [Word(text, i * 0.3, i * 0.3 + 0.28, 1.0) for i, text in enumerate(first)]
    words += [Word(text, 2.6 + i * 0.3, 2.88 + i * 0.3, 1.0) for i, text in enumerate(second)]
    whole = " ".join([*first, *second])
    recording = transcript(Segment(0.0, words[-1].end, whole, tuple(words)))
    assert [cue.text for cue in cues_of(recording, SubtitleLimits(20, 2))] == [
        " ".join(first),
        " ".join(second),
    ]


def test_a_word_longer_than_a_line_is_broken() -> None:
    recording = transcript(Segment(0.0, 1.0, "w" * 30, (Word("w" * 30, 0.0, 1.0, 1.0),)))
    cues = cues_of(recording, SubtitleLimits(12, 2))
    assert sorted(len(line) for cue in cues for line in cue.lines) == [10, 10, 10]
    assert all(len(cue.lines) <= 2 for cue in cues)


LONG = "".join(chr(0x4E00 + letter) for letter in range(144))


@pytest.mark.parametrize(
    ("text", "seconds", "limits", "count"),
    [
        (LONG, 19.0, SubtitleLimits(), 4),  # 7 s have 53 letters, a line 42: 36 each
        (LONG, 6.0, SubtitleLimits(), 2),  # two lines each
        (LONG[:40], 10.0, SubtitleLimits(), 2),  # a line, but longer than 7 s
        (LONG, 19.0, SubtitleLimits(10, 1), 15),
        ("ที่" * 31, 19.0, SubtitleLimits(20, 2), 5),  # marks stay with their letter
        ("internationalisierung" * 3, 20.0, SubtitleLimits(18, 2), 4),
    ],
)
@pytest.mark.parametrize("timed", [True, False])
def test_scripts_without_spaces_are_cut(
    text: str, seconds: float, limits: SubtitleLimits, count: int, timed: bool
) -> None:
    end = 2.0 + seconds
    words = (Word(text, 2.0, end, 0.9),) if timed else ()
    cues = cues_of(transcript(Segment(2.0, end, text, words, 0.9)), limits)
    assert "".join(line for cue in cues for line in cue.lines) == text and len(cues) == count
    for cue in cues:
        assert len(cue.lines) <= limits.max_line_count
        assert all(len(line) <= limits.max_line_width for line in cue.lines)
        assert all(unicodedata.category(line[0])[0] == "L" for line in cue.lines)
        assert cue.start <= cue.words[0].start + 0.01 and cue.end >= cue.words[-1].end - 0.01
        assert cue.end - cue.start <= limits.longest + 0.01


def test_every_shown_token_is_a_word_with_its_share_of_the_time() -> None:
    words = (
        Word("ja", 0.0, 0.4, 0.9),
        Word("internationalisierung", 0.4, 2.5, 0.8),
        Word("a b", 2.5, 3.0, 0.7),  # a word of several, as another model may give
        Word("hello", 3.0, 12.0, 0.6),
    )
    shown = shown_words(Segment(0.0, 12.0, "", words), SubtitleLimits(18, 2))
    assert [(word.text, round(word.start, 3), round(word.end, 3)) for word in shown] == [
        ("ja", 0.0, 0.4),
        ("internation", 0.4, 1.5),
        ("alisierung", 1.5, 2.5),
        ("a", 2.5, 2.75),
        ("b", 2.75, 3.0),
        ("hello", 3.0, 12.0),
    ]
    assert shown[0] is words[0] and shown[2].confidence == 0.8


def test_words_without_times_are_spread() -> None:
    words = timed_words(Segment(2.0, 4.0, "a bcd"))
    assert [(word.text, round(word.start, 3), round(word.end, 3)) for word in words] == [
        ("a", 2.0, 2.667),
        ("bcd", 2.667, 4.0),
    ]


@pytest.mark.parametrize(("width", "count"), [(0, 2), (42, 0)])
def test_limits_are_checked(width: int, count: int) -> None:
    with pytest.raises(UsageError, match="must be at least 1"):
        SubtitleLimits(width, count)


def test_a_cue_that_is_held_longer_ends_a_gap_before_the_next() -> None:
    """Five letters said in 0.4 s are shown for 5/6 s, if the next cue did not come at 1.2 s."""
    first = Segment(0.5, 0.9, "alpha", (Word("alpha", 0.5, 0.9, 1.0),))
    second = Segment(1.2, 3.0, "beta", (Word("beta", 1.2, 3.0, 1.0),))
    one, two = cues_of(transcript(first, second))
    assert one.end == pytest.approx(1.12) and two.start == 1.2
    (alone,) = cues_of(transcript(first))
    assert alone.end == pytest.approx(0.5 + 5 / 6)
