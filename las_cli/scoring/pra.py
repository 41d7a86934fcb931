"""A report in, sclite's alignment listing (pra) and detailed report (dtl) out, as text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from las_cli.scoring.alignment import MARKS, AlignedUnits, cell_width, pad_cell
from las_cli.scoring.confusions import Confusions, ranked
from las_cli.scoring.counts import ErrorCounts
from las_cli.scoring.levels import PARTS
from las_cli.scoring.report import Report
from las_cli.scoring.score import UtteranceScore, counts_at


def pra_lines(report: Report) -> Iterator[str]:
    """The word alignments of all utterances by speaker, as sclite writes them with `-o pra`.

    Hits are lower case, errors upper case, gaps asterisks. The speaker is the drawn column if
    there is one, else sclite's own rule: what stands before the first `-` or `_` of the id.
    """
    speakers: dict[str, list[UtteranceScore]] = {}
    for place, utterance in enumerate(report.score.utterances):
        speaker = report.draw[place] if report.draw else _speaker(utterance.id)
        speakers.setdefault(speaker, []).append(utterance)
    yield "\t\tDUMP OF SYSTEM ALIGNMENT STRUCTURE"
    yield ""
    yield f"System name:   {report.name}"
    yield f"Normalisation: {report.score.normaliser}"
    yield ""
    yield "Speakers: "
    for place, speaker in enumerate(speakers):
        yield f"    {place}:  {speaker}"
    yield ""
    for place, (speaker, utterances) in enumerate(speakers.items()):
        yield f"Speaker sentences   {place}:  {speaker}   #utts: {len(utterances)}"
        for utterance in utterances:
            yield from _utterance_lines(utterance)


def _speaker(id: str) -> str:
    parts = re.split(r"[-_]", id, maxsplit=1)
    return parts[0] if len(parts) > 1 else "all"


def _utterance_lines(utterance: UtteranceScore) -> Iterator[str]:
    columns = utterance.aligned("words")
    counts = utterance.counts["words"]
    yield f"id: ({utterance.id or utterance.number})"
    yield (
        f"Scores: (#C #S #D #I) {counts.hits} {counts.substitutions} "
        f"{counts.deletions} {counts.insertions}"
    )
    references, hypotheses, marks = aligned_lines(columns)
    yield "REF:  " + " ".join(references) + " "
    yield "HYP:  " + " ".join(hypotheses) + " "
    yield "Eval: " + " ".join(marks) + " "
    yield ""


def aligned_lines(columns: list[AlignedUnits]) -> tuple[list[str], list[str], list[str]]:
    """Reference, hypothesis and S/D/I marks in columns of equal width; gaps are asterisks."""
    references, hypotheses, marks = [], [], []
    for column in columns:
        ours, theirs = column.reference, column.hypothesis
        if column.kind == "hit":
            ours, theirs = ours.lower(), theirs.lower()
        else:
            ours, theirs = ours.upper(), theirs.upper()
        width = max(cell_width(ours), cell_width(theirs))
        references.append(pad_cell(ours, width) if ours else "*" * width)
        hypotheses.append(pad_cell(theirs, width) if theirs else "*" * width)
        marks.append(MARKS[column.kind].ljust(width))
    return references, hypotheses, marks


def dtl_lines(report: Report) -> Iterator[str]:
    """Totals and counts of every confusion, insertion and deletion, as sclite's dtl has them.

    The confusions are there if the report was made with them.
    """
    score = report.score
    words = counts_at(score.table.numpy(), "words")
    total = score.count
    yield f"DETAILED OVERALL REPORT FOR THE SYSTEM: {report.name}"
    yield f"(normalisation: {score.normaliser})"
    yield ""
    yield "SENTENCE RECOGNITION PERFORMANCE"
    yield ""
    yield f" sentences                                     {total:7d}"
    for name, errors in (
        (" with errors", words.errors),
        ("   with substitutions", words.substitutions),
        ("   with deletions", words.deletions),
        ("   with insertions", words.insertions),
    ):
        count = int((errors > 0).sum())
        yield f"{name:37s}{_share(count, total)}"
    yield ""
    for name, level in reversed(PARTS.items()):
        yield from _performance(level.one.upper(), score.counts[name])
    if "words" in report.confusions:
        yield from _confusion_lines(report.confusions["words"])


def _performance(unit: str, counts: ErrorCounts) -> Iterator[str]:
    yield f"{unit} RECOGNITION PERFORMANCE"
    yield ""
    for name, count in (
        ("Percent Total Error", counts.errors),
        ("Percent Correct", counts.hits),
        ("Percent Substitution", counts.substitutions),
        ("Percent Deletions", counts.deletions),
        ("Percent Insertions", counts.insertions),
        (f"Percent {unit.title()} Accuracy", counts.reference - counts.errors),
    ):
        yield f"{name:26s}={_share(count, counts.reference)}"
    yield ""
    for name, count in (
        (f"Ref. {unit.lower()}s", counts.reference),
        (f"Hyp. {unit.lower()}s", counts.hypothesis),
        (f"Aligned {unit.lower()}s", counts.reference + counts.insertions),
    ):
        yield f"{name:26s}=           ({count:7d})"
    yield ""


def _share(count: int, total: int) -> str:
    rate = f"{100 * count / total:5.1f}%" if total else "    – "
    return f"  {rate}   ({count:7d})"


def _confusion_lines(confusions: Confusions) -> Iterator[str]:
    substituted: dict[str, int] = {}
    falsely: dict[str, int] = {}
    for (ours, theirs), times in confusions.substitutions.items():
        substituted[ours] = substituted.get(ours, 0) + times
        falsely[theirs] = falsely.get(theirs, 0) + times
    pairs = [
        (ours, f"{ours} ==> {theirs}", times)
        for (ours, theirs), times in confusions.substitutions.items()
    ]
    sections = [("CONFUSION PAIRS", [(text, times) for _, text, times in ranked(pairs)])]
    for title, counts in (
        ("INSERTIONS", confusions.insertions),
        ("DELETIONS", confusions.deletions),
        ("SUBSTITUTIONS", substituted),
        ("FALSELY RECOGNIZED", falsely),
    ):
        order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        sections.append((title, order))
    for title, errors in sections:
        yield f"{title:32s} Total                 ({len(errors)})"
        yield f"{'':32s} With >=  1 occurrences ({len(errors)})"
        yield ""
        for place, (text, times) in enumerate(errors, 1):
            yield f"{place:4d}: {times:4d}  ->  {text}"
        yield "     -------"
        yield f"     {sum(times for _, times in errors):5d}"
        yield ""
