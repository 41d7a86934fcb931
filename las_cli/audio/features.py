"""Waveforms in, normalised log-mel features out: the first layer of the network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from las_cli.audio.analysis import FeatureConfig
from las_cli.padding import length_mask

PEAK_RANGE = 1e-8  # mel power below the utterance's peak that still counts: 80 dB
SILENCE = 1e-12  # mel power floor of an utterance that is silent throughout


class LogMel(nn.Module):
    """Log-mel energies, each band with zero mean and unit variance over its utterance's sound.

    The floor is relative to the utterance's peak, so a recording at −50 dBFS gives the same
    features as the same recording at 0 dBFS. Frames depend on their own utterance only: padding
    in the batch is as if it were not there.
    """

    def __init__(self, config: FeatureConfig) -> None:
        super().__init__()
        from torchaudio.transforms import MelSpectrogram

        self.config = config
        window = round(config.window_seconds * config.sample_rate)
        self.mel = MelSpectrogram(
            sample_rate=config.sample_rate,
            n_fft=1 << (window - 1).bit_length(),
            win_length=window,
            hop_length=config.hop,
            f_min=config.low_hz,
            f_max=config.high_hz,
            n_mels=config.mels,
            center=True,
            pad_mode="constant",  # zeros, as the padding of a batch: frames do not see the batch
            norm="slaney",
            mel_scale="slaney",
        )

    def frames(self, lengths: Tensor) -> Tensor:
        """Frames of utterances of `lengths` samples, [B]."""
        return torch.div(lengths, self.config.hop, rounding_mode="floor") + 1

    @torch.no_grad()
    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Features of a batch.

        waveforms: float32 at `sample_rate`, zero beyond its length, [B, S]
        lengths: samples, [B]
        Returns features [B, T, D], zero beyond their length, and frames [B].
        """
        with torch.autocast(waveforms.device.type, enabled=False):
            power = self.mel(waveforms.float()).transpose(1, 2)  # [B, T, D]
            frames = self.frames(lengths)
            valid = length_mask(frames, power.shape[1])[..., None]  # [B, T, 1]
            power = power * valid
            peak = power.amax(dim=(1, 2), keepdim=True)
            features = torch.log(torch.maximum(power, (peak * PEAK_RANGE).clamp(min=SILENCE)))
            heard = self._heard(power, frames) & valid  # [B, T, 1]
            count = heard.sum(1, keepdim=True).to(features.dtype)
            mean = (features * heard).sum(1, keepdim=True) / count
            centred = (features - mean) * valid
            deviation = ((centred * heard).square().sum(1, keepdim=True) / count).sqrt()
            return centred / deviation.clamp(min=1e-2), frames

    def _heard(self, power: Tensor, frames: Tensor) -> Tensor:
        """True where a frame counts in the normalisation, [B, T, 1]; `power` 0 beyond `frames`."""
        energy = power.sum(2, keepdim=True)
        if not self.config.quiet_db:
            return torch.ones_like(energy, dtype=torch.bool)
        mean = energy.sum(1, keepdim=True) / frames[:, None, None]
        return energy >= mean * 10 ** (-self.config.quiet_db / 10)  # silence throughout: all of it
