"""Reports: groups, lengths, worst utterances, confusions; and every way to write them down."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import stat
from pathlib import Path

import pytest
from rich.console import Console

from las_cli.errors import LasError
from las_cli.scoring import ErrorCounts, find_normaliser, print_table, score_pairs, terminal
from las_cli.scoring.histogram import histogram_counts, histogram_svg
from las_cli.scoring.json_report import csv_writer, to_json
from las_cli.scoring.manifest import Manifest
from las_cli.scoring.outputs import new_file, require_writable
from las_cli.scoring.page import to_html
from las_cli.scoring.pairing import Pair
from las_cli.scoring.pra import dtl_lines, pra_lines
from las_cli.scoring.report import Report, ReportOptions, compare_reports, make_report

PAIRS = [
    Pair("ann-1", "the cat sat on the mat", "the cat sad on mat", {"speaker": "ann", "age": ""}),
    Pair("ann-2", "hello world", "hello world", {"speaker": "ann", "age": "20"}),
    Pair("bob-1", "a <b> c", "a b d c", {"speaker": "bob", "age": "20"}),
    Pair("bob-2", "", "[oh] no", {"speaker": "bob", "age": "20"}),
]


class Pairs:
    """Pairs at hand, as a model or two files would give them."""

    failures = 0

    def __init__(self, pairs: list[Pair], name: str = "hyp.txt") -> None:
        self.pairs, self.name, self.notes = pairs, name, ["a note"]
        self.title = f"{name} against ref.txt"

    def __iter__(self):
        return iter(self.pairs)


def report(pairs: list[Pair] | None = None, name: str = "hyp.txt", **options) -> Report:
    options.setdefault("normaliser", find_normaliser("none"))
    return make_report(Pairs(PAIRS if pairs is None else pairs, name), ReportOptions(**options))


def test_groups_add_up_to_the_whole() -> None:
    made = report(by=("speaker", "age"))
    assert [group.label for group in made.groups["speaker"]] == ["ann", "bob"]
    assert {group.label for group in made.groups["age"]} == {"20", "(none)"}
    for groups in made.groups.values():
        for level, counts in made.score.counts.items():
            assert sum((g.counts[level] for g in groups), ErrorCounts()) == counts
        assert sum(g.utterances for g in groups) == 4


def test_lengths_are_bins_of_reference_words() -> None:
    made = report(lengths=True)
    assert [(g.label, g.utterances) for g in made.lengths] == [("0", 1), ("1–3", 2), ("4–6", 1)]


def test_worst_come_first_and_perfect_ones_never() -> None:
    assert [u.id for u in report(worst=2).worst] == ["bob-2", "bob-1"]
    assert [u.id for u in report(worst=9).worst] == ["bob-2", "bob-1", "ann-1"]


def test_confusions_are_counted_by_unit() -> None:
    made = report(confusions=3)
    letters, words = made.confusions["letters"], made.confusions["words"]
    assert words.substitutions["sat", "sad"] == 1
    assert words.deletions == {"the": 1}
    kinds = (letters.substitutions, letters.deletions, letters.insertions)
    counts = made.score.counts["letters"]
    assert [sum(kind.values()) for kind in kinds] == [
        counts.substitutions,
        counts.deletions,
        counts.insertions,
    ]
    assert len(words.most_common(3)) == 3
    without = report(confusions=3, spaces=False).confusions["letters"]
    assert " " not in without.deletions | without.insertions
    assert report().confusions == {}


def test_utterances_are_kept_only_if_asked_for() -> None:
    assert report().score.utterances == ()
    assert len(report(keep=True).score.utterances) == 4


def test_draws_of_speakers_are_named() -> None:
    made = report(draw="speaker")
    assert made.intervals is not None
    assert (made.intervals.unit, made.intervals.units) == ("speaker", 2)
    assert report(PAIRS[:2], draw="speaker").intervals is None  # one speaker says nothing


def test_columns_come_from_a_manifest_by_id_or_by_line(tmp_path: Path) -> None:
    path = tmp_path / "m.tsv"
    path.write_text("path\tclient_id\nbob-1\tB\nann-1\tA\nann-2\tA\nbob-2\tB\n", encoding="utf-8")

    def labels(pairs: list[Pair]) -> list[str]:
        manifest = Manifest(str(path), ["speaker"])
        options = ReportOptions(by=("speaker",))
        return make_report(Pairs(pairs), options, manifest).labels["speaker"]

    assert labels(PAIRS) == ["A", "A", "B", "B"]
    assert labels([Pair("", "a", "b")] * 4) == ["B", "A", "A", "B"]
    with pytest.raises(LasError, match="no row for utterance 'eve-1'"):
        labels([Pair("eve-1", "a", "b")])
    for count in (3, 5):
        with pytest.raises(LasError, match="4 rows"):
            labels([Pair("", "a", "b")] * count)
    with pytest.raises(LasError, match="no column 'accent'; there are path, client_id"):
        Manifest(str(path), ["accent"])


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(LasError, match=r"no column 'accent' \(there are: speaker, age\)"):
        report(by=("accent",))


def test_no_pair_at_all_is_an_error() -> None:
    with pytest.raises(LasError, match="no utterance"):
        report([])


def test_systems_are_compared_on_the_utterances_both_have() -> None:
    better = [Pair(p.id, p.reference, p.reference, p.facts) for p in reversed(PAIRS[:3])]
    comparison = compare_reports(report(ids=True), report(better, "new.txt", ids=True))
    assert (comparison.first, comparison.second) == ("hyp.txt", "new.txt")
    assert (comparison.better, comparison.worse, comparison.equal) == (2, 0, 1)
    assert comparison.differences["LER"].second == 0.0
    other = [Pair("eve", "a", "a")]
    with pytest.raises(LasError, match="no utterance in common"):
        compare_reports(report(ids=True), report(other, "new.txt", ids=True))


def full() -> Report:
    return report(by=("speaker",), worst=3, confusions=5, lengths=True, keep=True)


def printed(thing: Report) -> str:
    console = Console(file=io.StringIO(), width=120, force_terminal=False)
    terminal.print_reports([thing], [], align=True, console=console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_tables_say_everything_and_leave_brackets_alone() -> None:
    text = printed(full())
    for part in (
        "letters (LER)", "words (WER)", "sentences (SER)", "mean of LERs", "normalisation: none",
        "by speaker", "by words in the reference", "most frequent errors, letters",
        "worst utterances", "[oh] no", "a note", "hyp.txt",
    ):  # fmt: skip
        assert part in text


def test_the_default_table_prints_counts_and_normalisation() -> None:
    console = Console(file=io.StringIO(), width=80)
    print_table(score_pairs(["abcd", "ef"], ["abcx", "ef"]), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert re.search(r"letters \(LER\) +16\.67 %.* 1 +1 +0 +0 +5 +6", text)
    assert "normalisation: basic · 2 utterances" in text


def test_alignments_are_aligned_for_wide_letters_too() -> None:
    pairs = [Pair("jp", "日本 x", "日 x y")]
    text = terminal.alignment_text(report(pairs, keep=True).score.utterances[0]).plain
    assert text.splitlines()[1:] == ["REF  日本 x * ", "HYP  日   x y ", "     S      I "]


GOLDEN_PRA = """\
\t\tDUMP OF SYSTEM ALIGNMENT STRUCTURE

