"""Match error rate and word information lost: against jiwer, by hand, and in every report."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from las_cli.scoring import ErrorCounts, print_table, score_pairs
from las_cli.scoring.json_report import CSV_COLUMNS, csv_writer, to_json
from las_cli.scoring.metrics import METRICS
from las_cli.scoring.page import to_html
from las_cli.scoring.report import compare_reports
from tests.scoring.test_report import report

texts = st.lists(st.sampled_from(["a", "ab", "abc", "b", "ca"]), max_size=7).map(" ".join)
corpora = st.lists(st.tuples(texts, texts), min_size=1, max_size=4)


@settings(max_examples=200, deadline=None)
@given(corpora)
@example([("", "")])
@example([("a b", "")])
@example([("", "a")])
@example([("", "a"), ("b", "")])
@example([("a b c", "a x"), ("", "y z")])
def test_rates_of_a_corpus_are_those_of_jiwer(corpus: list[tuple[str, str]]) -> None:
    import jiwer

    references, hypotheses = map(list, zip(*corpus, strict=True))
    words = score_pairs(references, hypotheses, "none").counts["words"]
    theirs = jiwer.process_words(references, hypotheses)
    assert METRICS["MER"].rate(words) == pytest.approx(theirs.mer)
    assert METRICS["WIL"].rate(words) == pytest.approx(theirs.wil)
    if any(references):  # jiwer has the number of insertions where there is nothing to divide by
        assert METRICS["WER"].rate(words) == pytest.approx(theirs.wer)


# hits, substitutions, deletions, insertions; MER and WIL as fractions worked out by hand
BY_HAND = [
    (ErrorCounts(7, 0, 3, 0), 3 / 10, 1 - 49 / (10 * 7)),
    (ErrorCounts(5, 2, 2, 4), 8 / 13, 1 - 25 / (9 * 11)),
    (ErrorCounts(0, 3, 0, 0), 1.0, 1.0),
    (ErrorCounts(0, 0, 2, 0), 1.0, 1.0),  # nothing was written
    (ErrorCounts(0, 0, 0, 2), 1.0, 1.0),  # nothing was said
    (ErrorCounts(), 0.0, 0.0),
    (ErrorCounts(10**9, 0, 0, 10**9), 0.5, 0.5),
]


@pytest.mark.parametrize(("counts", "mer", "wil"), BY_HAND)
def test_rates_by_hand(counts: ErrorCounts, mer: float, wil: float) -> None:
    assert METRICS["MER"].rate(counts) == pytest.approx(mer)
    assert METRICS["WIL"].rate(counts) == pytest.approx(wil)


def test_every_metric_stands_in_every_report() -> None:
    """11 words of reference, 13 of hypothesis, 8 of them hits, 14 columns."""
    made = report(by=("speaker",), worst=3, ids=True, keep=True)
    words = made.score.counts["words"]
    assert words == ErrorCounts(hits=8, substitutions=2, deletions=1, insertions=3)
    mer, wil = 6 / 14, 1 - 64 / (11 * 13)
    assert made.intervals is not None

    console = Console(file=io.StringIO(), width=80)
    print_table(made.score, console, made.intervals)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    page = to_html([made], [compare_reports(made, made)])
    document = json.loads(to_json([made], [compare_reports(made, made)]))
    (system,), (comparison,) = document["systems"], document["comparisons"]
    for name, key, rate in (
        ("MER", "match_error_rate", mer),
        ("WIL", "word_information_lost", wil),
    ):
        bounds = made.intervals.of[name]
        assert bounds.low < rate < bounds.high
        row = f"words ({name}) {100 * rate:.2f} % {100 * bounds.low:.2f} – {100 * bounds.high:.2f}"
        assert row in " ".join(text.split())
        assert f"<td>words ({name})</td><td>{100 * rate:.2f} %</td>" in page
        assert system[key]["rate"] == pytest.approx(rate, abs=1e-6)
        assert system[key]["interval"] == pytest.approx([bounds.low, bounds.high], abs=1e-6)
        assert comparison[key]["first"] == pytest.approx(rate, abs=1e-6)
        assert comparison[key]["difference"] == 0.0
    assert "MER: match error rate" in text and "WIL: word information lost" in text
    ann, bob = system["groups"]["speaker"]
    assert ann["match_error_rate"]["rate"] == pytest.approx(2 / 8)
    assert bob["word_information_lost"]["rate"] == pytest.approx(1 - 2 * 2 / (3 * 6), abs=1e-6)
    assert system["worst"][0]["match_error_rate"]["rate"] == 1.0


def test_rows_of_csv_end_with_the_rates_that_came_later() -> None:
    assert CSV_COLUMNS == (
        "system", "id", "reference", "hypothesis",
        "ler", "letter_errors", "letter_sub", "letter_del", "letter_ins", "letter_hits", "letters",
        "wer", "word_errors", "word_sub", "word_del", "word_ins", "word_hits", "words",
        "mer", "wil",
    )  # fmt: skip
    file = io.StringIO()
    write = csv_writer(file)
    for utterance in report(keep=True).score.utterances:
        write("hyp.txt", utterance)
    rows = list(csv.reader(io.StringIO(file.getvalue())))
    assert rows[1] == [
        "hyp.txt", "ann-1", "the cat sat on the mat", "the cat sad on mat",
        "0.227273", "5", "1", "4", "0", "17", "22",
        "0.333333", "2", "1", "1", "0", "4", "6",
        "0.333333", f"{1 - 16 / 30:.6f}",
    ]  # fmt: skip
    assert rows[4][4] == rows[4][11] == "" and rows[4][-2:] == ["1.000000", "1.000000"]
