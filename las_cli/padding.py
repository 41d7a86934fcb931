"""Sequences of unequal lengths in, padded batches and their masks out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


def length_mask(lengths: Tensor, size: int) -> Tensor:
    """True where a step belongs to its utterance. lengths [B] → [B, size]."""
    return torch.arange(size, device=lengths.device)[None] < lengths[:, None]


def pad_waveforms(waveforms: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Waveforms [S] each → [B, S] with zeros behind, lengths [B] samples."""
    lengths = torch.tensor([len(waveform) for waveform in waveforms])
    return torch.nn.utils.rnn.pad_sequence(list(waveforms), batch_first=True), lengths


class Places(NamedTuple):
    """Where the rows of a flat batch [N, …] stand in a padded one [B, K, …].

    Rows of one utterance stand together, in the order of the utterances, and fill its first places.
    """

    owner: Tensor  # utterance of each row, rising, [N] int64
    slot: Tensor  # place within the utterance, [N] int64
    batch: int  # B
    width: int  # K, most rows of any utterance

    @classmethod
    def single(cls, batch: int, device: torch.device) -> Places:
        """One row an utterance."""
        owner = torch.arange(batch, device=device)
        return cls(owner, torch.zeros_like(owner), batch, 1)

    @classmethod
    def of(cls, taken: Tensor) -> Places:
        """As many rows of each utterance as places are `taken`, [B, K] bool, in their order."""
        owner, place = taken.nonzero().unbind(1)
        slot = (taken.cumsum(1) - 1)[owner, place]
        width = int(slot.max()) + 1 if len(slot) else 0
        return cls(owner, slot, len(taken), width)

    @property
    def first(self) -> Tensor:
        """The first row of each utterance, [B]; of one without rows any."""
        return torch.searchsorted(self.owner, torch.arange(self.batch, device=self.owner.device))

    def pad(self, rows: Tensor, value: float = 0.0) -> Tensor:
        """rows [N, …] → [B, K, …] with `value` in empty places."""
        if self.width == 1 and len(rows) == self.batch:
            return rows[:, None]
        padded = rows.new_full((self.batch, self.width, *rows.shape[1:]), value)
        padded[self.owner, self.slot] = rows
        return padded

    def flat(self, padded: Tensor) -> Tensor:
        """padded [B, K, …] → [N, …]."""
        if self.width == 1 and len(self.owner) == self.batch:
            return padded[:, 0]
        return padded[self.owner, self.slot]

    def take(self, utterances: Tensor) -> Places:
        """The same rows once only `utterances` [b] are left, which are all that have rows."""
        number = self.owner.new_zeros(self.batch)
        number[utterances] = torch.arange(len(utterances), device=number.device)
        return self._replace(owner=number[self.owner], batch=len(utterances))
