"""`las prepare`: a corpus in; manifests, a list of rejected clips and a report out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from las_cli.cli.common_options import processes_option, quiet_option
from las_cli.cli.grouped import GroupedCommand
from las_cli.corpus.checks import LONGEST_CLIP, SHORTEST_CLIP

if TYPE_CHECKING:
    from las_cli.corpus.preparation_report import PreparationReport

GROUPS = {
    "Output": ["output", "shards", "shard_size", "json_only", "quiet"],
    "What is left out": [
        *("check_audio", "min_seconds", "max_seconds", "rare_share", "alphabet"),
        *("shared_sentences", "shared_speakers"),
    ],
    "Text rules": ["case", "punctuation", "keep", "digits", "language"],
    "Reading": ["train_split", "jobs"],
}
EXAMPLES = [
    ("las prepare cv-corpus-17.0/cy --output data/cy", "Check a Common Voice language; then:"),
    ("las train --data data/cy --output runs/cy", "train on what is kept."),
    ("las prepare LibriSpeech -o data/ls --check-audio -j 16", "Decode every clip as well."),
    ("las prepare cv/en -o /net/en --train-split validated --shards", "All validated clips that "
     "dev and test do not hold, packed for a network disk."),
]  # fmt: skip
SHARED = click.Choice(["auto", "drop", "keep"])


@click.command(cls=GroupedCommand, groups=GROUPS, examples=EXAMPLES)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write; a second run there reuses what is known of unchanged files.",
)
@click.option(
    "--shards",
    is_flag=True,
    help="Write lhotse Shar too: for network disks and many machines; the sound is copied as it "
    "is, and `las train` reads it from there.",
)
@click.option(
    "--shard-size",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Clips a shard.",
)
@click.option("--json-only", is_flag=True, help="Print the report as JSON and nothing else.")
@click.option(
    "--check-audio",
    is_flag=True,
    help="Decode every clip: finds NaN samples, silence, truncated files and clips that sound the "
    "same.",
)
@click.option(
    "--min-seconds",
    type=click.FloatRange(min=0),
    default=SHORTEST_CLIP,
    show_default=True,
    help="Shorter training clips.",
)
@click.option(
    "--max-seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=LONGEST_CLIP,
    show_default=True,
    help="Longer training clips.",
)
@click.option(
    "--rare-share",
    type=click.FloatRange(0, 1),
    default=1e-5,
    show_default=True,
    help="Training clips with a letter rarer than this share of all letters.",
)
@click.option("--alphabet", metavar="LETTERS", help="Training clips with any other letter.")
@click.option(
    "--shared-sentences",
    type=SHARED,
    default="auto",
    show_default=True,
    help="Training clips whose sentence is also in dev or test; auto drops them unless that would "
    "cost more than half of train.",
)
@click.option(
    "--shared-speakers",
    type=SHARED,
    default="auto",
    show_default=True,
    help="Training clips of a speaker who is also in dev or test.",
)
@click.option(
    "--case", type=click.Choice(["lower", "upper", "keep"]), default="lower", show_default=True
)
@click.option(
    "--punctuation",
    type=click.Choice(["drop", "keep"]),
    default="drop",
    show_default=True,
    help="Punctuation and symbols.",
)
@click.option(
    "--keep", default="'", show_default=True, metavar="MARKS", help="Punctuation that is kept."
)
@click.option(
    "--digits",
    type=click.Choice(["reject", "keep"]),
    default="reject",
    show_default=True,
    help="Clips with digits in their text, of every split.",
)
@click.option(
    "--language",
    default="",
    metavar="CODE",
    help="In tr and az I is lowered to ı.  [default: what the corpus says]",
)
@click.option(
    "--train-split",
    default="train",
    show_default=True,
    metavar="NAME",
    help="The corpus' own split to train on, e.g. validated.",
)
@processes_option("jobs", help="That read sound files.  [default: one a core, at most 8]")
@quiet_option()
def command(corpus: Path, output: Path, json_only: bool, quiet: bool, **options: Any) -> None:
    """Check the CORPUS and write manifests, a list of rejected clips and a report.

    CORPUS is recognised by its layout: a Common Voice language folder (releases 1 to 20),
    LibriSpeech or Mini LibriSpeech, LJSpeech (metadata.csv and wavs/), Kaldi (wav.scp and text),
    NeMo manifests, a table or JSON lines with path and text columns, or lhotse manifests (cuts, or
    recordings with supervisions). Its files stay as they are and where they are. What libsndfile
    does not read (m4a, webm) goes through ffmpeg, more slowly; --shards keeps it as FLAC.

    Text rules: Unicode NFC, lower case, punctuation and symbols dropped except the apostrophe,
    white space collapsed; clips with digits or marks such as & % + are left out, since nobody
    knows how they were read. Nothing is transliterated: the alphabet is what train holds. The
    manifests keep the text as the corpus writes it, so give `las train` the same rules.

    Without a dev split, about 5 % of the speakers are set aside as dev. Clips of dev and test are
    left out only when they cannot be read or their text has no letters or has digits: they are
    scored whole.

    \b
    Written to the output folder:
      cuts_train.jsonl.gz ...  lhotse cut manifests of the kept clips, train in random order
      rejected.tsv             every other clip with its reason
      report.json              clips and hours by split and reason, letters, notes
      shards/                  with --shards
    """
    from las_cli.errors import LasError, UsageError

    if options["min_seconds"] > options["max_seconds"]:
        raise UsageError(
            f"--min-seconds {options['min_seconds']:g} is more than --max-seconds "
            f"{options['max_seconds']:g}; no clip could be kept"
        )
    import json
    import sys

    from las_cli.cli.progress_bar import ProgressBar
    from las_cli.corpus.checks import Limits
    from las_cli.corpus.detection import detect_layout
    from las_cli.corpus.preparation import prepare
    from las_cli.corpus.sieve import PrepareOptions
    from las_cli.text.normalise import TextPolicy

    names = ("case", "punctuation", "keep", "digits", "language")
    policy = TextPolicy(**{name: options.pop(name) for name in names})
    limits = Limits(options.pop("min_seconds"), options.pop("max_seconds"))
    layout = detect_layout(corpus.absolute())
    with ProgressBar("", show=sys.stderr.isatty() and not (json_only or quiet)) as bar:
        now = ""

        def tell(stage: str, done: int, total: int) -> None:
            nonlocal now
            if stage != now:
                bar.begin(now := stage, max(1, total))
            bar.update(done, f"{done:,} of {total:,}" if total else "")

        report = prepare(
            layout, output, PrepareOptions(policy=policy, limits=limits, **options), tell
        )
    if json_only:
        click.echo(json.dumps(report.to_json(), ensure_ascii=False, indent=2))
    else:
        _print(report, output)
    if not any(split.kept.clips for split in report.splits.values()):
        raise LasError(
            f"{corpus}: not one clip can be used; {output / 'rejected.tsv'} gives the reasons"
        )


def _print(report: PreparationReport, output: Path) -> None:
    from rich.console import Console

    from las_cli.corpus.preparation_report import print_report

    console = Console()
    print_report(report, console)
    clips = sum(split.kept.clips + split.left_out.clips for split in report.splits.values())
    console.print(
        f"{clips:,} clips in {report.seconds_taken:.1f} s "
        f"({clips / max(report.seconds_taken, 1e-9):,.0f} a second, {report.files_reused:,} as "
        f"known from the run before)",
        highlight=False,
    )
    train = report.splits.get("train")
    next_step = f"; `las train --data {output}` trains on it" if train and train.kept.clips else ""
    console.print(
        f"written to {output}{next_step}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
