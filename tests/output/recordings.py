"""Recordings for the page: tones in the place of words, and transcripts that say so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from las_cli.transcript import Alternative, Segment, Transcript, Word

RATE = 16_000

# Segments: words with their confidence; each word lasts 0.4 s, 0.1 s before the next. The tone of
# word n has 300 + 100 · n Hz.
SPOKEN = (
    (("the", 0.95), ("old", 0.9), ("mane", 0.3), ("opened", 0.97), ("the", 0.99), ("door", 0.7)),
    (("and", 0.9), ("locked", 0.45), ("out", 0.96), ("upon", 0.9), ("the", 0.9), ("sea", 0.92)),
    (("all", 0.9), ("was", 0.85), ("quiet", 0.9)),
)
PAUSES = (0.9, 2.4, 0.9)  # seconds after each segment; the long one parts two paragraphs
READINGS = {0: ("the old man opened the door", "the cold mane opened the door")}


def spoken_transcript(source: str) -> Transcript:
    """The transcript of `SPOKEN` as of the file `source`."""
    segments, at = [], 0.5
    for index, words in enumerate(SPOKEN):
        placed = []
        for text, confidence in words:
            placed.append(Word(text, round(at, 3), round(at + 0.4, 3), confidence))
            at += 0.5
        text = " ".join(word.text for word in placed)
        readings = (text, *READINGS[index]) if index in READINGS else ()
        segments.append(
            Segment(
                placed[0].start,
                placed[-1].end,
                text,
                tuple(placed),
                0.8,
                alternatives=tuple(Alternative(other, -n) for n, other in enumerate(readings)),
            )
        )
        at += PAUSES[index]
    return Transcript(source, round(at, 3), tuple(segments), "tiny")


def write_tones(path: Path, transcript: Transcript) -> Path:
    """The recording of a transcript: a tone for each word."""
    sound = np.zeros(round(transcript.duration * RATE))
    words = [word for segment in transcript.segments for word in segment.words]
    for number, word in enumerate(words):
        first, last = round(word.start * RATE), round(word.end * RATE)
        times = np.arange(last - first) / RATE
        sound[first:last] = 0.3 * np.sin(2 * np.pi * (300 + 100 * number) * times)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, RATE)
    return path


def loudest_pitch(sound: np.ndarray, rate: int) -> float:
    """Hz of the strongest tone."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(np.argmax(spectrum)) * rate / len(sound)
