"""What a recognised recording is: words in segments in a transcript. Writers only format these."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """One word with its place in the recording."""

    text: str
    start: float  # seconds from the start of the file
    end: float  # seconds from the start of the file
    confidence: float  # 0 … 1, NaN where the model gives none


@dataclass(frozen=True)
class Alternative:
    """One entry of the n-best list."""

    text: str
    score: float  # total log score of the search, higher is better


@dataclass(frozen=True)
class Segment:
    """A stretch of speech between two pauses, recognised in one piece."""

    start: float  # seconds from the start of the file
    end: float  # seconds from the start of the file
    text: str
    words: tuple[Word, ...] = ()
    confidence: float = math.nan  # 0 … 1
    flags: tuple[str, ...] = ()  # e.g. "cut off", "looped"
    alternatives: tuple[Alternative, ...] = ()  # n-best, best first
    hotwords: tuple[str, ...] = ()  # of those asked for, the ones written here, each once


@dataclass(frozen=True)
class Transcript:
    """Everything recognised in one recording."""

    source: str  # path as the user gave it, "-" for standard input
    duration: float  # seconds
    segments: tuple[Segment, ...]
    model: str  # name of the model that made it
    flags: tuple[str, ...] = ()  # what is wrong with the recording, e.g. "truncated file"

    @property
    def text(self) -> str:
        """All words of the recording, segments joined by single spaces."""
        return " ".join(segment.text for segment in self.segments if segment.text)
