"""`las score`: transcripts and references in; tables, and files if wanted, out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from las_cli.errors import UsageError
from las_cli.scoring.bootstrap import RESAMPLES, SEED
from las_cli.scoring.listings import FORMATS

if TYPE_CHECKING:
    from las_cli.scoring.pairing import PairSource
    from las_cli.scoring.report import Report, ReportOptions

_FORMAT = click.Choice(("auto", *FORMATS))
_NAMED = click.Path(dir_okay=True)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--ref", metavar="FILE", help="References; - is standard input.")
@click.option(
    "--hyp",
    "hyps",
    metavar="FILE",
    multiple=True,
    help="Hypotheses; left out or -: standard input. Given again: each further file is compared "
    "with the first.",
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
@click.option("--no-space", is_flag=True, help="Do not count the space between words as a letter.")
@click.option("--by", default="", metavar="COLUMNS", help="Rates by columns, e.g. accent,gender.")
@click.option("--manifest", type=_NAMED, metavar="TSV", help="Table with the columns of --by.")
@click.option("--by-length", is_flag=True, help="Rates by the number of words in the reference.")
@click.option("--worst", default=0, metavar="N", help="List the N worst utterances.")
@click.option("--confusions", default=0, metavar="N", help="List the N most frequent errors.")
@click.option("--full", is_flag=True, help="All tables: --by-length --worst 10 --confusions 15.")
@click.option("--align", is_flag=True, help="Print wrong utterances word over word, in colour.")
@click.option("--pra", metavar="FILE", help="Write alignments as sclite's pra does.")
@click.option("--dtl", metavar="FILE", help="Write totals and all confusions as sclite's dtl does.")
@click.option(
    "--json", metavar="FILE", help="Write all tables as JSON; - prints it instead of them."
)
@click.option("--csv", metavar="FILE", help="Write a row of counts for each utterance.")
@click.option("--html", metavar="FILE", help="Write a page: tables, histogram, alignments.")
@click.option(
    "--draw",
    default="utterances",
    show_default=True,
    metavar="COLUMN",
    help="What the bootstrap draws: utterances or a column, e.g. speaker.",
)
@click.option("--resamples", default=RESAMPLES, show_default=True, help="Bootstrap draws; 0: none.")
@click.option("--seed", default=SEED, show_default=True, help="Seed of the bootstrap.")
@click.option("--model", metavar="NAME", help="Decode --data with this model and score that.")
@click.option("--data", metavar="DIR", help="Corpus to decode with --model.")
@click.option("--split", default="test", show_default=True, help="Split of --data to decode.")
@click.option("--device", default="auto", show_default=True, help="Where --model runs.")
def command(**given: Any) -> None:
    """Compare transcripts with references: letter, word and sentence error rates.

    \b
      las score --ref true_y.txt --hyp pred_y.txt
      las transcribe … | las score --ref true_y.txt            hypotheses from standard input
      las score --ref text --hyp old.txt --hyp new.txt         is the new one better, how surely
      las score --ref test.tsv --hyp out.jsonl --by accent     rates by a column
      las score --model en --data corpus --split test          decode and score in one go

    Formats are recognised: a line an utterance; `id text` (kaldi); `text (id)` (trn); TSV with a
    header; JSON and JSON Lines; stm and ctm; lists of letters as printed by Python. With ids the
    order does not matter. Rates are errors divided by reference units, added up over all
    utterances; 95 % intervals come from the bootstrap (Bisani & Ney 2004).
    """
    from las_cli.scoring.manifest import Manifest
    from las_cli.scoring.outputs import new_file, write_outputs
    from las_cli.scoring.report import compare_reports, make_report
    from las_cli.scoring.tables import print_reports

    _check(given)
    if not given["model"]:
        # numpy starts a thread a core for products that scoring never computes: 0.1 s.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    options = _options(given)
    if given["manifest"] and not options.columns:
        raise UsageError("--manifest is of no use without --by or --draw")
    manifest = None
    if given["manifest"]:
        manifest = Manifest(given["manifest"], options.columns, given["id_column"])
    reports: list[Report] = []
    with ExitStack() as files:
        write = None
        if given["csv"]:
            from las_cli.scoring.export import csv_writer

            write = csv_writer(files.enter_context(new_file(given["csv"])))
        for pairs in _systems(given):
            each = write and partial(write, pairs.name)
            reports.append(make_report(pairs, options, manifest, each))
    comparisons = [compare_reports(reports[0], report) for report in reports[1:]]
    paths = {kind: given[kind] for kind in ("html", "json", "pra", "dtl")}
    write_outputs(paths, reports, comparisons)
    if "-" not in (*paths.values(), given["csv"]):
        print_reports(reports, comparisons, given["align"])
    if any(report.failures for report in reports):
        click.get_current_context().exit(1)


def _check(given: dict[str, Any]) -> None:
    if given["model"] or given["data"]:
        if not (given["model"] and given["data"]):
            raise UsageError("--model and --data belong together: one decodes the other")
        if given["ref"] or given["hyps"]:
            raise UsageError(
                "--model makes the hypotheses and --data has the references; "
                "leave --ref and --hyp out"
            )
    elif not given["ref"]:
        raise UsageError("--ref is missing: the file with the references (or --model and --data)")
    inputs = [given["ref"], *(given["hyps"] or ("-",))]
    if not given["model"] and inputs.count("-") > 1:
        raise UsageError("only one of --ref and --hyp can be standard input")
    if given["ref"] == "-" and len(given["hyps"]) > 1:
        raise UsageError("standard input can be read once; give --ref a file to compare systems")
    for name in ("worst", "confusions", "resamples"):
        if given[name] < 0:
            raise UsageError(f"--{name} is {given[name]}, expected 0 or more")


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
        resamples=given["resamples"],
        seed=given["seed"],
    )


def _systems(given: dict[str, Any]) -> Iterator[PairSource]:
    """References with the hypotheses of each system."""
    from las_cli.scoring.listings import Columns, open_listing
    from las_cli.scoring.pairing import Pairing

    if given["model"]:
        from las_cli.scoring.decoded import DecodedPairs

        yield DecodedPairs(given["model"], given["data"], given["split"], given["device"])
        return
    if not given["hyps"] and sys.stdin.isatty():
        click.echo("las: reading hypotheses from standard input", err=True)
    for path in given["hyps"] or ("-",):
        format, id_column = given["format_"], given["id_column"]
        ours, theirs = (Columns(given[f"{side}_column"], id_column) for side in ("ref", "hyp"))
        yield Pairing(
            open_listing(given["ref"], format, "reference", ours),
            open_listing(path, given["hyp_format"] or format, "hypothesis", theirs),
            given["partial"],
        )
