"""Reports in, one self-contained HTML page out: tables, histogram, alignments, nothing fetched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from las_cli.scoring.alignment import align
from las_cli.scoring.bootstrap import Interval
from las_cli.scoring.breakdown import Group
from las_cli.scoring.comparison import Comparison
from las_cli.scoring.confusions import Confusions
from las_cli.scoring.counts import ErrorCounts
from las_cli.scoring.histogram import histogram_svg
from las_cli.scoring.report import Report
from las_cli.scoring.score import UtteranceScore
from las_cli.scoring.terminal import caption, percent, percent_range, shown_unit

MOST_ALIGNMENTS = 1000  # a page with more hardly opens; the worst ones are shown

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --sub: #b26a00; --del: #c62828;
  --ins: #8e24aa; --bar: #3b78c4; }
@media (prefers-color-scheme: dark) { :root { --sub: #ffb74d; --del: #ef9a9a; --ins: #ce93d8; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; }
.wide { overflow-x: auto; } .note { opacity: .75; font-size: .9rem; white-space: pre-line; }
svg { width: 100%; max-width: 45rem; } svg text { font-size: 11px; fill: currentColor; }
.bar { fill: var(--bar); } .axis { stroke: currentColor; }
.utterance { margin: 1rem 0; padding: .4rem .8rem; background: var(--soft); border-radius: .4rem; }
.words { display: flex; flex-wrap: wrap; gap: .1rem .5rem; font-family: ui-monospace, monospace; }
.words span { display: flex; flex-direction: column; }
.substitution { color: var(--sub); } .deletion { color: var(--del); }
.insertion { color: var(--ins); }
.key span { margin-right: 1rem; }
"""


def to_html(reports: Sequence[Report], comparisons: Iterable[Comparison] = ()) -> str:
    """The page as text. Alignments are in it if the reports were made with utterances kept."""
    body = "\n".join(_body(reports, comparisons))
    title = escape("error rates: " + ", ".join(report.name for report in reports))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n"
        "</body>\n</html>\n"
    )


def _body(reports: Sequence[Report], comparisons: Iterable[Comparison]) -> Iterator[str]:
    yield "<h1>Error rates</h1>"
    for comparison in comparisons:
        yield from _comparison(comparison)
    for report in reports:
        yield f"<h2>{escape(report.title)}</h2>"
        yield from _overall(report)
        if report.score.utterances:
            rates = (utterance.letters.rate for utterance in report.score.utterances)
            yield "<h3>Utterances by letter error rate</h3>"
            yield histogram_svg(rates, "utterances by letter error rate")
        for column, groups in report.groups.items():
            yield from _groups(f"by {column}", groups)
        if report.lengths:
            yield from _groups("by words in the reference", report.lengths)
        for unit, confusions in (
            ("letters", report.letter_confusions),
            ("words", report.word_confusions),
        ):
            if confusions is not None and report.options.confusions:
                yield from _confusions(unit, confusions, report.options.confusions)
        yield from _alignments(report.score.utterances)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    lines = ("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _overall(report: Report) -> Iterator[str]:
    score, intervals = report.score, report.intervals
    bounds: tuple[Interval | None, ...] = (None, None, None)
    if intervals is not None:
        bounds = (intervals.letters, intervals.words, intervals.sentences)
    rows = [
        _counts("letters (LER)", score.letters, bounds[0]),
        _counts("words (WER)", score.words, bounds[1]),
    ]
    wrong = _counts("sentences (SER)", score.sentences, bounds[2])
    rows.append([*wrong[:4], "", "", "", *wrong[7:]])
    for name, rate in (
        ("mean of LERs", score.mean_letter_rate),
        ("mean of WERs", score.mean_word_rate),
    ):
        rows.append([name, percent(rate), *[""] * 7])
    headings = ("", "rate", "95 % interval", "errors", "sub", "del", "ins", "hits", "reference")
    yield _table(headings, rows)
    yield f'<p class="note">{escape(caption(score, intervals))}</p>'
    for note in report.notes:
        yield f'<p class="note">{escape(note)}</p>'


def _counts(name: str, counts: ErrorCounts, bounds: Interval | None) -> list[str]:
    return [
        name,
        percent(counts.rate),
        percent_range(bounds),
        str(counts.errors),
        str(counts.substitutions),
        str(counts.deletions),
        str(counts.insertions),
        str(counts.hits),
        str(counts.reference),
    ]


def _groups(title: str, groups: Sequence[Group]) -> Iterator[str]:
    yield f"<h3>{escape(title)}</h3>"
    headings = ("", "utts", "LER", "95 % interval", "WER", "95 % interval", "letters", "words")
    yield _table(
        headings,
        (
            (
                group.label,
                str(group.utterances),
                percent(group.letters.rate),
                percent_range(group.letter_interval),
                percent(group.words.rate),
                percent_range(group.word_interval),
                str(group.letters.reference),
                str(group.words.reference),
            )
            for group in groups
        ),
    )


def _confusions(unit: str, confusions: Confusions, count: int) -> Iterator[str]:
    yield f"<h3>Most frequent errors, {unit}</h3>"
    rows = (
        (shown_unit(ours), shown_unit(theirs), str(times))
        for ours, theirs, times in confusions.most_common(count)
    )
    yield _table(("reference", "hypothesis", "times"), rows)


def _comparison(comparison: Comparison) -> Iterator[str]:
    yield f"<h2>{escape(comparison.second)} against {escape(comparison.first)}</h2>"
    rows = (
        (
            name,
            percent(difference.first),
            percent(difference.second),
            f"{100 * difference.difference:+.2f}",
            percent_range(difference.interval),
            percent(difference.improvement),
        )
        for name, difference in (
            ("letters (LER)", comparison.letters),
            ("words (WER)", comparison.words),
            ("sentences (SER)", comparison.sentences),
        )
    )
    yield _table(
        ("", "first", "second", "difference", "95 % interval", "probability of improvement"), rows
    )
    yield (
        f'<p class="note">letter errors: fewer in {comparison.better} utterances, more in '
        f"{comparison.worse}, as many in {comparison.equal}; bootstrap over "
        f"{escape(comparison.unit)}, {comparison.resamples} draws</p>"
    )


def _alignments(utterances: Sequence[UtteranceScore]) -> Iterator[str]:
    wrong = [utterance for utterance in utterances if utterance.words.errors]
    if not wrong:
        return
    wrong.sort(key=lambda u: (-u.letters.rate, -u.letters.errors, u.number))
    shown = wrong[:MOST_ALIGNMENTS]
    right = len(utterances) - len(wrong)
    yield "<h3>Alignments, worst first</h3>"
    left_out = f"; the worst {len(shown)} of them are shown" if len(shown) < len(wrong) else ""
    yield f'<p class="note">utterances without an error: {right}, with: {len(wrong)}{left_out}.</p>'
    yield (
        '<p class="key"><span class="substitution">substitution</span>'
        '<span class="deletion">deletion</span><span class="insertion">insertion</span></p>'
    )
    for utterance in shown:
        name = utterance.id or f"utterance {utterance.number}"
        columns = "".join(
            f'<span class="{column.kind}"><b>{escape(column.reference) or "&nbsp;"}</b>'
            f"<i>{escape(column.hypothesis) or '&nbsp;'}</i></span>"
            for column in align(utterance.reference.split(), utterance.hypothesis.split())
        )
        yield (
            f'<div class="utterance"><div>{escape(name)} · LER {percent(utterance.letters.rate)}'
            f" · WER {percent(utterance.words.rate)}</div>"
            f'<div class="words">{columns}</div></div>'
        )
