"""`las benchmark hotwords`: a model, a split and a text in; what expecting words gains out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from las_cli.cli.common_options import clips_option
from las_cli.cli.search_options import search_options

if TYPE_CHECKING:
    from rich.table import Table

    from las_cli.benchmark.hotword_rates import HotwordTrial


@click.command("hotwords")
@click.option("--model", "-m", default="en", show_default=True, help="Shipped name or folder.")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Corpus folder.")
@click.option("--split", default="dev", show_default=True, help="Split to recognise.")
@clips_option()
@click.option(
    "--text",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Text that says which words are common.  [default: the train split of --data]",
)
@click.option(
    "--distractors",
    default="100,1000,2000",
    show_default=True,
    help="Words in the list that are not spoken, a row of the table each.",
)
@click.option(
    "--hotword-weight",
    type=float,
    help="Bonus of a hotword, nats a letter.  "
    "[default: 0.5; none where a language model of letters expects it]",
)
@search_options
def command(
    model: str,
    data: Path,
    split: str,
    clips: int | None,
    text: tuple[Path, ...],
    distractors: str,
    **given: Any,
) -> None:
    """Expect the rare words of a split, and see which errors that takes away and which it makes.

    The measure of Le et al. 2021: the hotwords are the words of the references outside the 5,000
    most frequent of a text, mixed with other rare words of it, which nobody says. B-WER is the
    error rate of the words of the list, U-WER that of all others. The clips are heard once; the
    last column is the time of the search alone, against that without a list.
    """
    from rich.console import Console

    from las_cli.benchmark.hotword_rates import measure_hotwords, word_counts
    from las_cli.corpus import load_corpus, spread_cuts
    from las_cli.evaluation.tuning import hear
    from las_cli.language.text import read_lines
    from las_cli.recogniser import load_recogniser

    numbers = parse_distractors(distractors)
    recogniser = load_recogniser(model, **given)
    corpus = load_corpus(data)
    cuts = spread_cuts(list(corpus.cuts(split)), clips)
    lines = read_lines(text) if text else corpus.texts("train")
    counts = word_counts(lines, recogniser.loaded.policy)
    console = Console(stderr=True)
    console.print(f"listening to {len(cuts)} clips", highlight=False)
    batched = hear(
        recogniser, cuts, unread=lambda error: click.echo(f"las: {error}", err=True)
    )
    trials = measure_hotwords(
        recogniser, batched, counts, numbers,
        report=lambda trial: console.print(f"{title(trial)} done", highlight=False),
    )  # fmt: skip
    Console(width=None if sys.stdout.isatty() else 110).print(hotword_table(trials))


def parse_distractors(given: str) -> list[int]:
    """`100,1000` → [100, 1000]; UsageError for anything else."""
    from las_cli.errors import UsageError

    try:
        numbers = [int(part) for part in given.split(",")]
    except ValueError:
        numbers = [-1]
    if min(numbers) < 0:
        raise UsageError(f"--distractors {given}: expected numbers parted by commas, as 100,1000")
    return numbers


def title(trial: HotwordTrial) -> str:
    """What a row is called."""
    if trial.distractors is None:
        return "no hotwords"
    return f"{trial.distractors:,} distractors"


def hotword_table(trials: list[HotwordTrial]) -> Table:
    """A row a list: WER, B-WER, U-WER, recall and what of the missed words is found, time."""
    from rich import box
    from rich.table import Table

    from las_cli.scoring.rows import percent

    plain = trials[0].counts
    table = Table(
        box=box.SIMPLE_HEAD,
        caption=f"{plain.spoken} spoken words of the list, {plain.other_spoken} others · "
        "found: share of the words missed without a list",
        caption_justify="left",
    )
    table.add_column("", no_wrap=True)
    for name in ("WER", "B-WER", "U-WER", "recall", "found", "search time"):
        table.add_column(name, justify="right", no_wrap=True)
    for trial in trials:
        counts = trial.counts
        missed = plain.spoken - plain.hits
        found = "" if trial is trials[0] or not missed else percent(
            (counts.hits - plain.hits) / missed
        )  # fmt: skip
        rates = (counts.rate, counts.biased_rate, counts.unbiased_rate, counts.recall)
        table.add_row(
            title(trial),
            *(percent(rate) for rate in rates),
            found,
            f"{trial.seconds:.1f} s",
        )
    return table
