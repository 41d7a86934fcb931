"""A tiny random model on disk, and speech-like sound to transcribe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

LETTERS = "abcdefghijklmnopqrstuvwxyz' "


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model with random weights: it writes something, quickly."""
    from las_cli.network.config import (
        AttentionConfig,
        LASConfig,
        ListenerConfig,
        SpellerConfig,
    )
    from las_cli.network.las import LAS
    from las_cli.saved_model.folder import save_model
    from las_cli.text import Alphabet, TextPolicy

    torch.manual_seed(3)
    alphabet = Alphabet.learn([LETTERS])
    model = LAS(
        LASConfig(
            units=len(alphabet),
            listener=ListenerConfig(hidden=16, channels=4, reductions=(1, 1)),
            attention=AttentionConfig(heads=2, size=16),
            speller=SpellerConfig(embedding=8, hidden=16),
        )
    ).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(3.0)  # far enough from uniform to write more than one letter
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_model(folder, model, alphabet, TextPolicy(), decoding={"beam": 2, "precision": "float32"})
    return folder


@pytest.fixture
def write_noise() -> Callable[..., Path]:
    """Writes noise in bursts: path, seconds, rate, seed."""

    def write(path: Path, seconds: float = 1.0, rate: int = 16_000, seed: int = 0) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        count = round(seconds * rate)
        sound = np.random.default_rng(seed).normal(size=count) * 0.1
        sound *= 1 + np.sin(2 * np.pi * 4 * np.arange(count) / rate)
        soundfile.write(path, sound.clip(-1, 1), rate)
        return path

    return write
