"""Audio files in, mono float32 waveforms at the network's rate out, whole or as a stream.

libsndfile (through soundfile) reads wav, flac, ogg, opus, mp3, aiff and more; everything else goes
through an ffmpeg program where one is installed. torchaudio resamples and mixes down.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from las_cli.audio.analysis import SAMPLE_RATE
from las_cli.audio.containers import (
    INSTALL_FFMPEG,
    describe_content,
    ffmpeg_program,
    media_kind,
)
from las_cli.audio.ffmpeg_sound import FfmpegSound
from las_cli.audio.missing_sound import NOT_FINITE, TRUNCATED, Missing
from las_cli.audio.native_sound import RATES, NativeSound
from las_cli.audio.resampling import StreamResampler
from las_cli.errors import LasError

if TYPE_CHECKING:
    import torch

BLOCK_SECONDS = 10.0  # audio held at a time while streaming


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
        self.missing: list[Missing] = []
        self._start, self._duration = start, duration
        self._sound = self._open()
        self.info = self._describe()
        if self.info.frames == 0:
            self.close()
            raise LasError(f"{path}: the clip holds no samples (0 seconds); record it again.")
        if not RATES[0] <= self.info.sample_rate <= RATES[1]:
            self.close()
            raise LasError(
                f"{path}: its header tells of {self.info.sample_rate} samples a second, which "
                "nobody records at; it is damaged, convert or record it again."
            )

    def _open(self) -> NativeSound | FfmpegSound:
        """The file as libsndfile opens it, or through ffmpeg; LasError says what is wrong."""
        import soundfile

        path = self.path
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
            return NativeSound(path, self.sample_rate, self._start, self._duration, self._rest())
        except (soundfile.SoundFileError, RuntimeError):
            return _through_ffmpeg(path, head, self.sample_rate, self._start)
        except OSError as error:
            raise LasError(f"{path}: cannot be read ({error.strerror}).") from None
        except UnicodeEncodeError:  # soundfile knows no other names
            name = os.fsencode(path).decode(errors="backslashreplace")
            raise LasError(f"{name}: the file's name is not UTF-8; rename it.") from None

    def _rest(self) -> Callable[[float], Iterator[torch.Tensor]] | None:
        """Sound from so many seconds on by ffmpeg, where it is installed."""
        if ffmpeg_program() is None:
            return None

        def rest(start: float) -> Iterator[torch.Tensor]:
            skip = round(start * self.sample_rate)
            try:
                for block in FfmpegSound(self.path, self.sample_rate).blocks(BLOCK_SECONDS):
                    skipped = min(skip, block.numel())
                    skip -= skipped
                    if skipped < block.numel():
                        yield block[skipped:]
            except LasError:
                return  # what was decoded stays

        return rest

    def _describe(self) -> AudioInfo:
        sound = self._sound
        if isinstance(sound, FfmpegSound):
            duration = math.nan if sound.duration is None else sound.duration
            frames = -1 if sound.duration is None else round(duration * sound.source_rate)
            return AudioInfo(duration, sound.source_rate, sound.channels, frames)
        frames, rate = sound.frames, sound.sample_rate
        duration = frames / rate if frames >= 0 and rate > 0 else math.nan
        return AudioInfo(duration, rate, sound.channels, frames)

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
            for block in self._within(seconds):
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
        if isinstance(self._sound, NativeSound):
            self._sound.close()

    def _within(self, seconds: float) -> Iterator[torch.Tensor]:
        """What lies within `start` and `duration`; not every decoder can jump to it."""
        sound = self._sound
        skip = 0 if sound.jumps else round(self._start * self.sample_rate)
        left = None if self._duration is None else round(self._duration * self.sample_rate)
        for block in sound.blocks(seconds):
            self.flags += [flag for flag in sound.flags if flag not in self.flags]
            skipped = min(skip, block.numel())
            skip -= skipped
            block = block[skipped:] if left is None else block[skipped : skipped + left]
            left = None if left is None else left - block.numel()
            yield block
            if left == 0:
                break
        self.flags += [flag for flag in sound.flags if flag not in self.flags]
        self.missing += sound.missing

    def _checked(self, block: torch.Tensor) -> torch.Tensor:
        import torch

        # The sum is finite unless a sample is not: one pass, no mask in the usual case.
        if not math.isfinite(float(block.sum())) and not bool(torch.isfinite(block).all()):
            if NOT_FINITE not in self.flags:
                self.flags.append(NOT_FINITE)
            return torch.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
        return block


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
