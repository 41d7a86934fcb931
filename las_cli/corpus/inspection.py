"""Batches of sound files in, what their headers (or all their samples) tell out; for processes."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from las_cli.corpus.headers import (
    CRASHED,
    AudioFault,
    AudioHeader,
    is_of_the_system,
    lost_sound,
    one_by_one,
    read_header,
    what_went_wrong,
)
from las_cli.errors import LasError

if TYPE_CHECKING:
    import numpy

BLOCK = 1 << 20  # samples decoded at a time, so that a long file needs no long memory
SILENCE = 5e-4  # half of the swing between lowest and highest sample, 1.0 is full scale
MISSING = 0.25  # seconds by which a good mp3 may end before its header says


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of a file; kept between runs while size and time of change stay."""

    size: int = 0  # bytes
    changed: int = 0  # nanoseconds
    header: AudioHeader | None = None
    fault: AudioFault | None = None
    decoded: bool = False  # whether all samples were looked at
    digest: int | None = None  # of the samples, where they were
    reused: bool = False  # from an earlier run

    @property
    def lasting(self) -> bool:
        """Whether it holds until the file changes: permissions and disks are mended without."""
        return bool(self.changed) and (self.fault is None or self.fault.reason != "unreadable")


@dataclass(frozen=True, slots=True)
class Question:
    """A file (or a piece of one) to look at."""

    path: str
    start: float = 0.0
    seconds: float | None = None
    known: Finding | None = None  # from an earlier run

    @property
    def key(self) -> str:
        """What the answer is kept under."""
        if self.start == 0 and self.seconds is None:
            return self.path
        return f"{self.path}\t{self.start:.6f}\t{self.seconds}"


@dataclass(frozen=True, slots=True)
class QuestionBatch:
    """Questions for one process."""

    questions: list[Question]
    decode: bool


def inspect_batch(batch: QuestionBatch) -> list[Finding]:
    """The findings on a batch, in order."""
    return [inspect(question, batch.decode) for question in batch.questions]


def inspect_one_by_one(batch: QuestionBatch) -> list[Finding]:
    """The findings on a batch in which a file crashes the decoder: a process for each file."""
    alone = [QuestionBatch([question], batch.decode) for question in batch.questions]
    return one_by_one(inspect_batch, alone, Finding(fault=CRASHED))


def inspect(question: Question, decode: bool) -> Finding:
    """What one file holds: by its header, or with `decode` by every sample of the piece."""
    try:
        status = os.stat(question.path)
    except (FileNotFoundError, NotADirectoryError):
        return Finding(fault=AudioFault("missing file", "there is no such file"))
    except (OSError, ValueError) as error:
        return Finding(fault=AudioFault("unreadable", what_went_wrong(error)))
    known = question.known
    if known and (known.size, known.changed) == (status.st_size, status.st_mtime_ns):
        if known.decoded or not decode or known.header is None:
            return known
    size, changed = status.st_size, status.st_mtime_ns
    header = read_header(question.path)
    if isinstance(header, AudioFault):
        return Finding(size, changed, None, header)
    if not decode:
        return Finding(size, changed, header)
    digest = _decode(question, header)
    if isinstance(digest, AudioFault):
        return Finding(size, changed, header, digest, True)
    return Finding(size, changed, header, None, True, digest)


def _decode(question: Question, header: AudioHeader) -> int | AudioFault:
    """A checksum of all samples, or what is wrong with them."""
    import numpy
    import soundfile

    rate = header.sampling_rate
    wanted = max(header.frames - round(question.start * rate), 0)
    if question.seconds is not None:
        wanted = min(wanted, round(question.seconds * rate))
    digest, got, low, high = 0, 0, numpy.inf, -numpy.inf
    try:
        for block in (_slow_blocks if header.slow else _blocks)(question, rate, wanted):
            if not numpy.isfinite(block).all():
                at = got + int(numpy.argmin(numpy.isfinite(block).all(axis=1)))
                return AudioFault("NaN samples", f"the first at {at / rate:.2f} s")
            got += len(block)
            low, high = min(low, float(block.min())), max(high, float(block.max()))
            digest = zlib.crc32(block.tobytes(), digest)
    except (soundfile.SoundFileError, OSError, RuntimeError, LasError) as error:
        # A flac cut short fails here, in the middle, while its header is fine.
        return AudioFault(
            "unreadable" if is_of_the_system(error) else "truncated",
            f"decoding stopped after {got / rate:.2f} of {wanted / rate:.2f} s "
            f"({what_went_wrong(error, question.path)})",
        )
    lost = _lost_bytes(question.path)
    if got < wanted - MISSING * rate:
        return AudioFault("truncated", f"only {got / rate:.2f} of {wanted / rate:.2f} s decode")
    if lost:
        return AudioFault("truncated", f"the file ends {lost} bytes before its header says")
    if got == 0:
        return AudioFault("zero length", "no sample could be decoded")
    if (high - low) / 2 < SILENCE:
        return AudioFault("silent", f"all samples lie between {low:.5f} and {high:.5f}")
    return digest


def _blocks(question: Question, rate: int, wanted: int) -> Iterator[numpy.ndarray]:
    """The samples of the piece, [S, channels] at a time."""
    import soundfile

    got = 0
    with soundfile.SoundFile(question.path) as sound:
        if question.start:
            sound.seek(round(question.start * rate))
        while got < wanted:
            block = sound.read(min(BLOCK, wanted - got), dtype="float32", always_2d=True)
            if not len(block):
                return
            got += len(block)
            yield block


def _slow_blocks(question: Question, rate: int, wanted: int) -> Iterator[numpy.ndarray]:
    """The same, mixed down, of what libsndfile does not read. LasError for what is amiss."""
    from las_cli.audio.reader import AudioReader

    reader = AudioReader(question.path, rate, question.start, question.seconds)
    for block in reader.blocks():
        yield block.numpy()[:, None]
    if lost := lost_sound(reader.flags):
        raise LasError(", ".join(lost))


def _lost_bytes(path: str) -> int:
    """By how much a wav file is shorter than its RIFF header says; libsndfile does not mind."""
    if not path.lower().endswith(".wav"):
        return 0
    with open(path, "rb") as file:
        head = file.read(8)
    told = int.from_bytes(head[4:8], "little")
    if head[:4] != b"RIFF" or told >= 0x7FFFF000:  # streamed: the writer did not know
        return 0
    return max(told + 8 - os.path.getsize(path), 0)
