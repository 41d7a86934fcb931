"""How sound is analysed, as numbers: the rate that every model hears, the log-mel settings."""

from __future__ import annotations

from dataclasses import dataclass

SAMPLE_RATE = 16_000  # Hz, what every model hears


@dataclass(frozen=True)
class FeatureConfig:
    """Log-mel analysis."""

    sample_rate: int = SAMPLE_RATE  # Hz
    mels: int = 80  # D, mel bands
    window_seconds: float = 0.025
    hop_seconds: float = 0.010
    low_hz: float = 20.0
    high_hz: float = 7600.0
    # Frames this far below the utterance's mean power do not count in the normalisation, so that
    # a recording is heard alike with and without silence around the speech. 0: all frames count.
    quiet_db: float = 0.0

    @property
    def hop(self) -> int:
        """Samples from one frame to the next."""
        return round(self.hop_seconds * self.sample_rate)
