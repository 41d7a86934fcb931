"""Features or waveforms in, altered copies out: what makes a small corpus go further."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from las_cli.audio.analysis import SAMPLE_RATE, FeatureConfig
from las_cli.audio.noise import NoiseMixer
from las_cli.audio.rooms import Rooms
from las_cli.audio.telephone import Telephone
from las_cli.audio.warp import Warp

PAUSE = SAMPLE_RATE // 8  # samples of a recording's quietest stretch


@dataclass(frozen=True)
class SoundAugmentation:
    """What is done to the sound of a training clip, in the order in which it happens to a voice."""

    edges: QuietEdges | None = None
    rooms: Rooms | None = None
    noise: NoiseMixer | None = None
    telephone: Telephone | None = None

    def __call__(self, waveform: Tensor, draw: random.Random, key: str) -> Tensor:
        """waveform [S] at 16 kHz → [S' >= S]; `key` names the clip and the pass.

        Rooms and telephones are drawn from the key, so that edges and noise stay what they are
        without them.
        """
        return self.shifted(waveform, draw, key)[0]

    def shifted(self, waveform: Tensor, draw: random.Random, key: str) -> tuple[Tensor, int]:
        """The same, and the samples that were put before the recording."""
        before = 0
        if self.edges is not None:
            waveform, before = self.edges.shifted(waveform, draw)
        if self.rooms is not None:
            waveform = self.rooms(waveform, random.Random(f"{key} room"))
        if self.noise is not None:
            waveform = self.noise(waveform, draw)
        if self.telephone is not None:
            waveform = self.telephone(waveform, random.Random(f"{key} telephone"))
        return waveform, before


def sound_augmentation(
    quiet_edges: float,
    rooms: float,
    noise: Sequence[str],
    noise_share: float,
    noise_snr: Sequence[float],
    telephone: float,
) -> SoundAugmentation:
    """The fields of TrainingConfig as what they stand for. LasError: noise that is not there."""
    return SoundAugmentation(
        QuietEdges(quiet_edges) if quiet_edges else None,
        Rooms(rooms) if rooms else None,
        NoiseMixer([Path(folder) for folder in noise], noise_share, noise_snr) if noise else None,
        Telephone(telephone) if telephone else None,
    )


@dataclass(frozen=True)
class FeatureAugmentation:
    """What is done to the features of a training batch: all are warped, then masked."""

    warp: Warp | None = None
    masks: SpecAugment | None = None

    def __call__(self, features: Tensor, lengths: Tensor) -> Tensor:
        """features [B, T, D], lengths [B] frames → [B, T, D]; draws from torch's numbers."""
        if self.warp is not None:
            features = self.warp(features)
        return features if self.masks is None else self.masks(features, lengths)


def feature_augmentation(
    warp: float, masks: float, config: FeatureConfig
) -> FeatureAugmentation | None:
    """Frequencies moved by up to `warp`, masks of strength `masks`; None if both are 0."""
    if not warp and masks <= 0:
        return None
    return FeatureAugmentation(Warp(warp, config) if warp else None, spec_augment(masks))


@dataclass(frozen=True)
class SpecAugment:
    """Time and frequency masks on features (Park et al. 2019, without the warp)."""

    frequency_masks: int = 2
    frequency_width: int = 27  # bands at most, of 80
    time_masks: int = 2
    time_width: int = 100  # frames at most
    time_share: float = 0.1  # of the utterance at most, each mask

    def __call__(self, features: Tensor, lengths: Tensor) -> Tensor:
        """features [B, T, D], zero mean; lengths [B] → the same with masked stretches at zero."""
        batch, frames, bands = features.shape
        keep = torch.ones_like(features, dtype=torch.bool)
        for _ in range(self.frequency_masks):
            keep &= ~_stretch(torch.full((batch,), bands), self.frequency_width, bands)[:, None].to(
                features.device
            )
        limit = (lengths * self.time_share).clamp(max=self.time_width).cpu()
        for _ in range(self.time_masks):
            keep &= ~_stretch(lengths.cpu(), limit, frames)[..., None].to(features.device)
        return features * keep


def spec_augment(strength: float) -> SpecAugment | None:
    """Masks of `strength` times the usual width; none at 0."""
    if strength <= 0:
        return None
    usual = SpecAugment()
    return SpecAugment(
        frequency_width=round(usual.frequency_width * strength),
        time_width=round(usual.time_width * strength),
        time_share=usual.time_share * strength,
    )


def _stretch(lengths: Tensor, widest: Tensor | float, size: int) -> Tensor:
    """True on one random stretch of 0 … `widest` places within each length, [B, size]."""
    width = (torch.rand(len(lengths)) * (torch.as_tensor(widest) + 1)).floor()
    start = (torch.rand(len(lengths)) * (lengths - width).clamp(min=0)).floor()
    place = torch.arange(size)[None]
    return (place >= start[:, None]) & (place < (start + width)[:, None])


@dataclass(frozen=True)
class QuietEdges:
    """Quiet in front of a recording and behind it, as people leave who record themselves.

    Half of the recordings get some: pieces of their own quietest eighth of a second, on each side
    at most half as long as themselves.
    """

    seconds: float  # at most, on each side

    def __call__(self, waveform: Tensor, draw: random.Random) -> Tensor:
        """waveform [S] at 16 kHz → [S' >= S]."""
        return self.shifted(waveform, draw)[0]

    def shifted(self, waveform: Tensor, draw: random.Random) -> tuple[Tensor, int]:
        """The same, and the samples that were put before the recording."""
        sizes = self.sizes(len(waveform), draw)
        if sizes is None:
            return waveform, 0
        pieces = waveform.unfold(0, PAUSE, PAUSE // 4)
        pause = pieces[pieces.square().sum(1).argmin()]
        before, after = (_quiet(pause, size, draw) for size in sizes)
        return torch.cat([before, waveform, after]), len(before)

    def sizes(self, samples: int, draw: random.Random) -> tuple[int, int] | None:
        """Samples put before and behind a recording of so many; None where none are.

        They are drawn first, so that batches can be made of what will be about equally long.
        """
        if samples < 2 * PAUSE or draw.random() < 0.5:
            return None
        most = min(self.seconds * SAMPLE_RATE, samples / 2)
        return int(draw.uniform(0, most)), int(draw.uniform(0, most))


def _quiet(pause: Tensor, size: int, draw: random.Random) -> Tensor:
    """`size` samples of `pause`, turned and mirrored by chance: a plain repetition would hum."""
    found = [
        (pause if draw.random() < 0.5 else pause.flip(0)) * draw.choice((-1.0, 1.0))
        for _ in range(-(-size // PAUSE))
    ]
    return torch.cat([*found, pause[:0]])[:size]
