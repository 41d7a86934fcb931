"""`las tune`: a model and a split in; the best search options in the model's config.json out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from las_cli.cli.common_options import clips_option
from las_cli.cli.grouped import GroupedCommand
from las_cli.cli.search_options import MACHINE, SEARCH, search_options
from las_cli.errors import LasError, UsageError

if TYPE_CHECKING:
    from las_cli.evaluation.tuning import Trial
    from las_cli.evaluation.tuning_run import Tuned

GROUPS = {
    "Input": ("model", "data", "split", "clips"),
    "Tuning": ("metric", "beams", "trials", "dry_run"),
    "Where the search starts": SEARCH,
    "Machine": MACHINE,
}
EXAMPLES = (
    ("las tune --model runs/en --data cv-corpus/en", "On the dev split, 300 clips of it."),
    ("las tune --model runs/en --data cv-corpus/en --beams 8 --clips 1000", "Only the weights."),
    ("las tune --model runs/en --data cv-corpus/en --dry-run", "Show, and write nothing."),
    (
        "las tune --model runs/en --data cv-corpus/en --trials tune.jsonl",
        "Started again after an interruption, it goes on.",
    ),
)


@click.command(cls=GroupedCommand, groups=GROUPS, examples=EXAMPLES)
@click.option("--model", "-m", required=True, help="Model folder; its config.json is written.")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Corpus folder.")
@click.option(
    "--split", help="Split to tune on.  [default: dev; of a single table without splits: all]"
)
@clips_option(default=300)
@click.option("--beams", default="4,8,16", show_default=True, help="Beams to try, at the end.")
@click.option(
    "--metric",
    type=click.Choice(["wer", "ler"]),
    default="wer",
    show_default=True,
    help="Word or letter error rate.",
)
@click.option(
    "--trials",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Keep what was searched; a later run takes it from there.",
)
@search_options
@click.option("--dry-run", is_flag=True, help="Show the best options and write nothing.")
def command(
    model: str,
    data: Path,
    split: str | None,
    clips: int,
    beams: str,
    metric: str,
    trials: Path | None,
    dry_run: bool,
    **given: Any,
) -> None:
    """Find the search options and confidences that suit a model, and keep them in its config.json.

    The clips are heard once. A few searches give lists of readings, which all weights of language
    model and CTC and all length bonuses are tried on together; what ranks them best is searched
    with next, until nothing moves; then the beams. A clip that cannot be read is named on standard
    error, the others do without it. Also fits the confidences to how often words
    are right, and prints their calibration error. Tune on a split other than the one whose error
    rate you report.
    """
    widths = parse_beams(beams)
    from las_cli.sharing.cache import is_hub_name

    if is_hub_name(model) and not dry_run:
        raise UsageError(
            f"--model {model}: what lies in the hub's cache stays as the hub has it; "
            "take a copy with `las models export MODEL --to FOLDER`, or add --dry-run"
        )
    from rich.console import Console

    from las_cli.corpus import load_split, spread_cuts
    from las_cli.evaluation.tuning_run import keep_options, tune_recogniser
    from las_cli.files import require_folder
    from las_cli.recogniser import load_recogniser, with_language_model

    recogniser = with_language_model(load_recogniser(model, **given), given["lm"])
    if not dry_run:
        require_folder(recogniser.loaded.folder, advice="take a copy of it, or add --dry-run")
    corpus, chosen = load_split(data, split, "dev")
    cuts = spread_cuts(list(corpus.cuts(chosen)), clips)
    for note in (*corpus.notes, *recogniser.decoder.notes):
        click.echo(f"las: {note}", err=True)
    console = Console(stderr=True)

    def tell(trial: Trial) -> None:
        console.print(f"{options_text(trial.options)}  {metric} {100 * trial.rate:.2f} %",
                      highlight=False)  # fmt: skip

    def tell_unread(error: LasError) -> None:
        console.print(f"las: {error}", markup=False, highlight=False, soft_wrap=True)

    with console.status("") as status:
        tuned = tune_recogniser(
            recogniser,
            cuts,
            widths,
            metric=metric,
            trials=trials,
            stage=status.update,
            report=tell,
            unread=tell_unread,
        )
    show(tuned, metric)
    if not dry_run:
        click.echo(f"written to {keep_options(recogniser, tuned.best.options)}")


def show(tuned: Tuned, metric: str) -> None:
    """A table of before and best, and how far the confidences can be trusted."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("", "options", metric.upper()):
        table.add_column(column)
    for name, trial in (("before", tuned.start), ("best", tuned.best)):
        table.add_row(name, options_text(trial.options), f"{100 * trial.rate:.2f} %")
    Console().print(table)
    calibration = tuned.best.options.calibration
    if calibration.weights:
        click.echo(
            f"confidence: expected calibration error {calibration.error:.3f} a word "
            f"({calibration.plain_error:.3f} of the plain posterior), "
            f"{tuned.fitted.utterance_error:.3f} an utterance"
        )
        parts = [
            f"{name} {error:.3f} ({words} words)"
            for name, (error, words) in tuned.fitted.by_corpus.items()
        ]
        if len(parts) > 1:
            click.echo(f"by corpus: {', '.join(parts)}")
    else:
        click.echo("confidence: left as plain posteriors, there are too few right or wrong words")


def parse_beams(text: str) -> list[int]:
    """Beams separated by commas; UsageError for anything else."""
    from las_cli.decoding.options import MAX_BEAM

    try:
        widths = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise UsageError(f"--beams {text}: numbers separated by commas") from error
    if not all(1 <= width <= MAX_BEAM for width in widths):
        raise UsageError(f"--beams {text}: choose 1 to {MAX_BEAM}")
    return widths


def options_text(options: Any) -> str:
    """One line on what was tried."""
    return (
        f"{options.search} {options.width}, lm {options.lm_weight:g}, "
        f"internal {options.internal_weight:g}, "
        f"ctc {options.ctc_weight:g}, bonus {options.length_bonus:+g}"
    )
