"""Audio files in, mono float32 waveforms at the network's rate out, whole or as a stream.

libsndfile (through soundfile) reads wav, flac, ogg, opus, mp3, aiff and more; everything else goes
through an ffmpeg program where one is installed. torchaudio resamples and mixes down.
"""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from las_cli.audio.analysis import SAMPLE_RATE
from las_cli.audio.containers import (
    INSTALL_FFMPEG,
    FfmpegSound,
    describe_content,
    ffmpeg_program,
    media_kind,
)
from las_cli.audio.resampling import StreamResampler
from las_cli.errors import LasError

if TYPE_CHECKING:
    import torch

BLOCK_SECONDS = 10.0  # audio held at a time while streaming
_UNKNOWN_FRAMES = 2**62  # libsndfile's "cannot tell" is just below 2**63

# libsndfile's log of a wav or aiff whose data chunk is longer than the file.
_PROMISED = re.compile(r"^\s*(?:data|SSND)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)

TRUNCATED = "truncated file"  # flag: the header promises more than there is to read
NOT_FINITE = "samples not finite"  # flag: NaN or infinite samples were taken as silence


@dataclass(frozen=True)
class AudioInfo:
    """What the header of an audio file says."""

    duration: float  # seconds, NaN where the header does not tell
    sample_rate: int  # Hz, as stored
    channels: int  # as stored
    frames: int  # samples a channel, -1 where the header does not tell


class AudioReader:
    """One recording, read front to back in blocks; `flags` tells afterwards what was wrong with it.

    Raises LasError in one sentence for a file that is missing, empty, no audio, or unreadable.
    """

    def __init__(
        self,
        path: str | Path,
        sample_rate: int = SAMPLE_RATE,
        start: float = 0.0,
        duration: float | None = None,
    ) -> None:
        if start < 0 or (duration is not None and duration < 0):
            raise ValueError(f"start {start} and duration {duration} must not be negative")
        self.path = Path(path)
        self.sample_rate = sample_rate
        self.flags: list[str] = []
        self._start, self._duration = start, duration
        self._file, self._media = _open(self.path, sample_rate, start)
        self.info = self._describe()
        if self.info.frames == 0:
            self.close()
            raise LasError(f"{path}: the clip holds no samples (0 seconds); record it again.")

    def _describe(self) -> AudioInfo:
        if self._media is not None:
            media = self._media
            duration = math.nan if media.duration is None else media.duration
            frames = -1 if media.duration is None else round(duration * media.source_rate)
            return AudioInfo(duration, media.source_rate, media.channels, frames)
        file = self._file
        if file.frames >= _UNKNOWN_FRAMES:
            return AudioInfo(math.nan, file.samplerate, file.channels, -1)
        promised = _PROMISED.search(file.extra_info)
        # A program that writes to a pipe leaves the largest number in the header: not a loss.
        if promised and int(promised[2]) < int(promised[1]) < 0x7FFF0000:
            self.flags.append(TRUNCATED)
        return AudioInfo(file.frames / file.samplerate, file.samplerate, file.channels, file.frames)

    @property
    def duration(self) -> float:
        """Seconds to be read as far as the header tells, else NaN."""
        left = max(0.0, self.info.duration - self._start)
        return left if self._duration is None else min(left, self._duration)

    def blocks(self, seconds: float = BLOCK_SECONDS) -> Iterator[torch.Tensor]:
        """Mono float32 blocks [S] at `sample_rate`, about `seconds` long, without seams.

        Raises LasError when nothing at all can be decoded.
        """
        given = 0
        try:
            for block in self._resampled(seconds):
                block = self._checked(block)
                if block.numel():
                    given += block.numel()
                    yield block
        finally:
            self.close()
        if given == 0 and self._duration != 0:
            if self._start > 0:
                raise LasError(f"{self.path}: it ends before {self._start:g} s; nothing to read.")
            raise LasError(
                f"{self.path}: no sound could be decoded, the file is damaged or cut off; "
                "convert or download it again."
            )

    def close(self) -> None:
        """Close the file; reading to the end does so too."""
        if self._file is not None:
            self._file.close()

    def _resampled(self, seconds: float) -> Iterator[torch.Tensor]:
        import torch

        if self._media is not None:
            left = None if self._duration is None else round(self._duration * self.sample_rate)
            for data in self._media.blocks(max(1, round(seconds * self.sample_rate))):
                block = torch.frombuffer(bytearray(data[: len(data) // 4 * 4]), dtype=torch.float32)
                if left is not None:
                    block = block[:left]
                    left -= block.numel()
                yield block
                if left == 0:
                    return
            return
        resampler = StreamResampler(self._file.samplerate, self.sample_rate)
        for block in self._native(seconds):
            yield resampler.push(block)
        yield resampler.finish()

    def _native(self, seconds: float) -> Iterator[torch.Tensor]:
        """Mixed down, at the file's own rate."""
        import numpy as np
        import soundfile
        import torch

        file, rate = self._file, self._file.samplerate
        want = -1 if self._duration is None else round(self._duration * rate)
        promised = self.info.frames - round(self._start * rate) if self.info.frames > 0 else -1
        size, done = max(1, round(seconds * rate)), 0
        while want < 0 or done < want:
            length = size if want < 0 else min(size, want - done)
            if promised >= 0:  # no large buffer for a short clip
                length = min(length, max(promised - done, 4096))
            buffer = np.zeros((length, file.channels), dtype=np.float32)
            before, broken = _position(file), False
            try:
                got = len(file.read(out=buffer))
            except soundfile.SoundFileError:
                broken = True
                got = max(0, min(length, _position(file) - before))
            done += got
            if got:
                block = torch.from_numpy(buffer[:got])  # [S, channels]
                yield block[:, 0] if file.channels == 1 else block.mean(dim=1)
            if broken or got < length:
                # mp3 headers count the encoder's padding: a tenth of a second short is no loss.
                short = 0 <= done < promised - rate // 10 and (want < 0 or done < want)
                if (broken or short) and TRUNCATED not in self.flags:
                    self.flags.append(TRUNCATED)
                return

    def _checked(self, block: torch.Tensor) -> torch.Tensor:
        import torch

        # The sum is finite unless a sample is not: one pass, no mask in the usual case.
        if not math.isfinite(float(block.sum())) and not bool(torch.isfinite(block).all()):
            if NOT_FINITE not in self.flags:
                self.flags.append(NOT_FINITE)
            return torch.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
        return block


def _position(file: Any) -> int:
    """Frames read so far; 0 for the few files that libsndfile reads but cannot seek in."""
    import soundfile

    try:
        return int(file.tell())
    except soundfile.SoundFileError:
        return 0


def _open(path: Path, rate: int, start: float) -> tuple[Any, FfmpegSound | None]:
    """The file as libsndfile opens it, or through ffmpeg; LasError says what is wrong with it."""
    import soundfile

    try:
        status = path.stat()
    except FileNotFoundError:
        raise LasError(f"{path}: there is no such file; check the name.") from None
    except OSError as error:
        raise LasError(f"{path}: cannot be opened ({error.strerror}).") from None
    if stat.S_ISDIR(status.st_mode):
        raise LasError(f"{path}: is a folder where an audio file is wanted; name a file in it.")
    if not stat.S_ISREG(status.st_mode):
        raise LasError(f"{path}: is no regular file; give it as standard input (-) instead.")
    if status.st_size == 0:
        raise LasError(f"{path}: the file is empty (0 bytes); record or download it again.")
    try:
        with path.open("rb") as stream:
            head = stream.read(4096)
        file = soundfile.SoundFile(str(path))
    except soundfile.SoundFileError:
        return None, _through_ffmpeg(path, head, rate, start)
    except OSError as error:
        raise LasError(f"{path}: cannot be read ({error.strerror}).") from None
    except UnicodeEncodeError:  # soundfile knows no other names
        name = os.fsencode(path).decode(errors="backslashreplace")
        raise LasError(f"{name}: the file's name is not UTF-8; rename it.") from None
    if start > 0:
        try:
            file.seek(min(round(start * file.samplerate), file.frames))
        except (soundfile.SoundFileError, RuntimeError) as error:
            file.close()
            raise LasError(f"{path}: cannot seek to {start:g} s; it is damaged.") from error
    return file, None


def _through_ffmpeg(path: Path, head: bytes, rate: int, start: float) -> FfmpegSound:
    kind, what = media_kind(head), describe_content(head)
    if kind is not None and ffmpeg_program() is None:
        raise LasError(f"{path}: it is {kind}, which needs the ffmpeg program: {INSTALL_FFMPEG}.")
    # ffmpeg would play some texts as subtitles or playlists
    if kind is None and (ffmpeg_program() is None or "text" in what):
        raise LasError(f"{path}: {what}; give a wav, flac, ogg, opus or mp3 file.")
    try:
        return FfmpegSound(path, rate, start)
    except LasError:
        if kind is not None:
            raise
        raise LasError(
            f"{path}: {what}, and ffmpeg finds no sound in it either; convert or download it again."
        ) from None


def audio_info(path: str | Path) -> AudioInfo:
    """Duration, rate and channels from the header of `path` alone.

    Raises LasError as `AudioReader` does.
    """
    reader = AudioReader(path)
    reader.close()
    return reader.info


def read_audio(
    path: str | Path,
    sample_rate: int = SAMPLE_RATE,
    start: float = 0.0,
    duration: float | None = None,
) -> torch.Tensor:
    """Read `path` as mono float32 [S] at `sample_rate` Hz, from `start` for `duration` seconds.

    Raises LasError for a file that is missing, empty, without samples, no audio, or unreadable; a
    file that is cut off gives what can be read, and samples that are not finite are silence.
    """
    import torch

    blocks = list(AudioReader(path, sample_rate, start, duration).blocks(60.0))
    return torch.cat(blocks) if blocks else torch.zeros(0)


def stream_pcm(
    stream: BinaryIO, rate: int, chunk_seconds: float = 1.0, sample_rate: int = SAMPLE_RATE
) -> Iterator[torch.Tensor]:
    """Yield raw PCM (signed 16 bits, little-endian, mono, `rate` Hz) from `stream` as it comes.

    Chunks are float32 [S] at `sample_rate`.
    """
    import torch

    resampler = StreamResampler(rate, sample_rate)
    size, rest = max(1, round(chunk_seconds * rate)) * 2, b""
    while data := stream.read(size):
        data = rest + data
        even = len(data) // 2 * 2
        data, rest = data[:even], data[even:]
        if data:
            block = torch.frombuffer(bytearray(data), dtype=torch.int16).float() / 32768.0
            yield resampler.push(block)
    yield resampler.finish()


__all__ = [
    "NOT_FINITE",
    "TRUNCATED",
    "AudioInfo",
    "AudioReader",
    "audio_info",
    "read_audio",
    "stream_pcm",
]
