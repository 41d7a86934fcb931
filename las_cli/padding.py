"""Sequences of unequal lengths in, padded batches and their masks out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def length_mask(lengths: Tensor, size: int) -> Tensor:
    """True where a step belongs to its utterance. lengths [B] → [B, size]."""
    return torch.arange(size, device=lengths.device)[None] < lengths[:, None]


def pad_waveforms(waveforms: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Waveforms [S] each → [B, S] with zeros behind, lengths [B] samples."""
    lengths = torch.tensor([len(waveform) for waveform in waveforms])
    return torch.nn.utils.rnn.pad_sequence(list(waveforms), batch_first=True), lengths
