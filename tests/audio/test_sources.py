"""Waveforms in memory: whatever their type, the same sound between -1 and 1."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from las_cli.audio.reader import NOT_FINITE
from las_cli.audio.sources import WaveformSource


@pytest.mark.parametrize(
    ("waveform", "expected"),
    [
        (np.array([0, 64, 128, 192, 255], dtype=np.uint8), [-1.0, -0.5, 0.0, 0.5, 127 / 128]),
        (np.array([-128, 0, 64], dtype=np.int8), [-1.0, 0.0, 0.5]),
        (np.array([-32768, 0, 16384], dtype=np.int16), [-1.0, 0.0, 0.5]),
        (np.array([-(2**31), 0, 2**30], dtype=np.int32), [-1.0, 0.0, 0.5]),
        (np.array([-1.0, 0.0, 0.25]), [-1.0, 0.0, 0.25]),
        (torch.tensor([[1.0, 0.5], [0.0, -0.5]]), [0.5, 0.0]),  # [channels, S]
        (torch.tensor([[-32768, 0], [0, 16384]], dtype=torch.int16), [-0.5, 0.25]),
    ],
)
def test_samples_of_every_type(waveform: object, expected: list[float]) -> None:
    source = WaveformSource(waveform, 16_000)  # type: ignore[arg-type]
    assert torch.cat(list(source.blocks())).tolist() == expected
    assert source.duration == len(expected) / 16_000 and source.flags == []


def test_what_is_no_number_is_silence_and_told() -> None:
    source = WaveformSource(torch.tensor([0.5, math.nan, math.inf]), 16_000)
    assert torch.cat(list(source.blocks())).tolist() == [0.5, 0.0, 0.0]
    assert source.flags == [NOT_FINITE]
