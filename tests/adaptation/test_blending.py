"""Networks between one and what it became."""

from __future__ import annotations

import torch

from las_cli.adaptation.blending import blended
from las_cli.network.config import FeatureConfig, LASConfig, ListenerConfig, SpellerConfig
from las_cli.network.las import LAS


def tiny(seed: int) -> LAS:
    torch.manual_seed(seed)
    return LAS(
        LASConfig(
            units=5,
            features=FeatureConfig(mels=8),
            listener=ListenerConfig(hidden=4, reductions=(1,)),
            speller=SpellerConfig(embedding=4, hidden=4),
        )
    )


def test_weights_lie_on_the_way() -> None:
    before, after = tiny(1), tiny(2)
    ends = before.state_dict(), after.state_dict()
    for share in (0.0, 0.25, 1.0):
        found = blended(before, after, share)
        assert not found.training
        for name, weight in found.state_dict().items():
            wanted = (1 - share) * ends[0][name] + share * ends[1][name]
            torch.testing.assert_close(weight, wanted, rtol=0, atol=1e-6)
    assert ends[1].keys() == after.state_dict().keys()
    torch.testing.assert_close(after.state_dict(), ends[1])  # neither was changed
