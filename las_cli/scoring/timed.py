"""STM segments and CTM words in, utterances out: joined by recording or matched by time."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from las_cli.scoring.lines import NO_FACTS, Entry, TextSource, TimedEntry, choices_in

_LABEL = re.compile(r"^<[^<>]*>$")
IGNORED = "ignore_time_segment_in_scoring"  # sclite, any case: what is said here is not judged


def read_timed(source: TextSource, format: str) -> list[TimedEntry]:
    """Segments of an STM or words of a CTM file; LasError names a line that is neither."""
    return list((_read_stm if format == "stm" else _read_ctm)(source))


def _read_stm(source: TextSource) -> Iterator[TimedEntry]:
    """`recording channel speaker start end [<labels>] text`, ;; comments."""
    for line in source:
        if not line.text.strip() or line.text.startswith(";;"):
            continue
        parts = line.text.split(None, 5)
        if len(parts) < 5:
            raise source.error(line.number, "expected `recording channel speaker start end text`")
        start, end = _seconds(source, line.number, parts[3], parts[4])
        text = parts[5] if len(parts) > 5 else ""
        label, _, rest = text.partition(" ")
        if _LABEL.match(label):
            text = rest
        yield TimedEntry(parts[0], parts[1], start, end, text.strip(), line.number, parts[2])


def _read_ctm(source: TextSource) -> Iterator[TimedEntry]:
    """`recording channel start duration word [confidence]`, ;; comments."""
    for line in source:
        if not line.text.strip() or line.text.startswith(";;"):
            continue
        parts = line.text.split()
        if not 5 <= len(parts) <= 6:
            raise source.error(line.number, "expected `recording channel start duration word`")
        if parts[4].startswith("<ALT"):
            raise source.error(line.number, "alternatives are not supported; keep one of them")
        start, duration = _seconds(source, line.number, parts[2], parts[3])
        yield TimedEntry(parts[0], parts[1], start, start + duration, parts[4], line.number)


def _seconds(source: TextSource, number: int, one: str, other: str) -> tuple[float, float]:
    try:
        return float(one), float(other)
    except ValueError:
        raise source.error(number, f"{one!r} and {other!r} are no times in seconds") from None


def by_recording(source: TextSource, format: str) -> Iterator[Entry]:
    """One utterance a recording: its segments or words in order of time."""
    recordings: dict[str, list[TimedEntry]] = {}
    for entry in read_timed(source, format):
        recordings.setdefault(entry.recording, []).append(entry)
    for recording, entries in recordings.items():
        entries.sort(key=lambda entry: (entry.start, entry.line))
        text = " ".join(entry.text for entry in entries if not _is_ignored(entry))
        yield _entry(source, recording, text, entries[0].line)


def by_segment(source: TextSource) -> Iterator[Entry]:
    """One utterance a segment of an STM file; its id holds recording, channel and times."""
    for entry in read_timed(source, "stm"):
        if not _is_ignored(entry):
            yield _entry(source, _segment_id(entry), entry.text, entry.line, entry.speaker)


def _is_ignored(entry: TimedEntry) -> bool:
    return entry.text.lower() == IGNORED


def _entry(source: TextSource, id: str, text: str, line: int, speaker: str | None = None) -> Entry:
    """The utterance of a segment, with what its text leaves open."""
    choices = choices_in(source, line, text)
    facts = NO_FACTS if speaker is None else {"speaker": speaker}
    return Entry(id, text if choices is None else choices.first, line, facts, choices)


def _segment_id(entry: TimedEntry) -> str:
    return f"{entry.recording}-{entry.channel}-{entry.start:.2f}-{entry.end:.2f}"


def match_words(segments: TextSource, words: TextSource) -> tuple[list[Entry], list[Entry]]:
    """Reference segments (STM) and the hypothesis words (CTM) spoken in each: two equal lists.

    A word belongs to the segment that holds its middle, or else to the nearest one of its
    recording and channel, where it counts as an insertion: no word is lost. Words of a segment
    that sclite is told to ignore are left out. Raises LasError for words of a recording that the
    reference does not have.
    """
    tracks: dict[tuple[str, str], list[TimedEntry]] = {}
    references = read_timed(segments, "stm")
    for segment in references:
        tracks.setdefault((segment.recording, segment.channel), []).append(segment)
    for track in tracks.values():
        track.sort(key=lambda segment: (segment.start, segment.end))
    starts = {key: [segment.start for segment in track] for key, track in tracks.items()}
    spoken: dict[int, list[TimedEntry]] = {}
    for word in read_timed(words, "ctm"):
        key = (word.recording, word.channel)
        if key not in tracks:
            raise words.error(
                word.line,
                f"recording {word.recording!r}, channel {word.channel!r}, "
                f"is not in {segments.name}",
            )
        middle = (word.start + word.end) / 2
        after = bisect_right(starts[key], middle)
        # Segments of one channel may overlap; of those around, the nearest wins, the later first.
        nearby = tracks[key][max(0, after - 3) : after + 1]
        nearest = min(nearby, key=lambda s: (max(s.start - middle, middle - s.end, 0), -s.start))
        spoken.setdefault(nearest.line, []).append(word)
    ours, theirs = [], []
    for segment in references:
        if _is_ignored(segment):
            continue
        said = sorted(spoken.get(segment.line, []), key=lambda word: (word.start, word.line))
        id = _segment_id(segment)
        ours.append(_entry(segments, id, segment.text, segment.line, segment.speaker))
        theirs.append(Entry(id, " ".join(word.text for word in said), segment.line))
    return ours, theirs
