"""Transcripts before and after an adaptation in; whether it is better, and how surely, out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from las_cli.adaptation.words import WordsAdded

if TYPE_CHECKING:
    from las_cli.evaluation.decode_split import DecodedSplit
    from las_cli.scoring.comparison import Comparison
    from las_cli.scoring.report import Report

RATES = ("LER", "WER")  # names of METRICS


@dataclass(frozen=True)
class Outcome:
    """What an adaptation was good for."""

    before: Report | None  # of the part to check by; None without recordings
    after: Report | None
    comparison: Comparison | None
    words: WordsAdded | None  # None without texts

    @property
    def is_better(self) -> bool:
        """Fewer wrong letters and no more wrong words; without recordings, likelier sentences."""
        if self.comparison is None:
            return self.words is not None and self.words.is_better
        ler, wer = (self.comparison.differences[name].difference for name in RATES)
        return ler < 0 and wer <= 0

    @property
    def facts(self) -> dict[str, Any]:
        """What config.json keeps of it."""
        facts: dict[str, Any] = {}
        if self.comparison is not None:
            for name in RATES:
                difference = self.comparison.differences[name]
                facts[name.lower()] = {
                    "before": round(difference.first, 4),
                    "after": round(difference.second, 4),
                    "difference": [round(difference.interval.low, 4),
                                   round(difference.interval.high, 4)],
                }  # fmt: skip
        if self.words is not None and self.words.enrichment.measured:
            found = self.words.enrichment
            facts["perplexity_per_letter"] = {
                "before": round(found.perplexity(found.before), 4),
                "after": round(found.perplexity(found.after), 4),
            }
        return facts


def make_outcome(
    before: DecodedSplit | None, after: DecodedSplit | None, words: WordsAdded | None
) -> Outcome:
    """Scores both as `las score` does: the same pairs, the difference by paired bootstrap."""
    if before is None or after is None:
        return Outcome(None, None, None, words)
    from las_cli.evaluation.decoded import DecodedPairs
    from las_cli.scoring.normalisers import find_normaliser
    from las_cli.scoring.report import ReportOptions, compare_reports, make_report

    options = ReportOptions(normaliser=find_normaliser("none"), ids=True)
    first, second = (
        make_report(DecodedPairs(name, decoded), options)
        for name, decoded in (("before", before), ("after", after))
    )
    return Outcome(first, second, compare_reports(first, second), words)
