"""Letters so far in, log probabilities of the next letter out: the language model network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from las_cli.errors import LasError
from las_cli.network.packed_cells import lstm_cell, stack_layers
from las_cli.network.speller import BLANK_LOGIT
from las_cli.text.units import BLANK


@dataclass(frozen=True)
class LetterLMConfig:
    """An LSTM over letters (Graves 2013, 1308.0850, section 2)."""

    units: int = 0  # V, with blank and end of sentence; known once the alphabet is
    embedding: int = 64  # of a letter
    hidden: int = 512  # H
    layers: int = 2
    dropout: float = 0.1  # in training, between the layers

    def __post_init__(self) -> None:
        for name in ("embedding", "hidden", "layers"):
            if not 1 <= getattr(self, name) <= 8192:
                raise LasError(
                    f"language model config: {name} is {getattr(self, name)}, expected 1 … 8192"
                )
        if not 0 <= self.dropout < 1:
            raise LasError(f"language model config: dropout is {self.dropout}, expected 0 … 1")


class LetterLM(nn.Module):
    """A letter language model; each sentence begins and ends with the end of sentence."""

    expects = False

    def __init__(self, config: LetterLMConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.units, config.embedding)
        self.lstm = nn.LSTM(
            config.embedding,
            config.hidden,
            num_layers=config.layers,
            batch_first=True,
            dropout=config.dropout if config.layers > 1 else 0.0,
        )
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(config.hidden, config.units)

    def forward(
        self, letters: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """letters [B, U], LSTM state → log probabilities of the next [B, U, V], new state."""
        hidden, state = self.lstm(self.embedding(letters), state)
        return self._log_probs(hidden), state

    @property
    def units(self) -> int:
        """V of the alphabet."""
        return self.config.units

    def tensors(self) -> dict[str, Tensor]:
        """All that decides what this model says, by name."""
        return dict(self.state_dict())

    def start(self, batch: int, beams: int) -> tuple[Tensor, ...]:
        """State of `beams` hypotheses an utterance before their first letter, [B, K, L, H] each."""
        zero = self.output.weight.new_zeros(batch, beams, self.config.layers, self.config.hidden)
        return zero, zero

    def step(
        self, previous: Tensor, state: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """One letter on. previous [B, K], at the start EOS → [B, K, V] log p, new state."""
        hidden = self.embedding(previous).flatten(0, 1)  # [B·K, D]
        after: list[tuple[Tensor, Tensor]] = []
        for layer in range(self.config.layers):
            before = (state[0][:, :, layer].flatten(0, 1), state[1][:, :, layer].flatten(0, 1))
            letters = None if layer else (self.embedding, previous.flatten())
            hidden, cell = lstm_cell(self.lstm, layer, hidden, before, letters)
            after.append((hidden, cell))
        scores = self._log_probs(hidden).unflatten(0, previous.shape)
        return scores, tuple(
            stack_layers(parts).unflatten(0, previous.shape) for parts in zip(*after, strict=True)
        )

    def _log_probs(self, hidden: Tensor) -> Tensor:
        """[…, H] → natural log probabilities of the next letter [..., V] in float32."""
        with torch.autocast(hidden.device.type, enabled=False):
            logits = self.output(self.dropout(hidden.float()))
            blank = torch.zeros(self.config.units, device=logits.device)
            blank[BLANK] = BLANK_LOGIT
            return torch.log_softmax(logits + blank, dim=-1)
