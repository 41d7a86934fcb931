"""Tables of a score in, rich tables for the terminal out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from las_cli.scoring.alignment import MARKS, cell_width, pad_cell
from las_cli.scoring.bootstrap import Intervals, score_intervals
from las_cli.scoring.rows import (
    ReportTable,
    comparison_table,
    overall_table,
    report_tables,
    utterance_line,
    worst_table,
)

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

    from las_cli.scoring.comparison import Comparison
    from las_cli.scoring.report import Report
    from las_cli.scoring.score import Score, UtteranceScore

COLOURS = {"hit": "", "substitution": "yellow", "deletion": "red", "insertion": "magenta"}
STYLES = {"text": "", "number": "", "main": "bold", "reference": "green", "hypothesis": "red"}


def rich_table(table: ReportTable) -> RenderableType:
    """A table between its title and its caption."""
    from rich.text import Text

    drawn = new_table()
    for heading in table.headings:
        text = heading.kind in ("text", "reference", "hypothesis")
        drawn.add_column(
            heading.text,
            justify="left" if text else "right",
            style=STYLES[heading.kind],
            overflow="fold" if heading.kind == "text" else "ellipsis",
        )
    for place, cells in enumerate(table.rows):
        drawn.add_row(*map(Text, cells), style="dim" if place in table.asides else "")
    return with_text(table.title, drawn, table.caption)


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


def print_table(
    score: Score,
    console: Console | None = None,
    intervals: Intervals | None = None,
    title: str = "",
) -> None:
    """Print the table of a score; intervals over utterances are worked out if not given."""
    console = console or new_console()
    if intervals is None and score.count > 1:
        intervals = score_intervals(score)
    console.print(rich_table(overall_table(score, intervals, title)))


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
            if utterance.wrong:
                console.print(alignment_text(utterance), soft_wrap=True)
                console.print()
        tables = list(report_tables(report))
        if report.worst:
            tables.append(worst_table(report.worst))
        for table in tables:
            console.print(rich_table(table))
            console.print()
        for note in report.notes:
            console.print(note, style="yellow", markup=False)
    for comparison in comparisons:
        console.print(rich_table(comparison_table(comparison)))


def alignment_text(utterance: UtteranceScore) -> Text:
    """The words of an utterance over each other; errors in colour, and marked for plain output."""
    from rich.text import Text

    name, (first, *others) = utterance_line(utterance)
    text = Text(f"{name}  {first}  ", style="bold")
    text.append("  ".join(others))
    rows = [Text("REF  "), Text("HYP  "), Text("     ")]
    for column in utterance.aligned("words"):
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
