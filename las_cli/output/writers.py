"""A transcript in, the text of one output format out: a small class a format."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any

from las_cli.errors import UsageError
from las_cli.files import write_text
from las_cli.output.naming import stem
from las_cli.output.subtitles import Cue, SubtitleLimits, cues_of, shown_words, timed_words
from las_cli.output.transcript_page import link_to, page_of
from las_cli.text.marks import ends_sentence
from las_cli.transcript import Segment, Transcript, Word
from las_cli.version import __version__

SCHEMA_VERSION = 1  # of the JSON format, see transcript.schema.json
PARAGRAPH = 2.0  # seconds of silence behind a sentence that begin a new paragraph
BREAK = 6.0  # seconds that do so anywhere


@dataclass(frozen=True)
class OutputOptions:
    """What the formats leave open."""

    words: bool = False  # times for every word in txt, tsv, srt, vtt; json and ctm have them always
    subtitles: SubtitleLimits = field(default_factory=SubtitleLimits)
    paragraphs: bool = True  # of a written form in txt; else a line a segment
    embed: float = 20.0  # megabytes of sound that html holds at most; larger recordings are linked


class Writer:
    """Formats a transcript; `name` is the format and the extension."""

    name = ""

    def __init__(self, options: OutputOptions | None = None) -> None:
        self.options = options or OutputOptions()

    def format(self, transcript: Transcript) -> str:
        """The text of the file, ending with a line feed (or empty)."""
        raise NotImplementedError

    def write(self, transcript: Transcript, path: Path) -> None:
        """Write the file `path`, whole or not at all; LasError if it cannot be written."""
        write_text(path, self.format(transcript), "; choose another folder.")


def begins_paragraph(before: Segment, segment: Segment) -> bool:
    """Whether the silence between two segments with a written form parts paragraphs."""
    pause = segment.start - before.end
    return pause >= (PARAGRAPH if ends_sentence(before.shown) else BREAK)


class TextWriter(Writer):
    """Paragraphs, an empty line between them; a line a segment where there are plain words alone.

    With words, a line a word: start, end, word, parted by tabs.
    """

    name = "txt"

    def format(self, transcript: Transcript) -> str:
        if self.options.words:
            return "".join(
                f"{word.start:.2f}\t{word.end:.2f}\t{word.text}\n"
                for segment in transcript.segments
                for word in timed_words(segment)
            )
        segments = [segment for segment in transcript.segments if segment.shown]
        if transcript.written is None or not self.options.paragraphs:
            return "".join(f"{segment.shown}\n" for segment in segments)
        return "".join(map(joined, [None, *segments], [*segments, None]))


def joined(before: Segment | None, segment: Segment | None) -> str:
    """A segment of a text in paragraphs, with what parts it from the one before.

    before: None for the first; segment: None behind the last
    """
    if segment is None:
        return "" if before is None else "\n"
    if before is None:
        return segment.shown
    return ("\n\n" if begins_paragraph(before, segment) else " ") + segment.shown


class TableWriter(Writer):
    """Tab-separated start and end in milliseconds and the text, a row a segment or a word."""

    name = "tsv"

    def format(self, transcript: Transcript) -> str:
        rows: list[Segment | Word] = []
        for segment in transcript.segments:
            rows += timed_words(segment) if self.options.words else [segment]
        lines = ["start\tend\ttext"]
        lines += [
            f"{round(row.start * 1000)}\t{round(row.end * 1000)}\t{' '.join(_shown(row).split())}"
            for row in rows
            if _shown(row)
        ]
        return "\n".join(lines) + "\n"


def _shown(row: Segment | Word) -> str:
    return row.shown if isinstance(row, Segment) else row.text


class SubRipWriter(Writer):
    """SubRip subtitles; with words, a cue for every word."""

    name = "srt"

    def format(self, transcript: Transcript) -> str:
        make = _word_cues if self.options.words else cues_of
        cues = make(transcript, self.options.subtitles)
        return "\n".join(
            f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n"
            + "\n".join(line.replace("-->", "→") for line in cue.lines)
            + "\n"
            for number, cue in enumerate(cues, 1)
        )


class WebVTTWriter(Writer):
    """WebVTT subtitles (W3C); with words, the time of each word inside its cue."""

    name = "vtt"

    def format(self, transcript: Transcript) -> str:
        parts = ["WEBVTT\n"]
        for cue in cues_of(transcript, self.options.subtitles):
            lines = (
                self._timed(cue) if self.options.words else [_escape(line) for line in cue.lines]
            )
            parts.append(
                f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n" + "\n".join(lines) + "\n"
            )
        return "\n".join(parts)

    def _timed(self, cue: Cue) -> list[str]:
        lines, words = [], iter(cue.words)
        for line in cue.lines:
            shown = []
            for text, word in zip(line.split(), words, strict=False):
                # A time at or before the start of the cue is not allowed inside it.
                timed = cue.start + 0.001 < word.start < cue.end
                shown.append((f"<{_clock(word.start, '.')}>" if timed else "") + _escape(text))
            lines.append(" ".join(shown))
        return lines


class JSONWriter(Writer):
    """Everything that is known, as transcript.schema.json describes it."""

    name = "json"

    def format(self, transcript: Transcript) -> str:
        return json.dumps(self.record(transcript), ensure_ascii=False, indent=2) + "\n"

    def line(self, transcript: Transcript) -> str:
        """The same on one line, for several transcripts in one stream."""
        return json.dumps(self.record(transcript), ensure_ascii=False) + "\n"

    def record(self, transcript: Transcript) -> dict[str, Any]:
        """The transcript in JSON's own types; numbers that are not known are null."""
        return {
            "schema": SCHEMA_VERSION,
            "source": transcript.source,
            "duration": _number(transcript.duration),
            "model": transcript.model,
            "version": __version__,
            "text": transcript.text,
            **_written(transcript.written),
            "flags": list(transcript.flags),
            "missing": [
                {
                    "start": _number(lost.start),
                    "duration": _number(lost.duration),
                    "flag": lost.flag,
                }
                for lost in transcript.missing
            ],
            "segments": [
                {
                    "id": index,
                    "start": _number(segment.start),
                    "end": _number(segment.end),
                    "text": segment.text,
                    **_written(segment.written),
                    "confidence": _number(segment.confidence, 4),
                    "flags": list(segment.flags),
                    "words": [
                        {
                            "text": word.text,
                            **_written(word.written),
                            "start": _number(word.start),
                            "end": _number(word.end),
                            "confidence": _number(word.confidence, 4),
                        }
                        for word in segment.words
                    ],
                    "alternatives": [
                        {"text": other.text, "score": _number(other.score, 4)}
                        for other in segment.alternatives
                    ],
                    **({"hotwords": list(segment.hotwords)} if segment.hotwords else {}),
                }
                for index, segment in enumerate(transcript.segments)
            ],
        }


