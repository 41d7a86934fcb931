"""Everything about a training that is not the network: one frozen dataclass, saved as JSON."""

from __future__ import annotations

import dataclasses
import difflib
import math
from dataclasses import dataclass
from typing import Any, get_type_hints

from las_cli.corpus.checks import LONGEST_CLIP, SHORTEST_CLIP
from las_cli.errors import UsageError

MOVES = ("all", "listener", "norms")  # which weights a training may move


@dataclass(frozen=True)
class TrainingConfig:
    """How a model is trained. Budgets: the schedule ends with whichever is used up first."""

    seed: int = 1
    # Budgets; None: no limit of that kind.
    epochs: int | None = 30  # passes over the training split
    max_steps: int | None = None  # updates
    max_minutes: float | None = None  # of training, resumed parts added up
    # Batches
    batch_seconds: float = 100.0  # sound in a micro-batch of one process, at most
    accumulate: int = 1  # micro-batches an update, each process
    min_seconds: float = SHORTEST_CLIP  # shorter clips are left out
    max_seconds: float = LONGEST_CLIP  # longer clips are left out
    short_first: bool = True  # first epoch from short to long
    buckets: int = 20  # of similar length, from which batches are drawn
    shares_until: float = 1.0  # share of the budget after which corpora with a share fall silent
    workers: int = 1  # processes that read sound, each training process
    # Optimiser: AdamW (Loshchilov & Hutter 2019)
    learning_rate: float = 1e-3  # at the peak
    warmup_steps: int = 100  # updates until the peak
    schedule: str = "cosine"  # "cosine" to a fiftieth of the peak, or "plateau": halved on dev LER
    plateau_patience: int = 2  # validations without a better LER before it is halved
    weight_decay: float = 1e-3
    clip: float = 5.0  # largest gradient norm
    ema: float = 0.999  # decay of the moving average of the weights; 0: none
    moves: str = "all"  # weights that are trained: "all", "listener", or "norms", its scales alone
    anchor: float = 0.0  # pull towards the weights it starts from, a share of the distance a rate
    # Losses
    ctc_early: float = 0.5  # weight of the CTC loss at first
    ctc_late: float = 0.3  # and later
    ctc_switch: tuple[float, ...] = (0.2, 0.5)  # share of the budget where it changes, from and to
    guide: float = 0.5  # weight at first of the loss that leads attention to where CTC hears
    guide_until: float = 0.7  # share of the budget by which it has gone down to 0
    guide_below: float = 2.3  # CTC loss, nats a letter, from which on CTC is trusted to lead
    label_smoothing: float = 0.1
    teacher: tuple[str, ...] = ()  # folders of a recogniser's states, to which the listener is led
    teacher_weight: float = 1.0  # of its distance from them, summed over steps
    sampling: tuple[float, ...] = (0.1, 0.5)  # own letters fed back, first and last
    # Augmentation
    spec_augment: float = 1.0  # strength of the masks, 0: off
    speeds: tuple[float, ...] = (0.9, 1.0, 1.1)  # of the sound, drawn for each clip and epoch
    warp: float = 0.0  # of the frequencies of an utterance: factors from 1 − warp to 1 + warp
    quiet_edges: float = 0.0  # seconds put on each side of half the clips, at most
    rooms: float = 0.0  # share of clips heard in a simulated room
    noise: tuple[str, ...] = ()  # folders of noise recordings, mixed in; they weigh alike
    noise_share: float = 0.5  # of the clips
    noise_snr: tuple[float, ...] = (5.0, 30.0)  # dB, drawn evenly
    telephone: float = 0.0  # share of clips sent over a narrow band
    # Hardware
    device: str = "auto"
    precision: str = "auto"
    # Keeping
    validate_minutes: float = 0.0  # validate this often, beside the end of each epoch; 0: only then
    validate_steps: int = 0  # validate after so many updates in place of each epoch; 0: each epoch
    checkpoint_minutes: float = 10.0  # save the state this often, beside each validation
    keep_best: int = 5  # checkpoints by dev LER
    keep_last: int = 5  # newest checkpoints
    early_stop: int = 0  # validations without a better LER before training ends; 0: never
    dev_minutes: float = 60.0  # sound of the dev split used, at most
    dev_by: str = ""  # column whose groups are measured apart; the best model has their best mean
    bad_steps: int = 10  # non-finite updates in a row before training stops
    log_seconds: float = 5.0  # between rows of metrics.jsonl; 0: every update
    tensorboard: bool = False  # events for TensorBoard beside metrics.jsonl

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            numbers = value if isinstance(value, tuple) else (value,)
            # JSON has no infinity: such a run could not be resumed.
            if any(isinstance(one, float) and not math.isfinite(one) for one in numbers):
                raise UsageError(f"{name} {setting_text(value)}: must be a finite number")
        for name in ("epochs", "max_steps", "max_minutes"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UsageError(f"{name} {value}: must be above 0")
        if self.epochs is None and self.max_steps is None and self.max_minutes is None:
            raise UsageError("a training needs a budget: --epochs, --max-steps or --max-minutes")
        positive = (
            "batch_seconds",
            "accumulate",
            "learning_rate",
            "clip",
            "max_seconds",
            "buckets",
            "bad_steps",
            "dev_minutes",
            "keep_best",
            "keep_last",
        )
        for name in positive:
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} {getattr(self, name)}: must be above 0")
        not_negative = (
            "warmup_steps",
            "weight_decay",
            "spec_augment",
            "teacher_weight",
            "validate_minutes",
            "validate_steps",
            "anchor",
            "checkpoint_minutes",
            "early_stop",
            "log_seconds",
            "min_seconds",
            "guide_below",
            "plateau_patience",
            "workers",
        )
        for name in not_negative:
            if getattr(self, name) < 0:
                raise UsageError(f"{name} {getattr(self, name)}: must not be negative")
        shares = (
            "ctc_early",
            "ctc_late",
            "label_smoothing",
            "guide",
            "guide_until",
            "ema",
            "noise_share",
            "rooms",
            "telephone",
            "shares_until",
        )
        for name in shares:
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} {getattr(self, name)}: must be between 0 and 1")
        if not 0 <= self.quiet_edges <= 5:
            raise UsageError(f"quiet_edges {self.quiet_edges}: choose 0 to 5 seconds")
        if not 0 <= self.warp <= 0.3:
            raise UsageError(f"warp {self.warp}: choose 0 to 0.3")
        if len(self.sampling) != 2 or not all(0 <= one <= 1 for one in self.sampling):
            raise UsageError(f"sampling {self.sampling}: two shares from 0 to 1, first and last")
        if len(self.ctc_switch) != 2 or not 0 <= self.ctc_switch[0] <= self.ctc_switch[1] <= 1:
            shares_given = setting_text(self.ctc_switch)
            raise UsageError(f"ctc_switch {shares_given}: two rising shares from 0 to 1")
        if not 1 <= len(self.noise_snr) <= 2:
            raise UsageError(f"noise_snr {self.noise_snr}: one ratio in dB, or lowest and highest")
        if self.moves not in MOVES:
            raise UsageError(f"moves {self.moves!r}: {', '.join(MOVES)}")
        if self.schedule not in ("cosine", "plateau"):
            raise UsageError(f"schedule {self.schedule!r}: cosine or plateau")
        if not self.speeds or not all(0.5 <= speed <= 2 for speed in self.speeds):
            raise UsageError(f"speeds {self.speeds}: factors from 0.5 to 2")

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


