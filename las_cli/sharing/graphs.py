"""A network in; the same computation as modules that ONNX and TorchScript can hold out.

Two graphs, since a search runs the second one once a letter: the listener with its CTC head and the
keys and values of the attention, and one step of the speller. Lengths, batches and beams are free.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from las_cli.network.attention import Memory
from las_cli.network.las import LAS
from las_cli.network.speller import ParallelSpeller
from las_cli.padding import length_mask


class ListenerGraph(nn.Module):
    """waveforms [B, S], lengths [B] samples → see `outputs`."""

    def __init__(self, model: LAS) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).float().eval()
        self.model.features.mel = MatrixMel(self.model.features.mel)
        self.outputs = ["steps", "states", "keys", "values"] + ["ctc"] * model.has_ctc
        self.eval()  # the exporter puts every module back as it finds the outermost

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        """steps [B], states [B, T, E], keys and values [B, N, T, A/N], ctc [B, T, V]."""
        states, steps = self.model.listen(waveforms, lengths)
        memory = self.model.speller.remember(states, steps)
        found = (steps, states, memory.keys, memory.values)
        return (*found, self.model.ctc_log_probs(states)) if self.model.has_ctc else found


class SpellerGraph(nn.Module):
    """One letter on: previous [B, K] ids, steps [B], keys, values, state → see `outputs`."""

    def __init__(self, model: LAS) -> None:
        super().__init__()
        self.speller = copy.deepcopy(model.speller).float().eval()
        parallel = isinstance(self.speller, ParallelSpeller)
        names = ["hidden", "cell", "above_hidden", "above_cell"]
        self.states = names if parallel else ["hidden", "cell", "context", "attention"]
        self.outputs = ["logits", "weights"] + [f"next_{name}" for name in self.states]
        self.eval()

    def forward(
        self, previous: Tensor, steps: Tensor, keys: Tensor, values: Tensor, *state: Tensor
    ) -> tuple[Tensor, ...]:
        """logits [B, K, V], weights [B, K, T], and the state for the next letter."""
        memory = Memory(keys, values, length_mask(steps, keys.shape[2]))
        logits, state, weights = self.speller.step(previous, state, memory)
        return (logits, weights, *state)


class MatrixMel(nn.Module):
    """torchaudio's MelSpectrogram with the Fourier transform as a convolution: no complex numbers.

    waveforms [B, S] → mel powers [B, D, T].
    """

    def __init__(self, mel: Any) -> None:
        super().__init__()
        size, self.hop = mel.n_fft, mel.hop_length
        window = torch.zeros(size, dtype=torch.float64)
        left = (size - mel.win_length) // 2
        window[left : left + mel.win_length] = mel.spectrogram.window.double()
        turns = torch.outer(torch.arange(size // 2 + 1), torch.arange(size)).double() % size
        angles = 2 * math.pi * turns / size  # [F, n_fft]
        waves = torch.cat([torch.cos(angles), torch.sin(angles)]) * window
        self.margin = size // 2
        self.waves = nn.Buffer(waves[:, None].float())  # [2F, 1, n_fft]
        self.bands = nn.Buffer(mel.mel_scale.fb.clone())  # [F, D]

    def forward(self, waveforms: Tensor) -> Tensor:
        padded = nn.functional.pad(waveforms, (self.margin, self.margin))
        parts = nn.functional.conv1d(padded[:, None], self.waves, stride=self.hop)  # [B, 2F, T]
        real, imaginary = parts.chunk(2, dim=1)
        power = real.square() + imaginary.square()
        return (power.transpose(1, 2) @ self.bands).transpose(1, 2)
