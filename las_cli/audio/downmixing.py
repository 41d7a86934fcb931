"""Channels in, one out: their mean, unless it would silence what they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from las_cli.audio.missing_sound import CANCELLED

if TYPE_CHECKING:
    import torch

# Power of the mean against that of as many channels that have nothing to do with each other: these
# give 1, alike ones their number, one upside down gives 0. A quarter is a correlation of -0.75.
LEAST_SHARE = 0.25
FAINT = 10 ** (-60 / 10)  # power below which there is nothing to save
STRETCH = 1.0  # seconds that are judged by themselves


class Mixer:
    """Mixes one recording down; `flags` says afterwards whether channels cancelled out.

    A line that is wired the wrong way round, or a balanced one recorded as stereo, holds the same
    twice, once upside down: their mean is silence. The loudest channel is taken there.
    """

    def __init__(self, rate: int) -> None:
        self._stretch = max(1, round(STRETCH * rate))
        self.flags: list[str] = []

    def mix(self, sound: torch.Tensor) -> torch.Tensor:
        """Samples [S, channels] → [S]."""
        import torch

        if sound.shape[1] == 1:
            return sound[:, 0]
        mean = sound.mean(dim=1)
        channels = sound.shape[1]
        stretches = []
        for part, mixed in zip(
            sound.split(self._stretch), mean.split(self._stretch), strict=True
        ):
            powers = part.square().mean(dim=0)  # [channels]
            apart = float(powers.sum()) / channels**2
            if apart > FAINT / channels and float(mixed.square().mean()) < LEAST_SHARE * apart:
                mixed = part[:, int(powers.argmax())]
                if CANCELLED not in self.flags:
                    self.flags.append(CANCELLED)
            stretches.append(mixed)
        return torch.cat(stretches) if stretches else mean
