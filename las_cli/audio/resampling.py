"""Waveforms of any rate in, at the network's rate out, whole or in blocks without seams."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torchaudio.transforms import Resample

# torchaudio's kernel has (rate in + rate out) / gcd entries squared: 44,099 Hz alone would ask for
# gigabytes. A ratio of smaller numbers nearby is less than 1e-4 off, for rates nobody records at.
MAX_RATIO_TERM = 2000
LOWPASS_WIDTH = 6  # zero crossings of the windowed sinc, torchaudio's default
ROLLOFF = 0.99  # share of the Nyquist frequency kept, torchaudio's default


def rate_ratio(rate_in: int, rate_out: int) -> tuple[int, int]:
    """The two rates over their common divisor, or the nearest ratio with small terms."""
    ratio = Fraction(rate_in, rate_out)
    if max(ratio.numerator, ratio.denominator) > MAX_RATIO_TERM:
        limit = max(1, int(MAX_RATIO_TERM * min(1.0, rate_out / rate_in)))
        ratio = ratio.limit_denominator(limit) or Fraction(1, limit)  # 1 Hz is no ratio of 0
    return ratio.numerator, ratio.denominator


@lru_cache(maxsize=32)
def _kernel(terms_in: int, terms_out: int) -> Resample:
    from torchaudio.transforms import Resample

    return Resample(terms_in, terms_out, lowpass_filter_width=LOWPASS_WIDTH, rolloff=ROLLOFF)


def resample(waveform: torch.Tensor, rate_in: int, rate_out: int) -> torch.Tensor:
    """Resample `waveform` [S] float32 from `rate_in` to `rate_out` Hz; the kernel is cached."""
    if rate_in == rate_out or waveform.numel() == 0:
        return waveform
    terms_in, terms_out = rate_ratio(rate_in, rate_out)
    if terms_in == terms_out:
        return waveform
    return _kernel(terms_in, terms_out)(waveform)


class StreamResampler:
    """Resamples block by block; the blocks joined equal `resample` of the whole.

    Each block is filtered together with some samples on either side of it, so there is no seam.
    """

    def __init__(self, rate_in: int, rate_out: int) -> None:
        import torch

        self._terms = rate_ratio(rate_in, rate_out)
        self._plain = self._terms[0] == self._terms[1]
        terms_in, terms_out = self._terms
        # The sinc's reach to either side, in samples (torchaudio, _get_sinc_resample_kernel).
        reach = -(-LOWPASS_WIDTH * terms_in // max(1, int(min(self._terms) * ROLLOFF))) + 1
        self._left = -(-reach // terms_in) * terms_in  # whole periods, so that phases stay aligned
        self._right = self._left + terms_in
        self._kept = torch.zeros(0)  # left context and what is not given out yet
        self._context = 0  # how much of `_kept` is left context

    def push(self, block: torch.Tensor) -> torch.Tensor:
        """Take the next samples [S] at the rate in, give [S'] that are final at the rate out."""
        import torch

        if self._plain:
            return block
        self._kept = torch.cat([self._kept, block])
        period = self._terms[0]
        ready = (self._kept.numel() - self._context - self._right) // period * period
        if ready <= 0:
            return block[:0]
        end = self._context + ready
        out = self._filter(self._kept[: end + self._right], ready)
        start = max(0, end - self._left)
        self._kept = self._kept[start:].clone()
        self._context = end - start
        return out

    def finish(self) -> torch.Tensor:
        """The last samples [S'] at the rate out."""
        if self._plain:
            return self._kept
        left_over = self._kept.numel() - self._context
        out = self._filter(self._kept, left_over) if left_over else self._kept[:0]
        self._kept, self._context = self._kept[:0], 0
        return out

    def _filter(self, samples: torch.Tensor, ready: int) -> torch.Tensor:
        terms_in, terms_out = self._terms
        filtered = _kernel(terms_in, terms_out)(samples)
        first = self._context // terms_in * terms_out
        return filtered[first : first + -(-ready * terms_out // terms_in)]
