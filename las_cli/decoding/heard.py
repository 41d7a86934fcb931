"""Waveforms in, what the listener makes of them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from las_cli.decoding.precision import listening

if TYPE_CHECKING:
    from las_cli.network.las import LAS

SHORTEST = 0.1  # seconds a batch is padded to, so that features of a click can be computed
LISTEN_SECONDS = 80.0  # of padded sound heard at a time by a lane: about 100 MB; more is no faster


class Heard(NamedTuple):
    """What the listener makes of a batch; searches with other options may share it."""

    states: Tensor  # [B, T, E]
    lengths: Tensor  # listener steps, [B]; 0 for an utterance shorter than one
    log_probs: Tensor | None  # of the CTC head, float32, [B, T, V]
    seconds: tuple[float, ...]  # of sound, B of them

    def take(self, rows: Tensor) -> Heard:
        """The utterances `rows` [b] alone; all of them is the common case and copies nothing."""
        if len(rows) == len(self.seconds):
            return self
        return Heard(
            self.states[rows],
            self.lengths[rows],
            None if self.log_probs is None else self.log_probs[rows],
            tuple(self.seconds[row] for row in rows.tolist()),
        )

    def utterance(self, row: int) -> HeardUtterance:
        """One utterance without its padding."""
        steps = int(self.lengths[row])
        return HeardUtterance(
            self.states[row, :steps],
            None if self.log_probs is None else self.log_probs[row, :steps],
            self.seconds[row],
        )


class HeardUtterance(NamedTuple):
    """What the listener makes of one utterance."""

    states: Tensor  # [T, E]
    log_probs: Tensor | None  # of the CTC head, [T, V]
    seconds: float  # of sound


@torch.inference_mode()
def listen(model: LAS, waveforms: Tensor, lengths: Tensor, precision: str = "auto") -> Heard:
    """Run the listener over waveforms [B, S] float32 at 16 kHz of `lengths` [B] samples."""
    rate = model.config.features.sample_rate
    lengths = lengths.to(waveforms.device)
    seconds = tuple(length / rate for length in lengths.tolist())
    shortest = int(SHORTEST * rate)
    if waveforms.shape[1] < shortest:
        waveforms = torch.nn.functional.pad(waveforms, (0, shortest - waveforms.shape[1]))
    rows = len(lengths)
    if waveforms.device.type == "cpu":
        rows = max(1, int(LISTEN_SECONDS * rate / waveforms.shape[1]))
    found: list[Tensor] = []
    counts: list[Tensor] = []
    with listening(model, waveforms.device, precision) as network:
        for part, own in zip(waveforms.split(rows), lengths.split(rows), strict=True):
            part = part[:, : max(shortest, int(own.max()))]
            states, steps = network.listen(part, own)
            found += states.float().unbind()
            counts.append(steps)
    states = torch.nn.utils.rnn.pad_sequence(found, batch_first=True)  # [B, T, E]
    steps = torch.cat(counts) * (lengths >= round(model.config.step_seconds * rate))
    log_probs = model.ctc_log_probs(states) if model.has_ctc else None
    return Heard(states, steps, log_probs, seconds)
