"""Generated sound for the audio tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile


def tone(seconds: float, rate: int, hertz: float = 440.0, level: float = 0.3) -> np.ndarray:
    phase = 2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate
    return (level * np.sin(phase)).astype("f4")


@pytest.fixture
def write_tone(tmp_path: Path) -> Callable[..., Path]:
    """Writes a tone: name, seconds, rate, channels, and what soundfile.write takes."""

    def write(
        name: str, seconds: float = 1.0, rate: int = 16_000, channels: int = 1, **how: str
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        sound = np.repeat(tone(seconds, rate)[:, None], channels, axis=1)
        soundfile.write(path, sound, rate, **how)
        return path

    return write
