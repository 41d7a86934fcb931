"""What a terminal shows: coloured words, a bar that never mixes with them, clocks."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pytest
from rich.console import Console

from las_cli.cli import transcript_display
from las_cli.cli.transcript_display import Display, clock, colored
from las_cli.errors import LasError
from las_cli.transcribe.inputs import Input
from las_cli.transcribe.worklist import Worklist
from las_cli.transcript import Segment, Transcript, Word

WORDS = tuple(
    Word(text, 0.0, 0.1, confidence)
    for text, confidence in (("sure", 0.9), ("hm", 0.7), ("what", 0.2), ("so", math.nan))
)
SEGMENT = Segment(0.0, 0.4, "sure hm what so", WORDS, flags=("looped",))


def test_words_are_coloured_by_confidence() -> None:
    text = colored(SEGMENT)
    assert text.plain == SEGMENT.text
    assert [span.style for span in text.spans] == ["green", "yellow", "red"]
    assert colored(Segment(0, 1, "no words")).plain == "no words"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.04, "0.0 s"), (59.9, "59.9 s"), (60, "0:01:00"), (36_610.4, "10:10:10")],
)
def test_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


def terminal(monkeypatch: pytest.MonkeyPatch, out_is_terminal: bool) -> dict[bool, io.StringIO]:
    """Consoles of the display write here: False standard output, True standard error."""
    written = {False: io.StringIO(), True: io.StringIO()}

    def make(stderr: bool = False, **how: object) -> Console:
        shown = stderr or out_is_terminal
        return Console(  # type: ignore[arg-type]
            file=written[stderr], force_terminal=shown, color_system="truecolor", width=80, **how
        )

    monkeypatch.setattr(transcript_display, "Console", make)
    return written


@pytest.mark.parametrize("out_is_terminal", [False, True])
def test_one_recording(monkeypatch: pytest.MonkeyPatch, out_is_terminal: bool) -> None:
    written = terminal(monkeypatch, out_is_terminal)
    worklist = Worklist([Input(Path("a.wav"))], ["txt"], None)
    with Display(worklist, several=False, color_confidence=True) as display:
        display.recognised(0, SEGMENT, 0.4)
        display.finished(0, Transcript("a.wav", 0.4, (SEGMENT,), "en"))
    display.summary(worklist.tally)
    out = written[False].getvalue()
    if out_is_terminal:
        assert "\x1b[31mwhat" in out and "sure" in out
    else:
        assert out == "sure hm what so\n"
    assert "a.wav: 0.0 s–0.4 s: looped" in written[True].getvalue()


@pytest.mark.parametrize("out_is_terminal", [False, True])
@pytest.mark.parametrize("ends", ["well", "badly"])
def test_paragraphs_grow_as_they_are_heard(
    monkeypatch: pytest.MonkeyPatch, out_is_terminal: bool, ends: str
) -> None:
    written = terminal(monkeypatch, out_is_terminal)
    worklist = Worklist([Input(Path("a.wav"))], ["txt"], None)
    spoken = (
        Segment(0.0, 1.0, "it is", written="It is"),
        Segment(1.2, 2.0, "late", written="late."),
        Segment(4.5, 5.0, "good night", written="Good night."),
    )
    with Display(worklist, several=False) as display:
        for segment in spoken:
            display.recognised(0, None, segment.end)  # heard, but not decided yet
            display.recognised(0, segment, segment.end)
        if ends == "well":
            display.finished(0, Transcript("a.wav", 5.0, spoken, "en"))
        else:
            display.failed(0, LasError("a.wav: broken"))
    out = written[False].getvalue()
    if out_is_terminal:  # where a bar may follow each line
        assert out == "It is\nlate.\nGood night.\n"
    else:
        assert out == "It is late.\n\nGood night.\n"


def test_several_recordings_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    written = terminal(monkeypatch, out_is_terminal=True)
    worklist = Worklist([Input(Path("a.wav")), Input(Path("b.wav"))], ["txt"], None)
    with Display(worklist, several=True) as display:
        display.finished(0, Transcript("a.wav", 0.4, (SEGMENT,), "en"))
        display.failed(1, LasError("b.wav: the file is empty; record it again"))
    worklist.fail(LasError("b.wav: the file is empty; record it again"))
    display.summary(worklist.tally)
    assert "a.wav" in written[False].getvalue() and "sure hm what so" in written[False].getvalue()
    assert written[True].getvalue().count("the file is empty") == 2  # at once, and in the table


def test_quiet_shows_errors_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    written = terminal(monkeypatch, out_is_terminal=False)
    worklist = Worklist([Input(Path("a.wav")), Input(Path("b.wav"))], ["txt"], None)
    with Display(worklist, several=True, quiet=True) as display:
        display.finished(0, Transcript("a.wav", 0.4, (SEGMENT,), "en"))
        display.failed(1, LasError("b.wav: broken"))
    display.summary(worklist.tally)
    assert written[True].getvalue().strip() == "las: b.wav: broken"
    assert written[False].getvalue() == "sure hm what so\n\n"
