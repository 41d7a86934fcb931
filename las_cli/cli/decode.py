"""`las decode`: a corpus split in; transcripts, details and the LER table out."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from las_cli.cli.grouped import GroupedCommand
from las_cli.errors import LasError

if TYPE_CHECKING:
    from las_cli.corpus import Corpus
    from las_cli.evaluation.decode_split import BrokenClip, DecodedSplit
    from las_cli.recogniser import Recogniser

SEARCH = (
    click.option("--search", help="beam, greedy, ctc or rescore.  [default: the model's, beam]"),
    click.option("--beam", type=int, help="Hypotheses kept, 1 … 100.  [default: the model's, 8]"),
    click.option("--ctc-weight", type=float, help="0 … 1.  [default: the model's, 0.3]"),
    click.option("--lm-weight", type=float, help="0 … 1.  [default: the model's, 0.3]"),
    click.option("--length-bonus", type=float, help="Nats a letter.  [default: the model's, 0]"),
    click.option("--eos-threshold", type=float, help="[default: the model's, 1.5]"),
    click.option(
        "--lm", metavar="DIR", help="Language model, or none.  [default: the model's, if any]"
    ),
    click.option("--device", default="auto", show_default=True, help="auto, cuda, mps or cpu."),
    click.option("--precision", help="auto, float32, bf16, float16 or int8.  [default: auto]"),
    click.option("--threads", type=int, help="CPU threads.  [default: all cores]"),
)


MOST_FAULTS = 20  # unusable clips named one by one


def search_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `load_recogniser`, for any command that recognises speech."""
    for option in reversed(SEARCH):
        command = option(command)
    return command


GROUPS = {
    "Input": ("model", "data", "split", "limit"),
    "Output": ("output", "nbest", "quiet"),
    "Search": ("search", "beam", "ctc_weight", "lm", "lm_weight", "length_bonus", "eos_threshold"),
    "Machine": ("device", "precision", "threads", "batch_seconds"),
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
    "--output", "-o", type=click.Path(path_type=Path), required=True, help="Folder to write."
)
@click.option("--nbest", type=int, help="Hypotheses written, at most --beam.  [default: 1]")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N clips.")
@click.option(
    "--batch-seconds",
    type=click.FloatRange(min=1),
    help="Sound in a batch.  [default: by beam and cores]",
)
@search_options
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
def command(
    model: str,
    data: Path,
    split: str | None,
    output: Path,
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
    hypotheses.jsonl (id, ref, hyp, scores by source, words with times and confidence, flags).
    """
    from las_cli.corpus import load_split
    from las_cli.evaluation.results import write_split
    from las_cli.recogniser import load_recogniser
    from las_cli.scoring import print_table, score_pairs

    require_folder(output)
    recogniser = load_recogniser(model, **given)
    corpus, chosen = load_split(data, split, "test")
    decoded, unusable = decode_corpus(recogniser, corpus, chosen, limit, batch_seconds, quiet)
    try:
        if decoded.utterances:
            scored = score_pairs(decoded.references, decoded.hypotheses)
            print_table(scored, title=f"{data} {chosen}")
        click.echo(summary(decoded, recogniser, unusable))
    finally:  # hours of work: neither a closed pipe nor a full disk may take both
        write_split(decoded, output)
    if decoded.broken or unusable:
        sys.exit(1)


def require_folder(folder: Path) -> None:
    """LasError if `folder` cannot be made or written into, before anything is put into it."""
    there = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not there.is_dir():
        raise LasError(f"{folder}: cannot be written, {there} is no folder; name another --output")
    if not os.access(there, os.W_OK | os.X_OK):
        raise LasError(
            f"{folder}: cannot be written, nothing may be put into {there}; name another --output"
        )


def decode_corpus(
    recogniser: Recogniser,
    corpus: Corpus,
    split: str,
    limit: int | None = None,
    batch_seconds: float | None = None,
    quiet: bool = False,
) -> tuple[DecodedSplit, int]:
    """The decoded split, with a progress bar on stderr, and how many clips were unusable before."""
    from las_cli.cli.progress_bar import ProgressBar
    from las_cli.evaluation.decode_split import decode_split

    cuts = corpus.cuts(split)
    for note in (*corpus.notes, *recogniser.notes):
        click.echo(f"las: {note}", err=True)
    unusable = corpus.faults.get(split, [])
    for fault in unusable[:MOST_FAULTS]:
        click.echo(f"las: {fault}", err=True)
    if len(unusable) > MOST_FAULTS:
        click.echo(f"las: and {len(unusable) - MOST_FAULTS} clips more", err=True)
    listed = list(cuts.subset(first=limit) if limit and limit < len(cuts) else cuts)
    with ProgressBar(split, show=not quiet, total=max(1, len(listed))) as bar:
        done, heard = 0, 0.0

        def advance(clips: int, seconds: float) -> None:
            nonlocal done, heard
            done, heard = done + clips, heard + seconds
            speed = heard / max(bar.seconds, 1e-9)
            bar.update(done, f"{done}/{len(listed)} clips · {speed:.0f} × real time")

        def complain(clip: BrokenClip) -> None:
            bar.print(f"las: {clip.reason}")

        decoded = decode_split(
            recogniser.loaded,
            listed,
            recogniser.options,
            recogniser.lm,
            batch_seconds=batch_seconds,
            progress=advance,
            on_broken=complain,
        )
    return decoded, len(unusable)


def summary(decoded: DecodedSplit, recogniser: Recogniser, unusable: int = 0) -> str:
    """Lines below the table: how it was searched, how fast, how many hypotheses are suspect."""
    options = recogniser.options
    weights = f"ctc {options.ctc_weight:g}, lm {options.lm_weight:g}"
    if options.search == "ctc":
        weights = f"lm {options.lm_weight:g}"
    width = "" if options.search == "greedy" else f" {options.width}"
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
