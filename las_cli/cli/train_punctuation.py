"""`las train-punctuation`: text with punctuation in, a written form for a model out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from las_cli.cli.common_options import quiet_option, threads_option
from las_cli.cli.grouped import GroupedCommand
from las_cli.errors import UsageError

if TYPE_CHECKING:
    from las_cli.written.punctuation_training import PunctuationProgress

GROUPS = {
    "Input": ("first", "language", "pauses", "model"),
    "Output": ("output", "quiet"),
    "Network": ("most_words", "buckets", "embedding", "hidden", "dropout"),
    "Training": ("epochs", "max_minutes", "batch_words", "learning_rate", "seed"),
    "Machine": ("threads",),
}
EXAMPLES = (
    (
        "las train-punctuation --text novels.txt.zst news.txt.gz --language en --output runs/en",
        "Into a model's own folder: `las transcribe` uses it there without being asked.",
    ),
    (
        "las train-punctuation --text novels.txt --output runs/en --pauses cv/en --model runs/en",
        "With pauses: how long they are at each mark, from speech with punctuated texts.",
    ),
    (
        "las score --written --ref written.txt --hyp transcript.txt",
        "How good it is: precision, recall and F1 of each mark, accuracy of case.",
    ),
)


@click.command(cls=GroupedCommand, groups=GROUPS, examples=EXAMPLES)
@click.option(
    "--text",
    "first",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Text as it is written: plain, .gz or .zst, a sentence or more a line. More may follow.",
)
@click.argument("more", type=click.Path(path_type=Path), nargs=-1, metavar="[FILE]…")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="MODEL",
    help="Model folder to write into, or a new one.",
)
@click.option(
    "--language", default="", metavar="CODE", help="Of the text, e.g. en; --numbers digits asks it."
)
@click.option(
    "--pauses",
    type=click.Path(path_type=Path),
    metavar="DATA",
    help="Corpus with punctuated texts: how long pauses are at each mark. Needs --model.",
)
@click.option("--model", "-m", help="Recogniser that aligns the clips of --pauses.")
@click.option("--most-words", default=28_000, show_default=True, type=click.IntRange(min=1),
              help="Words with a vector of their own, at most; the most frequent.")  # fmt: skip
@click.option("--buckets", default=32_768, show_default=True, type=click.IntRange(min=1),
              help="Vectors that beginnings and ends of words share.")  # fmt: skip
@click.option("--embedding", default=96, show_default=True, help="Size of a vector.")
@click.option("--hidden", default=128, show_default=True, help="Size of the LSTM, each way.")
@click.option("--dropout", default=0.1, show_default=True)
@click.option("--epochs", default=3.0, show_default=True,
              type=click.FloatRange(min=0, min_open=True),
              help="Passes over the text.")  # fmt: skip
@click.option("--max-minutes", type=click.FloatRange(min=0, min_open=True),
              help="The schedule ends within them.")  # fmt: skip
@click.option("--batch-words", default=4096, show_default=True, type=click.IntRange(min=64),
              help="Words in an update.")  # fmt: skip
@click.option("--learning-rate", default=4e-3, show_default=True)
@click.option("--seed", default=1, show_default=True)
@threads_option()
@quiet_option()
def command(
    first: tuple[Path, ...],
    more: tuple[Path, ...],
    output: Path,
    language: str,
    pauses: Path | None,
    model: str | None,
    most_words: int,
    buckets: int,
    embedding: int,
    hidden: int,
    dropout: float,
    epochs: float,
    max_minutes: float | None,
    batch_words: int,
    learning_rate: float,
    seed: int,
    threads: int | None,
    quiet: bool,
) -> None:
    """Train a network that puts punctuation and capitals back into plain words.

    It learns from text alone, in any alphabetic script: full stops, commas, question and
    exclamation marks, colons and semicolons, and which letters are large. Lines that end without a
    mark, or stand in capitals throughout, are left out and counted. Abbreviations (Mr.) and words
    of mixed case (McBride) are taken over as the text has them.

    What it learned is written into MODEL as punctuation.json and punctuation.safetensors, about
    7 MB, and measured on lines that it has not learned from, one in a hundred: read one by one, and
    five at a time, where the ends of sentences must be found. It runs on the CPU.
    """
    if not first and not more:
        raise UsageError("--text is missing: the files to learn from")
    if pauses is not None and model is None:
        raise UsageError("--pauses: needs --model, the recogniser that aligns its clips")
    if model is not None and pauses is None:
        raise UsageError("--model: aligns the clips of --pauses, of no use without it")
    import torch

    from las_cli.cli.progress_bar import ProgressBar
    from las_cli.saved_model.names import PUNCTUATION_WEIGHTS
    from las_cli.scoring.rows import written_table
    from las_cli.scoring.terminal import new_console, rich_table
    from las_cli.written.punctuation_making import TOGETHER, PunctuationPlan, make_punctuator
    from las_cli.written.punctuation_network import PunctuationConfig
    from las_cli.written.punctuation_training import ROW_WORDS, PunctuationTraining

    if threads:
        torch.set_num_threads(threads)
    with ProgressBar("train-punctuation", show=not quiet) as bar:
        heard = None
        if pauses is not None and model is not None:
            from las_cli.evaluation.pause_measuring import measure_pauses

            heard = measure_pauses(pauses, model, lambda line: bar.print(f"las: {line}"))
        plan = PunctuationPlan(
            PunctuationConfig(most_words, buckets, embedding, hidden, dropout=dropout),
            PunctuationTraining(
                epochs=epochs,
                max_minutes=max_minutes,
                rows=max(1, batch_words // ROW_WORDS),
                learning_rate=learning_rate,
                seed=seed,
            ),
            language=language,
            pauses=heard,
        )
        bar.begin("train-punctuation", 1.0)

        def report(at: PunctuationProgress, share: float) -> None:
            bar.update(share, state(at))

        made = make_punctuator(
            plan,
            (*first, *more),
            output,
            tell=lambda sentence: bar.print(f"las: {sentence}"),
            report=report,
        )
    console = new_console()
    where = "held-out lines" if made.held_out else "training lines (too few to keep any apart)"
    for counts, how in ((made.lines, "one by one"), (made.together, f"{TOGETHER} at a time")):
        console.print(rich_table(written_table(counts, f"{where}, {how}")))
        console.print()
    click.echo(f"after {made.minutes:.1f} min; written to {output / PUNCTUATION_WEIGHTS}")


def state(at: PunctuationProgress) -> str:
    """Where a training is, in words."""
    return (
        f"marks {at.mark_loss:.3f}, cases {at.case_loss:.3f} nats a word · "
        f"{at.words / max(at.seconds, 1e-9):,.0f} words/s"
    )
