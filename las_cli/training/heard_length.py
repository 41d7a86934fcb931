"""How long a clip will be when it is heard, before anything of it is read.

Speed and quiet edges are the first that a clip's draw decides, so the sampler can look ahead.
"""

from __future__ import annotations

import random

from las_cli.audio.analysis import SAMPLE_RATE
from las_cli.audio.augmentation import QuietEdges
from las_cli.training.hyperparameters import TrainingConfig


def clip_key(seed: int, epoch: int, id: str) -> str:
    """What a clip's draw hangs on, and nothing else: a resumed run hears the same sound."""
    return f"{seed} {epoch} {id}"


def jittered_seconds(config: TrainingConfig, id: str, seconds: float) -> float:
    """A clip's length, more or less: clips of one corpus are alike, the jitter mixes them."""
    return seconds * random.Random(f"{config.seed} {id}").uniform(0.7, 1.4)


def heard_seconds(config: TrainingConfig, epoch: int, id: str, seconds: float) -> float:
    """Seconds that a clip of `seconds` lasts in this pass, with its speed and its quiet edges."""
    draw = random.Random(clip_key(config.seed, epoch, id))
    heard = seconds / draw.choice(config.speeds)
    if config.quiet_edges:
        samples = round(heard * SAMPLE_RATE)
        edges = QuietEdges(config.quiet_edges).sizes(samples, draw) or (0, 0)
        heard = (samples + sum(edges)) / SAMPLE_RATE
    return heard
