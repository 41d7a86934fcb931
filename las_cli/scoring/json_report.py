"""Reports in, JSON documents and CSV rows out."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TextIO

from las_cli.scoring.bootstrap import Interval
from las_cli.scoring.breakdown import Group
from las_cli.scoring.comparison import Comparison, Difference
from las_cli.scoring.confusions import Confusions
from las_cli.scoring.counts import ErrorCounts
from las_cli.scoring.report import Report
from las_cli.scoring.score import UtteranceScore

FORMAT = 1  # raised whenever a field changes its meaning
CSV_COLUMNS = (
    "system", "id", "reference", "hypothesis",
    "ler", "letter_errors", "letter_sub", "letter_del", "letter_ins", "letter_hits", "letters",
    "wer", "word_errors", "word_sub", "word_del", "word_ins", "word_hits", "words",
)  # fmt: skip


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
        for counts in (utterance.letters, utterance.words):
            rate = counts.rate
            cells += [
                "" if math.isinf(rate) else f"{rate:.6f}",
                counts.errors,
                counts.substitutions,
                counts.deletions,
                counts.insertions,
                counts.hits,
                counts.reference,
            ]
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
    bounds = (
        (intervals.letters, intervals.words, intervals.sentences)
        if intervals
        else (None, None, None)
    )
    return {
        "name": report.name,
        "title": report.title,
        "utterances": score.count,
        "letters": _counts(score.letters, bounds[0]),
        "words": _counts(score.words, bounds[1]),
        "sentences": {
            "rate": _finite(score.sentences.rate),
            "interval": _bounds(bounds[2]),
            "wrong": score.sentences.errors,
            "right": score.sentences.hits,
        },
        "mean_of_letter_rates": _finite(score.mean_letter_rate),
        "mean_of_word_rates": _finite(score.mean_word_rate),
        "bootstrap": intervals
        and {"unit": intervals.unit, "units": intervals.units, "resamples": intervals.resamples},
        "groups": {
            column: [_group(group) for group in groups] for column, groups in report.groups.items()
        },
        "lengths": [_group(group) for group in report.lengths],
        "letter_confusions": _confusions(report.letter_confusions, report.options.confusions),
        "word_confusions": _confusions(report.word_confusions, report.options.confusions),
        "worst": [
            {
                "id": utterance.id or str(utterance.number),
                "reference": utterance.reference,
                "hypothesis": utterance.hypothesis,
                "letters": _counts(utterance.letters, None),
                "words": _counts(utterance.words, None),
            }
            for utterance in report.worst
        ],
        "notes": list(report.notes),
    }


def _counts(counts: ErrorCounts, bounds: Interval | None) -> dict[str, Any]:
    return {
        "rate": _finite(counts.rate),
        "interval": _bounds(bounds),
        "errors": counts.errors,
        "substitutions": counts.substitutions,
        "deletions": counts.deletions,
        "insertions": counts.insertions,
        "hits": counts.hits,
        "reference": counts.reference,
        "hypothesis": counts.hypothesis,
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        "label": group.label,
        "utterances": group.utterances,
        "letters": _counts(group.letters, group.letter_interval),
        "words": _counts(group.words, group.word_interval),
        "sentences_wrong": group.sentences.errors,
    }


def _confusions(confusions: Confusions | None, count: int) -> list[dict[str, Any]]:
    if confusions is None:
        return []
    return [
        {"reference": ours, "hypothesis": theirs, "times": times}
        for ours, theirs, times in confusions.most_common(count)
    ]


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "first": comparison.first,
        "second": comparison.second,
        "letters": _difference(comparison.letters),
        "words": _difference(comparison.words),
        "sentences": _difference(comparison.sentences),
        "utterances_better": comparison.better,
        "utterances_worse": comparison.worse,
        "utterances_equal": comparison.equal,
        "bootstrap": {"unit": comparison.unit, "resamples": comparison.resamples},
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "first": _finite(difference.first),
        "second": _finite(difference.second),
        "difference": _finite(difference.difference),
        "interval": _bounds(difference.interval),
        "probability_of_improvement": _finite(difference.improvement),
    }


def _bounds(bounds: Interval | None) -> list[float] | None:
    if bounds is None or not (math.isfinite(bounds.low) and math.isfinite(bounds.high)):
        return None
    return [round(bounds.low, 6), round(bounds.high, 6)]


def _finite(rate: float) -> float | None:
    return round(rate, 6) if math.isfinite(rate) else None
