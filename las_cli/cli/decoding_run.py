"""A recogniser and a split in, the split decoded out, with what is amiss told on standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from las_cli.corpus import Corpus
    from las_cli.evaluation.decode_split import BrokenClip, DecodedSplit
    from las_cli.recogniser import Recogniser

MOST_FAULTS = 20  # unusable clips named one by one


def decode_corpus(
    recogniser: Recogniser,
    corpus: Corpus,
    split: str,
    clips: int | None = None,
    limit: int | None = None,
    batch_seconds: float | None = None,
    quiet: bool = False,
) -> tuple[DecodedSplit, int]:
    """The decoded split, with a progress bar on stderr, and how many clips were unusable before.

    clips: at most so many, spread over the split; limit: of its first so many
    """
    from las_cli.cli.progress_bar import ProgressBar
    from las_cli.corpus import spread_cuts
    from las_cli.evaluation.decode_split import decode_split

    cuts = corpus.cuts(split)
    for note in (*corpus.notes, *recogniser.decoder.notes):
        click.echo(f"las: {note}", err=True)
    unusable = corpus.faults.get(split, [])
    for fault in unusable[:MOST_FAULTS]:
        click.echo(f"las: {fault}", err=True)
    if len(unusable) > MOST_FAULTS:
        click.echo(f"las: and {len(unusable) - MOST_FAULTS} clips more", err=True)
    if limit and limit < len(cuts):
        cuts = cuts.subset(first=limit)
    listed = spread_cuts(list(cuts), clips)
    with ProgressBar(split, show=not quiet, total=max(1, len(listed))) as bar:
        done, heard = 0, 0.0

        def advance(more: int, seconds: float) -> None:
            nonlocal done, heard
            done, heard = done + more, heard + seconds
            speed = heard / max(bar.seconds, 1e-9)
            bar.update(done, f"{done}/{len(listed)} clips · {speed:.0f} × real time")

        def complain(clip: BrokenClip) -> None:
            bar.print(f"las: {clip.reason}")

        decoded = decode_split(
            recogniser,
            listed,
            batch_seconds=batch_seconds,
            progress=advance,
            on_broken=complain,
        )
    return decoded, len(unusable)
