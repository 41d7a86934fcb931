"""A transcript in, subtitle cues out that fit the screen and can be read in time."""

from __future__ import annotations

import math
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from las_cli.errors import UsageError
from las_cli.text.marks import ends_sentence
from las_cli.transcript import Segment, Transcript, Word

# What a cut gains, in the units of a cue's own cost (4): sentences part cues before anything else.
SENTENCE_END, OTHER_MARK, PAUSE_SECOND = 5.5, 1.5, 6.0
# Letters of a part that is cut for its time; a short word that lasts so long has wrong times.
LEAST_PART = 8


@dataclass(frozen=True)
class SubtitleLimits:
    """What viewers can read; the defaults are what broadcasters ask for.

    BBC Subtitle Guidelines and the Netflix Timed Text Style Guide: two lines of 37 to 42
    characters, 17 to 20 characters a second, 5/6 to 7 seconds, two frames between cues.
    """

    max_line_width: int = 42  # characters a line
    max_line_count: int = 2  # lines a cue
    comfortable_speed: float = 17.0  # characters a second, aimed at where there is room
    shortest: float = 5 / 6  # seconds, aimed at where there is room
    longest: float = 7.0  # seconds
    gap: float = 0.08  # seconds between cues that follow each other
    lead: float = 0.5  # seconds a cue may come before its first word, to gain reading time

    def __post_init__(self) -> None:
        if self.max_line_width < 1 or self.max_line_count < 1:
            raise UsageError(
                f"lines of {self.max_line_width} letters, {self.max_line_count} a cue: both must "
                "be at least 1"
            )


@dataclass(frozen=True)
class Cue:
    """One subtitle: when it is shown, its lines, and the words behind it."""

    start: float  # seconds
    end: float  # seconds
    lines: tuple[str, ...]
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The lines as one."""
        return " ".join(self.lines)


def timed_words(segment: Segment, plain: bool = False) -> tuple[Word, ...]:
    """The words of a segment with times, as they are written unless `plain` ones are wanted.

    Where it has no times they are spread by their length.
    """
    if segment.words:
        return segment.words if plain else _written_words(segment.words)
    texts = (segment.text if plain else segment.shown).split()
    weights = [len(text) + 1 for text in texts]
    scale = (segment.end - segment.start) / max(1, sum(weights))
    words, at = [], segment.start
    for text, weight in zip(texts, weights, strict=True):
        words.append(Word(text, at, at + weight * scale, segment.confidence))
        at += weight * scale
    return tuple(words)


def _written_words(words: Sequence[Word]) -> tuple[Word, ...]:
    """Words as they are written; those that one written word stands for, such as 23, as one."""
    shown: list[Word] = []
    for word in words:
        if word.written is None:
            shown.append(word)
        elif word.written:
            shown.append(Word(word.written, word.start, word.end, word.confidence))
        elif shown:
            last = shown[-1]
            confidence = min(last.confidence, word.confidence)
            shown[-1] = Word(last.text, last.start, word.end, confidence)
    return tuple(shown)


def shown_words(segment: Segment, limits: SubtitleLimits) -> list[Word]:
    """The words of a segment, those that no line or cue has room for in timed parts.

    Scripts without spaces need this: there a "word" is all that was said between two pauses.
    """
    shown = []
    for word in timed_words(segment):
        letters = len("".join(word.text.split()))
        seconds = word.end - word.start
        most = limits.max_line_width
        if seconds > limits.longest:
            most = min(most, max(LEAST_PART, int(letters * limits.longest / seconds)))
        parts = list(_parts(word.text, most))
        if parts == [word.text]:
            shown.append(word)
            continue
        at = 0
        for part in parts:
            start, at = word.start + seconds * at / letters, at + len(part)
            end = word.start + seconds * at / letters
            shown.append(Word(part, start, end, word.confidence))
    return shown


def _parts(text: str, most: int) -> Iterator[str]:
    """`text` cut into about equal parts of up to `most` letters, no mark parted from its letter.

    Two parts together have more than `most` letters, so no line and cue holds both side by side,
    where a space would come between them.
    """
    for rest in text.split():
        while rest:
            cut = math.ceil(len(rest) / math.ceil(len(rest) / most))
            while 1 < cut < len(rest) and unicodedata.category(rest[cut]).startswith("M"):
                cut -= 1
            yield rest[:cut]
            rest = rest[cut:]


def cues_of(transcript: Transcript, limits: SubtitleLimits | None = None) -> list[Cue]:
    """Cut the words of `transcript` into cues in order, none overlapping the next."""
    limits = limits or SubtitleLimits()
    groups = [
        group
        for segment in transcript.segments
        for group in _split(shown_words(segment, limits), limits)
    ]
    cues: list[Cue] = []
    for index, group in enumerate(groups):
        text = " ".join(word.text for word in group)
        following = groups[index + 1][0].start if index + 1 < len(groups) else math.inf
        before = cues[-1].end + limits.gap if cues else 0.0
        start = max(group[0].start, cues[-1].end if cues else 0.0)
        wanted = max(limits.shortest, len(text) / limits.comfortable_speed)
        wanted = min(max(wanted, group[-1].end - start), max(limits.longest, limits.shortest))
        latest = max(following - limits.gap, min(group[-1].end, following), start + 0.001)
        end = min(start + wanted, latest)
        if end - start < wanted:
            start = min(start, max(end - wanted, start - limits.lead, before, 0.0))
        cues.append(Cue(start, end, tuple(wrap(text, limits)), tuple(group)))
    return cues


def wrap(text: str, limits: SubtitleLimits) -> list[str]:
    """Break `text` into as few lines as the width allows, of about equal length."""
    lines = _wrap(text, limits.max_line_width)
    if len(lines) < 2:
        return lines
    for width in range(math.ceil(len(text) / len(lines)), limits.max_line_width):
        balanced = _wrap(text, width)
        if len(balanced) == len(lines) and not any(len(word) > width for word in text.split()):
            return balanced
    return lines


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False) or [""]


def _split(words: Sequence[Word], limits: SubtitleLimits) -> list[Sequence[Word]]:
    """The cheapest way to cut one segment's words into cues (dynamic programming).

    Each cue costs something, so there are few; the ends of sentences are the first places to cut,
    then pauses and other marks; cues that are much shorter than the others cost more.
    """
    count = len(words)
    best: list[float] = [0.0] + [math.inf] * count
    cut_before = [0] * (count + 1)
    room = limits.max_line_width * limits.max_line_count
    for end in range(1, count + 1):
        for start in range(end - 1, -1, -1):
            if start < end - 1 and not _fits(words[start:end], limits):
                break
            length = sum(len(word.text) + 1 for word in words[start:end]) - 1
            cost = best[start] + 4.0 + 2.0 * max(0.0, 1 - length / room) ** 2
            if end < count:
                pause = words[end].start - words[end - 1].end
                cost -= PAUSE_SECOND * min(1.0, max(0.0, pause))
                if ends_sentence(words[end - 1].text):
                    cost -= SENTENCE_END
                elif words[end - 1].text[-1:] in ",;:":
                    cost -= OTHER_MARK
            if cost < best[end]:
                best[end], cut_before[end] = cost, start
    groups, end = [], count
    while end > 0:
        groups.append(words[cut_before[end] : end])
        end = cut_before[end]
    return groups[::-1]


def _fits(words: Sequence[Word], limits: SubtitleLimits) -> bool:
    if words[-1].end - words[0].start > limits.longest:
        return False
    text = " ".join(word.text for word in words)
    return len(_wrap(text, limits.max_line_width)) <= limits.max_line_count
