"""Features: the batch, the loudness and the silence around the speech change nothing."""

from __future__ import annotations

import random

import pytest
import torch

from las_cli.audio.analysis import FeatureConfig
from las_cli.audio.augmentation import PAUSE, QuietEdges
from las_cli.audio.features import LogMel
from las_cli.errors import LasError
from las_cli.network.config import PRESETS, LASConfig

HOP = FeatureConfig().hop


def speech(seconds: float = 1.5) -> torch.Tensor:
    """Noise that swells and fades four times a second, and never stops."""
    time = torch.arange(int(seconds * 16_000)) / 16_000
    noise = torch.randn(len(time), generator=torch.Generator().manual_seed(1))
    return noise * 0.1 * (1.2 + torch.sin(8 * torch.pi * time))


def features(waveform: torch.Tensor, quiet_db: float = 30.0) -> torch.Tensor:
    found, _ = LogMel(FeatureConfig(quiet_db=quiet_db))(
        waveform[None], torch.tensor([len(waveform)])
    )
    return found[0]


@pytest.mark.parametrize(("decibels", "heard"), [(-60.0, True), (-90.0, False)])
def test_what_is_eighty_decibels_below_the_peak_is_a_floor(decibels: float, heard: bool) -> None:
    """Noise at -60 dB of the loudest is still noise; at -90 every frame is alike."""
    quiet = speech() * 10 ** (decibels / 20)
    found = features(torch.cat([speech(), quiet]), quiet_db=0.0)[-100:]
    assert bool((found.std(0) > 0.01).all()) is heard
    assert bool((found == found[0]).all()) is not heard


@pytest.mark.parametrize("quiet_db", [0.0, 30.0])
def test_padding_and_loudness_change_nothing(quiet_db: float) -> None:
    analyse = LogMel(FeatureConfig(quiet_db=quiet_db))
    short, long = speech(1.0), speech(2.0)
    batch = torch.stack([torch.nn.functional.pad(short, (0, len(long) - len(short))), long])
    together, frames = analyse(batch, torch.tensor([len(short), len(long)]))
    alone = features(short, quiet_db)
    torch.testing.assert_close(together[0, : frames[0]], alone, atol=1e-4, rtol=0)
    assert together[0, frames[0] :].abs().sum() == 0
    torch.testing.assert_close(features(0.003 * short, quiet_db), alone, atol=1e-3, rtol=0)


def test_silence_around_speech_does_not_change_how_it_is_heard() -> None:
    middle, edge = speech(), 1e-5 * torch.randn(100 * HOP)
    padded = torch.cat([edge, middle, edge])
    margin = 5  # frames whose window reaches over the edge
    inside = slice(margin, len(middle) // HOP - margin)
    differences = {}
    for quiet_db in (0.0, 30.0):
        alone = features(middle, quiet_db)[inside]
        within = features(padded, quiet_db)[100:][inside]
        differences[quiet_db] = float((alone - within).abs().mean())
    assert differences[30.0] < 0.1 < 0.5 < differences[0.0]


def test_nothing_but_silence_is_finite() -> None:
    assert features(torch.zeros(8000)).isfinite().all()


def test_new_models_leave_silence_out_and_old_configs_mean_what_they_meant() -> None:
    assert all(preset.features.quiet_db == 30 for preset in PRESETS.values())
    old = PRESETS["base"].to_json()
    del old["features"]["quiet_db"]
    assert LASConfig.from_json(old).features.quiet_db == 0
    old["features"]["quiet_db"] = -3
    with pytest.raises(LasError, match="quiet_db is -3"):
        LASConfig.from_json(old)


def test_quiet_edges_are_quiet_and_leave_the_sound_alone() -> None:
    sound = speech()
    sound[8000 : 8000 + 2 * PAUSE] *= 1e-3
    edges, draw = QuietEdges(0.5), random.Random(4)
    lengths = []
    for _ in range(40):
        longer = edges(sound, draw)
        added = len(longer) - len(sound)
        lengths.append(added)
        places = [p for p in range(added + 1) if torch.equal(longer[p : p + len(sound)], sound)]
        assert len(places) == 1
        quiet = torch.cat([longer[: places[0]], longer[places[0] + len(sound) :]])
        assert not added or quiet.abs().max() < 2e-3
    assert 10 < lengths.count(0) < 30 and max(lengths) <= 16_000
    assert len(edges(sound[:100], draw)) == 100  # too short to hold a pause
    short = sound[:6000]
    assert max(len(QuietEdges(5.0)(short, draw)) for _ in range(40)) <= 2 * len(short)
    assert torch.equal(edges(sound, random.Random(7)), edges(sound, random.Random(7)))
