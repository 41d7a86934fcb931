"""Resampling in blocks equals resampling the whole."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from las_cli.audio.resampling import StreamResampler, rate_ratio, resample


@pytest.mark.parametrize(
    ("rate_in", "rate_out", "terms"),
    [(44_100, 16_000, (441, 160)), (8_000, 16_000, (1, 2)), (16_000, 16_000, (1, 1)),
     (1, 16_000, (1, 2000))],  # a damaged header; 0 would be divided by
)
def test_ratio_of_common_rates(rate_in: int, rate_out: int, terms: tuple[int, int]) -> None:
    assert rate_ratio(rate_in, rate_out) == terms


@pytest.mark.parametrize("rate", [44_099, 11_026, 22_051, 191_999, 7_919, 15_999, 16_001])
def test_odd_rates_keep_their_speed(rate: int) -> None:
    terms_in, terms_out = rate_ratio(rate, 16_000)
    assert max(terms_in, terms_out) <= 2000
    assert abs(terms_in / terms_out * 16_000 / rate - 1) < 1e-4


@settings(max_examples=25, deadline=None)
@given(
    rate=st.sampled_from([8_000, 11_025, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 44_099]),
    sizes=st.lists(st.integers(0, 9_000), min_size=1, max_size=6),
    seed=st.integers(0, 1000),
)
def test_blocks_joined_equal_the_whole(rate: int, sizes: list[int], seed: int) -> None:
    sound = torch.randn(sum(sizes), generator=torch.Generator().manual_seed(seed))
    stream = StreamResampler(rate, 16_000)
    blocks = [stream.push(block) for block in sound.split(sizes)]
    joined = torch.cat([*blocks, stream.finish()])
    whole = resample(sound, rate, 16_000)
    assert joined.shape == whole.shape
    torch.testing.assert_close(joined, whole, atol=1e-5, rtol=1e-5)
