"""Features in, those of a longer or shorter vocal tract out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from las_cli.audio.analysis import FeatureConfig

KNEE = 4800.0  # Hz, up to which formants move by the whole factor (Jaitly & Hinton 2013)
# Slaney's mel scale: linear up to here, then 27 mel for each factor of 6.4.
LINEAR_HERTZ, LINEAR_MEL, LOG_STEP = 1000.0, 15.0, math.log(6.4) / 27


@dataclass(frozen=True)
class Warp:
    """Vocal tract length perturbation (Jaitly & Hinton 2013), a factor for each utterance."""

    most: float  # factors are drawn evenly from 1 − most to 1 + most
    config: FeatureConfig

    def __call__(self, features: Tensor) -> Tensor:
        """features [B, T, D] → [B, T, D]."""
        return warp(features, 1 + self.most * (2 * torch.rand(len(features)) - 1), self.config)


def warp(features: Tensor, factors: Tensor, config: FeatureConfig) -> Tensor:
    """features [B, T, D] with what was at f Hz at factor · f, up to KNEE; then ever less, so that
    half the sample rate stays in place. factors [B] → [B, T, D]."""
    factors = factors.double()[:, None]
    hertz, top = band_centres(config)[None], config.sample_rate / 2
    knee = KNEE * factors.clamp(max=1)  # where it comes to lie
    source = torch.where(
        hertz <= knee,
        hertz / factors,
        top - (top - knee / factors) / (top - knee) * (top - hertz),
    )
    bands = torch.arange(config.mels, dtype=torch.float64)
    place = _band(source, config).clamp(0, config.mels - 1)  # a fraction of a band, [B, D]
    weights = (1 - (place[:, None] - bands[:, None]).abs()).clamp(min=0)  # from, to: [B, D, D]
    with torch.autocast(features.device.type, enabled=False):
        return features @ weights.to(features.device, features.dtype)


def band_centres(config: FeatureConfig) -> Tensor:
    """Hz in the middle of each mel band, float64 [D]."""
    edges = torch.tensor([config.low_hz, config.high_hz], dtype=torch.float64)
    low, high = _mel(edges).tolist()
    mel = torch.linspace(low, high, config.mels + 2, dtype=torch.float64)[1:-1]
    logarithmic = LINEAR_HERTZ * ((mel - LINEAR_MEL) * LOG_STEP).exp()
    return torch.where(mel < LINEAR_MEL, mel * LINEAR_HERTZ / LINEAR_MEL, logarithmic)


def _band(hertz: Tensor, config: FeatureConfig) -> Tensor:
    """Which band is centred on `hertz`, counted from 0, as a fraction."""
    edges = torch.tensor([config.low_hz, config.high_hz], dtype=torch.float64)
    low, high = _mel(edges).tolist()
    return (_mel(hertz) - low) / (high - low) * (config.mels + 1) - 1


def _mel(hertz: Tensor) -> Tensor:
    logarithmic = LINEAR_MEL + (hertz.clamp(min=LINEAR_HERTZ) / LINEAR_HERTZ).log() / LOG_STEP
    return torch.where(hertz < LINEAR_HERTZ, hertz * LINEAR_MEL / LINEAR_HERTZ, logarithmic)
