"""Reports in, JSON documents and CSV rows out."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TextIO

from las_cli.scoring.bootstrap import Interval
from las_cli.scoring.breakdown import Group
from las_cli.scoring.comparison import Comparison
from las_cli.scoring.confusions import Confusions
from las_cli.scoring.levels import LEVELS, PARTS
from las_cli.scoring.metrics import OF_PARTS, Metric
from las_cli.scoring.report import Report
from las_cli.scoring.rows import COUNTS, ReportRow, difference_rows, mark_rows, mean_rows, rate_rows
from las_cli.scoring.score import UtteranceScore
from las_cli.scoring.written import WrittenCounts

FORMAT = 1  # raised whenever a field changes its meaning


def _csv_columns(metric: Metric) -> dict[str, str]:
    """Counts beside a metric: name in CSV → attribute of ErrorCounts."""
    if not metric.counted:
        return {}
    level = metric.level
    names = {f"{level.one}_{heading}": name for name, heading in COUNTS.items() if heading}
    del names[f"{level.one}_reference"]
    return names | {level.name: "reference"}


# Rates without counts came later, so they stand at the end.
_CSV_METRICS = {
    metric: _csv_columns(metric)
    for metric in sorted(OF_PARTS.values(), key=lambda metric: not metric.counted)
}
CSV_COLUMNS = (
    *("system", "id", "reference", "hypothesis"),
    *(
        column
        for metric, counts in _CSV_METRICS.items()
        for column in (metric.name.lower(), *counts)
    ),
)


def csv_writer(file: TextIO) -> Callable[[str, UtteranceScore], None]:
    """Writes the header now and a row for each system and utterance it is called with."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)

    def write(system: str, utterance: UtteranceScore) -> None:
        cells: list[Any] = [
            system,
            utterance.id or utterance.number,
            utterance.reference,
            utterance.hypothesis,
        ]
        for metric, names in _CSV_METRICS.items():
            counts = utterance.counts[metric.level.name]
            rate = metric.rate(counts)
            cells.append("" if math.isinf(rate) else f"{rate:.6f}")
            cells += (getattr(counts, name) for name in names.values())
        writer.writerow(cells)

    return write


def to_json(reports: Sequence[Report], comparisons: Iterable[Comparison] = ()) -> str:
    """All that the tables say, as JSON; rates are fractions, null where there is none."""
    document = {
        "format": FORMAT,
        "normalisation": reports[0].score.normaliser,
        "spaces_are_letters": reports[0].score.spaces,
        "systems": [_system(report) for report in reports],
        "comparisons": [_comparison(comparison) for comparison in comparisons],
    }
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)


def _system(report: Report) -> dict[str, Any]:
    score, intervals = report.score, report.intervals
    confusions = {
        f"{level.one}_confusions": _confusions(report.confusions.get(name), report)
        for name, level in PARTS.items()
    }
    return {
        "name": report.name,
        "title": report.title,
        "utterances": score.count,
        **_objects(rate_rows(score.counts, intervals.of if intervals else {})),
        **_objects(mean_rows(score)),
        **({} if report.written is None else {"written": _written(report.written)}),
        "bootstrap": intervals
        and {"unit": intervals.unit, "units": intervals.units, "resamples": intervals.resamples},
        "groups": {
            column: [_group(group) for group in groups] for column, groups in report.groups.items()
        },
        "lengths": [_group(group) for group in report.lengths],
        **confusions,
        "worst": [
            {
                "id": utterance.id or str(utterance.number),
                "reference": utterance.reference,
                "hypothesis": utterance.hypothesis,
                **_objects(rate_rows(utterance.counts, {}, OF_PARTS.values())),
            }
            for utterance in report.worst
        ],
        "notes": list(report.notes),
    }


def _written(counts: WrittenCounts) -> dict[str, Any]:
    return {
        **_objects(mark_rows(counts)),
        "case": {
            "accuracy": _plain(counts.case_accuracy),
            "words": counts.cases,
            "capitals_accuracy": _plain(counts.large_accuracy),
            "capitals": counts.large,
        },
    }


def _group(group: Group) -> dict[str, Any]:
    whole = (level.name for level in LEVELS.values() if level.whole)
    return {
        "label": group.label,
        "utterances": group.utterances,
        **_objects(rate_rows(group.counts, group.intervals, OF_PARTS.values())),
        **{f"{name}_wrong": group.counts[name].errors for name in whole},
    }


def _confusions(confusions: Confusions | None, report: Report) -> list[dict[str, Any]]:
    if confusions is None:
        return []
    return [
        {"reference": ours, "hypothesis": theirs, "times": times}
        for ours, theirs, times in confusions.most_common(report.options.confusions)
    ]


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "first": comparison.first,
        "second": comparison.second,
        **_objects(difference_rows(comparison)),
        "utterances_better": comparison.better,
        "utterances_worse": comparison.worse,
        "utterances_equal": comparison.equal,
        "bootstrap": {"unit": comparison.unit, "resamples": comparison.resamples},
    }


def _objects(rows: Iterable[ReportRow]) -> dict[str, Any]:
    """An object a row, by its key; a value without a name stands by itself."""
    objects: dict[str, Any] = {}
    for row in rows:
        values = {cell.key: _plain(cell.value) for cell in row.cells if cell.key}
        objects[row.key] = values or _plain(row.cells[0].value)
    return objects


def _plain(value: float | Interval | None) -> float | list[float] | None:
    if isinstance(value, Interval):
        known = math.isfinite(value.low) and math.isfinite(value.high)
        return [round(value.low, 6), round(value.high, 6)] if known else None
    if value is None or not math.isfinite(value):
        return None
    return round(value, 6)
