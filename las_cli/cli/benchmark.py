"""`las benchmark`: how fast training, decoding and scoring are on this machine."""

from __future__ import annotations

import click

from las_cli.cli.benchmark_decode import command as decode
from las_cli.cli.benchmark_hotwords import command as hotwords
from las_cli.cli.common_options import processes_option
from las_cli.network.config import PRESETS

_COUNT = click.IntRange(min=1)


@click.group()
def command() -> None:
    """Measure the speed of training and decoding on this machine.

    Figures are seconds of audio per second (× real time). Measure when nothing else runs, and
    compare only figures of one run.
    """


@command.command("train")
@click.option(
    "--preset",
    "presets",
    multiple=True,
    default=["base"],
    show_default=True,
    type=click.Choice(list(PRESETS)),
)
@click.option(
    "--precision",
    "precisions",
    multiple=True,
    default=["float32", "bf16"],
    show_default=True,
    type=click.Choice(["auto", "float32", "bf16", "float16"]),
)
@click.option("--clips", type=_COUNT, default=12, show_default=True, help="In a batch.")
@click.option("--clip-seconds", type=click.FloatRange(min=1), default=12.0, show_default=True)
@click.option(
    "--updates", type=_COUNT, default=5, show_default=True, help="Timed, after one to warm up."
)
@processes_option(
    default=1,
    show_default=True,
    help="At once; threads are shared out.",
)
@click.option("--device", default="auto", show_default=True)
def train(
    presets: tuple[str, ...],
    precisions: tuple[str, ...],
    clips: int,
    clip_seconds: float,
    updates: int,
    processes: int,
    device: str,
) -> None:
    """Seconds of audio per second of training, by stage.

    \b
    Examples:
      las benchmark train --preset base
      las benchmark train --preset seed --preset base --preset large --processes 2
    """
    from rich.console import Console
    from rich.table import Table

    from las_cli.benchmark.training import STAGES, measure_side_by_side

    table = Table(
        "preset", "precision", "parameters", "× real time", *STAGES, "peak memory", box=None
    )
    for preset in presets:
        for precision in precisions:
            runs = measure_side_by_side(
                processes,
                preset,
                precision,
                device_name=device,
                clip_seconds=clip_seconds,
                clips=clips,
                updates=updates,
            )
            first = runs[0]
            total = sum(first.seconds.values())
            table.add_row(
                preset,
                first.precision,
                f"{first.parameters / 1e6:.1f} M",
                f"{sum(run.speed for run in runs):.0f}",
                *(f"{first.seconds[stage] / total:.0%}" for stage in STAGES),
                f"{max(run.memory for run in runs) / 2**30:.1f} GB",
            )
    # Wider than a pipe's 80 columns, where the headings would be cut.
    Console(width=max(Console().width, 120)).print(table)
    click.echo(
        f"{processes} process(es) × {clips} clips of {clip_seconds:g} s, {updates} updates; "
        "stages are shares of one process's time, and reading is not in the speed"
    )


command.add_command(decode)
command.add_command(hotwords)


@command.command("start")
@click.option(
    "--cuts", type=_COUNT, default=1_000_000, show_default=True, help="Clips in the manifest."
)
def start(cuts: int) -> None:
    """How long training takes to start on a manifest of many clips, and in how much memory."""
    from las_cli.benchmark.training import measure_start

    result = measure_start(cuts)
    click.echo(
        f"{result.cuts:,} cuts: first batch after {result.seconds:.1f} s, "
        f"memory grew by {result.memory / 2**20:.0f} MB (model and batch included)"
    )


@command.command("score")
@click.option("--pairs", type=_COUNT, default=100_000, show_default=True, help="Utterances.")
@click.option("--words", type=_COUNT, default=10, show_default=True, help="In each.")
def score(pairs: int, words: int) -> None:
    """How long scoring takes, from two files to the table with its intervals."""
    from las_cli.benchmark.scoring import measure_scoring

    result = measure_scoring(pairs, words)
    click.echo(
        f"{pairs:,} pairs of {words} words: {result.seconds:.2f} s, "
        f"{result.pairs_per_second:,.0f} pairs/s, peak memory {result.peak_memory / 2**20:.0f} MB"
    )
