"""Each format against its golden file, and the JSON against its published schema."""

from __future__ import annotations

import json
import math
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from las_cli.errors import UsageError
from las_cli.output import FORMATS, OutputOptions, SubtitleLimits, make_writer
from las_cli.output.writers import JSONWriter
from las_cli.transcript import Alternative, Segment, Transcript, Word

GOLDEN = Path(__file__).parent / "golden"


def spoken(text: str, start: float, pace: float = 0.3, confidence: float = 0.9) -> Segment:
    """A segment whose words follow each other at `pace` seconds a word."""
    words = tuple(
        Word(word, start + index * pace, start + (index + 0.9) * pace, confidence)
        for index, word in enumerate(text.split())
    )
    return Segment(start, words[-1].end, text, words, confidence)


TRANSCRIPT = Transcript(
    source="talks/old man.flac",
    duration=3725.5,
    segments=(
        spoken("the old man opened the door and looked out upon the quiet street", 0.25),
        Segment(5.0, 5.6, "<yes> & no", flags=("cut off",)),
        Segment(6.0, 7.0, ""),
        spoken("in the morning the children walked along the river to the village", 3700.0, 0.25),
        Segment(
            3710.0,
            3711.0,
            "çà et là",
            (
                Word("çà", 3710.0, 3710.3, math.nan),
                Word("et", 3710.3, 3710.5, 0.25),
                Word("là", 3710.6, 3711.0, 0.75),
            ),
            0.5,
            alternatives=(Alternative("çà et là", -1.5), Alternative("sa et la", -2.25)),
        ),
    ),
    model="en",
    flags=("truncated file",),
)


TEXTS = [name for name in FORMATS if name != "html"]  # the page has tests of its own


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize("name", TEXTS)
def test_golden(name: str, words: bool, request: pytest.FixtureRequest) -> None:
    got = make_writer(name, OutputOptions(words=words)).format(TRANSCRIPT)
    path = GOLDEN / f"{'words' if words else 'segments'}.{name}"
    expected = path.read_text(encoding="utf-8")
    if name == "json":  # the version in it changes with every release
        assert json.loads(got) | {"version": ""} == json.loads(expected) | {"version": ""}
    else:
        assert got == expected


@pytest.mark.parametrize("name", TEXTS)
def test_no_speech_at_all(name: str) -> None:
    text = make_writer(name).format(Transcript("-", 0.0, (), "en"))
    assert text in ("", "WEBVTT\n", "start\tend\ttext\n") or name == "json"


def test_words_longer_than_a_line_do_not_move_the_times_of_others() -> None:
    times = {"ja": (0.0, 0.4), "internationalisierung": (0.4, 2.0), "nein": (2.0, 2.5)}
    words = tuple(Word(text, *place, 0.9) for text, place in times.items())
    recording = Transcript("a", 3.0, (Segment(0.0, 2.5, " ".join(times), words),), "en")
    options = OutputOptions(True, SubtitleLimits(18, 2))
    assert make_writer("vtt", options).format(recording).splitlines()[3:] == [
        "ja <00:00:00.400>internation",
        "<00:00:01.238>alisierung <00:00:02.000>nein",
    ]
    cues = make_writer("srt", options).format(recording).split("\n\n")
    assert [cue.split("\n")[2] for cue in cues] == ["ja", "internation", "alisierung", "nein"]


@pytest.mark.parametrize(
    ("source", "recording"),
    [
        ("talks/old man.flac", "old_man"),
        ("2024.11.03", "2024.11.03"),
        ("a/2024.11.03.wav", "2024.11.03"),
        ("-", "-"),
        ("", "_"),
    ],
)
def test_ctm_names_the_recording(source: str, recording: str) -> None:
    text = make_writer("ctm").format(Transcript(source, 1.0, (spoken("one", 0.0),), "en"))
    assert text == f"{recording} 1 0.00 0.27 one 0.900\n"


def test_unknown_format_lists_the_known() -> None:
    with pytest.raises(UsageError, match="txt, srt, vtt, tsv, json, ctm, html"):
        make_writer("docx")


numbers = st.one_of(st.floats(0, 1e5), st.just(math.nan))
shares = st.one_of(st.floats(0, 1), st.just(math.nan))
words = st.builds(Word, st.text(), st.floats(0, 1e5), st.floats(0, 1e5), shares)
segments = st.builds(
    Segment,
    st.floats(0, 1e5),
    st.floats(0, 1e5),
    st.text(),
    st.lists(words, max_size=3).map(tuple),
    shares,
    st.lists(st.text(), max_size=2).map(tuple),
    st.lists(st.builds(Alternative, st.text(), st.floats(allow_nan=True)), max_size=2).map(tuple),
)
transcripts = st.builds(
    Transcript, st.text(), numbers, st.lists(segments, max_size=3).map(tuple), st.text()
)


def schema() -> dict[str, Any]:
    text = files("las_cli.output").joinpath("transcript.schema.json").read_text("utf-8")
    return json.loads(text)  # type: ignore[no-any-return]


@settings(max_examples=40, deadline=None)
@given(transcripts)
def test_json_follows_the_schema(transcript: Transcript) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(schema())
    writer = JSONWriter()
    validator.validate(json.loads(writer.format(transcript)))
    line = writer.line(transcript)
    assert json.loads(line) == json.loads(writer.format(transcript))
    assert line.endswith("\n") and "\n" not in line[:-1]


def test_the_schema_refuses_what_is_missing() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(schema())
    record = JSONWriter().record(TRANSCRIPT)
    del record["segments"][0]["words"][0]["start"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(record, schema())


def test_json_names_the_expected_words_that_were_written() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    said = Segment(0.0, 1.0, "from helstone", hotwords=("helstone",))
    record = JSONWriter().record(Transcript("a.wav", 2.0, (said, Segment(1.0, 2.0, "so")), "en"))
    assert record["segments"][0]["hotwords"] == ["helstone"]
    assert "hotwords" not in record["segments"][1]
    jsonschema.validate(record, schema())
