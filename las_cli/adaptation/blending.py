"""A network before and after it learned a voice in, one between them out."""

from __future__ import annotations

import copy

from las_cli.network.las import LAS


def blended(before: LAS, after: LAS, share: float) -> LAS:
    """The network whose weights are `share` of the way from one's to the other's.

    WiSE-FT (Wortsman et al. 2022, 2109.01903, eq. 1): on the way back what was unlearned returns
    before what was learned is lost.
    """
    network, origin = copy.deepcopy(after), before.state_dict()
    weights = network.state_dict()  # its tensors are the network's own
    for name, weight in weights.items():
        if weight.is_floating_point():
            weight.copy_(origin[name].float().lerp(weight.float(), share))
    return network.eval()
