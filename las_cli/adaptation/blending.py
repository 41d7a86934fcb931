"""A network before and after it learned a voice in, one between them out: the least changed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import NamedTuple

from las_cli.network.las import LAS

SHARES = (0.25, 0.5, 0.75, 1.0)  # of the way from one to the other
ENOUGH = 0.8  # of the gain of the best of them


class Blend(NamedTuple):
    """Weights between two networks'."""

    model: LAS
    share: float  # of the way to the later one


def blended(before: LAS, after: LAS, share: float) -> LAS:
    """The network whose weights are `share` of the way from one's to the other's.

    WiSE-FT (Wortsman et al. 2022, 2109.01903, eq. 1): what was learned fades slower along that way
    than what was unlearned comes back.
    """
    network, origin = copy.deepcopy(after), before.state_dict()
    weights = network.state_dict()  # its tensors are the network's own
    for name, weight in weights.items():
        if weight.is_floating_point():
            weight.copy_(origin[name].float().lerp(weight.float(), share))
    return network.eval()


def least_moved(before: LAS, after: LAS, rate: Callable[[LAS], float], start: float) -> Blend:
    """The blend nearest to `before` that has most of what can be gained.

    rate: error rate of a network; start: that of `before`, which the best blend should be below
    """
    blends = [Blend(blended(before, after, share), share) for share in SHARES]
    rates = [rate(blend.model) for blend in blends]
    enough = start - ENOUGH * (start - min(rates))
    return next(blend for blend, found in zip(blends, rates, strict=True) if found <= enough)
