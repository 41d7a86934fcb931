"""`las decode`: a corpus split in; transcripts, details and the LER table out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from las_cli.cli.common_options import clips_option, quiet_option
from las_cli.cli.decoding_run import decode_corpus
from las_cli.cli.grouped import GroupedCommand
from las_cli.cli.search_options import (
    HOTWORDS,
    MACHINE,
    SEARCH,
    hotword_options,
    search_options,
)
from las_cli.errors import UsageError
from las_cli.files import require_folder

if TYPE_CHECKING:
    from las_cli.evaluation.decode_split import DecodedSplit
    from las_cli.recogniser import Recogniser

GROUPS = {
    "Input": ("model", "data", "split", "clips"),
    "Output": ("output", "overwrite", "nbest", "quiet"),
    "Search": (*SEARCH, *HOTWORDS),
    "Machine": (*MACHINE, "batch_seconds"),
}
EXAMPLES = (
    (
        "las decode --model runs/en --data cv-corpus/en --output decoded",
        "The test split; writes true_y.txt, pred_y.txt and hypotheses.jsonl, a line an utterance.",
    ),
    (
        "las decode --model en --data cv-corpus/en --split dev --search greedy --output greedy",
        "Without a beam; what that costs:",
    ),
    (
        "las score --ref greedy/true_y.txt --hyp greedy/pred_y.txt --hyp decoded/pred_y.txt",
        "Two searches against each other, with the interval of the difference.",
    ),
)


@click.command(cls=GroupedCommand, groups=GROUPS, examples=EXAMPLES)
@click.option("--model", "-m", required=True, help="Name of a shipped model, or a folder.")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Corpus folder.")
@click.option(
    "--split", help="Split to recognise.  [default: test; of a single table without splits: all]"
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder to write."
)
@click.option("--overwrite", is_flag=True, help="Replace files that las did not write, too.")
@click.option("--nbest", type=int, help="Hypotheses written, at most --beam.  [default: 1]")
@clips_option()
@click.option("--limit", type=click.IntRange(min=1), hidden=True, help="Only the first N clips.")
@click.option(
    "--batch-seconds",
    type=click.FloatRange(min=1),
    help="Sound in a batch.  [default: by beam and cores]",
)
@search_options
@hotword_options
@quiet_option()
def command(
    model: str,
    data: Path,
    split: str | None,
    output: Path,
    overwrite: bool,
    clips: int | None,
    limit: int | None,
    batch_seconds: float | None,
    quiet: bool,
    **given: Any,
) -> None:
    """Recognise a split of a corpus and print its letter and word error rates.

    Joint beam search: speller, CTC head and, if the model has one, a language model. A clip whose
    sound cannot be read is named on standard error; the others are done, and the exit code is 1.
    --output receives, a line an utterance in the order of the corpus, true_y.txt (references,
    normalised as the model's training text was), pred_y.txt (what was recognised) and
    hypotheses.jsonl (id, ref, hyp, scores by source, words with times and confidence, flags). Files
    of these names that las did not write, or that were changed since, are replaced with --overwrite
    only.
    """
    from las_cli.corpus import load_split
    from las_cli.evaluation.results import require_own_files, write_split
    from las_cli.recogniser import load_recogniser
    from las_cli.scoring import find_normaliser, print_table, score_pairs

    if clips and limit:
        raise UsageError("--limit is --clips by its old name, of the first clips; give one of them")
    require_folder(output)
    if not overwrite:
        require_own_files(output)
    recogniser = load_recogniser(model, **given)
    corpus, chosen = load_split(data, split, "test")
    decoded, unusable = decode_corpus(
        recogniser, corpus, chosen, clips, limit, batch_seconds, quiet
    )
    try:
        if decoded.utterances:
            basic = find_normaliser("basic", recogniser.loaded.policy.language)
            scored = score_pairs(decoded.references, decoded.hypotheses, basic)
            print_table(scored, title=f"{data} {chosen}")
        click.echo(summary(decoded, recogniser, unusable))
    finally:  # hours of work: neither a closed pipe nor a full disk may take both
        write_split(decoded, output)
    if decoded.broken or unusable:
        sys.exit(1)


def summary(decoded: DecodedSplit, recogniser: Recogniser, unusable: int = 0) -> str:
    """Lines below the table: how it was searched, how fast, how many hypotheses are suspect."""
    options = recogniser.options
    weights = f"lm {options.lm_weight:g}"
    if options.kind.asks_speller:
        weights = (
            f"ctc {options.ctc_weight:g}, {weights}, internal {options.internal_weight:g}"
        )
    width = f" {options.width}" if options.kind.has_beam else ""
    lines = [
        f"search: {options.search}{width} ({weights}, length bonus {options.length_bonus:g})",
        f"speed: {decoded.audio_seconds:.1f} s of sound in {decoded.wall_seconds:.1f} s, "
        f"real-time factor {decoded.real_time_factor:.4f}",
    ]
    flags = [flag for one in decoded.utterances for flag in one.hypotheses[0].flags]
    if flags:
        counts = ", ".join(f"{flags.count(flag)} {flag}" for flag in sorted(set(flags)))
        lines.append(f'suspect: {counts} (see "flags" in hypotheses.jsonl)')
    if missing := len(decoded.broken) + unusable:
        lines.append(f"left out: {missing} clips that cannot be read")
    return "\n".join(lines)