SETTINGS: dict[str, Any] = get_type_hints(TrainingConfig)  # name of a field → its type
_EXPECTED = {
    int: "a whole number",
    float: "a number",
    bool: "yes or no",
    int | None: "a whole number, or none",
    float | None: "a number, or none",
    tuple[float, ...]: "numbers separated by commas",
}
_YES_NO = {"yes": True, "true": True, "no": False, "false": False}


def setting_text(value: Any) -> str:
    """A value of TrainingConfig as `parse_value` reads it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(setting_text(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def parse_setting(text: str) -> tuple[str, Any]:
    """`name=value` in, the name of a field of TrainingConfig and its value out, or a UsageError."""
    name, equals, value = text.partition("=")
    name = name.strip().replace("-", "_")
    if name not in SETTINGS:
        near = difflib.get_close_matches(name, SETTINGS, cutoff=0.5)
        like = f"; near it: {', '.join(near)}" if near else ""
        raise UsageError(f"{name}: no setting of a training has this name{like}")
    if not equals:
        raise UsageError(f"{text}: expected {name}=VALUE")
    return name, parse_value(name, value.strip())


def parse_value(name: str, text: str) -> Any:
    """What `text` says for the field `name`, in its type; UsageError if it cannot."""
    kind = SETTINGS[name]
    try:
        if kind is bool:
            return _YES_NO[text.lower()]
        if kind == tuple[float, ...]:
            return tuple(float(part) for part in text.split(","))
        if kind == tuple[str, ...]:
            return tuple(text.split(","))
        if kind in (int | None, float | None):
            if text.lower() == "none":
                return None
            return int(text) if kind == int | None else float(text)
        return kind(text)
    except (KeyError, ValueError) as error:
        raise UsageError(f"{name} {text}: expected {_EXPECTED[kind]}") from error
