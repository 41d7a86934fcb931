"""Between a network and what it became: the nearest that is nearly as good as the best."""

from __future__ import annotations

import pytest
import torch

from las_cli.adaptation.blending import ENOUGH, SHARES, blended, least_moved
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


@pytest.mark.parametrize(
    ("rates", "share"),
    [
        ({0.25: 0.19, 0.5: 0.12, 0.75: 0.10, 1.0: 0.11}, 0.5),  # 0.12 has 0.8 of the gain
        ({0.25: 0.19, 0.5: 0.1201, 0.75: 0.10, 1.0: 0.11}, 0.75),
        ({0.25: 0.11, 0.5: 0.12, 0.75: 0.13, 1.0: 0.10}, 0.25),  # just there: 0.11 <= 0.12
        ({0.25: 0.18, 0.5: 0.17, 0.75: 0.16, 1.0: 0.10}, 1.0),
    ],
)
def test_the_nearest_with_most_of_the_gain(rates: dict[float, float], share: float) -> None:
    assert tuple(rates) == SHARES and ENOUGH == 0.8
    before, after = tiny(1), tiny(2)
    name = "ctc.weight"
    start, end = before.state_dict()[name], after.state_dict()[name]

    def rate(model: LAS) -> float:
        moved = (model.state_dict()[name] - start).norm() / (end - start).norm()
        return rates[round(float(moved), 2)]

    blend = least_moved(before, after, rate, 0.2)
    assert blend.share == share
    torch.testing.assert_close(
        blend.model.state_dict(), blended(before, after, share).state_dict()
    )
