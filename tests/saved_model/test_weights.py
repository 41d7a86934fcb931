"""What a config asks for is known before anything is allocated."""

from __future__ import annotations

import dataclasses

import pytest

from las_cli.network.config import (
    PRESETS,
    AttentionConfig,
    LASConfig,
    SpellerConfig,
)
from las_cli.network.las import LAS
from las_cli.saved_model.folder import trained_weights
from las_cli.saved_model.weights import network_shapes


@pytest.mark.parametrize("name", [*PRESETS, "location"])
def test_shapes_are_known_without_allocating(name: str) -> None:
    location = LASConfig(
        attention=AttentionConfig(kind="location"), speller=SpellerConfig(form="feeding"), ctc=False
    )
    config = dataclasses.replace(PRESETS.get(name, location), units=30)
    shapes = {n: tuple(p.shape) for n, p in trained_weights(LAS(config)).items()}
    assert network_shapes(config) == shapes
