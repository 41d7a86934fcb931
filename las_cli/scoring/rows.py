"""Results in, rows of tables out: made once, and only formatted for terminal, page and files."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from las_cli.scoring.bootstrap import Interval, Intervals
from las_cli.scoring.breakdown import Group
from las_cli.scoring.comparison import Comparison
from las_cli.scoring.confusions import Confusions
from las_cli.scoring.counts import ErrorCounts
from las_cli.scoring.levels import PARTS
from las_cli.scoring.metrics import GROUPED, METRICS, Metric
from las_cli.scoring.report import Report
from las_cli.scoring.score import Score, UtteranceScore
from las_cli.scoring.written import WrittenCounts

# Numbers of an alignment: attribute of ErrorCounts and key in JSON, heading in tables.
COUNTS = {
    "errors": "errors",
    "substitutions": "sub",
    "deletions": "del",
    "insertions": "ins",
    "hits": "hits",
    "reference": "reference",
    "hypothesis": "",
}
# What the marks of a written text are called.
MARK_NAMES = {
    ".": "full stop", ",": "comma", "?": "question mark", "!": "exclamation mark", ":": "colon",
    ";": "semicolon", "all": "all marks",
}  # fmt: skip
# The same where the only unit is the whole utterance; "" keeps a number out of JSON.
WHOLE_COUNTS = {"errors": "wrong", "hits": "right", "reference": ""}


@dataclass(frozen=True, slots=True)
class Cell:
    """A value, its names, and how people read it."""

    key: str  # its name in JSON; "" where it is not in there
    heading: str  # over its column in tables; "" where it is not in there
    value: float | Interval | None
    show: Callable[[Any], str] = str


@dataclass(frozen=True, slots=True)
class ReportRow:
    """Values that stand side by side in a table, and as an object in JSON."""

    key: str  # in JSON
    title: str  # at the left of the table
    cells: tuple[Cell, ...]
    aside: bool = False  # not what is to be quoted: printed dim


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands over a column, and what kind of thing in it."""

    text: str
    kind: Literal["text", "number", "main", "reference", "hypothesis"] = "number"


@dataclass(frozen=True)
class ReportTable:
    """A table as people read it."""

    title: str
    headings: Sequence[Heading]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    asides: frozenset[int] = frozenset()  # places of rows that are asides


def percent(rate: float) -> str:
    """A rate for people: per cent with two digits.

    >>> percent(0.12345), percent(float("nan"))
    ('12.35 %', '–')
    """
    if math.isnan(rate):
        return "–"
    return "∞" if math.isinf(rate) else f"{100 * rate:.2f} %"


def points(difference: float) -> str:
    """The difference of two rates for people: percentage points with their sign."""
    return f"{100 * difference:+.2f}"


def percent_range(bounds: Interval | None) -> str:
    """An interval for people: per cent, low to high."""
    if bounds is None or math.isnan(bounds.low):
        return "–"
    return f"{100 * bounds.low:.2f} – {100 * bounds.high:.2f}"


def points_range(bounds: Interval) -> str:
    """The interval of a difference for people."""
    return "–" if math.isnan(bounds.low) else f"{points(bounds.low)} … {points(bounds.high)}"


def shown_unit(unit: str) -> str:
    """A letter or word for people: a space and a gap made visible."""
    return {" ": "␣", "": "—"}.get(unit, unit)


def rate_rows(
    counts: Mapping[str, ErrorCounts],
    intervals: Mapping[str, Interval],
    metrics: Iterable[Metric] = METRICS.values(),
) -> Iterator[ReportRow]:
    """A row for each metric: the rate, its interval if there is one, and the level's counts."""
    for metric in metrics:
        own = counts[metric.level.name]
        bounds = intervals.get(metric.name)
        cells = [
            Cell("rate", "rate", metric.rate(own), percent),
            Cell("interval", "95 % interval", bounds, percent_range),
        ]
        if metric.counted:
            keys = WHOLE_COUNTS if metric.level.whole else {name: name for name in COUNTS}
            cells += (Cell(key, COUNTS[name], getattr(own, name)) for name, key in keys.items())
        yield ReportRow(metric.key, metric.title, tuple(cells))


def mean_rows(score: Score) -> Iterator[ReportRow]:
    """A row for each mean of the utterances' own rates."""
    for metric in METRICS.values():
        level = metric.level
        if metric.counted and not level.whole:
            cell = Cell("", "rate", score.mean_rates[level.name], percent)
            key = f"mean_of_{level.one}_rates"
            yield ReportRow(key, f"mean of {metric.name}s", (cell,), aside=True)


def difference_rows(comparison: Comparison) -> Iterator[ReportRow]:
    """A row for each metric: both systems' rates and how sure their difference is."""
    for name, metric in METRICS.items():
        own = comparison.differences[name]
        cells = (
            Cell("first", "first", own.first, percent),
            Cell("second", "second", own.second, percent),
            Cell("difference", "difference", own.difference, points),
            Cell("interval", "95 % interval", own.interval, points_range),
            Cell("probability_of_improvement", "P(better)", own.improvement, percent),
        )
        yield ReportRow(metric.key, metric.title, cells)


def report_tables(report: Report) -> Iterator[ReportTable]:
    """The tables of a report, the overall one first."""
    yield overall_table(report.score, report.intervals, report.title)
    if report.written is not None:
        yield written_table(report.written)
    for column, groups in report.groups.items():
        yield group_table(column, groups)
    if report.lengths:
        yield group_table("words in the reference", report.lengths)
    if count := report.options.confusions:
        for name, confusions in report.confusions.items():
            yield confusion_table(name, confusions, count)