System name:   hyp.txt
Normalisation: none

Speakers:\x20
    0:  ann
    1:  bob

Speaker sentences   0:  ann   #utts: 2
id: (ann-1)
Scores: (#C #S #D #I) 4 1 1 0
REF:  the cat SAT on THE mat\x20
HYP:  the cat SAD on *** mat\x20
Eval:         S      D      \x20

id: (ann-2)
Scores: (#C #S #D #I) 2 0 0 0
REF:  hello world\x20
HYP:  hello world\x20
Eval:            \x20

Speaker sentences   1:  bob   #utts: 2
id: (bob-1)
Scores: (#C #S #D #I) 2 1 0 1
REF:  a * <B> c\x20
HYP:  a B D   c\x20
Eval:   I S    \x20
"""


def test_pra_is_as_sclite_writes_it() -> None:
    lines = list(pra_lines(full()))
    assert lines[: len(GOLDEN_PRA.splitlines())] == GOLDEN_PRA.splitlines()
    assert "REF:  **** ** " in lines


def test_dtl_has_totals_and_confusions() -> None:
    text = "\n".join(dtl_lines(full()))
    assert re.search(r"sentences +4\n with errors +75.0% +\( +3\)", text)
    assert re.search(r"Percent Total Error +=.* +\( +6\)", text)
    assert "sat ==> sad" in text
    assert text.index("CONFUSION PAIRS") < text.index("INSERTIONS") < text.index("DELETIONS")


def test_dtl_counts_insertions_against_the_accuracy() -> None:
    """Of four words three are right, one is another, and two are too many."""
    lines = list(dtl_lines(report([Pair("u", "a b c d", "a x c d e f")])))
    start = lines.index("WORD RECOGNITION PERFORMANCE")
    told = [re.fullmatch(r"(.*?) *=(?: +([\d.]+)%)? +\( *(\d+)\)", line) for line in lines[start:]]
    assert [match.groups() for match in told if match][:9] == [
        ("Percent Total Error", "75.0", "3"),
        ("Percent Correct", "75.0", "3"),
        ("Percent Substitution", "25.0", "1"),
        ("Percent Deletions", "0.0", "0"),
        ("Percent Insertions", "50.0", "2"),
        ("Percent Word Accuracy", "25.0", "1"),
        ("Ref. words", None, "4"),
        ("Hyp. words", None, "6"),
        ("Aligned words", None, "6"),
    ]


def test_json_is_valid_and_complete() -> None:
    made = full()
    document = json.loads(to_json([made], [compare_reports(made, made)]))
    system = document["systems"][0]
    assert document["normalisation"] == "none"
    assert system["letters"]["errors"] == made.score.counts["letters"].errors
    assert system["letters"]["rate"] == pytest.approx(made.score.counts["letters"].rate, abs=1e-6)
    assert system["worst"][0]["letters"]["rate"] is None  # an empty reference has no finite rate
    assert [group["label"] for group in system["groups"]["speaker"]] == ["ann", "bob"]
    assert document["comparisons"][0]["letters"]["difference"] == 0.0
    assert system["notes"] == ["a note"]


def test_csv_has_a_row_an_utterance() -> None:
    file = io.StringIO()
    write = csv_writer(file)
    for utterance in full().score.utterances:
        write("hyp.txt", utterance)
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert [row["id"] for row in rows] == ["ann-1", "ann-2", "bob-1", "bob-2"]
    assert rows[0]["word_sub"] == "1" and rows[0]["words"] == "6"
    assert rows[3]["ler"] == ""  # infinite


def test_the_page_is_self_contained_and_escaped() -> None:
    page = to_html([full()])
    assert page.startswith("<!doctype html>")
    assert not re.search(r"(src|href)=|https?://|<script", page)
    assert "&lt;b&gt;" in page and "<b>b</b>" not in page.replace("<b>&", "")
    assert "<svg" in page and "Alignments, worst first" in page
    import xml.etree.ElementTree

    xml.etree.ElementTree.fromstring(re.search(r"<svg.*</svg>", page, re.DOTALL)[0])  # type: ignore[index]


def test_the_histogram_counts_every_utterance() -> None:
    rates = [0.0, 0.001, 0.05, 0.051, 1.0, 1.5, float("inf")]
    counts = histogram_counts(rates)
    assert sum(count for _, count in counts) == len(rates)
    assert counts[0] == ("0", 1) and counts[-1] == ("> 100", 2)
    assert histogram_svg([], "nothing").startswith("<svg")


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("before", encoding="utf-8")
    with pytest.raises(ZeroDivisionError), new_file(str(path)) as file:
        file.write("half")
        raise ZeroDivisionError
    assert path.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [path]
    for missing in (tmp_path / "no" / "x", path / "x", tmp_path):
        with pytest.raises(LasError, match="cannot be written"), new_file(str(missing)):
            pass
        with pytest.raises(LasError, match="cannot be written"):
            require_writable(str(missing))
    require_writable(str(path))
    require_writable("-")


def test_a_pipe_stays_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    require_writable(str(path))
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with new_file(str(path)) as file:
        file.write("through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("before", ["before", None])
def test_a_link_is_written_through(tmp_path: Path, before: str | None) -> None:
    target, link = tmp_path / "folder" / "target", tmp_path / "link"
    target.parent.mkdir()
    if before:
        target.write_text(before)
    link.symlink_to(target)
    require_writable(str(link))
    with new_file(str(link)) as file:
        file.write("after")
    assert link.is_symlink() and target.read_text() == "after"
    assert list(target.parent.iterdir()) == [target]
