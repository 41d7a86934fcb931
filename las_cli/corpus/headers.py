"""Sound file paths in, sampling rate, length and channels out; no sample is decoded."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

# A header takes about 0.13 ms; below this many files a second process costs more than it saves.
PARALLEL_FROM = 4000
CHUNK = 256  # files handed to a process at a time


@dataclass(frozen=True, slots=True)
class AudioHeader:
    """What the header of a sound file says."""

    sampling_rate: int  # Hz
    frames: int  # samples a channel
    channels: int

    @property
    def seconds(self) -> float:
        return self.frames / self.sampling_rate


@dataclass(frozen=True, slots=True)
class AudioFault:
    """Why a sound file cannot be used."""

    reason: str  # "missing file", "unreadable" or "zero length"
    detail: str


def read_header(path: str) -> AudioHeader | AudioFault:
    """The header of one file; never raises for what is wrong with the file."""
    import soundfile

    try:
        if os.path.getsize(path) == 0:
            return AudioFault("zero length", "the file is empty (0 bytes)")
    except FileNotFoundError:
        return AudioFault("missing file", "there is no such file")
    except (OSError, ValueError) as error:
        return AudioFault("unreadable", _one_line(error))
    try:
        # Opening is three times as fast as soundfile.info, which also collects a log.
        with soundfile.SoundFile(path) as sound:
            header = AudioHeader(sound.samplerate, sound.frames, sound.channels)
    except (soundfile.SoundFileError, OSError, RuntimeError, TypeError) as error:
        return AudioFault("unreadable", _one_line(error))
    if header.frames <= 0 or header.sampling_rate <= 0:
        return AudioFault("zero length", "the header counts no samples")
    return header


def _one_line(error: Exception) -> str:
    # libsndfile's own words stand after the last colon of soundfile's message.
    return " ".join(str(error).split()).rpartition(": ")[2]


def read_headers(
    paths: Sequence[str], jobs: int | None = None
) -> Iterator[AudioHeader | AudioFault]:
    """Headers of `paths`, in order; `jobs` processes (default: one a core, at most 8)."""
    jobs = default_jobs() if jobs is None else jobs
    if jobs <= 1 or len(paths) < PARALLEL_FROM:
        yield from map(read_header, paths)
        return
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(jobs, mp_context=process_context()) as pool:
        # Batches go out as they come back, so that memory does not grow with the corpus.
        batches = _batches(paths)
        pending = deque(pool.submit(_read_batch, batch) for batch in islice(batches, jobs * 4))
        while pending:
            yield from pending.popleft().result()
            pending.extend(pool.submit(_read_batch, batch) for batch in islice(batches, 1))


def default_jobs() -> int:
    """Processes for reading headers when the user names no number."""
    return min(8, os.cpu_count() or 1)


def process_context():  # type: ignore[no-untyped-def]
    """How worker processes start: by fork where that is safe, since a library must not run the
    caller's main module again; the children read sound files and nothing else."""
    import multiprocessing

    return multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")


def _batches(paths: Iterable[str]) -> Iterator[list[str]]:
    iterator = iter(paths)
    while batch := list(islice(iterator, CHUNK)):
        yield batch


def _read_batch(paths: list[str]) -> list[AudioHeader | AudioFault]:
    return [read_header(path) for path in paths]
