"""A waveform in, the same over the telephone out."""

from __future__ import annotations

import io
import math
import random
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from las_cli.audio.analysis import SAMPLE_RATE
from las_cli.audio.rooms import fast_size

KINDS = ("mu-law", "a-law", "gsm", "plain")  # drawn alike; plain: 8 kHz and no more
NARROW_RATE = SAMPLE_RATE // 2  # Hz
BAND = (300.0, 3400.0)  # Hz, of a telephone line (ITU-T G.712)
PLAIN_LOW = 50.0  # Hz, where the band of `plain` begins
PLAIN_HIGH = (3400.0, 3900.0)  # Hz, where it ends, drawn evenly
SLOPE = 100.0  # Hz, width of the band's edges
MU, A = 255.0, 87.6  # ITU-T G.711
LEVELS = 127  # of each sign, in 8 bits
QUIETEST = 20.0  # dB that a clip's peak may be below what the code can carry
RINGING = 1024  # samples that the filters may ring


@dataclass(frozen=True)
class Telephone:
    """Sends a share of the clips over a narrow band and through a telephone's coding."""

    share: float  # of the clips

    def __call__(self, waveform: Tensor, draw: random.Random) -> Tensor:
        """waveform [S] at 16 kHz → [S]."""
        if draw.random() >= self.share:
            return waveform
        kind, high, below = draw.choice(KINDS), draw.uniform(*PLAIN_HIGH), draw.uniform(0, QUIETEST)
        band = (PLAIN_LOW, high) if kind == "plain" else BAND
        return over_telephone(waveform, kind, band, below)


def over_telephone(
    waveform: Tensor, kind: str, band: tuple[float, float] = BAND, below: float = 0.0
) -> Tensor:
    """`waveform` [S] at 16 kHz through `band` (Hz) and a code of `kind`, back at 16 kHz, [S].

    below: dB from the waveform's peak to the loudest that the code can carry.
    """
    size = fast_size(len(waveform) + RINGING)
    gain = _gain(size // 4 + 1, band)
    spectrum = np.fft.rfft(waveform.numpy(), size)[: size // 4 + 1] * gain
    narrow = torch.from_numpy(np.fft.irfft(spectrum, size // 2)).float() / 2
    if kind != "plain":
        full = narrow.abs().max().clamp(min=1e-8) * 10 ** (below / 20)
        narrow = CODES[kind](narrow / full) * full
    # The receiver's filter: the code's noise is in the band too.
    spectrum = np.fft.rfft(narrow.numpy()) * gain
    return torch.from_numpy(np.fft.irfft(spectrum, size)[: len(waveform)]).float() * 2


def _gain(bins: int, band: tuple[float, float]) -> np.ndarray:
    """1 in the band, 0 outside, cosine slopes; −6 dB at the edges. [bins] from 0 to 4 kHz."""
    hertz = np.linspace(0, NARROW_RATE / 2, bins, dtype=np.float32)
    inside = np.minimum(hertz - band[0], band[1] - hertz) / SLOPE
    return (1 + np.sin(math.pi * inside.clip(-0.5, 0.5))) / 2


def mu_law(sound: Tensor) -> Tensor:
    """`sound` in −1 … 1 coded in 8 bits by the μ-law and back."""
    code = (torch.log1p(MU * sound.abs()) / math.log1p(MU) * LEVELS).round() / LEVELS
    return torch.expm1(code * math.log1p(MU)) / MU * sound.sign()


def a_law(sound: Tensor) -> Tensor:
    """`sound` in −1 … 1 coded in 8 bits by the A-law and back."""
    scale, size = 1 + math.log(A), A * sound.abs()
    code = torch.where(size < 1, size, 1 + size.clamp(min=1).log()) / scale
    size = (code * LEVELS).round() / LEVELS * scale
    return torch.where(size < 1, size, (size - 1).exp()) / A * sound.sign()


def gsm(sound: Tensor) -> Tensor:
    """`sound` in −1 … 1 at 8 kHz through GSM full rate (13 kbit/s) and back, by libsndfile."""
    import soundfile

    form = {"format": "RAW", "subtype": "GSM610"}
    with io.BytesIO() as stream:
        soundfile.write(stream, sound.numpy(), NARROW_RATE, closefd=False, **form)
        stream.seek(0)
        heard, _ = soundfile.read(
            stream, dtype="float32", samplerate=NARROW_RATE, channels=1, **form
        )
    return torch.from_numpy(heard[: len(sound)])  # whole frames of 20 ms


CODES = {"mu-law": mu_law, "a-law": a_law, "gsm": gsm}
