"""Subtitles (SubRip, WebVTT) in, what they show out: words, without numbers, clocks and marks."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from itertools import pairwise

from las_cli.scoring.lines import Entry, Line, TextSource

_CLOCK = r"(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}"
TIMES = re.compile(rf"^\s*{_CLOCK}\s*-->\s*{_CLOCK}(?:\s|$)")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<\d[\d:.]*>|\{\\[^{}]*\}")  # <i>, <v Ann>, <00:01.5>, {\an8}
_BLOCKS = ("WEBVTT", "NOTE", "STYLE", "REGION")  # of WebVTT, that nobody sees


def read_cues(source: TextSource) -> Iterator[Entry]:
    """The text of each cue, in order; LasError for a file without a cue that holds something."""
    block: list[Line] = []
    count = 0
    something = None
    for line in (*source, Line(0, "")):
        if line.text.strip():
            something = something or line.number
            block.append(line)
            continue
        places = [place for place, one in enumerate(block) if TIMES.match(one.text)]
        for place, after in pairwise([*places, len(block) + 1]):
            # Where the blank line is missing, the number of the next cue stands before its times.
            numbered = after <= len(block) and block[after - 1].text.strip().isdigit()
            yield _cue(block[place + 1 : after - numbered], block[place].number)
            count += 1
        # A blank line within a cue ends it for most players; what follows is still text.
        if not places and block and count and not block[0].text.lstrip().startswith(_BLOCKS):
            yield _cue(block, block[0].number)
        block = []
    if not count and something is not None and not _is_header_only(source):
        raise source.error(something, "no subtitles: no line of times such as 00:00:01,000 --> …")


def are_cues(lines: list[Line]) -> str:
    """"srt" or "vtt" if these first lines, none of them blank, are subtitles; else ""."""
    first = [line.text for line in lines[:3]]
    if first and re.match(r"^WEBVTT(?:\s|$)", first[0]):
        return "vtt"
    if any(TIMES.match(text) for text in first[:2]) and (
        TIMES.match(first[0]) or first[0].strip().isdigit()
    ):
        return "srt"
    return ""


def _cue(lines: list[Line], number: int) -> Entry:
    return Entry("", " ".join(" ".join(_shown(line.text) for line in lines).split()), number)


def _shown(text: str) -> str:
    return html.unescape(_TAG.sub("", text))


def _is_header_only(source: TextSource) -> bool:
    return source.suffix == ".vtt"  # "WEBVTT" alone: nothing was said
