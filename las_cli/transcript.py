"""What a recognised recording is: words in segments in a transcript. Writers only format these."""

from __future__ import annotations

import math
from dataclasses import dataclass

from las_cli.audio.missing_sound import LOSSES, Missing

UNSURE, DOUBTFUL = 0.8, 0.5  # word confidence below which a word is marked, and marked more


@dataclass(frozen=True)
class Word:
    """One word with its place in the recording."""

    text: str
    start: float  # seconds from the start of the file
    end: float  # seconds from the start of the file
    confidence: float  # 0 … 1, NaN where the model gives none
    # With capitals and marks, None where that is not known; empty where the word before says it
    # too, as 23 does for "twenty three".
    written: str | None = None


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
    written: str | None = None  # `text` with capitals and marks, None where that is not known

    @property
    def shown(self) -> str:
        """The written form where there is one, else the plain words."""
        return self.text if self.written is None else self.written


@dataclass(frozen=True)
class Transcript:
    """Everything recognised in one recording."""

    source: str  # path as the user gave it, "-" for standard input
    duration: float  # seconds
    segments: tuple[Segment, ...]
    model: str  # name of the model that made it
    flags: tuple[str, ...] = ()  # what is wrong with the recording, e.g. "truncated file"
    missing: tuple[Missing, ...] = ()  # sound that the file should hold and that was not heard

    @property
    def is_incomplete(self) -> bool:
        """Whether sound of the recording is missing."""
        return any(flag in LOSSES for flag in self.flags)

    @property
    def text(self) -> str:
        """All words of the recording, segments joined by single spaces."""
        return " ".join(segment.text for segment in self.segments if segment.text)

    @property
    def written(self) -> str | None:
        """The same in its written form; None where no segment has one."""
        if all(segment.written is None for segment in self.segments):
            return None
        return self.shown

    @property
    def shown(self) -> str:
        """The written form as far as there is one, else the plain words."""
        return " ".join(segment.shown for segment in self.segments if segment.shown)
