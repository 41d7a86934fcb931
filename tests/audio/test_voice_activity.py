"""Loudness in decibels, and one probability a frame however the sound arrives."""

from __future__ import annotations

import pytest
import torch

from las_cli.audio.voice_activity import FRAME, LevelTracker, VoiceActivity, is_silent, loudness


def test_loudness_of_known_amplitudes() -> None:
    square = torch.ones(FRAME)
    sound = torch.cat([square, 0.1 * square, 0.001 * square, torch.zeros(FRAME)])
    assert loudness(sound).tolist() == pytest.approx([0.0, -20.0, -60.0, -100.0], abs=1e-3)
    # The last frame is half silence: half the power, 3 dB less.
    assert loudness(torch.cat([square, square[: FRAME // 2]])).tolist() == pytest.approx(
        [0.0, -3.0103], abs=1e-3
    )
    assert loudness(torch.zeros(0)).numel() == 0


@pytest.mark.parametrize(
    ("decibels", "silent"), [(-89.0, False), (-91.0, True), (-300.0, True), (0.0, False)]
)
def test_silence_ends_at_ninety_decibels(decibels: float, silent: bool) -> None:
    sound = torch.zeros(100)
    sound[7] = -(10 ** (decibels / 20))
    assert is_silent(sound) is silent


def test_sound_is_brought_to_the_usual_level_and_no_further() -> None:
    """A square wave at -42 dB gets 20 dB, one at -78 dB the largest gain of 50, at -84 dB none."""
    for decibels, gain in ((-22.0, 1.0), (-42.0, 10.0), (-78.0, 10**2.5), (-84.0, 1.0)):
        sound = torch.full((4 * FRAME,), 10 ** (decibels / 20))
        assert LevelTracker().gain(sound) == pytest.approx(gain, rel=1e-3)


def test_a_remembered_level_fades_by_half_a_decibel_a_second() -> None:
    tracker = LevelTracker()
    tracker.gain(torch.full((4 * FRAME,), 10 ** (-22 / 20)))
    pause = torch.zeros(10 * 16_000)
    assert tracker.gain(pause) == pytest.approx(10 ** (5 / 20), rel=1e-3)  # ten seconds: 5 dB
    assert tracker.gain(pause) == pytest.approx(10 ** (10 / 20), rel=1e-3)


def test_a_probability_a_frame_whatever_the_blocks() -> None:
    activity = VoiceActivity()
    sound = 0.1 * torch.randn(5000, generator=torch.Generator().manual_seed(0))
    counts = [activity.push(block).numel() for block in sound.split([700, 324, 100, 3876])]
    assert counts == [1, 1, 0, 7]  # 1.4, 2.0, 2.2 and 9.8 frames of 512 have come
    assert activity.finish().numel() == 1 and activity.finish().numel() == 0
