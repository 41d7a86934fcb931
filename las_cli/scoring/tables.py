"""Scores in, rich tables for the terminal out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from las_cli.scoring.bootstrap import Interval, Intervals, score_intervals
from las_cli.scoring.counts import ErrorCounts

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from las_cli.scoring.score import Score

COUNT_COLUMNS = ("errors", "sub", "del", "ins", "hits", "reference")


def percent(rate: float) -> str:
    """A rate for people: per cent with two digits.

    >>> percent(0.12345), percent(float("nan"))
    ('12.35 %', '–')
    """
    if math.isnan(rate):
        return "–"
    return "∞" if math.isinf(rate) else f"{100 * rate:.2f} %"


def percent_range(bounds: Interval | None) -> str:
    """An interval for people: per cent, low to high."""
    if bounds is None or math.isnan(bounds.low):
        return "–"
    return f"{100 * bounds.low:.2f} – {100 * bounds.high:.2f}"


def counts_row(counts: ErrorCounts) -> list[str]:
    """Cells of `COUNT_COLUMNS`."""
    return [
        str(counts.errors),
        str(counts.substitutions),
        str(counts.deletions),
        str(counts.insertions),
        str(counts.hits),
        str(counts.reference),
    ]


def new_table(title: str, caption: str = "") -> Table:
    """An empty table in the house's dress."""
    from rich import box
    from rich.table import Table

    return Table(
        title=title or None,
        caption=caption or None,
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )


def overall_table(score: Score, intervals: Intervals | None, title: str = "") -> Table:
    """Letter, word and sentence error rates with counts and intervals."""
    table = new_table(title, caption(score, intervals))
    table.add_column("")
    table.add_column("rate", justify="right", style="bold")
    table.add_column("95 % interval", justify="right")
    for name in COUNT_COLUMNS:
        table.add_column(name, justify="right")
    letters = words = sentences = None
    if intervals is not None:
        letters, words, sentences = intervals.letters, intervals.words, intervals.sentences
    for name, counts, bounds in (
        ("letters (LER)", score.letters, letters),
        ("words (WER)", score.words, words),
    ):
        table.add_row(name, percent(counts.rate), percent_range(bounds), *counts_row(counts))
    wrong = score.sentences
    table.add_row(
        "sentences (SER)",
        percent(wrong.rate),
        percent_range(sentences),
        str(wrong.errors),
        *["", "", ""],
        str(wrong.hits),
        str(wrong.reference),
    )
    table.add_row("mean of LERs", percent(score.mean_letter_rate), style="dim")
    table.add_row("mean of WERs", percent(score.mean_word_rate), style="dim")
    return table


def caption(score: Score, intervals: Intervals | None) -> str:
    """What a result cannot be read without: normalisation, size, how its intervals were made."""
    spaces = "counted" if score.spaces else "not counted"
    lines = [
        f"normalisation: {score.normaliser} · {score.count} utterances · spaces {spaces} as letters"
    ]
    if intervals is not None:
        lines.append(
            f"intervals: bootstrap, {intervals.resamples} draws of "
            f"{intervals.units} {intervals.unit}"
        )
    lines.append("mean of LERs, of WERs: over utterances, as the research code reported them")
    return "\n".join(lines)


def print_table(
    score: Score,
    console: Console | None = None,
    intervals: Intervals | None = None,
    title: str = "",
) -> None:
    """Print the LER table of a score; intervals over utterances are worked out if not given."""
    from rich.console import Console

    console = console or Console()
    if intervals is None and score.count > 1:
        intervals = score_intervals(score)
    console.print(overall_table(score, intervals, title))
