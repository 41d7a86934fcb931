"""How much speech there is in, the training that suits it out."""

from __future__ import annotations

from dataclasses import dataclass

from las_cli.training.hyperparameters import TrainingConfig


@dataclass(frozen=True)
class VoiceSettings:
    """How a model learns a voice; chosen by measurement (docs/adaptation.md)."""

    moves: str = "listener"  # weights that move: "all", "listener" or "norms"
    learning_rate: float = 5e-4  # at the peak
    anchor: float = 20.0  # pull back to the model it came from, a share of the distance a rate
    batch_seconds: float = 30.0  # of sound an update
    passes: float = 8.0  # over the clips, within these bounds
    least_updates: int = 20
    most_updates: int = 500
    share: float = 0.75  # of the way to what was learned that the weights go at the end
    checks: int = 5  # with the full search, evenly over the updates
    early_stop: int = 3  # checks without a better letter error rate
    max_minutes: float | None = None  # of training
    seed: int = 1
    device: str = "auto"
    precision: str = "auto"

    def updates(self, seconds: float) -> int:
        """How many updates `seconds` of training clips are good for."""
        wanted = round(self.passes * seconds / self.batch_seconds)
        return max(self.least_updates, min(self.most_updates, wanted))

    def training(self, seconds: float) -> TrainingConfig:
        """The training of so many seconds of clips: a short one from a good start."""
        updates = self.updates(seconds)
        return TrainingConfig(
            seed=self.seed,
            epochs=None,
            max_steps=updates,
            max_minutes=self.max_minutes,
            batch_seconds=self.batch_seconds,
            short_first=False,
            workers=0,  # a worker takes seconds to start, each pass anew
            learning_rate=self.learning_rate,
            warmup_steps=max(1, updates // 8),
            weight_decay=0.0,  # the pull goes to the model it came from, not to 0
            ema=0.9,
            moves=self.moves,
            anchor=self.anchor,
            ctc_early=0.3,
            guide=0.0,  # attention is aligned
            sampling=(0.3, 0.3),
            spec_augment=0.3,
            speeds=(0.95, 1.0, 1.05),
            device=self.device,
            precision=self.precision,
            validate_steps=max(1, -(-updates // self.checks)),
            checkpoint_minutes=1.0,
            keep_best=1,
            keep_last=2,
            early_stop=self.early_stop,
        )
