"""The written form in each format, paragraphs, and subtitles that end where sentences end."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from las_cli.output import OutputOptions, SubtitleLimits, cues_of, make_writer
from las_cli.output.subtitles import timed_words
from las_cli.transcript import Segment, Transcript, Word

EMPTY = Segment(0.0, 0.0, "")


def segment(start: float, written: str, pace: float = 0.3, numbers: bool = False) -> Segment:
    """Words of 0.2 s at `pace`; "_" in `written` parts words that one written word stands for."""
    words, at = [], start
    for token in written.split():
        shown, *spoken = token.split("=")
        plain = spoken[0].split("_") if spoken else [shown.strip(".,?!").lower()]
        for place, word in enumerate(plain):
            words.append(Word(word, at, at + 0.2, 0.9 - place / 10, "" if place else shown))
            at += pace
    shown = " ".join(filter(None, (word.written for word in words)))
    text = " ".join(word.text for word in words)
    return Segment(start, words[-1].end, text, tuple(words), 0.9, written=shown)


TALK = Transcript(
    "a.wav",
    60.0,
    (
        segment(0.0, "Mr. Brown, are you"),
        segment(1.6, "there? Yes."),
        segment(5.0, "In 1905,=nineteen_oh_five we"),
        segment(9.0, "met."),
        segment(20.0, "Good bye"),
    ),
    "en",
)


@pytest.mark.parametrize(
    ("name", "words", "expected"),
    [
        (
            "txt",
            False,
            "Mr. Brown, are you there? Yes.\n\nIn 1905, we met.\n\nGood bye\n",
        ),
        ("ctm", False, "a 1 5.30 0.20 nineteen 0.900\n"),
        ("tsv", False, "1600\t2100\tthere? Yes.\n"),
        ("tsv", True, "5300\t6100\t1905,\n"),
        ("txt", True, "5.30\t6.10\t1905,\n"),
        ("srt", False, "\nIn 1905, we\n"),
        ("srt", True, "00:00:05,300 --> 00:00:06,100\n1905,\n"),
        ("vtt", True, "In <00:00:05.300>1905, <00:00:06.200>we\n"),
    ],
)
def test_formats(name: str, words: bool, expected: str) -> None:
    text = make_writer(name, OutputOptions(words=words)).format(TALK)
    assert text == expected if name == "txt" and not words else expected in text


def test_json_has_both() -> None:
    record = json.loads(make_writer("json").format(TALK))
    assert record["text"].startswith("mr brown are you there yes in nineteen oh five we")
    assert record["written"] == "Mr. Brown, are you there? Yes. In 1905, we met. Good bye"
    assert record["segments"][2]["written"] == "In 1905, we"
    words = record["segments"][2]["words"]
    assert [word["text"] for word in words] == ["in", "nineteen", "oh", "five", "we"]
    assert [word["written"] for word in words] == ["In", "1905,", "", "", "we"]


@pytest.mark.parametrize(
    ("before", "pause", "parted"),
    [("Yes.", 1.9, False), ("Yes.", 2.0, True), ("yes", 5.9, False), ("yes", 6.0, True)],
)
def test_paragraphs(before: str, pause: float, parted: bool) -> None:
    first = segment(0.0, before)
    recording = Transcript("a", 9.0, (first, segment(first.end + pause, "No.")), "en")
    text = make_writer("txt").format(recording)
    assert text == (f"{before}\n\nNo.\n" if parted else f"{before} No.\n")


def test_without_paragraphs_a_line_a_segment() -> None:
    """As `--plain --numbers digits` asks for."""
    text = make_writer("txt", OutputOptions(paragraphs=False)).format(TALK)
    assert text.splitlines()[:3] == ["Mr. Brown, are you", "there? Yes.", "In 1905, we"]


def test_segments_without_words_make_no_paragraph() -> None:
    recording = Transcript("a", 9.0, (EMPTY, segment(0.0, "Yes."), EMPTY), "en")
    assert make_writer("txt").format(recording) == "Yes.\n"
    silent = Transcript("a", 9.0, (replace(EMPTY, written=""),), "en")
    assert make_writer("txt").format(silent) == ""


def test_a_word_for_several_has_their_time_and_the_lowest_confidence() -> None:
    (number,) = (word for word in timed_words(TALK.segments[2]) if word.text == "1905,")
    assert (number.start, round(number.end, 3), round(number.confidence, 3)) == (5.3, 6.1, 0.7)
    plain = timed_words(TALK.segments[2], plain=True)
    assert [word.text for word in plain] == ["in", "nineteen", "oh", "five", "we"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (  # nothing but the mark says where to cut: both would fit into one
            "The old man opened the door slowly. He looked out upon the street.",
            ["The old man opened the door slowly.", "He looked out upon the street."],
        ),
        (  # too long for one: not where the lines would be even, but where the sentence ends
            "He came at last. It was very late and the rain had begun to fall upon the roofs of "
            "the town.",
            None,
        ),
        ("Yes. I think that it is so.", ["Yes. I think that it is so."]),
        ("He asked, and she said what she knew", ["He asked, and she said what she knew"]),
    ],
)
def test_subtitles_end_where_sentences_end(written: str, expected: list[str] | None) -> None:
    cues = cues_of(Transcript("a", 60.0, (segment(0.0, written, pace=0.21),), "en"))
    texts = [cue.text for cue in cues]
    assert " ".join(texts) == written
    if expected is not None:
        assert texts == expected
    else:
        assert texts[0] == "He came at last."


def test_limits_hold_for_the_written_form() -> None:
    long = segment(0.0, " ".join(["Internationalisation,"] * 12), pace=0.4)
    limits = SubtitleLimits(20, 2)
    for cue in cues_of(Transcript("a", 60.0, (long,), "en"), limits):
        assert len(cue.lines) <= 2 and max(map(len, cue.lines)) <= 20
