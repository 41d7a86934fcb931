"""Recordings of noise and a waveform in, the waveform with noise under it out."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from las_cli.audio.features import SAMPLE_RATE
from las_cli.errors import LasError


class NoiseMixer:
    """Mixes recordings of noise under speech at a drawn signal-to-noise ratio."""

    def __init__(self, folder: Path, share: float, snr: Sequence[float]) -> None:
        self.files = sorted(
            path
            for path in folder.rglob("*")
            if path.suffix.lower() in (".wav", ".flac", ".ogg") and not path.name.startswith(".")
        )
        if not self.files:
            raise LasError(f"{folder}: holds no noise recordings (wav, flac, ogg)")
        from las_cli.audio.files import audio_info

        for path in self.files:  # a broken one would take clip after clip of speech with it
            audio_info(path)
        self.share, self.snr = share, (min(snr), max(snr))

    def __call__(self, waveform: Tensor, draw: random.Random) -> Tensor:
        """`waveform` [S] with noise under it, or as it is."""
        if draw.random() >= self.share:
            return waveform
        from las_cli.audio.files import audio_info, read_audio

        path = self.files[draw.randrange(len(self.files))]
        seconds = len(waveform) / SAMPLE_RATE
        start = draw.uniform(0, max(0.0, audio_info(path).duration - seconds))
        noise = read_audio(path, SAMPLE_RATE, start=start, duration=seconds)
        noise = noise.repeat(-(-len(waveform) // max(1, len(noise))))[: len(waveform)]
        power = noise.square().mean()
        if not power > 0:
            return waveform
        ratio = 10 ** (draw.uniform(*self.snr) / 10)
        return waveform + noise * (waveform.square().mean() / (power * ratio)).sqrt()
