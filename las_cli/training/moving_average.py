"""Weights in, their average out: a moving average in training, or the mean of checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn


class MovingAverage:
    """Exponential moving average of a model's weights (Polyak & Juditsky 1992)."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {name: p.detach().clone() for name, p in model.named_parameters()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Moves towards the model's weights; faster in the first updates, as if from the start."""
        decay = min(self.decay, (1 + step) / (10 + step))
        current = [parameter.detach() for parameter in model.parameters()]
        torch._foreach_lerp_(list(self.weights.values()), current, 1 - decay)

    @torch.no_grad()
    def swap(self, model: nn.Module) -> None:
        """Exchanges the average and the model's weights; a second call puts them back."""
        for name, parameter in model.named_parameters():
            kept = parameter.detach().clone()
            parameter.copy_(self.weights[name])
            self.weights[name].copy_(kept)

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Goes on from saved averages."""
        for name, tensor in self.weights.items():
            tensor.copy_(weights[name])


def mean_of(checkpoints: Iterable[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The plain mean of several sets of weights, summed in float64."""
    total: dict[str, Tensor] = {}
    count = 0
    for weights in checkpoints:
        count += 1
        for name, tensor in weights.items():
            if name in total:
                total[name] += tensor.double()
            else:
                total[name] = tensor.double()
    return {name: (tensor / count).float() for name, tensor in total.items()}
