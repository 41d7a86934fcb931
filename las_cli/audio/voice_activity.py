"""Waveform blocks in, the probability of speech for every 32 ms out (silero-vad's weights).

The network is written out here, so that a block is computed in one go instead of 32 ms at a time,
and so that importing silero-vad's own code, which sets torch's thread count to 1, is not needed.
"""

from __future__ import annotations

import importlib.util
import math
from functools import lru_cache
from pathlib import Path

import torch
from torch import nn

from las_cli.audio.analysis import SAMPLE_RATE
from las_cli.errors import LasError

FRAME = 512  # samples a frame at 16 kHz: 32 ms
_CONTEXT = 64  # samples of the frame before that each frame is given
_PAD = 64  # samples reflected at the end of a frame
_BINS = 129  # STFT bins, 256-sample windows


class SileroNetwork(nn.Module):
    """Silero VAD, version 6 for 16 kHz (github.com/snakers4/silero-vad, MIT licence)."""

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = nn.Conv1d(1, 2 * _BINS, 256, stride=128, bias=False)
        self.conv1 = nn.Conv1d(_BINS, 128, 3, padding=1)
        self.conv2 = nn.Conv1d(128, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv1d(64, 64, 3, stride=2, padding=1)
        self.conv4 = nn.Conv1d(64, 128, 3, padding=1)
        self.lstm = nn.LSTM(128, 128)
        self.final_conv = nn.Conv1d(128, 1, 1)

    def forward(
        self, frames: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor] | None
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        """Frames with their context [T, 64 + 512] → speech probabilities [T], state."""
        x = nn.functional.pad(frames, (0, _PAD), mode="reflect").unsqueeze(1)
        x = self.stft_conv(x)  # [T, 258, 4]
        x = (x[:, :_BINS] ** 2 + x[:, _BINS:] ** 2).sqrt()
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = layer(x).relu()
        x, state = self.lstm(x.squeeze(-1), state)  # [T, 128]: one sequence, unbatched
        x = self.final_conv(x.relu().unsqueeze(-1))
        return x.sigmoid().flatten(), state


@lru_cache(maxsize=1)
def load_silero() -> SileroNetwork:
    """The network with the weights that the package silero-vad carries; loaded once.

    Raises LasError where the package is not installed.
    """
    from safetensors.torch import load_file

    package = importlib.util.find_spec("silero_vad")  # finds it without running its code
    folders = package.submodule_search_locations if package else None
    weights = Path(next(iter(folders))) / "data" / "silero_vad_16k.safetensors" if folders else None
    if weights is None or not weights.is_file():
        raise LasError(
            "silero-vad 6 or newer, which finds the speech in long recordings, is not installed; "
            "run `pip install 'silero-vad>=6'` or cut by loudness alone."
        )
    tensors = load_file(weights)
    renamed = {
        name.replace("lstm_cell.", "lstm.")
        + ("_l0" if name.startswith("lstm_cell.") else ""): value
        for name, value in tensors.items()
    }
    network = SileroNetwork()
    network.load_state_dict(renamed)
    return network.eval().requires_grad_(False)


class LevelTracker:
    """Follows how loud the speech in a recording is, and gives the gain that makes it usual."""

    TARGET = 10 ** (-22 / 20)  # RMS of loud frames in ordinary recordings, where silero is sure
    LARGEST_GAIN = 10 ** (50 / 20)
    SILENCE = 10 ** (-80 / 20)  # below this nothing is amplified: there is only the hiss of 16 bits
    FADE = 10 ** (-0.5 / 20)  # a second: so much the remembered level falls

    def __init__(self) -> None:
        self._level = 0.0

    def gain(self, samples: torch.Tensor) -> float:
        """The factor for the next `samples` [S]; the loud frames of block and past count."""
        if samples.numel() == 0:
            return 1.0
        width = min(FRAME, samples.numel())
        frames = samples[: samples.numel() // width * width].view(-1, width)
        loud = float(frames.square().mean(dim=1).sqrt().quantile(0.9))
        seconds = samples.numel() / SAMPLE_RATE
        self._level = max(loud, self._level * self.FADE**seconds)
        if self._level < self.SILENCE:
            return 1.0
        return min(self.LARGEST_GAIN, self.TARGET / self._level)


class VoiceActivity:
    """Speech probabilities of one recording, block by block; the state goes on between blocks."""

    def __init__(self) -> None:
        self._network = load_silero()
        self._state: tuple[torch.Tensor, torch.Tensor] | None = None
        self._context = torch.zeros(_CONTEXT)
        self._rest = torch.zeros(0)
        self._levels = LevelTracker()

    def push(self, samples: torch.Tensor) -> torch.Tensor:
        """Samples [S] at 16 kHz → probabilities [T] of the whole frames that they complete."""
        samples = torch.cat([self._rest, samples * self._levels.gain(samples)])
        count = samples.numel() // FRAME
        self._rest = samples[count * FRAME :].clone()
        if count == 0:
            return torch.zeros(0)
        return self._run(samples[: count * FRAME])

    def finish(self) -> torch.Tensor:
        """Probability [0 or 1] of the last, incomplete frame."""
        if self._rest.numel() == 0:
            return torch.zeros(0)
        last = nn.functional.pad(self._rest, (0, FRAME - self._rest.numel()))
        self._rest = torch.zeros(0)
        return self._run(last)

    def _run(self, samples: torch.Tensor) -> torch.Tensor:
        joined = torch.cat([self._context, samples])
        frames = joined.unfold(0, _CONTEXT + FRAME, FRAME)  # [T, 576]
        self._context = samples[-_CONTEXT:].clone()
        with torch.inference_mode():
            probabilities, self._state = self._network(frames, self._state)
        return probabilities


def loudness(samples: torch.Tensor) -> torch.Tensor:
    """Mean power in dB of every whole frame of 32 ms, [S] → [T]; the last may be shorter."""
    if samples.numel() == 0:
        return torch.zeros(0)
    padded = nn.functional.pad(samples, (0, -samples.numel() % FRAME))
    power = padded.view(-1, FRAME).square().mean(dim=1)
    return 10 * torch.log10(power + 10 ** (-100 / 10))


def is_silent(samples: torch.Tensor) -> bool:
    """True where no sample is above -90 dBFS: below that 16 bits hold nothing."""
    return samples.numel() == 0 or float(samples.abs().max()) < math.pow(10, -90 / 20)
