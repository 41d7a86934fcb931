"""A waveform in, the same as a microphone in a simulated room hears it out.

lhotse's generator (`FastRandomRIRGenerator`) is not used: it draws from torch's global numbers, so
that a resumed training would hear other rooms, and takes 30 ms a room where this takes 1.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from las_cli.audio.analysis import SAMPLE_RATE

SPEED_OF_SOUND = 343.0  # m/s
EARLY = 0.04  # seconds in which every reflection counts; later there are too many to tell apart
WALL = 0.3  # m, from mouth or microphone to a wall at least
LOW_CUT = 60.0  # Hz, below which walls and furniture give little back


@dataclass(frozen=True)
class Room:
    """A box with a mouth and a microphone in it."""

    size: tuple[float, float, float]  # m
    mouth: tuple[float, float, float]  # m
    microphone: tuple[float, float, float]  # m
    fades: float  # seconds until the sound is 60 dB down (RT60)
    high_fades: float = 1.0  # the same for high sounds, as a share of it

    @classmethod
    def drawn(cls, draw: random.Random) -> Room:
        """From a small to a large living room, RT60 0.1 to 0.8 s, 0.2 to 4 m to the microphone."""
        size = (draw.uniform(2.5, 9), draw.uniform(2, 7), draw.uniform(2.3, 3.8))
        microphone = tuple(draw.uniform(WALL, side - WALL) for side in size)
        way = [draw.gauss(0, 1) for _ in size]
        reach = math.exp(draw.uniform(math.log(0.2), math.log(4))) / math.hypot(*way)
        mouth = tuple(
            min(max(place + reach * step, WALL), side - WALL)
            for place, step, side in zip(microphone, way, size, strict=True)
        )
        return cls(size, mouth, microphone, draw.uniform(0.1, 0.8), draw.uniform(0.4, 0.9))  # type: ignore[arg-type]

    @property
    def distance(self) -> float:
        """From mouth to microphone in m; at least 0.2, nearer than which nobody holds one."""
        return max(0.2, math.dist(self.mouth, self.microphone))

    def reflections(self, seed: int) -> np.ndarray:
        """What follows the direct sound, which is 1 at place 0: float64 [RT60 · 16 kHz].

        Early ones from the mirror images of the mouth (Allen & Berkley 1979, with Eyring's
        absorption); the rest is noise (of `seed`) that fades, as loud as the images would be.
        """
        volume = math.prod(self.size)
        x, y, z = self.size
        walls = 2 * (x * y + y * z + z * x)
        kept = math.exp(-0.161 * volume / (walls * self.fades))  # energy after a reflection
        tail = self._late(volume, seed)
        early = min(len(tail), round(EARLY * SAMPLE_RATE))
        reach = self.distance + EARLY * SPEED_OF_SOUND
        axes = [
            _images(*one, reach) for one in zip(self.size, self.mouth, self.microphone, strict=True)
        ]
        squares, counts = (
            (axes[0][i][:, None, None] + axes[1][i][:, None] + axes[2][i]).ravel() for i in (0, 1)
        )
        near = (counts > 0) & (squares < reach**2)
        distances, counts = np.sqrt(squares[near]), counts[near]
        places = np.rint((distances - self.distance) / SPEED_OF_SOUND * SAMPLE_RATE).astype(int)
        heard = (places > 0) & (places < early)
        loud = self.distance / distances * kept ** (counts / 2)
        tail[:early] = np.bincount(places[heard], loud[heard], minlength=early)[:early]
        return tail

    def _late(self, volume: float, seed: int) -> np.ndarray:
        """Noise that fades, high sounds faster; energy a sample as of the images (1/d² each)."""
        noise = np.random.default_rng(seed).standard_normal(int(self.fades * SAMPLE_RATE) + 1)
        seconds = np.arange(len(noise) - 1) / SAMPLE_RATE + self.distance / SPEED_OF_SOUND
        fading = -math.log(1000) / self.fades * seconds  # of the amplitude
        low, high = noise[1:] + noise[:-1], noise[1:] - noise[:-1]
        level = self.distance * math.sqrt(4 * math.pi * SPEED_OF_SOUND / (volume * SAMPLE_RATE))
        return level / 2 * (np.exp(fading) * low + np.exp(fading / self.high_fades) * high)


@dataclass(frozen=True)
class Rooms:
    """Puts a share of the clips into rooms. Words stay in place, the level and the length too."""

    share: float  # of the clips

    def __call__(self, waveform: Tensor, draw: random.Random) -> Tensor:
        """waveform [S] at 16 kHz → [S]."""
        if draw.random() >= self.share:
            return waveform
        return in_room(waveform, Room.drawn(draw), draw.getrandbits(32))


def in_room(waveform: Tensor, room: Room, seed: int) -> Tensor:
    """`waveform` [S] at 16 kHz as heard in `room`, as loud as before, [S]."""
    reflections = room.reflections(seed).astype(np.float32)
    size = fast_size(len(waveform) + len(reflections))
    squares = np.linspace(0, SAMPLE_RATE / 2, size // 2 + 1, dtype=np.float32) ** 2
    answer = np.fft.rfft(reflections, size) * (squares / (squares + LOW_CUT**2)) + 1
    spectrum = np.fft.rfft(waveform.numpy(), size) * answer
    heard = torch.from_numpy(np.fft.irfft(spectrum, size)[: len(waveform)]).float()
    power = heard.square().mean()
    return heard * (waveform.square().mean() / power).sqrt() if power > 0 else waveform


def fast_size(samples: int) -> int:
    """An even number of at least `samples` whose Fourier transform is quick.

    That is numpy's: torch's took twice as long for sizes of seconds (MKL, one thread).
    """
    bases = (32, 36, 40, 45, 48, 54, 60)  # of small factors, an eighth apart at most
    return min(base << max(1, (-(-samples // base) - 1).bit_length()) for base in bases)


def _images(side: float, mouth: float, microphone: float, reach: float) -> tuple[np.ndarray, ...]:
    """Along one axis, the mirror images within `reach` or a little farther: squared distances to
    the microphone in m², reflections, [N] each."""
    rooms = np.arange(-int(reach / (2 * side)) - 1, int(reach / (2 * side)) + 2)
    places = np.concatenate([2 * rooms * side + mouth, 2 * rooms * side - mouth])
    counts = np.concatenate([2 * abs(rooms), abs(rooms) + abs(rooms - 1)])
    return (places - microphone) ** 2, counts
