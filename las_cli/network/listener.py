"""Features in, listener states out: the pyramidal bidirectional LSTM."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from las_cli.network.config import ListenerConfig
from las_cli.padding import length_mask


class Listener(nn.Module):
    """Pyramidal BLSTM (Chan et al. 2016, §3.1), optionally behind two strided convolutions.

    A step's states depend on its own utterance only, whatever batch it is in.
    """

    def __init__(self, config: ListenerConfig, mels: int) -> None:
        super().__init__()
        self.config = config
        self.front_end: ConvFrontEnd | None = None
        size = mels
        if config.front_end == "conv":
            self.front_end = ConvFrontEnd(config.channels, mels)
            size = self.front_end.size
        layers = []
        for reduction in config.reductions:
            layers.append(PyramidLayer(size, config.hidden, reduction, config.norm, config.dropout))
            size = 2 * config.hidden
        self.layers = nn.ModuleList(layers)
        self.size = size  # E

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """features [B, T', D], lengths [B] frames → states [B, T, E], lengths [B] steps.

        T is T' divided by `config.reduction`, rounded up; states beyond a length are zero.
        """
        states = features
        if self.front_end is not None:
            states, lengths = self.front_end(states, lengths)
        for layer in self.layers:
            states, lengths = layer(states, lengths)
        return states, lengths


def make_listener(config: ListenerConfig, mels: int) -> Listener:
    """The listener that `config` describes, for features of `mels` bands."""
    return Listener(config, mels)


class ConvFrontEnd(nn.Module):
    """Two 3 × 3 convolutions of stride 2: a quarter of the frames, a quarter of the bands."""

    def __init__(self, channels: int, mels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, channels, 3, stride=2, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
        self.size = channels * ((mels + 3) // 4)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """features [B, T, D], zero beyond `lengths` [B] → [B, T/4, size], [B]."""
        maps = features[:, None]  # [B, 1, T, D]
        for convolution in (self.first, self.second):
            maps = torch.relu(convolution(maps))
            lengths = torch.div(lengths + 1, 2, rounding_mode="floor")
            # Zero what the bias wrote behind the end, else the next layer would see the batch.
            maps = maps * length_mask(lengths, maps.shape[2])[:, None, :, None]
        return maps.permute(0, 2, 1, 3).flatten(2), lengths


class PyramidLayer(nn.Module):
    """Joins `reduction` neighbouring steps, then one bidirectional LSTM layer.

    Packed sequences switch torch's fused CPU LSTM off, so each direction is an LSTM of its own;
    the backward one reads a copy reversed within each utterance's length, which is exact.
    """

    def __init__(self, size: int, hidden: int, reduction: int, norm: bool, dropout: float) -> None:
        super().__init__()
        self.reduction = reduction
        self.forwards = nn.LSTM(size * reduction, hidden, batch_first=True)
        self.backwards = nn.LSTM(size * reduction, hidden, batch_first=True)
        self.norm = nn.LayerNorm(2 * hidden) if norm else nn.Identity()
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """states [B, T, D], zero beyond `lengths` [B] → [B, T/reduction, 2H], [B]."""
        states, lengths = join_neighbours(states, lengths, self.reduction)
        order = reversal(lengths, states.shape[1])  # [B, T]
        ahead, _ = self.forwards(states)
        back, _ = self.backwards(reorder_steps(states, order))
        both = torch.cat([ahead, reorder_steps(back, order)], dim=2)  # [B, T, 2H]
        both = self.dropout(self.norm(both))
        return both * length_mask(lengths, both.shape[1])[..., None], lengths


def join_neighbours(states: Tensor, lengths: Tensor, reduction: int) -> tuple[Tensor, Tensor]:
    """[B, T, D], [B] → [B, ⌈T/reduction⌉, D·reduction], [B]; the last step is filled with zeros."""
    if reduction == 1:
        return states, lengths
    batch, steps, size = states.shape
    # Always, by 0 too: ONNX and TorchScript keep no branch on the number of steps.
    states = nn.functional.pad(states, (0, 0, 0, (-steps) % reduction))
    states = states.reshape(batch, -1, size * reduction)
    return states, torch.div(lengths + reduction - 1, reduction, rounding_mode="floor")


def reversal(lengths: Tensor, steps: int) -> Tensor:
    """Indices that reverse each utterance within its length and leave padding, [B, steps]."""
    index = torch.arange(steps, device=lengths.device)[None]
    return torch.where(index < lengths[:, None], lengths[:, None] - 1 - index, index)


def reorder_steps(states: Tensor, order: Tensor) -> Tensor:
    """states [B, T, D] with the steps of each utterance taken in `order` [B, T]."""
    return states.gather(1, order[..., None].expand(-1, -1, states.shape[2]))