class TimeMarkedWriter(Writer):
    """NIST's CTM: recording, channel, start, duration, word, confidence; a line a plain word."""

    name = "ctm"

    def format(self, transcript: Transcript) -> str:
        return self.lines(transcript, stem(PurePath(transcript.source).name))

    def lines(self, transcript: Transcript, recording: str) -> str:
        """The same under another name, for several transcripts in one stream."""
        recording = re.sub(r"\s+", "_", recording) or "_"
        lines = []
        for segment in transcript.segments:
            for word in timed_words(segment, plain=True):
                known = "" if math.isnan(word.confidence) else f" {word.confidence:.3f}"
                length = max(0.0, word.end - word.start)
                lines.append(f"{recording} 1 {word.start:.2f} {length:.2f} {word.text}{known}\n")
        return "".join(lines)


class PageWriter(Writer):
    """A page to listen to, to read and to correct, with the recording in it or linked."""

    name = "html"

    def format(self, transcript: Transcript) -> str:
        """The page as it would lie in the current folder."""
        return self._page(transcript, Path(), None)

    def write(self, transcript: Transcript, path: Path) -> None:
        """The page, and beside it a copy of a large recording that no browser plays."""
        copy = path.with_name(f"{path.name}.flac")
        write_text(path, self._page(transcript, path.parent, copy), "; choose another folder.")

    def _page(self, transcript: Transcript, folder: Path, copy: Path | None) -> str:
        from las_cli.audio.playable import playable

        record = JSONWriter(self.options).record(transcript)
        recording = Path(transcript.source)
        sound = {"kind": "none", "name": recording.name}
        data = b""
        if recording.is_file():  # a pipe cannot be read twice
            heard = playable(recording, round(self.options.embed * 1e6), copy)
            sound["type"] = heard.type
            if heard.linked is None:
                sound["kind"], data = "embedded", heard.data or b""
            else:
                sound |= {"kind": "linked", "url": link_to(heard.linked, folder)}
        options = self.options
        return page_of(transcript, record, sound, data, options.subtitles, options.paragraphs)


FORMATS: MappingProxyType[str, type[Writer]] = MappingProxyType(
    {
        writer.name: writer
        for writer in (
            TextWriter,
            SubRipWriter,
            WebVTTWriter,
            TableWriter,
            JSONWriter,
            TimeMarkedWriter,
            PageWriter,
        )
    }
)


def make_writer(name: str, options: OutputOptions | None = None) -> Writer:
    """The writer of format `name`; UsageError lists the formats there are."""
    if name not in FORMATS:
        raise UsageError(f"format {name}: choose from {', '.join(FORMATS)}")
    return FORMATS[name](options)


def _word_cues(transcript: Transcript, limits: SubtitleLimits) -> list[Cue]:
    words = [word for segment in transcript.segments for word in shown_words(segment, limits)]
    ends = [word.start for word in words[1:]] + [math.inf]
    return [
        Cue(word.start, max(word.start + 0.001, min(word.end, end)), (word.text,), (word,))
        for word, end in zip(words, ends, strict=True)
    ]


def _written(text: str | None) -> dict[str, str]:
    """The field of JSON, left out where there is no written form."""
    return {} if text is None else {"written": text}


def _clock(seconds: float, point: str) -> str:
    """Hours, minutes, seconds, milliseconds."""
    whole = round(max(0.0, seconds) * 1000)
    hours, whole = divmod(whole, 3_600_000)
    minutes, whole = divmod(whole, 60_000)
    seconds_, thousandths = divmod(whole, 1000)
    return f"{hours:02d}:{minutes:02d}:{seconds_:02d}{point}{thousandths:03d}"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _number(value: float, digits: int = 3) -> float | None:
    return round(value, digits) if math.isfinite(value) else None
