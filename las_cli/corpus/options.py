"""How `las prepare` works, as one record."""

from __future__ import annotations

from dataclasses import dataclass, field

from las_cli.corpus.checks import RARE_SHARE, Limits
from las_cli.corpus.shards import SHARD_SIZE
from las_cli.text.normalise import TextPolicy


@dataclass(frozen=True)
class PrepareOptions:
    """How `las prepare` works; the defaults suit Common Voice."""

    policy: TextPolicy = field(default_factory=TextPolicy)  # text rules, for checks only
    limits: Limits = field(default_factory=Limits)  # lengths of training clips
    train_split: str = "train"  # the corpus' own split to train on, e.g. validated
    shared_sentences: str = "auto"  # "drop", "keep", "auto": drop unless half of train goes
    shared_speakers: str = "auto"  # the same
    alphabet: str | None = None  # letters allowed; None: all that train holds
    rare_share: float = RARE_SHARE  # letters rarer than this in train are outside the alphabet
    check_audio: bool = False  # decode every clip
    jobs: int | None = None  # processes; None: one a core, at most 8
    shards: bool = False  # write lhotse Shar too
    shard_size: int = SHARD_SIZE  # clips a shard
