"""Recordings of noise and a waveform in, the waveform with noise under it out."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from las_cli.audio.analysis import SAMPLE_RATE
from las_cli.errors import LasError

SUFFIXES = frozenset(
    (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au", ".caf", ".w64")
)
HELD_SECONDS = 1800.0  # of noise kept in memory: 58 MB in each process that reads sound


class NoiseMixer:
    """Mixes recordings of noise under speech at a drawn signal-to-noise ratio.

    Folders weigh alike, however many recordings they hold, and so do the recordings of a folder.
    """

    def __init__(self, folders: Sequence[Path], share: float, snr: Sequence[float]) -> None:
        """LasError for a folder without recordings, or with one that cannot be read."""
        from las_cli.audio.reader import audio_info

        self.folders = [_recordings(folder) for folder in folders]
        # A broken one would take clip after clip of speech with it.
        self.seconds = {path: audio_info(path).duration for paths in self.folders for path in paths}
        self.share, self.snr = share, (min(snr), max(snr))
        # Decoding takes longer than mixing. Which ones are held hangs on the folders alone: a
        # resumed run hears the same.
        room, self.held = HELD_SECONDS, set()
        for path, seconds in sorted(self.seconds.items(), key=lambda item: item[1]):
            if seconds <= room:  # False where the header does not tell
                self.held.add(path)
                room -= seconds
        self._sound: dict[Path, Tensor] = {}

    def __call__(self, waveform: Tensor, draw: random.Random) -> Tensor:
        """`waveform` [S] with noise under it, or as it is."""
        if draw.random() >= self.share:
            return waveform
        # With one folder nothing is drawn for it: the trainings of before hear the same.
        paths = self.folders[draw.randrange(len(self.folders)) if len(self.folders) > 1 else 0]
        path = paths[draw.randrange(len(paths))]
        start = draw.uniform(0, max(0.0, self.seconds[path] - len(waveform) / SAMPLE_RATE))
        noise = self._piece(path, start, len(waveform))
        noise = noise.repeat(-(-len(waveform) // max(1, len(noise))))[: len(waveform)]
        power = noise.square().mean()
        if not power > 0:
            return waveform
        ratio = 10 ** (draw.uniform(*self.snr) / 10)
        return waveform + noise * (waveform.square().mean() / (power * ratio)).sqrt()

    def _piece(self, path: Path, start: float, size: int) -> Tensor:
        """Up to `size` samples of a recording from `start` seconds on; how loud does not matter."""
        from las_cli.audio.reader import read_audio

        if path not in self.held:
            seconds = size / SAMPLE_RATE
            try:
                return read_audio(path, SAMPLE_RATE, start=start, duration=seconds)
            except LasError:
                if not start:
                    raise
                # Its header tells of more than it holds.
                return read_audio(path, SAMPLE_RATE, duration=seconds)
        if path not in self._sound:
            sound = read_audio(path, SAMPLE_RATE)
            scale = 32767 / sound.abs().max().clamp(min=1e-8) if len(sound) else 1.0
            self._sound[path] = (sound * scale).round().to(torch.int16)
        first = round(start * SAMPLE_RATE)
        return self._sound[path][first : first + size].float() / 32767

    def __getstate__(self) -> dict[str, Any]:
        # Each process that reads sound decodes what it needs: 58 MB are not sent to it.
        return self.__dict__ | {"_sound": {}}


def _recordings(folder: Path) -> list[Path]:
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )
    if not paths:
        raise LasError(f"{folder}: holds no noise recordings (wav, flac, ogg, opus, mp3)")
    return paths
