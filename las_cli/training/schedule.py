"""How much of the budget is used in; learning rate, CTC weight and sampling share out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from las_cli.training.hyperparameters import TrainingConfig

FLOOR = 0.02  # of the peak learning rate, where the cosine ends


@dataclass
class Progress:
    """How far a training has come; saved with every checkpoint."""

    step: int = 0  # updates done
    epoch: int = 0  # passes over the training split done
    batch: int = 0  # updates done of the current pass
    seconds: float = 0.0  # sound heard
    minutes: float = 0.0  # spent training, all resumed parts
    rate_scale: float = 1.0  # of the learning rate, lowered on a plateau
    best: float = math.inf  # lowest dev LER
    since_best: int = 0  # validations since
    since_scale: int = 0  # validations since the learning rate was last lowered, or best
    alone: bool = False  # this pass goes without the corpora that have a share
    done: bool = False  # the budget is used up

    def told(self) -> dict[str, float]:
        """What a model's facts say of it."""
        return {
            "step": self.step,
            "hours_heard": round(self.seconds / 3600, 2),
            "minutes_trained": round(self.minutes, 1),
        }


def used(config: TrainingConfig, progress: Progress, epoch_seconds: float) -> float:
    """Share of the budget used, 0 … 1: the highest of epochs, steps and minutes.

    epoch_seconds: sound in one pass over the training split
    """
    shares = [0.0]
    if config.epochs is not None and epoch_seconds > 0:
        heard = (progress.seconds / epoch_seconds) if progress.seconds else 0.0
        # Whole passes count exactly; sound heard varies a little with the speed perturbation.
        whole = progress.epoch / config.epochs
        shares.append(min(max(heard / config.epochs, whole), whole + 1 / config.epochs))
    if config.max_steps is not None:
        shares.append(progress.step / config.max_steps)
    if config.max_minutes is not None:
        shares.append(progress.minutes / config.max_minutes)
    return min(1.0, max(shares))


def finished(config: TrainingConfig, progress: Progress) -> str:
    """Why training is over, or an empty string."""
    if config.epochs is not None and progress.epoch >= config.epochs:
        return f"{config.epochs} epochs done"
    if config.max_steps is not None and progress.step >= config.max_steps:
        return f"{config.max_steps} steps done"
    if config.max_minutes is not None and progress.minutes >= config.max_minutes:
        return f"{config.max_minutes:g} minutes used"
    if config.early_stop and progress.since_best >= config.early_stop:
        return f"no better dev LER in {progress.since_best} validations"
    return ""


def learning_rate(config: TrainingConfig, progress: Progress, share: float) -> float:
    """Linear warm-up, then cosine down to `FLOOR`, or steps down on plateaus."""
    warm = min(1.0, (progress.step + 1) / max(1, config.warmup_steps))
    if config.schedule == "plateau":
        return config.learning_rate * warm * progress.rate_scale
    cosine = FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * share))
    return config.learning_rate * warm * cosine


def between(first: float, last: float, share: float) -> float:
    """From `first` to `last` as `share` goes from 0 to 1."""
    return first + (last - first) * min(1.0, max(0.0, share))


def ctc_weight(config: TrainingConfig, share: float) -> float:
    """`ctc_early`, then linearly to `ctc_late` within `ctc_switch`."""
    start, end = config.ctc_switch
    place = (share - start) / (end - start) if end > start else float(share >= start)
    return between(config.ctc_early, config.ctc_late, place)


def guide_weight(config: TrainingConfig, share: float) -> float:
    """`guide`, going down to 0 at `guide_until`."""
    return between(config.guide, 0.0, share / config.guide_until) if config.guide_until else 0.0


def sampling_share(config: TrainingConfig, share: float) -> float:
    """Share of letters the speller takes from itself, growing over the training."""
    return between(config.sampling[0], config.sampling[1], share)
