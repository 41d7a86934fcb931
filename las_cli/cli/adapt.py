"""`las adapt`: a model, recordings and texts in; a model of one's own voice and words out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from las_cli.adaptation.voice_settings import VoiceSettings
from las_cli.cli.common_options import quiet_option, threads_option
from las_cli.cli.grouped import GroupedCommand
from las_cli.errors import LasError, UsageError

if TYPE_CHECKING:
    from las_cli.adaptation.adapt import Adaptation, Request
    from las_cli.adaptation.outcome import Outcome

GROUPS = {
    "What to adapt to": ("data", "text", "output"),
    "Going on": ("resume", "keep_anyway"),
    "Training": ("moves", "learning_rate", "anchor", "passes", "max_minutes", "seed"),
    "Machine": ("device", "precision", "threads", "quiet"),
}
EXAMPLES = (
    ("las adapt en --data my-recordings/ --output my-en", "A voice, a microphone, an accent."),
    ("las adapt en --text notes/ --output my-en", "Words and phrases: no sound needed."),
    ("las adapt en --data corrected/ --text notes/ --output my-en", "Both."),
    ("las adapt --resume --output my-en", "Go on after an interruption."),
    ("las transcribe --model my-en talk.mp3", "Then."),
)


@click.command(cls=GroupedCommand, groups=GROUPS, examples=EXAMPLES)
@click.argument("model", default="")
@click.option(
    "--data",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Recordings with their texts: what `las train` and `las prepare` read, 1 to 60 minutes; "
    "repeatable.",
)
@click.option(
    "--text",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Text file (txt, md, html, srt, vtt, also .gz), or a folder of them; repeatable.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the new model.",
)
@click.option("--resume", is_flag=True, help="Go on with what was interrupted.")
@click.option("--keep-anyway", is_flag=True, help="Write the model even if it is not better.")
@click.option(
    "--moves",
    type=click.Choice(["all", "listener", "norms"]),
    help=f"Weights that learn the voice.  [default: {VoiceSettings.moves}]",
)
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, min_open=True),
    help=f"Peak.  [default: {VoiceSettings.learning_rate:g}]",
)
@click.option(
    "--anchor",
    type=click.FloatRange(0),
    help=f"Pull back to the model it came from.  [default: {VoiceSettings.anchor:g}]",
)
@click.option(
    "--passes",
    type=click.FloatRange(0, 1000, min_open=True),
    help=f"Over the recordings, at most.  [default: {VoiceSettings.passes:g}]",
)
@click.option(
    "--max-minutes",
    type=click.FloatRange(0, min_open=True),
    help="Minutes of training.  [default: no limit]",
)
@click.option("--seed", type=int, help="[default: 1]")
@click.option("--device", help="auto, cuda, mps or cpu.  [default: auto]")
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bf16", "float16"]),
    help="[default: auto]",
)
@threads_option()
@quiet_option("Warnings and the result only.")
def command(
    model: str,
    data: tuple[Path, ...],
    text: tuple[Path, ...],
    output: Path,
    resume: bool,
    keep_anyway: bool,
    threads: int | None,
    quiet: bool,
    **settings: Any,
) -> None:
    """Adapt a model to a voice, a room or words in minutes.

    --data: a part of the recordings is kept to check by; training stops where the full search
    makes the fewest errors on it. --text: the words and phrases are mixed into the language
    model, by the share that suits sentences kept apart. The result is a whole model folder. It is
    written only if it is better on that part, unless --keep-anyway.
    """
    from las_cli.adaptation import adapt

    given = {name: value for name, value in settings.items() if value is not None}
    if resume:
        if model or data or text or given:
            raise UsageError("--resume goes on as it began: give it --output alone")
        request = adapt.read_request(output)
    else:
        if not model:
            raise UsageError("MODEL is missing: which model to adapt, en say")
        if not data and not text:
            raise UsageError("give recordings with --data, texts with --text, or both")
        request = new_request(model, data, text, given)
        adapt.require_free(output)
    adaptation = start(request, output, threads, quiet)
    from las_cli.cli.interruption import Interruption

    try:
        outcome = adaptation.run(Interruption())
    except LasError:
        if not adaptation.began:  # nothing is there to go on with
            adapt.drop_work(output)
        raise
    if outcome is None:
        sys.exit(130)
    show(outcome)
    finish(adaptation, outcome, keep_anyway)


def new_request(
    model: str, data: tuple[Path, ...], text: tuple[Path, ...], given: dict[str, Any]
) -> Request:
    """What was asked for, paths absolute, so that it can be gone on with from elsewhere."""
    from las_cli.adaptation.adapt import Request

    return Request(
        model=model,
        data=tuple(str(path.absolute()) for path in data),
        text=tuple(str(path.absolute()) for path in text),
        voice=VoiceSettings(**given),
    )


def start(request: Request, output: Path, threads: int | None, quiet: bool) -> Adaptation:
    """The adaptation with its model loaded."""
    from las_cli.adaptation.adapt import Adaptation
    from las_cli.recogniser import load_recogniser

    voice = request.voice
    recogniser = load_recogniser(request.model, device=voice.device, threads=threads)
    tell = (lambda line: None) if quiet else (lambda line: click.echo(f"las: {line}", err=True))
    return Adaptation(request, recogniser, output, tell, quiet)


def show(outcome: Outcome) -> None:
    """Tables of before and after, on standard output."""
    from las_cli.scoring.rows import comparison_table
    from las_cli.scoring.terminal import new_console, rich_table

    if outcome.comparison is not None:
        new_console().print(rich_table(comparison_table(outcome.comparison)))
    if outcome.words is not None:
        found = outcome.words.enrichment
        if found.measured:
            gain = outcome.words.gain
            told = f" ({gain.low:+.3f} … {gain.high:+.3f})" if gain is not None else ""
            before, after = found.perplexity(found.before), found.perplexity(found.after)
            click.echo(
                f"perplexity per letter on {len(found.held_out)} sentences kept apart: "
                f"{before:.3f} before, {after:.3f} after, difference {after - before:+.3f}{told}"
            )
        else:
            click.echo("too few sentences to keep any apart: what they are worth is not measured")


def finish(adaptation: Adaptation, outcome: Outcome, keep_anyway: bool) -> None:
    """Writes the model if it is better or wanted anyway; LasError, and nothing, if not."""
    from las_cli.adaptation.adapt import drop_work
    from las_cli.adaptation.keeping import keep

    output = adaptation.output
    if not outcome.is_better and not keep_anyway:
        drop_work(output)
        raise LasError(f"not better than {adaptation.request.model}, so {output} is not written; "
                       f"{adaptation.advice}, or --keep-anyway")  # fmt: skip
    keep(adaptation, outcome)
    drop_work(output)
    click.echo(f"{output}: written; las transcribe --model {output} FILE")
