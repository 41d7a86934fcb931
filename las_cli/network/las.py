"""The Listen, Attend and Spell network: waveforms and letters in, logits out."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from las_cli.audio.features import LogMel
from las_cli.errors import LasError
from las_cli.network.config import LASConfig
from las_cli.network.listener import Listener, make_listener
from las_cli.network.speller import Speller, make_speller


class Output(NamedTuple):
    """What one forward pass under teacher forcing gives."""

    logits: Tensor  # of the speller, float32, [B, U, V]
    weights: Tensor  # of the attention, mean of heads, [B, U, T]
    ctc: Tensor | None  # log-probabilities of the CTC head, float32, [B, T, V]
    lengths: Tensor  # listener steps, [B]
    states: Tensor | None = None  # of the listener, [B, T, E], where they are asked for


class LAS(nn.Module):
    """Listen, Attend and Spell (Chan et al. 2016) with a joint CTC head (Kim et al. 2017)."""

    def __init__(self, config: LASConfig) -> None:
        super().__init__()
        if config.units < 3:
            raise LasError(f"network config: units is {config.units}, a network needs at least 3")
        self.config = config
        self.features = LogMel(config.features)
        self.listener, self.speller, self.ctc = assemble(config)
        for module in self.modules():
            if isinstance(module, nn.LSTM):
                open_forget_gates(module)

    @property
    def has_ctc(self) -> bool:
        return self.ctc is not None

    def listen(
        self,
        waveforms: Tensor,
        lengths: Tensor,
        augment: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """waveforms [B, S] at 16 kHz, lengths [B] samples → states [B, T, E], lengths [B] steps.

        augment: applied to features [B, T', D] with their lengths, in training.
        """
        features, frames = self.features(waveforms, lengths)
        if augment is not None:
            features = augment(features, frames)
        states, steps = self.listener(features, frames)
        return states, steps

    def ctc_log_probs(self, states: Tensor) -> Tensor:
        """states [B, T, E] → log-probabilities [B, T, V] in float32. LasError without a head."""
        if self.ctc is None:
            raise LasError("this model has no CTC head; decode with a CTC weight of 0")
        logits = self.ctc(states)
        with torch.autocast(logits.device.type, enabled=False):
            return torch.log_softmax(logits.float(), dim=-1)

    def forward(
        self,
        waveforms: Tensor,
        lengths: Tensor,
        letters: Tensor,
        sampling: float = 0.0,
        augment: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> Output:
        """waveforms [B, S], lengths [B] samples, letters [B, U] beginning with end of sentence."""
        states, steps = self.listen(waveforms, lengths, augment)
        logits, weights = self.speller(letters, self.speller.remember(states, steps), sampling)
        ctc = self.ctc_log_probs(states) if self.has_ctc else None
        return Output(logits, weights, ctc, steps, states)


def assemble(config: LASConfig) -> tuple[Listener, Speller, nn.Linear | None]:
    """Listener, speller and CTC head: everything that has weights."""
    listener = make_listener(config.listener, config.features.mels)
    speller = make_speller(config.speller, config.attention, listener.size, config.units)
    return listener, speller, nn.Linear(listener.size, config.units) if config.ctc else None


def open_forget_gates(lstm: nn.LSTM) -> None:
    """Biases of the forget gates to 1, so that memory lasts early on (Jozefowicz et al. 2015)."""
    size = lstm.hidden_size
    with torch.no_grad():
        for name, parameter in lstm.named_parameters():
            if name.startswith("bias_ih"):
                parameter[size : 2 * size] = 1.0
            elif name.startswith("bias_hh"):
                parameter[size : 2 * size] = 0.0


def count_parameters(model: nn.Module) -> int:
    """Trained weights of a model."""
    return sum(parameter.numel() for parameter in model.parameters())
