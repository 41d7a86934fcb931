"""Sound that is no file in: a waveform, raw PCM, a container from a pipe. Blocks at 16 kHz out."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from las_cli.audio.analysis import SAMPLE_RATE
from las_cli.audio.downmixing import Mixer
from las_cli.audio.missing_sound import NOT_FINITE, Missing
from las_cli.audio.native_sound import RATES
from las_cli.audio.reader import BLOCK_SECONDS, AudioReader, stream_pcm
from las_cli.audio.resampling import StreamResampler
from las_cli.errors import LasError, UsageError

if TYPE_CHECKING:
    import numpy
    import torch


class Source(Protocol):
    """What can be transcribed: `AudioReader` is one."""

    flags: list[str]  # what was wrong with it, complete once the blocks are read
    missing: list[Missing]  # sound that should be there and is not; the same

    @property
    def duration(self) -> float:
        """Seconds, NaN where that is not known beforehand."""
        ...

    def blocks(self, seconds: float = BLOCK_SECONDS) -> Iterator[torch.Tensor]:
        """Mono float32 [S] at 16 kHz, about `seconds` long each."""
        ...


class WaveformSource:
    """A waveform [S], or [channels, S], of any rate, as a tensor or a numpy array.

    Integers are taken for PCM of their width. Raises LasError for anything else.
    """

    def __init__(self, waveform: torch.Tensor | numpy.ndarray, sample_rate: int) -> None:
        import torch

        if not RATES[0] <= sample_rate <= RATES[1]:
            raise LasError(
                f"sample rate {sample_rate} Hz: give the rate of the waveform, e.g. 16000"
            )
        sound = torch.as_tensor(waveform).detach().cpu()
        if sound.dim() not in (1, 2) or sound.is_complex() or sound.dtype == torch.bool:
            raise LasError(
                f"waveform of shape {tuple(sound.shape)} and type {sound.dtype}: "
                "give [samples] or [channels, samples], float or integer PCM"
            )
        scale = 1.0 if sound.is_floating_point() else -float(torch.iinfo(sound.dtype).min or -128)
        offset = 128.0 if sound.dtype == torch.uint8 else 0.0
        sound = (sound.to(torch.float32) - offset) / scale
        mixer = Mixer(sample_rate)
        self._sound = mixer.mix(sound.T) if sound.dim() == 2 else sound
        self._rate = sample_rate
        self.flags: list[str] = mixer.flags
        self.missing: list[Missing] = []
        if not bool(torch.isfinite(self._sound).all()):
            self._sound = torch.nan_to_num(self._sound, nan=0.0, posinf=0.0, neginf=0.0)
            self.flags.append(NOT_FINITE)

    @property
    def duration(self) -> float:
        return self._sound.numel() / self._rate

    def blocks(self, seconds: float = BLOCK_SECONDS) -> Iterator[torch.Tensor]:
        resampler = StreamResampler(self._rate, SAMPLE_RATE)
        for block in self._sound.split(max(1, round(seconds * self._rate))):
            yield resampler.push(block)
        yield resampler.finish()


class PCMSource:
    """Raw PCM as it comes: signed 16 bits, little-endian, mono. It can be read once."""

    def __init__(self, stream: BinaryIO, sample_rate: int) -> None:
        if not RATES[0] <= sample_rate <= RATES[1]:
            raise UsageError(f"a raw rate of {sample_rate}: give the samples a second, e.g. 16000")
        self._stream, self._rate = stream, sample_rate
        self.flags: list[str] = []
        self.missing: list[Missing] = []
        self.duration = math.nan

    def blocks(self, seconds: float = BLOCK_SECONDS) -> Iterator[torch.Tensor]:
        given = 0
        for block in stream_pcm(self._stream, self._rate, min(seconds, 1.0)):
            given += block.numel()
            yield block
        if given == 0:
            raise LasError("standard input: held no samples; send PCM of signed 16 bits to it")


class PipeSource:
    """Standard input or a named pipe holding any container that `AudioReader` reads.

    It goes through a temporary file, since containers are read by jumping about in them.
    """

    def __init__(self, opener: Callable[[], BinaryIO], name: str = "-") -> None:
        """opener: gives the stream, when it is its turn: opening a pipe waits for its writer"""
        self._opener, self.name = opener, name
        self.flags: list[str] = []
        self.missing: list[Missing] = []
        self.duration = math.nan

    def blocks(self, seconds: float = BLOCK_SECONDS) -> Iterator[torch.Tensor]:
        """Mono float32 [S] at 16 kHz. Raises LasError as `AudioReader` does."""
        shown = "standard input" if self.name == "-" else self.name
        with tempfile.TemporaryDirectory(prefix="las-") as folder:
            path = Path(folder) / "input"
            with path.open("wb") as file:
                shutil.copyfileobj(self._opener(), file, 1 << 20)
            try:
                reader = AudioReader(path)
                self.duration = reader.duration
                yield from reader.blocks(seconds)
            except LasError as error:
                raise LasError(str(error).replace(str(path), shown, 1)) from None
            self.flags += reader.flags
            self.missing += reader.missing
