"""Which weights a training moves, and the pull back to where it began."""

from __future__ import annotations

import pytest
import torch

from las_cli.errors import LasError
from las_cli.network.config import ListenerConfig
from las_cli.network.las import LAS
from las_cli.training.starting_point import StartingPoint
from tests.decoding.conftest import tiny_model


@pytest.mark.parametrize(
    ("moves", "beginnings"),
    [
        ("all", ("listener", "speller", "ctc")),
        ("listener", ("listener",)),
        ("norms", ("listener.layers.0.norm", "listener.layers.1.norm")),
    ],
)
def test_only_these_get_a_gradient(moves: str, beginnings: tuple[str, ...]) -> None:
    model = tiny_model()
    StartingPoint(model, moves, 0.0)
    moving = {name for name, one in model.named_parameters() if one.requires_grad}
    expected = {name for name, _ in model.named_parameters() if name.startswith(beginnings)}
    assert moving == expected and moving


def test_each_update_goes_a_share_of_the_way_back() -> None:
    model = tiny_model()
    point = StartingPoint(model, "all", 20.0)
    first = {name: one.detach().clone() for name, one in model.named_parameters()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    point.pull(0.01)  # 0.01 · 20 of the way
    for name, parameter in model.named_parameters():
        assert torch.allclose(parameter, first[name] + 0.8), name
    point.pull(1.0)  # never past the start
    for name, parameter in model.named_parameters():
        assert torch.allclose(parameter, first[name]), name


def test_without_strength_nothing_is_pulled() -> None:
    model = tiny_model()
    point = StartingPoint(model, "all", 0.0)
    with torch.no_grad():
        model.ctc.bias.add_(1.0)
    before = model.ctc.bias.detach().clone()
    point.pull(0.1)
    assert torch.equal(model.ctc.bias, before)


def test_a_network_without_norms() -> None:
    config = tiny_model().config
    from dataclasses import replace

    bare = LAS(replace(config, listener=replace(config.listener, norm=False)))
    assert ListenerConfig().norm
    with pytest.raises(LasError, match="no weights of the kind 'norms'"):
        StartingPoint(bare, "norms", 0.0)
