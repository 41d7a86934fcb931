"""Reports in, one self-contained HTML page out: tables, histogram, alignments, nothing fetched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from las_cli.scoring.comparison import Comparison
from las_cli.scoring.histogram import histogram_svg
from las_cli.scoring.report import Report
from las_cli.scoring.rows import ReportTable, comparison_table, report_tables, utterance_line
from las_cli.scoring.score import UtteranceScore

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
        yield from _table(comparison_table(comparison), "h2")
    for report in reports:
        overall, *others = report_tables(report)
        yield from _table(overall, "h2")
        for note in report.notes:
            yield f'<p class="note">{escape(note)}</p>'
        if report.score.utterances:
            rates = (utterance.counts["letters"].rate for utterance in report.score.utterances)
            yield "<h3>Utterances by letter error rate</h3>"
            yield histogram_svg(rates, "utterances by letter error rate")
        for table in others:
            yield from _table(table, "h3")
        yield from _alignments(report.score.utterances)


def _table(table: ReportTable, heading: str) -> Iterator[str]:
    head = "".join(f"<th>{escape(column.text)}</th>" for column in table.headings)
    lines = (
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    yield f"<{heading}>{escape(table.title)}</{heading}>"
    yield (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )
    if table.caption:
        yield f'<p class="note">{escape(table.caption)}</p>'


def _alignments(utterances: Sequence[UtteranceScore]) -> Iterator[str]:
    wrong = [utterance for utterance in utterances if utterance.wrong]
    if not wrong:
        return
    wrong.sort(key=lambda u: (-u.counts["letters"].rate, -u.counts["letters"].errors, u.number))
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
        name, rates = utterance_line(utterance)
        columns = "".join(
            f'<span class="{column.kind}"><b>{escape(column.reference) or "&nbsp;"}</b>'
            f"<i>{escape(column.hypothesis) or '&nbsp;'}</i></span>"
            for column in utterance.aligned("words")
        )
        yield (
            f'<div class="utterance"><div>{escape(" · ".join((name, *rates)))}</div>'
            f'<div class="words">{columns}</div></div>'
        )
