"""Subtitles: only what they show is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from las_cli.scoring.listings import open_listing

SRT = """1
00:00:00,000 --> 00:00:02,000
<i>hello</i>
world

2
00:00:02,000 --> 00:01:04,000
{\\an8}42 times
"""
VTT = """WEBVTT - a talk

NOTE nobody sees
this

STYLE
::cue { color: red }

intro
00:00.000 --> 00:02.000 align:start
<v Ann>hello <00:00:01.000>world

01:00:02.000 --> 01:01:04.000
Tom &amp; 42 times
"""


@pytest.mark.parametrize(
    ("name", "text", "format", "said"),
    [
        ("a.srt", SRT, "srt", ["hello world", "42 times"]),
        ("a", SRT, "srt", ["hello world", "42 times"]),
        ("a.srt", SRT.replace("\n", "\r\n"), "srt", ["hello world", "42 times"]),
        ("a.srt", SRT.replace("1\n0", "0", 1), "srt", ["hello world", "42 times"]),
        ("a.vtt", VTT, "vtt", ["hello world", "Tom & 42 times"]),
        ("a.txt", VTT, "vtt", ["hello world", "Tom & 42 times"]),
        ("a.vtt", "WEBVTT\n", "vtt", []),
        ("a.srt", "", "srt", []),
        ("a.txt", "1\ntwo\n", "lines", ["1", "two"]),
    ],
)
def test_what_is_shown(tmp_path: Path, name: str, text: str, format: str, said: list[str]) -> None:
    (tmp_path / name).write_bytes(text.encode())
    listing = open_listing(str(tmp_path / name))
    assert listing.format == format
    assert [entry.text for entry in listing.entries()] == said


def test_in_utf_16(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_bytes(SRT.encode("utf-16"))
    assert [e.text for e in open_listing(str(tmp_path / "a.srt")).entries()][1] == "42 times"
