"""Scores in, rich tables for the terminal out."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from las_cli.scoring.alignment import MARKS, align, cell_width, pad_cell
from las_cli.scoring.bootstrap import Interval, Intervals, score_intervals
from las_cli.scoring.counts import ErrorCounts

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

    from las_cli.scoring.breakdown import Group
    from las_cli.scoring.comparison import Comparison
    from las_cli.scoring.confusions import Confusions
    from las_cli.scoring.report import Report
    from las_cli.scoring.score import Score, UtteranceScore

COLOURS = {"hit": "", "substitution": "yellow", "deletion": "red", "insertion": "magenta"}
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


def new_table() -> Table:
    """An empty table, drawn as every table of las is."""
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)


def with_text(title: str, table: Table, caption: str = "") -> RenderableType:
    """A table between its title and its caption, which may be wider than the table."""
    from rich.console import Group
    from rich.text import Text

    # Text, not strings: names and transcripts may hold [brackets], which rich takes for markup.
    parts: list[RenderableType] = [Text(title, style="italic")] if title else []
    parts.append(table)
    if caption:
        parts.append(Text(caption, style="dim"))
    return Group(*parts)


def new_console() -> Console:
    """A console for tables; in a file or pipe they get room instead of 80 columns."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal and not os.environ.get("COLUMNS"):
        console.width = 120
    return console


def overall_table(score: Score, intervals: Intervals | None, title: str = "") -> RenderableType:
    """Letter, word and sentence error rates with counts and intervals."""
    table = new_table()
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
    return with_text(title, table, caption(score, intervals))


def caption(score: Score, intervals: Intervals | None) -> str:
    """What a result cannot be read without: normalisation, size, how its intervals were made."""
    spaces = "counted" if score.spaces else "not counted"
    lines = [
        f"normalisation: {score.normaliser} · {score.count} utterances · spaces {spaces} as letters"
    ]
    if intervals is not None:
        lines.append(
            f"intervals: bootstrap over {intervals.unit} ({intervals.units}), "
            f"{intervals.resamples} draws"
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
    console = console or new_console()
    if intervals is None and score.count > 1:
        intervals = score_intervals(score)
    console.print(overall_table(score, intervals, title))


def print_reports(
    reports: Sequence[Report],
    comparisons: Sequence[Comparison],
    align: bool = False,
    console: Console | None = None,
) -> None:
    """Print all tables; with `align` each system's wrong utterances before them."""
    console = console or new_console()
    for report in reports:
        for utterance in report.score.utterances if align else ():
            if utterance.words.errors:
                console.print(alignment_text(utterance), soft_wrap=True)
                console.print()
        for table in report_tables(report):
            console.print(table)
            console.print()
        for note in report.notes:
            console.print(note, style="yellow", markup=False)
    for comparison in comparisons:
        console.print(comparison_table(comparison))


def report_tables(report: Report) -> Iterator[RenderableType]:
    """Every table of a report, the overall one first."""
    yield overall_table(report.score, report.intervals, report.title)
    for column, groups in report.groups.items():
        yield group_table(column, groups)
    if report.lengths:
        yield group_table("words in the reference", report.lengths)
    count = report.options.confusions
    if count and report.letter_confusions is not None and report.word_confusions is not None:
        yield confusion_table("letters", report.letter_confusions, count)
        yield confusion_table("words", report.word_confusions, count)
    if report.worst:
        yield worst_table(report.worst)


def group_table(name: str, groups: Sequence[Group]) -> RenderableType:
    """Error rates by the values of a column."""
    from rich.text import Text

    table = new_table()
    table.add_column("", overflow="fold")
    for heading in ("utts", "LER", "95 % interval", "WER", "95 % interval", "letters", "words"):
        table.add_column(heading, justify="right", style="bold" if heading == "LER" else "")
    for group in groups:
        table.add_row(
            Text(group.label),
            str(group.utterances),
            percent(group.letters.rate),
            percent_range(group.letter_interval),
            percent(group.words.rate),
            percent_range(group.word_interval),
            str(group.letters.reference),
            str(group.words.reference),
        )
    return with_text(f"by {name}", table)


def confusion_table(unit: str, confusions: Confusions, count: int) -> RenderableType:
    """The most frequent errors."""
    from rich.text import Text

    table = new_table()
    table.add_column("times", justify="right")
    table.add_column("reference", style="green")
    table.add_column("hypothesis", style="red")
    for ours, theirs, times in confusions.most_common(count):
        table.add_row(str(times), Text(shown_unit(ours)), Text(shown_unit(theirs)))
    return with_text(f"most frequent errors, {unit}", table)


def shown_unit(unit: str) -> str:
    """A letter or word for people: a space and a gap made visible."""
    return {" ": "␣", "": "—"}.get(unit, unit)


def worst_table(utterances: Sequence[UtteranceScore]) -> RenderableType:
    """The utterances with the highest letter error rates, and what was recognised."""
    from rich.text import Text

    table = new_table()
    table.add_column("id")
    table.add_column("LER", justify="right", style="bold")
    table.add_column("WER", justify="right")
    table.add_column("reference over hypothesis", overflow="fold")
    for utterance in utterances:
        table.add_row(
            Text(utterance.id or str(utterance.number)),
            percent(utterance.letters.rate),
            percent(utterance.words.rate),
            Text(f"{utterance.reference or '—'}\n{utterance.hypothesis or '—'}"),
        )
    return with_text("worst utterances", table)


def comparison_table(comparison: Comparison) -> RenderableType:
    """Two systems side by side, and how sure their difference is."""
    table = new_table()
    table.add_column("")
    for heading in ("first", "second", "difference", "95 % interval", "P(better)"):
        table.add_column(heading, justify="right", style="bold" if heading == "difference" else "")
    for name, difference in (
        ("letters (LER)", comparison.letters),
        ("words (WER)", comparison.words),
        ("sentences (SER)", comparison.sentences),
    ):
        bounds = difference.interval
        known = not math.isnan(bounds.low)
        table.add_row(
            name,
            percent(difference.first),
            percent(difference.second),
            f"{100 * difference.difference:+.2f}",
            f"{100 * bounds.low:+.2f} … {100 * bounds.high:+.2f}" if known else "–",
            percent(difference.improvement),
        )
    caption = (
        f"letter errors: fewer in {comparison.better} utterances, more in {comparison.worse}, "
        f"as many in {comparison.equal}\n"
        f"P(better): probability of improvement, bootstrap over {comparison.unit}, "
        f"{comparison.resamples} draws"
    )
    return with_text(f"{comparison.second} against {comparison.first}", table, caption)


def alignment_text(utterance: UtteranceScore) -> Text:
    """The words of an utterance over each other; errors in colour, and marked for plain output."""
    from rich.text import Text

    name = utterance.id or f"utterance {utterance.number}"
    text = Text(f"{name}  LER {percent(utterance.letters.rate)}  ", style="bold")
    text.append(f"WER {percent(utterance.words.rate)}")
    columns = align(utterance.reference.split(), utterance.hypothesis.split())
    rows = [Text("REF  "), Text("HYP  "), Text("     ")]
    for column in columns:
        ours, theirs = column.reference, column.hypothesis
        width = max(cell_width(ours), cell_width(theirs))
        cells = (
            pad_cell(ours, width) if ours else "*" * width,
            pad_cell(theirs, width) if theirs else "*" * width,
            pad_cell(MARKS[column.kind], width),
        )
        for row, cell in zip(rows, cells, strict=True):
            row.append(cell, style=COLOURS[column.kind])
            row.append(" ")
    return Text("\n").join([text, *rows])