def overall_table(score: Score, intervals: Intervals | None, title: str = "") -> ReportTable:
    """All rates with counts and intervals, and the means."""
    rows = [*rate_rows(score.counts, intervals.of if intervals else {}), *mean_rows(score)]
    return _table(title, rows, "rate", caption(score, intervals))


def written_table(counts: WrittenCounts, title: str = "written form") -> ReportTable:
    """Precision, recall and F1 of each mark and of all, and how many cases are right."""
    note = (
        f"case: {percent(counts.case_accuracy)} of {counts.cases} words that both sides have, "
        f"{percent(counts.large_accuracy)} of the {counts.large} with a capital in the reference"
    )
    return _table(title, list(mark_rows(counts)), "F1", note)


def mark_rows(counts: WrittenCounts) -> Iterator[ReportRow]:
    """A row for each mark, and one for all."""
    for key, title in MARK_NAMES.items():
        own = counts.marks[key] if key in counts.marks else counts.all_marks
        yield ReportRow(
            title.replace(" ", "_"),
            title if key == "all" else f"{key} {title}",
            (
                Cell("precision", "precision", own.precision, percent),
                Cell("recall", "recall", own.recall, percent),
                Cell("f1", "F1", own.f1, percent),
                Cell("right", "right", own.hits),
                Cell("hypothesis", "hypothesis", own.hypothesis),
                Cell("reference", "reference", own.reference),
            ),
        )


def comparison_table(comparison: Comparison) -> ReportTable:
    """Two systems side by side, and how sure their difference is."""
    note = (
        f"letter errors: fewer in {comparison.better} utterances, more in {comparison.worse}, "
        f"as many in {comparison.equal}\n"
        f"P(better): probability of improvement, bootstrap over {comparison.unit}, "
        f"{comparison.resamples} draws"
    )
    title = f"{comparison.second} against {comparison.first}"
    return _table(title, list(difference_rows(comparison)), "difference", note)


def _table(title: str, rows: Sequence[ReportRow], main: str, note: str) -> ReportTable:
    """Rows under the headings that their cells name, blank where a row has no such cell."""
    headings = list(dict.fromkeys(cell.heading for row in rows for cell in row.cells))
    headings = [heading for heading in headings if heading]
    lines = []
    for row in rows:
        shown = {cell.heading: cell.show(cell.value) for cell in row.cells}
        lines.append([row.title, *(shown.get(heading, "") for heading in headings)])
    return ReportTable(
        title,
        [Heading("", "text"), *(Heading(h, "main" if h == main else "number") for h in headings)],
        lines,
        note,
        frozenset(place for place, row in enumerate(rows) if row.aside),
    )


def group_table(name: str, groups: Sequence[Group]) -> ReportTable:
    """Error rates by the values of a column."""
    headings = [Heading("", "text"), Heading("utts")]
    for metric in GROUPED.values():
        first = len(headings) == 2
        headings += [Heading(metric.name, "main" if first else "number"), Heading("95 % interval")]
    headings += map(Heading, PARTS)
    rows = []
    for group in groups:
        cells = [group.label, str(group.utterances)]
        for row in rate_rows(group.counts, group.intervals, GROUPED.values()):
            cells += (cell.show(cell.value) for cell in row.cells[:2])
        rows.append([*cells, *(str(group.counts[level].reference) for level in PARTS)])
    return ReportTable(f"by {name}", headings, rows)


def confusion_table(level: str, confusions: Confusions, count: int) -> ReportTable:
    """The most frequent errors."""
    headings = [
        Heading("reference", "reference"), Heading("hypothesis", "hypothesis"), Heading("times"),
    ]  # fmt: skip
    rows = [
        [shown_unit(ours), shown_unit(theirs), str(times)]
        for ours, theirs, times in confusions.most_common(count)
    ]
    return ReportTable(f"most frequent errors, {level}", headings, rows)


def worst_table(utterances: Sequence[UtteranceScore]) -> ReportTable:
    """The utterances with the highest letter error rates, and what was recognised."""
    rates = [Heading(name, "number" if place else "main") for place, name in enumerate(GROUPED)]
    rows = [
        [
            utterance.id or str(utterance.number),
            *(percent(rate) for rate in _rates(utterance)),
            f"{utterance.reference or '—'}\n{utterance.hypothesis or '—'}",
        ]
        for utterance in utterances
    ]
    headings = [Heading("id", "text"), *rates, Heading("reference over hypothesis", "text")]
    return ReportTable("worst utterances", headings, rows)


def utterance_line(utterance: UtteranceScore) -> tuple[str, list[str]]:
    """What an utterance is called, and its rates by name, e.g. "LER 25.00 %"."""
    rates = zip(GROUPED, map(percent, _rates(utterance)), strict=True)
    return utterance.id or f"utterance {utterance.number}", [" ".join(rate) for rate in rates]


def _rates(utterance: UtteranceScore) -> list[float]:
    return [metric.rate(utterance.counts[metric.level.name]) for metric in GROUPED.values()]


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
    means = ", of ".join(row.title.removeprefix("mean of ") for row in mean_rows(score))
    lines.append(f"mean of {means}: over utterances, as the research code reported them")
    lines += (f"{metric.name}: {metric.about}" for metric in METRICS.values() if metric.about)
    return "\n".join(lines)
