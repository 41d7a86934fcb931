"""`las train`: a corpus in, a run folder with a model out."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from las_cli.cli.common_options import processes_option, quiet_option
from las_cli.cli.grouped import GroupedCommand
from las_cli.cli.interruption import Interruption
from las_cli.cli.training_settings import RARE, chosen_settings, training_settings
from las_cli.errors import UsageError
from las_cli.network.config import PRESETS

if TYPE_CHECKING:
    from las_cli.training.plan import Plan

GROUPS = {
    "Corpus and run": (
        "data", "output", "split", "dev_split", "shares_until", "resume", "overwrite", "init",
        "dry_run",
    ),
    "Network and letters": (
        "preset", "network_file", "units", "wordpieces", "case", "punctuation", "digits",
        "language", "dropout",
    ),
    "Budget": ("epochs", "max_steps", "max_minutes", "early_stop"),
    "Batches and optimiser": (
        "batch_seconds", "max_seconds", "learning_rate", "warmup_steps", "schedule", "set_",
    ),
    "Teacher and augmentation": (
        "teacher", "spec_augment", "warp", "speeds", "quiet_edges", "rooms", "noise",
        "noise_share", "telephone",
    ),
    "Keeping and showing": (
        "dev_by", "validate_minutes", "checkpoint_minutes", "tensorboard", "quiet",
    ),
    "Machine": ("processes", "workers", "device", "precision", "seed"),
    "Rarer settings, for --set": tuple(RARE),
}  # fmt: skip
EXAMPLES = (
    (
        "las train --data cv-corpus/en --output runs/en --processes 2",
        "A Common Voice folder, both cores of a small machine, overnight.",
    ),
    ("las train --output runs/en --resume", "Go on after an interruption."),
    (
        "las train --data cv-corpus/cy --output runs/cy --preset small --max-minutes 60",
        "A small network in an hour.",
    ),
    ("las train --data my/ --output runs/my --init en", "Start from the model that ships."),
    (
        "torchrun --nnodes 4 --nproc-per-node 8 … -m las_cli train --data … --output …",
        "GPUs of many machines.",
    ),
    ("las train --data my/ --output runs/my --set ema=0.99 --set keep_best=9", "Rarer settings."),
    ("las transcribe a.wav --model runs/en", "The run folder is a model at once."),
)


@click.command(cls=GroupedCommand, groups=GROUPS, examples=EXAMPLES)
@click.option(
    "--data",
    multiple=True,
    metavar="FOLDER[=SHARE]",
    help="Corpus folder, or what `las prepare` wrote; give several, each with its share of the "
    "sound in an update, or without: then what is left is shared by size.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Run folder.",
)
@click.option("--split", default="train", show_default=True, help="Split to train on.")
@click.option("--dev-split", default="dev", show_default=True, help="Split to validate on.")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint in --output.")
@click.option("--overwrite", is_flag=True, help="Start afresh in a folder that holds a training.")
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    default="base",
    show_default=True,
    help="Size of the network.",
)
@click.option(
    "--network",
    "network_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="JSON with a network of your own, in place of a preset.",
)
@click.option("--init", default="", help="Start from this model: a shipped name or a folder.")
@click.option(
    "--units", type=click.Choice(["letters", "wordpieces"]), default="letters", show_default=True
)
@click.option(
    "--wordpieces", default=200, show_default=True, help="How many, with --units wordpieces."
)
@click.option(
    "--case",
    type=click.Choice(["lower", "upper", "keep"]),
    default="lower",
    show_default=True,
    help="Case of the letters learned.",
)
@click.option(
    "--punctuation", type=click.Choice(["drop", "keep"]), default="drop", show_default=True
)
@click.option(
    "--digits",
    type=click.Choice(["reject", "keep"]),
    default="reject",
    show_default=True,
    help="Clips whose text has digits: leave out, or learn digits as letters.",
)
@click.option(
    "--language",
    default="",
    metavar="CODE",
    help="In tr and az I is lowered to ı.  [default: what the corpus says]",
)
@click.option("--dropout", type=float, help="Listener and speller.  [default: the preset's]")
@training_settings
@processes_option(
    default=1,
    show_default=True,
    help="Train with N processes on this machine; on CPUs one a core is fastest.",
)
@click.option(
    "--dry-run", is_flag=True, help="Two batches through everything, an estimate, then stop."
)
@quiet_option("Warnings only.")
def command(
    data: tuple[str, ...],
    output: Path,
    split: str,
    dev_split: str,
    resume: bool,
    overwrite: bool,
    preset: str,
    network_file: Path | None,
    init: str,
    units: str,
    wordpieces: int,
    case: str,
    punctuation: str,
    digits: str,
    language: str,
    dropout: float | None,
    processes: int,
    dry_run: bool,
    quiet: bool,
    set_: tuple[str, ...],
    **options: Any,
) -> None:
    """Train a recogniser on a corpus, or go on with a training.

    --data is a Common Voice folder (clips/, train.tsv, dev.tsv …), a LibriSpeech folder, any
    other corpus `las prepare` reads, or what it wrote. Training validates after each epoch,
    keeps the best model in --output and can be stopped (Ctrl-C) and resumed at any time. While it
    runs no other training can be started in that folder.
    """
    changes = chosen_settings(options, set_)
    if resume and (overwrite or dry_run):
        raise UsageError("--resume goes on with a training: without --overwrite and --dry-run")
    if not resume and not data:
        raise UsageError("--data is missing: which corpus to train on (or --resume)")
    if given("wordpieces") and units != "wordpieces":
        raise UsageError(f"--wordpieces {wordpieces}: of use only with --units wordpieces")
    if processes > 1 and "RANK" not in os.environ:
        from las_cli.training.launcher import launch

        sys.exit(launch(processes, [sys.executable, "-m", "las_cli", *sys.argv[1:]]))
    from las_cli.training.launcher import end_with_launcher

    end_with_launcher(Interruption.ask)  # from now on: reading a corpus takes minutes
    from las_cli.training import setup
    from las_cli.training.processes import together

    with together(output):
        if resume:
            teacher = changes.pop("teacher", None)
            trainer = setup.resume(output, changes, asked_again(data, teacher), quiet=quiet)
        else:
            plan = make_plan(
                data, split, dev_split, preset, network_file, init, wordpieces, units, dropout,
                changes,
                {"case": case, "punctuation": punctuation, "digits": digits, "language": language},
            )  # fmt: skip
            if dry_run:
                if measured := setup.rehearse(plan):
                    click.echo(measured)
                return
            trainer = setup.start(plan, output, overwrite=overwrite, quiet=quiet)
        stopping = Interruption()
        with trainer.run:
            trainer.train(stopping)
        trainer.processes.leave()


def make_plan(
    data: tuple[str, ...],
    split: str,
    dev_split: str,
    preset: str,
    network_file: Path | None,
    init: str,
    wordpieces: int,
    units: str,
    dropout: float | None,
    changes: dict[str, Any],
    text: dict[str, str],
) -> Plan:
    """What was asked for; network and text rules of --init where none were asked for."""
    from las_cli.files import read_json
    from las_cli.network.config import PRESETS, LASConfig
    from las_cli.saved_model.folder import network_config, text_policy
    from las_cli.saved_model.names import CONFIG
    from las_cli.sharing.find import find_model
    from las_cli.text import TextPolicy
    from las_cli.training.hyperparameters import TrainingConfig
    from las_cli.training.mixture import parse_data
    from las_cli.training.plan import Plan

    network, policy = PRESETS[preset], TextPolicy(**text)
    if network_file is not None:
        network, preset = LASConfig.from_json(read_json(network_file)), network_file.name
    elif init and not given("preset"):
        path = find_model(init) / CONFIG
        network, preset = network_config(read_json(path), path), init
    if init and not any(given(name) for name in text):
        policy = text_policy(read_json(find_model(init) / CONFIG))
    if dropout is not None:
        network = replace(
            network,
            listener=replace(network.listener, dropout=dropout),
            speller=replace(network.speller, dropout=dropout),
        )
    budgets = ("epochs", "max_steps", "max_minutes")
    if any(name in changes for name in budgets):
        changes = dict.fromkeys(budgets) | changes
    folders, shares = parse_data(data)
    return Plan(
        data=folders,
        split=split,
        dev_split=dev_split,
        network=network,
        training=replace(TrainingConfig(), **changes),
        text=policy,
        preset=preset,
        wordpieces=wordpieces if units == "wordpieces" else 0,
        init=init,
        shares=shares,
    )


def given(name: str) -> bool:
    """Whether the user gave the option `name`, rather than leaving it at its default."""
    source = click.get_current_context().get_parameter_source(name)
    return source is not None and source is not ParameterSource.DEFAULT


def asked_again(data: tuple[str, ...], teacher: tuple[str, ...] | None) -> dict[str, Any]:
    """Options given beside --resume that a training cannot change, under `Plan.fixed`'s names."""
    from las_cli.files import read_json
    from las_cli.network.config import LASConfig
    from las_cli.training.mixture import parse_data

    parameters = click.get_current_context().params
    names = ("split", "dev_split", "preset", "init", "units", "wordpieces", "case", "punctuation",
             "digits", "language", "dropout")  # fmt: skip
    asked = {name.replace("_", "-"): parameters[name] for name in names if given(name)}
    if given("network_file"):
        asked["network"] = parameters["network_file"].name
        asked["network_config"] = LASConfig.from_json(read_json(parameters["network_file"]))
    if teacher is not None:
        asked["teacher"] = list(teacher)
    if data:
        asked["data"], asked["shares"] = parse_data(data)
    return asked
