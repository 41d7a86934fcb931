"""Tiny random networks of every form, and noise to feed them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from las_cli.network.config import AttentionConfig, LASConfig, ListenerConfig, SpellerConfig
from las_cli.network.las import LAS
from las_cli.text import Alphabet

ALPHABET = Alphabet(" abcdefghij")


def tiny_model(form: str = "parallel", ctc: bool = True, seed: int = 0) -> LAS:
    """A random network whose posteriors are peaked enough to have opinions."""
    torch.manual_seed(seed)
    model = LAS(
        LASConfig(
            units=len(ALPHABET),
            listener=ListenerConfig(front_end="none", hidden=12, reductions=(2, 2)),
            attention=AttentionConfig(
                kind="content" if form == "parallel" else "location", heads=2, size=12, kernel=5
            ),
            speller=SpellerConfig(form=form, embedding=8, hidden=12, layers=2),
            ctc=ctc,
        )
    ).eval()
    with torch.no_grad():
        model.speller.output.weight.mul_(8)
        if model.ctc is not None:
            model.ctc.weight.mul_(8)
    return model


@pytest.fixture(params=["parallel", "feeding"])
def model(request: pytest.FixtureRequest) -> LAS:
    return tiny_model(request.param)


@pytest.fixture
def make_model() -> Callable[..., LAS]:
    return tiny_model


@pytest.fixture
def alphabet() -> Alphabet:
    return ALPHABET


def speech(*seconds: float, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise whose loudness and colour change, as a padded batch [B, S] with its lengths [B]."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.tensor([int(16_000 * length) for length in seconds])
    waveforms = torch.zeros(len(seconds), int(lengths.max()))
    for row, length in enumerate(lengths.tolist()):
        time = torch.arange(length) / 16_000
        noise = torch.randn(length, generator=generator)
        tone = torch.sin(2 * torch.pi * (200 + 900 * torch.sin(7 * time)) * time)
        waveforms[row, :length] = 0.1 * noise * torch.sin(9 * time) + 0.2 * tone
    return waveforms, lengths
