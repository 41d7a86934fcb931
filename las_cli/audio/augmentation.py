"""Features or waveforms in, altered copies out: what makes a small corpus go further."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class SpecAugment:
    """Time and frequency masks on features (Park et al. 2019, without the warp)."""

    frequency_masks: int = 2
    frequency_width: int = 27  # bands at most, of 80
    time_masks: int = 2
    time_width: int = 100  # frames at most
    time_share: float = 0.1  # of the utterance at most, each mask

    def __call__(self, features: Tensor, lengths: Tensor) -> Tensor:
        """features [B, T, D], zero mean; lengths [B] → the same with masked stretches at zero."""
        batch, frames, bands = features.shape
        keep = torch.ones_like(features, dtype=torch.bool)
        for _ in range(self.frequency_masks):
            keep &= ~_stretch(torch.full((batch,), bands), self.frequency_width, bands)[:, None].to(
                features.device
            )
        limit = (lengths * self.time_share).clamp(max=self.time_width).cpu()
        for _ in range(self.time_masks):
            keep &= ~_stretch(lengths.cpu(), limit, frames)[..., None].to(features.device)
        return features * keep


def _stretch(lengths: Tensor, widest: Tensor | float, size: int) -> Tensor:
    """True on one random stretch of 0 … `widest` places within each length, [B, size]."""
    width = (torch.rand(len(lengths)) * (torch.as_tensor(widest) + 1)).floor()
    start = (torch.rand(len(lengths)) * (lengths - width).clamp(min=0)).floor()
    place = torch.arange(size)[None]
    return (place >= start[:, None]) & (place < (start + width)[:, None])
