"""A network as a training starts in; which weights may move, and a pull back towards there, out."""

from __future__ import annotations

import torch

from las_cli.errors import LasError
from las_cli.network.las import LAS


class StartingPoint:
    """Chooses the weights that are trained, and holds them near where they were.

    The pull is L2-SP (Li et al. 2018, 1802.01483, section 3), decoupled from the gradient as
    AdamW's decay is: after an update each weight goes `rate · strength` of the way back.
    """

    def __init__(self, model: LAS, moves: str, strength: float) -> None:
        """moves: "all", "listener" or "norms"; the others get no gradient from now on.

        LasError where the network has none of them.
        """
        self.strength = strength
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(is_moved(name, moves))
        self._moving = [one for one in model.parameters() if one.requires_grad]
        if not self._moving:
            raise LasError(f"this network has no weights of the kind {moves!r} to be trained")
        self._first = [one.detach().clone() for one in self._moving] if strength else []

    @torch.no_grad()
    def pull(self, rate: float) -> None:
        """Back by a share of the distance; `rate`: the learning rate of the update."""
        if self._first:
            current = [parameter.detach() for parameter in self._moving]
            torch._foreach_lerp_(current, self._first, min(1.0, rate * self.strength))


def is_moved(name: str, moves: str) -> bool:
    """Whether the parameter `name` of a network is trained where `moves` is so."""
    if moves == "all":
        return True
    inside = name.startswith("listener.")
    return inside and (moves == "listener" or ".norm." in name)

