"""`las score`: transcripts and references in; tables, and files if wanted, out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from las_cli.cli.decoding_run import decode_corpus
from las_cli.cli.grouped import GroupedCommand, options_given
from las_cli.cli.search_options import (
    HOTWORDS,
    MACHINE,
    SEARCH,
    hotword_options,
    search_options,
)
from las_cli.errors import UsageError
from las_cli.files import standard_input
from las_cli.scoring.bootstrap import RESAMPLES, SEED
from las_cli.scoring.listings import FORMATS

if TYPE_CHECKING:
    from las_cli.scoring.normalisers import Normaliser
    from las_cli.scoring.pairing import PairSource
    from las_cli.scoring.report import Report, ReportOptions

_COUNT = click.IntRange(min=0)
_FORMAT = click.Choice(("auto", *FORMATS))
OUTPUTS = ("html", "json", "csv", "pra", "dtl")
WITH_MODEL = "Search, with --model"
GROUPS = {
    "Input": ["ref", "hyps", "format_", "hyp_format", "ref_column", "hyp_column", "id_column"],
    "Comparison": [
        *("normalise", "language", "no_space", "written", "partial", "draw", "resamples", "seed")
    ],
    "Tables": ["by", "manifest", "by_length", "worst", "confusions", "full", "align"],
    "Files": OUTPUTS,
    "Decode and score": ["model", "data", "split"],
    WITH_MODEL: [*SEARCH, *HOTWORDS, *MACHINE],
}
EXAMPLES = (
    ("las score --ref true_y.txt --hyp pred_y.txt", "A line an utterance."),
    ("some-recogniser | las score --ref true_y.txt", "Hypotheses from standard input."),
    ("las score --ref text --hyp old.txt --hyp new.txt", "Is the new one better, how surely?"),
    ("las score --ref test.tsv --hyp out.jsonl --by accent --draw speaker", "By a column."),
    ("las score --ref ref.trn --hyp hyp.trn --html report.html --pra -", "All there is to see."),
    ("las score --model en --data cv-corpus/en --split test", "Decode and score in one go."),
)


@click.command(cls=GroupedCommand, groups=GROUPS, examples=EXAMPLES)
@click.option("--ref", metavar="FILE", help="References; - is standard input.")
@click.option(
    "--hyp", "hyps", metavar="FILE", multiple=True, help="Hypotheses, else stdin; two: compared."
)
@click.option("--format", "format_", type=_FORMAT, default="auto", help="Format of the files.")
@click.option("--hyp-format", type=_FORMAT, help="Format of the hypotheses, if another.")
@click.option("--ref-column", default="", metavar="NAME", help="Column or field with references.")
@click.option("--hyp-column", default="", metavar="NAME", help="Column or field with hypotheses.")
@click.option("--id-column", default="", metavar="NAME", help="Column or field with ids.")
@click.option("--partial", is_flag=True, help="Score the ids that both files have, and say so.")
@click.option(
    "--normalise",
    "--normalize",
    default="basic",
    show_default=True,
    metavar="NAME|FILE",
    help="none, basic (case, punctuation, space), whisper (its English normaliser), or a file of "
    "rules such as `gonna => going to`.",
)
@click.option(
    "--language",
    metavar="CODE",
    help="In tr and az I is lowered to ı.  [default: by the column locale, or the letter ı]",
)
@click.option("--no-space", is_flag=True, help="Do not count the space between words as a letter.")
@click.option(
    "--written", is_flag=True, help="Score marks and capitals too: precision, recall, F1."
)
@click.option("--by", default="", metavar="COLUMNS", help="Rates by columns, e.g. accent,gender.")
@click.option("--manifest", metavar="TSV", help="Table with the columns of --by and --draw.")
@click.option("--by-length", is_flag=True, help="Rates by the number of words in the reference.")
@click.option("--worst", type=_COUNT, default=0, metavar="N", help="List the N worst utterances.")
@click.option(
    "--confusions", type=_COUNT, default=0, metavar="N", help="List the N most frequent errors."
)
@click.option("--full", is_flag=True, help="All tables: --by-length --worst 10 --confusions 15.")
@click.option("--align", is_flag=True, help="Print wrong utterances word over word, in colour.")
@click.option("--pra", metavar="FILE", help="Alignments as sclite's pra has them.")
@click.option("--dtl", metavar="FILE", help="Totals and all confusions as sclite's dtl has them.")
@click.option("--json", metavar="FILE", help="All tables as JSON; - prints it instead of them.")
@click.option("--csv", metavar="FILE", help="A row of counts for each utterance.")
@click.option("--html", metavar="FILE", help="A page: tables, histogram, alignments (as --full).")
@click.option(
    "--draw",
    default="utterances",
    metavar="COLUMN",
    help="What the bootstrap draws: utterances or a column such as speaker.  [utterances]",
)
@click.option("--resamples", type=_COUNT, default=RESAMPLES, help="Bootstrap draws, or 0.  [2000]")
@click.option("--seed", type=_COUNT, default=SEED, show_default=True, help="Seed of the bootstrap.")
@click.option("--model", metavar="NAME", help="Decode --data with this model and score that.")
@click.option("--data", type=click.Path(path_type=Path), help="Corpus to decode with --model.")
@click.option(
    "--split",
    help="Split of --data to decode.  [default: test; of a single table without splits: all]",
)
@search_options
@hotword_options
def command(**given: Any) -> None:
    """Compare transcripts with references: letter, word and sentence error rates.

    Formats are recognised: a line an utterance; `id text` (kaldi); `text (id)` (trn); tables with
    a header, tab-separated (tsv) or, in files named .csv, comma-separated; JSON and JSON Lines;
    stm and ctm; srt and vtt, joined to one text; lists of letters as printed by Python. Tables may
    be parted by semicolons, files be UTF-16. Of `{ this / that }` and `(this)` in trn and stm the
    best reading counts, as with sclite. With ids the order does not matter. Rates
    are errors divided by reference units, added up over all utterances; beside them stand match
    error rate (MER) and word information lost (WIL) (Morris et al. 2004). 95 % intervals come from
    the bootstrap (Bisani & Ney 2004).
    """
    from las_cli.scoring.manifest import Manifest
    from las_cli.scoring.outputs import new_file, require_writable, write_outputs
    from las_cli.scoring.report import compare_reports, make_report
    from las_cli.scoring.terminal import print_reports

    _check(given)
    paths = {kind: given[kind] for kind in OUTPUTS if given[kind]}
    for path in paths.values():
        require_writable(path)
    if not given["model"]:
        # numpy starts a thread a core for products that scoring never computes: 0.1 s.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    options = _options(given)
    table = given["manifest"]
    manifest = Manifest(table, options.columns, given["id_column"]) if table else None
    reports: list[Report] = []
    with ExitStack() as files:
        write = None
        if given["csv"]:
            from las_cli.scoring.json_report import csv_writer

            write = csv_writer(files.enter_context(new_file(given["csv"])))
        for pairs in _systems(given):
            if not reports:  # of several the first one decides, or they would not compare
                options = replace(options, normaliser=_normaliser(given, pairs))
            each = write and partial(write, pairs.name)
            reports.append(make_report(pairs, options, manifest, each))
        comparisons = [compare_reports(reports[0], report) for report in reports[1:]]
        rows = files.pop_all()
    try:
        if "-" not in paths.values():
            print_reports(reports, comparisons, given["align"])
    finally:  # a closed pipe must not take the files, nor a full disk the tables
        rows.close()
        write_outputs(paths, reports, comparisons)
    if any(report.failures for report in reports):
        click.get_current_context().exit(1)


def _check(given: dict[str, Any]) -> None:
    if given["model"] or given["data"]:
        if not (given["model"] and given["data"]):
            raise UsageError("--model and --data belong together: one decodes the other")
        if given["ref"] or given["hyps"]:
            raise UsageError("--model and --data give both sides; leave --ref and --hyp out")
    elif not given["ref"]:
        raise UsageError("--ref is missing: the file with the references (or --model and --data)")
    elif idle := options_given("split", *GROUPS[WITH_MODEL]):
        raise UsageError(f"without --model nothing is decoded: {idle} would be of no use")
    if given["written"] and given["model"]:
        raise UsageError(
            "--written: --model decodes plain words; write them with `las transcribe` and name "
            "the files with --ref and --hyp"
        )
    inputs = [given["ref"], *(given["hyps"] or ("-",))]
    # The references are read again for each system.
    if inputs.count("-") > 1 or (inputs[0] == "-" and len(inputs) > 2):
        raise UsageError("standard input can be read only once; name files for the rest")
    if given["manifest"] and not given["by"] and given["draw"] == "utterances":
        raise UsageError("--manifest is of no use without --by or --draw")


def _normaliser(given: dict[str, Any], pairs: PairSource) -> Normaliser:
    """What --normalise names, in the language of the texts where its capitals are others."""
    from las_cli.scoring.languages import language_of
    from las_cli.scoring.normalisers import find_normaliser
    from las_cli.scoring.pairing import Pairing

    language = given["language"]
    if language is None and isinstance(pairs, Pairing):
        language = language_of((pairs.reference, pairs.hypothesis))
    if language is None:
        language = getattr(pairs, "language", "")
    return find_normaliser(given["normalise"], language)


def _options(given: dict[str, Any]) -> ReportOptions:
    from las_cli.scoring.normalisers import find_normaliser
    from las_cli.scoring.report import ReportOptions

    full = given["full"] or given["html"]
    return ReportOptions(
        normaliser=find_normaliser(given["normalise"]),
        spaces=not given["no_space"],
        by=tuple(name.strip() for name in given["by"].split(",") if name.strip()),
        draw=given["draw"],
        worst=given["worst"] or (10 if full else 0),
        confusions=given["confusions"] or (15 if full else 0),
        count_confusions=bool(given["dtl"]),
        lengths=bool(given["by_length"] or full),
        keep=bool(given["align"] or given["pra"] or given["html"]),
        ids=len(given["hyps"]) > 1,
        written=given["written"],
        resamples=given["resamples"],
        seed=given["seed"],
    )


def _systems(given: dict[str, Any]) -> Iterator[PairSource]:
    """References with the hypotheses of each system."""
    from las_cli.scoring.lines import ColumnNames
    from las_cli.scoring.listings import open_listing
    from las_cli.scoring.pairing import Pairing

    if given["model"]:
        from las_cli.corpus import load_split
        from las_cli.evaluation.decoded import DecodedPairs
        from las_cli.recogniser import load_recogniser

        own = {name for heading, names in GROUPS.items() if heading != WITH_MODEL for name in names}
        search = {name: value for name, value in given.items() if name not in own}
        recogniser = load_recogniser(given["model"], **search)
        corpus, split = load_split(given["data"], given["split"], "test")
        decoded, unusable = decode_corpus(recogniser, corpus, split)
        name = f"{given['model']} on {split} of {given['data']}"
        yield DecodedPairs(name, decoded, unusable, recogniser.loaded.policy.language)
        return
    if not given["hyps"] and standard_input().isatty():
        click.echo("las: hypotheses are read from standard input", err=True)
    for path in given["hyps"] or ("-",):
        format, id_column = given["format_"], given["id_column"]
        ours, theirs = (ColumnNames(given[f"{side}_column"], id_column) for side in ("ref", "hyp"))
        reference = open_listing(given["ref"], format, "reference", ours)
        hypothesis = open_listing(path, given["hyp_format"] or format, "hypothesis", theirs)
        tables = reference.has_columns or hypothesis.has_columns or given["manifest"]
        if id_column and not tables:
            raise UsageError(f"--id-column: neither {reference} nor {hypothesis} has columns")
        yield Pairing(reference, hypothesis, given["partial"])
