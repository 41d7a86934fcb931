"""Pairs in, everything that is reported about them out; tables, pages and files only format it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from las_cli.errors import LasError
from las_cli.scoring.bootstrap import RESAMPLES, SEED, Intervals, score_intervals
from las_cli.scoring.breakdown import Group, by_label, by_length
from las_cli.scoring.comparison import Comparison, compare
from las_cli.scoring.confusions import Confusions
from las_cli.scoring.levels import PARTS
from las_cli.scoring.manifest import Manifest, facts_of_reference
from las_cli.scoring.normalisers import Normaliser, find_normaliser
from las_cli.scoring.pairing import PairSource
from las_cli.scoring.score import Score, Scorer, UtteranceScore
from las_cli.scoring.written import WrittenCounts, written_counts

UTTERANCES = "utterances"


@dataclass(frozen=True)
class ReportOptions:
    """What a report holds and how its numbers are made."""

    normaliser: Normaliser = field(default_factory=lambda: find_normaliser("basic"))
    spaces: bool = True  # the space between two words is a letter
    by: tuple[str, ...] = ()  # columns to break the rates down by
    draw: str = UTTERANCES  # what the bootstrap draws: utterances, or a column such as speaker
    worst: int = 0  # utterances with the highest rates to list
    confusions: int = 0  # most frequent errors to list, of each of PARTS
    count_confusions: bool = False  # count all errors by unit even if none are to be listed
    lengths: bool = False  # rates by length of the reference
    keep: bool = False  # keep all utterances: alignments are wanted
    ids: bool = False  # keep the ids: systems are to be compared
    written: bool = False  # count marks and capitals too
    resamples: int = RESAMPLES
    seed: int = SEED

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that labels are needed from."""
        drawn = () if self.draw == UTTERANCES else (self.draw,)
        return tuple(dict.fromkeys((*self.by, *drawn)))


@dataclass(frozen=True)
class Report:
    """All about one system's hypotheses."""

    name: str
    title: str  # what was compared with what, and how the files were read
    score: Score
    intervals: Intervals | None  # None for fewer than two units to draw from
    groups: Mapping[str, list[Group]]  # by column
    lengths: list[Group]
    worst: list[UtteranceScore]  # highest letter error rate first
    confusions: Mapping[str, Confusions]  # by the names of PARTS; empty unless they are counted
    labels: Mapping[str, list[str]]  # by column, a label an utterance
    options: ReportOptions
    written: WrittenCounts | None = None  # marks and capitals, if they are counted
    ids: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # sentences for the user
    failures: int = 0  # utterances that could not be had and are not in the score

    @property
    def draw(self) -> list[str] | None:
        """The label of what the bootstrap draws, an utterance each; None for utterances."""
        return self.labels.get(self.options.draw)


def make_report(
    pairs: PairSource,
    options: ReportOptions,
    manifest: Manifest | None = None,
    each: Callable[[UtteranceScore], None] | None = None,
) -> Report:
    """Score `pairs` as they come. `each` is called with every utterance, e.g. to write a row.

    Memory: some 32 bytes an utterance, and the labels, unless `options` want utterances kept.
    """
    scorer = Scorer(options.normaliser, options.spaces)
    columns = options.columns
    labels: dict[str, list[str]] = {column: [] for column in columns}
    counted = options.confusions or options.count_confusions
    confusions = {name: Confusions() for name in PARTS} if counted else {}
    kept: list[UtteranceScore] = []
    ids: list[str] = []
    worst: list[tuple[float, int, int, UtteranceScore]] = []
    written = WrittenCounts() if options.written else None
    by_id = False
    for place, pair in enumerate(pairs):
        by_id = bool(pair.id)
        if columns:
            facts = manifest.facts(pair, place) if manifest else facts_of_reference(pair, columns)
            for column in columns:
                labels[column].append(facts[column])
        utterance = scorer.add(pair.reference, pair.hypothesis, pair.id)
        if written is not None:
            written += written_counts(pair.reference, pair.hypothesis)
        if each:
            each(utterance)
        if options.keep:
            kept.append(utterance)
        if options.ids:
            ids.append(pair.id)
        if confusions and utterance.wrong:
            for name, own in confusions.items():
                own.add(utterance.aligned(name, options.spaces))
        counts = utterance.counts["letters"]
        if options.worst and counts.errors:
            entry = (counts.rate, counts.errors, -utterance.number, utterance)
            push = heapq.heappush if len(worst) < options.worst else heapq.heappushpop
            push(worst, entry)
    score = scorer.result(kept)
    if manifest:
        manifest.check_count(score.count, by_id)
    if not score.count:
        raise LasError(f"{pairs.name}: no utterance to score")
    drawn = labels.get(options.draw)
    units = score.count if drawn is None else len(set(drawn))
    table = score.table.numpy() if options.by or options.lengths else None
    resampling = (options.resamples, options.seed, drawn)
    return Report(
        name=pairs.name,
        title=pairs.title,
        score=score,
        intervals=(
            score_intervals(score, drawn, options.draw, options.resamples, options.seed)
            if units > 1 and options.resamples
            else None
        ),
        groups={
            column: by_label(table, labels[column], *resampling)
            for column in options.by
            if table is not None
        },
        lengths=by_length(table, *resampling) if options.lengths and table is not None else [],
        worst=[utterance for *_, utterance in sorted(worst, key=lambda e: e[:3], reverse=True)],
        confusions=confusions,
        labels=labels,
        options=options,
        written=written,
        ids=tuple(ids),
        notes=tuple(pairs.notes),
        failures=pairs.failures,
    )


def compare_reports(first: Report, second: Report) -> Comparison:
    """The difference of two systems over the utterances that both were scored on.

    Reports must have been made with `ids`; LasError if the systems have no utterance in common.
    """
    ours, theirs = first.score.table.numpy(), second.score.table.numpy()
    drawn = first.draw
    if first.ids != second.ids:
        places = {id: place for place, id in enumerate(second.ids)}
        common = [place for place, id in enumerate(first.ids) if id in places]
        if not common:
            raise LasError(f"{first.name} and {second.name} have no utterance in common")
        ours, theirs = ours[common], theirs[[places[first.ids[place]] for place in common]]
        drawn = None if drawn is None else [drawn[place] for place in common]
    options = first.options
    names = (first.name, second.name)
    return compare(names, ours, theirs, drawn, options.draw, options.resamples, options.seed)
