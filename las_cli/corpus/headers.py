"""Sound file paths in, sampling rate, length and channels out; no sample is decoded."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from las_cli.audio.part_finding import may_go_on
from las_cli.audio.parts import LEAST, UNKNOWN_FRAMES
from las_cli.errors import LasError
from las_cli.files import LFS_ADVICE, is_lfs_pointer

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

# A header takes about 0.13 ms; below this many files a second process costs more than it saves.
PARALLEL_FROM = 4000
BATCH = 256  # files handed to a process at a time
# Bytes a sample of codings that do not compress, as libsndfile calls them.
WIDTHS = {"PCM_S8": 1, "PCM_U8": 1, "ULAW": 1, "ALAW": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4,
          "FLOAT": 4, "DOUBLE": 8}  # fmt: skip
BESIDE = 4096  # bytes of names and remarks beside the sound: of more, a second look is taken
BESIDE_CODED = 512  # beside coded sound, which is small: an ID3v1 tag; a picture behind is rare
JOINABLE = ("MP3", "OGG", "MPEG")  # coded sound that tells of joins, as libsndfile calls it
JOINED = "several files joined, of which the first would be heard; convert it to wav with ffmpeg"
HARMLESS = ("header says too little", "channels cancel out")  # flags of las_cli.audio
SYSTEM_ERROR = 2  # SF_ERR_SYSTEM of sndfile.h

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True, slots=True)
class AudioHeader:
    """What the header of a sound file says."""

    sampling_rate: int  # Hz
    frames: int  # samples a channel
    channels: int
    # libsndfile cannot read it, or not tell its length: read through `las_cli.audio`, mixed down
    slow: bool = False

    @property
    def seconds(self) -> float:
        return self.frames / self.sampling_rate


@dataclass(frozen=True, slots=True)
class AudioFault:
    """Why a sound file cannot be used."""

    reason: str  # one of las_cli.corpus.checks.REASONS
    detail: str


CRASHED = AudioFault("unreadable", "the decoder crashed on this file")


def read_header(path: str) -> AudioHeader | AudioFault:
    """The header of one file; never raises for what is wrong with the file.

    What libsndfile does not read (m4a, webm; a flac whose header has no length, as from a pipe) is
    read as `las transcribe` reads it: through ffmpeg where that is installed, or to the end. So is
    plain sound that is longer than its header says (a recorder crashed, files were joined). Joined
    mp3 and Ogg are a fault.
    """
    import soundfile

    try:
        size = os.path.getsize(path)
        if size == 0:
            return AudioFault("zero length", "the file is empty (0 bytes)")
        # Opening is three times as fast as soundfile.info, which also collects a log.
        with soundfile.SoundFile(path) as sound:
            header = AudioHeader(sound.samplerate, sound.frames, sound.channels)
            kind = sound.format
            width = WIDTHS.get(sound.subtype, 0) if kind != "FLAC" else 0
    except FileNotFoundError:
        return AudioFault("missing file", "there is no such file")
    except (soundfile.SoundFileError, OSError, ValueError, RuntimeError, TypeError) as error:
        fault = AudioFault("unreadable", what_went_wrong(error, path))
        return fault if is_of_the_system(error) else _slow_header(path, fault)
    if header.frames > UNKNOWN_FRAMES:
        fault = AudioFault("unreadable", "the header does not say how long the clip is")
        return _slow_header(path, fault)
    if header.frames <= 0 or header.sampling_rate <= 0:
        return _slow_header(path, AudioFault("zero length", "the header counts no samples"))
    if width and size > header.frames * header.channels * width + BESIDE:
        return _longer(path, header) or header
    if kind in JOINABLE:
        with open(path, "rb") as file:
            more = may_go_on(file, size, BESIDE_CODED)
        if more and _longer(path, header, through=True):
            return AudioFault("truncated", JOINED)
    return header


def lost_sound(flags: Sequence[str]) -> list[str]:
    """Of the flags of an `AudioReader` those that mean that its sound is not what was recorded."""
    return [flag for flag in flags if flag not in HARMLESS]


def opens_plainly(path: str) -> bool:
    """Whether libsndfile alone reads a file, as other programs that use lhotse would."""
    import soundfile

    try:
        with soundfile.SoundFile(path) as sound:
            return bool(sound.frames <= UNKNOWN_FRAMES)
    except (soundfile.SoundFileError, OSError, ValueError, RuntimeError, TypeError):
        return False


def _longer(path: str, header: AudioHeader, through: bool = False) -> AudioHeader | None:
    """What `_slow_header` finds, where that is more than `header` tells."""
    found = _slow_header(path, AudioFault("unreadable", ""), through)
    if isinstance(found, AudioHeader) and found.seconds > header.seconds + LEAST:
        return found
    return None


def _slow_header(
    path: str, fault: AudioFault, through: bool = False
) -> AudioHeader | AudioFault:
    """What the reader of `las transcribe` says of a file; `fault` where that reads it no better.

    through: to its end, whatever its header says
    """
    if is_lfs_pointer(Path(path)):
        return AudioFault("unreadable", LFS_ADVICE)
    from las_cli.audio.reader import AudioReader

    try:
        reader = AudioReader(path)
        info = reader.info
        reader.close()
        frames = info.frames
        if frames <= 0 or through:
            reader = AudioReader(path, info.sample_rate)
            frames = sum(block.numel() for block in reader.blocks())
            if lost := lost_sound(reader.flags):
                return AudioFault("truncated", ", ".join(lost))
    except LasError as error:
        words = str(error).removeprefix(f"{path}: ").rstrip(".")
        return AudioFault("unreadable", words) if "ffmpeg program" in words else fault
    except (OSError, RuntimeError, ValueError):
        return fault
    if frames <= 0 or info.sample_rate <= 0:
        return AudioFault("zero length", "it holds no sound")
    return AudioHeader(info.sample_rate, frames, 1, slow=True)


def is_of_the_system(error: BaseException) -> bool:
    """Whether the system would not give the file, rather than the file being no sound."""
    return isinstance(error, OSError) or getattr(error, "code", None) == SYSTEM_ERROR


def what_went_wrong(error: BaseException, path: str | None = None) -> str:
    """libsndfile's or the system's own words on one line, on the file `path` where it is one."""
    if path is not None and getattr(error, "code", None) == SYSTEM_ERROR:
        try:
            with open(path, "rb"):
                pass
        except OSError as told:  # libsndfile does not say which
            error = told
    words = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return " ".join(str(words).split()).rstrip(".") or type(error).__name__


def read_headers(
    paths: Sequence[str], jobs: int | None = None
) -> Iterator[AudioHeader | AudioFault]:
    """Headers of `paths`, in order; `jobs` processes (default: one a core, at most 8)."""
    jobs = default_jobs() if jobs is None else jobs
    if jobs <= 1 or len(paths) < PARALLEL_FROM:
        yield from map(read_header, paths)
        return
    for headers in in_processes(_read_batch, in_batches(paths, BATCH), jobs, _read_one_by_one):
        yield from headers


def default_jobs() -> int:
    """Processes for reading headers when the user names no number."""
    return min(8, os.cpu_count() or 1)


def in_processes(
    work: Callable[[In], Out],
    items: Iterable[In],
    jobs: int,
    rescue: Callable[[In], Out] | None = None,
) -> Iterator[Out]:
    """`work` on each item in `jobs` processes; results in order, few in memory at a time.

    A broken file can crash a decoder and with it the process; `rescue` is then called, in this
    process, for the item that no result came for.
    """
    from concurrent.futures import Future, ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    def start() -> ProcessPoolExecutor:
        return ProcessPoolExecutor(jobs, mp_context=process_context(), initializer=_quiet)

    def submit(item: In) -> Future[Out]:
        try:
            return pool.submit(work, item)
        except BrokenProcessPool as error:  # a process died since the last result was taken
            broken: Future[Out] = Future()
            broken.set_exception(error)
            return broken

    iterator = iter(items)
    pool = start()
    pending: deque[tuple[In, Future[Out]]] = deque()
    try:
        while True:
            for item in islice(iterator, jobs * 4 - len(pending)):
                pending.append((item, submit(item)))
            if not pending:
                return
            item, future = pending.popleft()
            try:
                result = future.result()
            except BrokenProcessPool:
                if rescue is None:
                    raise
                pool.shutdown(wait=True)
                result = rescue(item)
                pool = start()
                pending = deque((other, submit(other)) for other, _ in pending)
            yield result
    except KeyboardInterrupt:
        # What they are at may take minutes (--check-audio), and nobody waits for it any more.
        for process in list((getattr(pool, "_processes", None) or {}).values()):
            process.kill()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def one_by_one(
    work: Callable[[In], list[Out]], batches_of_one: Iterable[In], crashed: Out
) -> list[Out]:
    """What `work` says of files of which one crashes the decoder: a process for each of them."""
    from concurrent.futures.process import BrokenProcessPool

    results: list[Out] = []
    for batch in batches_of_one:
        try:
            results += next(in_processes(work, [batch], 1))
        except BrokenProcessPool:
            results.append(crashed)
    return results


def process_context() -> BaseContext:
    """How worker processes start: by fork where that is safe, since a library must not run the
    caller's main module again; the workers read sound files and nothing else."""
    import multiprocessing

    return multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")


def in_batches(items: Iterable[In], size: int) -> Iterator[list[In]]:
    """`items` in lists of at most `size`."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _quiet() -> None:
    """In a worker: mpg123 writes notes on broken files to stderr; the report says it better."""
    import signal

    from las_cli.orphans import end_with_parent

    end_with_parent()  # a killed `las prepare` leaves none behind that wait for ever
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    if "torch" in sys.modules:  # forked, without the threads that it would wait for
        sys.modules["torch"].set_num_threads(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _read_batch(paths: list[str]) -> list[AudioHeader | AudioFault]:
    return [read_header(path) for path in paths]


def _read_one_by_one(paths: list[str]) -> list[AudioHeader | AudioFault]:
    return one_by_one(_read_batch, [[path] for path in paths], CRASHED)
