"""`las train-lm`: text in, a language model for the beam search out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from las_cli.cli.common_options import quiet_option, threads_option
from las_cli.cli.grouped import GroupedCommand, options_given
from las_cli.errors import UsageError

if TYPE_CHECKING:
    from las_cli.language.lm_training import LMProgress

NETWORK = ("embedding", "hidden", "layers", "dropout")  # what decides the size of the letters
GROUPS = {
    "Input": ("first", "model"),
    "Output": ("output", "checkpoint_minutes", "resume", "quiet"),
    "Letters": (*NETWORK, "letters_of"),
    "Words": ("word_order", "most_words", "most_ngrams", "counting_memory"),
    "Training": ("epochs", "max_minutes", "batch_letters", "learning_rate", "seed"),
    "Machine": ("device", "precision", "threads"),
}
EXAMPLES = (
    (
        "las train-lm --text news.txt books.txt.gz --model runs/en --output runs/en",
        "Into the model's own folder: it is used there without being asked for.",
    ),
    (
        "las train-lm --text wiki.txt.zst --model en --output lm-en --hidden 1024 --epochs 1",
        "A larger one, kept apart; --lm names it.",
    ),
    (
        "las train-lm --text wiki.txt.zst --model en --letters-of en --output lm-en",
        "The letters as they are in model en, the words of another text: minutes, not hours.",
    ),
    ("las decode --model en --lm lm-en --data cv-corpus/en --output decoded", "Try it out."),
    ("las tune --model runs/en --data cv-corpus/en", "Find the weight it should have."),
)


@click.command(cls=GroupedCommand, groups=GROUPS, examples=EXAMPLES)
@click.option(
    "--text",
    "first",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Text file: plain, .gz or .zst, a sentence a line. More may follow it.",
)
@click.argument("more", type=click.Path(path_type=Path), nargs=-1, metavar="[FILE]…")
@click.option("--model", "-m", required=True, help="Recogniser whose spelling it learns.")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder to write."
)
@click.option("--embedding", default=64, show_default=True, help="Size of a letter's vector.")
@click.option("--hidden", default=512, show_default=True, help="Size of each LSTM layer.")
@click.option("--layers", default=2, show_default=True)
@click.option("--dropout", default=0.1, show_default=True)
@click.option(
    "--letters-of",
    metavar="MODEL",
    help="Take the letter network of this language model as it is; only count words.",
)
@click.option(
    "--word-order",
    default=3,
    show_default=True,
    type=click.IntRange(0, 6),
    help="Words in the longest n-grams; 0 or 1: no words, letters alone.",
)
@click.option(
    "--most-words",
    default=200_000,
    show_default=True,
    type=click.IntRange(min=1),
    help="Words in the vocabulary, at most; the most frequent.",
)
@click.option(
    "--most-ngrams",
    default=2_000_000,
    show_default=True,
    type=click.IntRange(min=1),
    help="N-grams of two words and more, at most; a million are about 8 MB of the file.",
)
@click.option(
    "--counting-memory",
    default=1000,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="MB",
    help="Memory that counting words takes, about; the rest lies in --output meanwhile.",
)
@click.option(
    "--epochs",
    default=3.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Passes over the text.",
)
@click.option(
    "--max-minutes",
    type=click.FloatRange(min=0, min_open=True),
    help="The schedule ends within them.",
)
@click.option("--batch-letters", default=16_000, show_default=True)
@click.option("--learning-rate", default=2e-3, show_default=True)
@click.option("--checkpoint-minutes", default=5.0, show_default=True)
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint in --output.")
@click.option("--seed", default=1, show_default=True)
@click.option("--device", default="auto", show_default=True, help="auto, cuda, mps or cpu.")
@click.option(
    "--precision",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "float32", "bf16"]),
)
@threads_option()
@quiet_option()
def command(
    first: tuple[Path, ...],
    more: tuple[Path, ...],
    model: str,
    output: Path,
    embedding: int,
    hidden: int,
    layers: int,
    dropout: float,
    letters_of: str | None,
    word_order: int,
    most_words: int,
    most_ngrams: int,
    counting_memory: int,
    epochs: float,
    max_minutes: float | None,
    batch_letters: int,
    learning_rate: float,
    checkpoint_minutes: float,
    resume: bool,
    seed: int,
    device: str,
    precision: str,
    threads: int | None,
    quiet: bool,
) -> None:
    """Train a language model on text for the beam search of a recogniser.

    Two models in one: a network that predicts letter by letter, and counts of which words follow
    which (n-grams), mixed word by word. How much the words count for is set by lines that neither
    has learned from: one in a hundred is kept apart, and measures the perplexity per letter.

    The text is spelled as the recogniser spells (case, punctuation, alphabet); lines with digits
    or letters it cannot write are left out and counted.

    Of the n-grams those are kept that the model would lose most without (relative entropy), as many
    as --most-ngrams says. Words of any amount of text are counted in --counting-memory and in
    temporary files in --output: about 60 bytes of free disk for each word of the text, which are
    free again whatever ends the command.
    """
    if not first and not more:
        raise UsageError("--text is missing: the files to learn from")
    if letters_of and (idle := options_given(*GROUPS["Training"], *NETWORK, "resume")):
        raise UsageError(f"--letters-of trains nothing: {idle} would be of no use")
    import torch

    from las_cli.cli.progress_bar import ProgressBar
    from las_cli.language.letter_lm import LetterLMConfig
    from las_cli.language.lm_training import LMTraining
    from las_cli.language.making import LMPlan, make_language_model
    from las_cli.network.device import pick_device
    from las_cli.saved_model.names import LM_CONFIG, LM_WEIGHTS
    from las_cli.sharing.cache import short_name
    from las_cli.sharing.find import find_model, load_model

    if threads:
        torch.set_num_threads(threads)
    loaded = load_model(model, "cpu")
    folder = None
    if letters_of:
        folder = Path(letters_of).expanduser()
        if not (folder / LM_CONFIG).is_file():
            folder = find_model(letters_of)
    plan = LMPlan(
        LetterLMConfig(len(loaded.alphabet), embedding, hidden, layers, dropout),
        LMTraining(
            epochs=epochs,
            max_minutes=max_minutes,
            batch_letters=batch_letters,
            learning_rate=learning_rate,
            precision=precision,
            checkpoint_minutes=checkpoint_minutes,
            seed=seed,
        ),
        letters_of=folder,
        letters_name=short_name(letters_of, folder) if letters_of and folder else "",
        word_order=word_order,
        most_words=most_words,
        most_ngrams=most_ngrams,
        counting_memory=counting_memory * 10**6,
    )
    with ProgressBar("train-lm", show=not quiet and not letters_of) as bar:
        begun = False

        def report(at: LMProgress, share: float) -> None:
            nonlocal begun
            if not begun:
                bar.begin("train-lm", 1.0, before=share)
            begun = True
            bar.update(share, state(at))

        made = make_language_model(
            plan,
            (*first, *more),
            loaded,
            output,
            pick_device(device),
            resume=resume,
            tell=lambda sentence: bar.print(f"las: {sentence}"),
            report=report,
        )
    where = "held-out lines" if made.held_out else "training lines (too few to keep any apart)"
    spent = "" if made.minutes is None else f", after {made.minutes:.1f} min"
    click.echo(
        f"perplexity per letter {made.perplexity:.3f} on {where}{spent}; "
        f"written to {output / LM_WEIGHTS}; `las tune` finds the weight it should have"
    )


def state(at: LMProgress) -> str:
    """Where a training of letters is, in words."""
    return (
        f"pass {at.epoch + 1} · {math.exp(at.loss):.3f} perplexity a letter · "
        f"{at.letters / max(at.seconds, 1e-9):,.0f} letters/s"
    )
