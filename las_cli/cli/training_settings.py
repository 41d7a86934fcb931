"""The settings of a training as options of `las train`: types and defaults from TrainingConfig."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from las_cli.cli.grouped import ListedSetting
from las_cli.errors import UsageError
from las_cli.training.hyperparameters import (
    SETTINGS,
    TrainingConfig,
    parse_setting,
    parse_value,
    setting_text,
)

_FOLDERS = click.Path(path_type=Path, file_okay=False)

# Set by `--set name=value`, and by an option of the same name that no help shows.
RARE = {
    "accumulate": "Batches an update.",
    "anchor": "Pull towards the weights of --init, a share of the distance a rate.",
    "bad_steps": "Updates in a row without a finite gradient before training stops.",
    "buckets": "Of clips of similar length, from which batches are drawn.",
    "clip": "Largest norm of a gradient.",
    "ctc_early": "Weight of the CTC loss at first.",
    "ctc_late": "And later.",
    "ctc_switch": "Shares of the budget between which it goes from one to the other.",
    "dev_minutes": "Sound of the dev split used, at most.",
    "ema": "Decay of the moving average of the weights; 0 for none.",
    "guide": "Weight at first of CTC's lead over attention.",
    "guide_below": "CTC loss, nats a letter, from which on CTC is trusted to lead.",
    "guide_until": "Share of the budget by which that lead ends.",
    "keep_best": "Checkpoints kept by dev LER.",
    "keep_last": "Newest checkpoints kept.",
    "label_smoothing": "Share of the target spread over all letters.",
    "log_seconds": "Between rows of metrics.jsonl; 0: a row an update.",
    "min_seconds": "Shortest clip trained on.",
    "moves": "Weights that are trained: all, listener, or norms, its scales and biases alone.",
    "noise_snr": "Range of signal-to-noise ratios in dB.",
    "plateau_patience": "Validations without a better LER before the rate is halved.",
    "sampling": "Share of letters the speller takes from itself (scheduled sampling), first and "
    "last.",
    "short_first": "First epoch from short to long.",
    "teacher_weight": "Weight of the distance from the --teacher's states.",
    "validate_steps": "Updates between validations, in place of each epoch; 0: each epoch.",
    "weight_decay": "Of AdamW.",
}


def setting(name: str, help: str = "", *, default: str = "", **more: Any) -> Callable[..., Any]:
    """An option for the field `name` of TrainingConfig, None where it is not given.

    default: what the help says of it; empty: the default of the field
    more: as click.option takes it; without a type there, the field has it
    """
    kind = SETTINGS[name]
    flag = "--" + name.replace("_", "-")
    if kind is bool:
        yes = getattr(TrainingConfig, name)
        more |= {"is_flag": True, "default": None}
        flag = f"{flag}/--no-{flag[2:]}" if yes else flag
    elif kind == tuple[str, ...]:
        more |= {"multiple": True, "type": _FOLDERS}
    elif "type" not in more and "float" in str(kind) and kind != tuple[float, ...]:
        more["type"] = float
    elif "type" not in more and "int" in str(kind):
        more["type"] = int
    if name in RARE:
        shown_as = f"{name}={setting_text(getattr(TrainingConfig, name))}"
        return click.option(
            flag, name, help=RARE[name], cls=ListedSetting, shown_as=shown_as, **more
        )
    if not default and kind is not bool and kind != tuple[str, ...]:
        default = setting_text(getattr(TrainingConfig, name))
    if default:
        help = f"{help}  [default: {default}]".strip()
    return click.option(flag, name, help=help, **more)


SHOWN = (
    setting(
        "shares_until",
        "Share of the budget after which only corpora without a share are heard.",
    ),
    setting(
        "epochs",
        "Passes over the training split.",
        default=f"{TrainingConfig.epochs} if no budget is given",
        type=click.IntRange(1),
    ),
    setting("max_steps", "Updates.", default="no limit"),
    setting(
        "max_minutes",
        "Minutes of training; the schedule ends within them.",
        default="no limit",
    ),
    setting(
        "batch_seconds", "Sound in a batch of one process; small ones learn faster at first."
    ),
    setting("max_seconds", "Longest clip trained on."),
    setting("learning_rate", "Peak."),
    setting("warmup_steps", "Updates until the peak."),
    setting("schedule", type=click.Choice(["cosine", "plateau"])),
    setting(
        "teacher",
        "Folder of the states that a strong recogniser had for the training clips; the listener "
        "is led to them.",
    ),
    setting("spec_augment", "Strength of the masks, 0 for none."),
    setting("warp", "Formants move by up to this share (vocal tract length), 0.1 say."),
    setting("speeds", "Speed factors, separated by commas."),
    setting(
        "quiet_edges", "Quiet put on each side of half the clips, at most.", metavar="SECONDS"
    ),
    setting("rooms", "Share of clips heard in a simulated room."),
    setting("noise", "Folder of noise to mix in; several weigh alike."),
    setting("noise_share", "Share of clips with noise."),
    setting("telephone", "Share of clips in a narrow band: 8 kHz, G.711 or GSM coding."),
    setting(
        "dev_by",
        "Measure dev by the groups of this column (corpus, accent …) and choose the best model by "
        "their mean; beside them as many training clips, to see what is only remembered.",
        default="one group",
        metavar="COLUMN",
    ),
    setting(
        "validate_minutes",
        "Validate this often, beside the end of an epoch.",
        default="only then",
    ),
    setting("checkpoint_minutes", "Save the state this often, beside each validation."),
    setting("early_stop", "Validations without a better LER before stopping.", default="never"),
    setting("tensorboard", "Also write TensorBoard events."),
    setting("workers", "Processes that read sound.", type=click.IntRange(0)),
    setting("seed"),
    setting("device", "auto, cuda, mps or cpu."),
    setting("precision", type=click.Choice(["auto", "float32", "bf16", "float16"])),
)


def training_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """All fields of TrainingConfig as options, and `--set`, under the name `set_`."""
    rarest = (setting(name) for name in RARE)
    by_name = click.option(
        "--set",
        "set_",
        multiple=True,
        metavar="NAME=VALUE",
        help="A rarer setting, of those listed below (any other can be set so too); repeatable.",
    )
    for option in reversed((*SHOWN, by_name, *rarest)):
        command = option(command)
    return command


def chosen_settings(given: Mapping[str, Any], assigned: tuple[str, ...]) -> dict[str, Any]:
    """What was given by options and by `--set`, under the names and types of TrainingConfig."""
    chosen = {name: value for name, value in given.items() if value not in (None, ())}
    for name, value in chosen.items():
        if SETTINGS[name] == tuple[float, ...]:
            with _named_as_written():
                chosen[name] = parse_value(name, value)
    for text in assigned:
        try:
            name, value = parse_setting(text)
        except UsageError as error:
            raise UsageError(f"--set {error}") from error
        if name in chosen:
            raise UsageError(f"--set {text}: {name} is given twice; leave one out")
        chosen[name] = value
    _check(chosen)
    for name in ("noise", "teacher"):
        if name in chosen:
            chosen[name] = tuple(str(Path(folder).absolute()) for folder in chosen[name])
    return chosen


def _check(chosen: Mapping[str, Any]) -> None:
    """What the dataclass has against the values; budgets taken away may be left to --resume."""
    with _named_as_written():
        TrainingConfig(**{name: value for name, value in chosen.items() if value is not None})


@contextlib.contextmanager
def _named_as_written() -> Iterator[None]:
    """A UsageError about a field, which it begins with, then names the option in the help."""
    try:
        yield
    except UsageError as error:
        name, _, rest = str(error).partition(" ")
        if name not in SETTINGS:
            raise
        option = f"--set {name}=" if name in RARE else f"--{name.replace('_', '-')} "
        raise UsageError(option + rest) from error
