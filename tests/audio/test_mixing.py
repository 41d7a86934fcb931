"""Channels that would silence each other are not mixed."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile
import torch

from las_cli.audio.downmixing import Mixer
from las_cli.audio.missing_sound import CANCELLED
from las_cli.audio.reader import AudioReader
from las_cli.audio.sources import WaveformSource

from .conftest import tone
from .recordings import RATE, marked


def noise(count: int, seed: int) -> torch.Tensor:
    return 0.1 * torch.randn(count, generator=torch.Generator().manual_seed(seed))


def test_a_channel_upside_down() -> None:
    sound = noise(3 * RATE, 1)
    for quiet in (1.0, 0.9):
        mixer = Mixer(RATE)
        mixed = mixer.mix(torch.stack([-quiet * sound, sound], dim=1))
        assert torch.equal(mixed.abs(), sound.abs()) and mixer.flags == [CANCELLED]


@pytest.mark.parametrize(
    "channels",
    [
        torch.stack([noise(RATE, 1), noise(RATE, 2)], 1),  # two microphones in noise
        torch.stack([noise(RATE, 1), noise(RATE, 1)], 1),
        torch.stack([noise(RATE, 1), torch.zeros(RATE)], 1),
        torch.stack([noise(RATE, 1), *[torch.zeros(RATE)] * 5], 1),  # dialogue in one of six
        1e-5 * torch.stack([noise(RATE, 1), -noise(RATE, 1)], 1),  # nothing to save
        torch.stack([noise(RATE, 1), -0.2 * noise(RATE, 1)], 1),
    ],
)
def test_all_others_are_mixed_to_their_mean(channels: torch.Tensor) -> None:
    mixer = Mixer(RATE)
    assert torch.equal(mixer.mix(channels), channels.mean(dim=1)) and mixer.flags == []


def test_only_where_they_do() -> None:
    left = noise(2 * RATE, 1)
    right = torch.cat([left[:RATE], -left[RATE:]])
    mixed = Mixer(RATE).mix(torch.stack([left, right], 1))
    assert torch.equal(mixed, left)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
def test_a_file_and_a_waveform(tmp_path: Path, name: str) -> None:
    one = torch.from_numpy(tone(2.0, RATE))
    both = torch.stack([one, -one])
    soundfile.write(tmp_path / name, both.T.numpy(), RATE)
    reader = AudioReader(tmp_path / name)
    sound = torch.cat(list(reader.blocks()))
    assert float(sound[RATE // 2 : RATE].abs().max()) > 0.25 and reader.flags == [CANCELLED]
    source = WaveformSource(both, RATE)
    assert torch.equal(torch.cat(list(source.blocks())), one) and source.flags == [CANCELLED]


def test_marks_are_heard_in_stereo(tmp_path: Path) -> None:
    sound = torch.from_numpy(marked(3, (1.0,)))
    soundfile.write(tmp_path / "a.wav", torch.stack([sound, sound], 1).numpy(), RATE)
    assert AudioReader(tmp_path / "a.wav").flags == []
