"""STM and CTM: what a line says, and which segment a word belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from las_cli.errors import LasError
from las_cli.scoring.lines import TextSource
from las_cli.scoring.timed import by_recording, by_segment, match_words, read_timed


def source(folder: Path, name: str, text: str) -> TextSource:
    (folder / name).write_text(text, encoding="utf-8")
    return TextSource(str(folder / name))


STM = """;; a comment
r 1 ann 0.5 2.25 <o,f0> one two
r 1 bob 2.25 4 three
r 1 inter 4 5 IGNORE_TIME_SEGMENT_IN_SCORING
r 1 ann 6 7
"""


def test_a_segment_has_times_a_speaker_and_a_text_without_labels(tmp_path: Path) -> None:
    segments = read_timed(source(tmp_path, "r.stm", STM), "stm")
    assert [(s.start, s.end, s.speaker, s.text, s.line) for s in segments] == [
        (0.5, 2.25, "ann", "one two", 2),
        (2.25, 4.0, "bob", "three", 3),
        (4.0, 5.0, "inter", "IGNORE_TIME_SEGMENT_IN_SCORING", 4),
        (6.0, 7.0, "ann", "", 5),
    ]


def test_a_word_ends_where_it_has_lasted(tmp_path: Path) -> None:
    words = read_timed(source(tmp_path, "h.ctm", "r 1 1.5 0.25 hm 0.93\n\nr A 2 1 yes\n"), "ctm")
    assert [(w.channel, w.start, w.end, w.text) for w in words] == [
        ("1", 1.5, 1.75, "hm"),
        ("A", 2.0, 3.0, "yes"),
    ]


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("r.stm", "r 1 ann 0", "line 2: expected `recording channel speaker start end"),
        ("r.stm", "r 1 ann zero 1 x", "line 2: 'zero' and '1' are no times"),
        ("h.ctm", "r 1 0 x y", "line 2: '0' and 'x' are no times"),
        ("h.ctm", "r 1 0 1", "line 2: expected `recording channel start duration word`"),
        ("h.ctm", "r 1 * * <ALT_BEGIN>", "line 2: alternatives"),
    ],
)
def test_a_line_that_is_none_is_named(tmp_path: Path, name: str, line: str, message: str) -> None:
    first = "r 1 ann 0 1 x\n" if name == "r.stm" else "r 1 0 1 x\n"
    with pytest.raises(LasError, match=message):
        read_timed(source(tmp_path, name, first + line + "\n"), name[-3:])


def test_an_utterance_a_segment_but_for_those_not_judged(tmp_path: Path) -> None:
    entries = list(by_segment(source(tmp_path, "r.stm", STM)))
    assert [(e.id, e.text, e.facts["speaker"]) for e in entries] == [
        ("r-1-0.50-2.25", "one two", "ann"),
        ("r-1-2.25-4.00", "three", "bob"),
        ("r-1-6.00-7.00", "", "ann"),
    ]


def test_an_utterance_a_recording_in_order_of_time(tmp_path: Path) -> None:
    text = "r 1 2 1 b\ns 1 0 1 x\nr 1 0 1 a\nr 2 2 1 c\n"
    entries = list(by_recording(source(tmp_path, "h.ctm", text), "ctm"))
    assert [(entry.id, entry.text) for entry in entries] == [("r", "a b c"), ("s", "x")]
    (entry,) = by_recording(source(tmp_path, "r.stm", STM), "stm")
    assert entry.text.split() == ["one", "two", "three"]


def matched(folder: Path, stm: str, ctm: str) -> list[str]:
    ours, theirs = match_words(source(folder, "r.stm", stm), source(folder, "h.ctm", ctm))
    assert [entry.id for entry in ours] == [entry.id for entry in theirs]
    return [entry.text for entry in theirs]


@pytest.mark.parametrize(
    ("start", "duration", "texts"),
    [
        (1.5, 0.9, ["w", ""]),  # its middle, 1.95, lies in the first though its end does not
        (1.5, 1.2, ["", "w"]),  # 2.1
        (3.5, 0.9, ["", "w"]),  # behind it: nearest to the second
        (4.9, 0.2, ["", ""]),  # in what is not judged
        (9.0, 0.1, ["", ""]),  # nearest to what is not judged
    ],
)
def test_a_word_belongs_where_its_middle_is(
    tmp_path: Path, start: float, duration: float, texts: list[str]
) -> None:
    stm = "r 1 a 0 2 one\nr 1 b 2 4 two\nr 1 c 4.5 6 IGNORE_TIME_SEGMENT_IN_SCORING\n"
    assert matched(tmp_path, stm, f"r 1 {start} {duration} w\n") == texts


def test_of_segments_that_overlap_the_later_one_takes_the_word(tmp_path: Path) -> None:
    stm = "r 1 a 0 4 one\nr 1 b 2 6 two\n"
    assert matched(tmp_path, stm, "r 1 1 0.2 x\nr 1 2.9 0.2 y\nr 1 5 0.2 z\n") == ["x", "y z"]


def test_words_of_a_segment_are_in_order_of_time(tmp_path: Path) -> None:
    assert matched(tmp_path, "r 1 a 0 4 one\n", "r 1 3 0.2 c\nr 1 1 0.2 a\nr 1 2 0.2 b\n") == [
        "a b c"
    ]
