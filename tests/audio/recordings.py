"""Sound with marks at known times, in every container, and the ways in which files come to harm."""

from __future__ import annotations

import io
import random

import numpy as np
import soundfile
import torch

RATE = 16_000
CONTAINERS: dict[str, dict[str, str]] = {
    "wav": {"format": "WAV"}, "rf64": {"format": "RF64"}, "w64": {"format": "W64"},
    "aiff": {"format": "AIFF"}, "au": {"format": "AU"}, "caf": {"format": "CAF"},
    "flac": {"format": "FLAC"}, "ogg": {"format": "OGG"},
    "opus": {"format": "OGG", "subtype": "OPUS"}, "mp3": {"format": "MP3"},
    "oga": {"format": "OGG", "subtype": "VORBIS"}, "wavex": {"format": "WAVEX"},
}  # fmt: skip


def marked(seconds: float, marks: tuple[float, ...], rate: int = RATE) -> np.ndarray:
    """Faint noise with a loud fifth of a second at each of `marks`."""
    count = round(seconds * rate)
    sound = 0.01 * np.random.default_rng(3).normal(size=count)
    times = np.arange(round(0.2 * rate)) / rate
    for mark in marks:
        begin = round(mark * rate)
        sound[begin : begin + len(times)] += 0.4 * np.sin(2 * np.pi * 500 * times)
    return sound.astype("f4")


def written(sound: np.ndarray, kind: str, rate: int = RATE) -> bytes:
    """The bytes of a file."""
    out = io.BytesIO()
    soundfile.write(out, sound, rate, **CONTAINERS[kind])
    return out.getvalue()


def marks_in(sound: torch.Tensor) -> list[float]:
    """Where the loud places begin, seconds, to a fiftieth."""
    power = sound[: sound.numel() // 320 * 320].view(-1, 320).square().mean(1)
    loud = (power.sqrt() > 0.1).tolist()
    return [at / 50 for at, now in enumerate(loud) if now and not any(loud[max(0, at - 5) : at])]


def near(found: list[float], expected: list[float], within: float) -> bool:
    """Whether times are those expected."""
    return len(found) == len(expected) and all(
        abs(one - other) <= within for one, other in zip(found, expected, strict=True)
    )


def spoilt(data: bytes, share: float, count: int = 1500) -> bytes:
    """`count` bytes of noise over what stood at `share` of the length."""
    noise = bytes(random.Random(5).randrange(256) for _ in range(count))
    at = round(len(data) * share)
    return data[:at] + noise + data[at + count :]


def without(data: bytes, share: float, count: int = 1500) -> bytes:
    """`count` bytes left out at `share` of the length."""
    at = round(len(data) * share)
    return data[:at] + data[at + count :]
