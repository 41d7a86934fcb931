"""`las transcribe`: recordings in; words on standard output, or files in many formats, out."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from las_cli.cli.common_options import RespelledOption, processes_option, quiet_option
from las_cli.cli.grouped import GroupedCommand
from las_cli.cli.search_options import (
    HOTWORDS,
    MACHINE,
    SEARCH,
    hotword_options,
    search_options,
)

if TYPE_CHECKING:
    from las_cli.transcribe.workers import Recipe

INCOMPLETE = 3  # exit code: all done, but sound is missing from some recordings

EXAMPLES = (
    ("las transcribe talk.mp3", "The words on the terminal, from the English model that ships."),
    ("las transcribe talk.mp3 > talk.txt", "The words and nothing else into a file."),
    ("las transcribe talk.mp3 --plain", "Without capitals and punctuation, a line a segment."),
    (
        "las transcribe interviews/ --output texts --format txt,srt --skip-done",
        "A folder and the folders in it; started again after an interruption, it goes on.",
    ),
    (
        "las transcribe interview.mp3 --output texts --format html",
        "A page to listen to, read and correct; it saves what was corrected in any format.",
    ),
    ("ffmpeg -i film.mkv -f wav - | las transcribe - --format vtt", "Any container from a pipe."),
    (
        "arecord -r 16000 -f S16_LE | las transcribe - --raw-rate 16000",
        "Raw samples as they come, each sentence printed as soon as it is spoken.",
    ),
    (
        "las transcribe --from-file clips.txt --format json -o out --processes 4",
        "A list of files, by four processes.",
    ),
    (
        "torchrun --nproc-per-node 2 -m las_cli transcribe calls/ -o out",
        "The same list on every rank: each does its share and writes its own outputs.",
    ),
    ("las transcribe --microphone", "What is said now, until Enter or a pause."),
)

READINGS = 5  # that a page offers of a doubtful word; more are seldom read

GROUPS = {
    "Input": ("from_file", "recursive", "raw_rate", "microphone"),
    "Output": (
        "format_",
        "output",
        "skip_done",
        "overwrite",
        "plain",
        "numbers",
        "words",
        "max_line_width",
        "max_line_count",
        "embed",
        "color_confidence",
        "quiet",
    ),
    "Speech and noise": ("vad", "longest", "keep_doubtful"),
    "Model and search": ("model", *SEARCH, *HOTWORDS, "nbest"),
    "Machine": (*MACHINE, "processes", "batch"),
}


def complete_formats(typed: str) -> list[str]:
    """What the shell offers for `--format`: the last of a list that is being typed."""
    from las_cli.output import FORMATS

    before, comma, last = typed.rpartition(",")
    return [f"{before}{comma}{name}" for name in (*FORMATS, "all") if name.startswith(last)]


def complete_models(typed: str) -> list[Any]:
    """What the shell offers for `--model`: shipped names, and folders."""
    from click.shell_completion import CompletionItem

    from las_cli.sharing.find import shipped_models

    names = [CompletionItem(name) for name in shipped_models() if name.startswith(typed)]
    return [*names, CompletionItem(typed, type="dir")]


@click.command("transcribe", cls=GroupedCommand, groups=GROUPS, examples=EXAMPLES)
@click.argument("inputs", nargs=-1, type=click.Path(), metavar="[FILE | FOLDER | PATTERN | -]...")
@click.option(
    "--from-file",
    multiple=True,
    type=click.Path(),
    metavar="LIST",
    help="Recordings named in a file: a path a line, a table with a column path, JSON, wav.scp.",
)
@click.option(
    "--recursive/--no-recursive", default=True, help="Folders with all below them.  [default: yes]"
)
@click.option("--raw-rate", type=int, metavar="HZ", help="- is raw PCM: 16 bits, mono, this rate.")
@click.option("--microphone", is_flag=True, help="Record until Enter or a pause of two seconds.")
@click.option(
    "--format",
    "-f",
    "format_",
    multiple=True,
    shell_complete=lambda context, option, typed: complete_formats(typed),
    metavar="LIST",
    help="txt, srt, vtt, tsv, json, ctm, html (a page to listen to and correct), several parted by "
    "commas, or all.  [default: txt]",
)
@click.option(
    "-o",
    "--output",
    cls=RespelledOption,
    formerly=("--output-dir",),
    type=click.Path(),
    metavar="DIR",
    help="Write files here, not to standard output.",
)
@click.option("--skip-done", is_flag=True, help="Leave recordings alone whose files are there.")
@click.option("--overwrite", is_flag=True, help="Replace files that las did not write, too.")
@click.option("--plain", is_flag=True, help="Without capitals and punctuation.")
@click.option(
    "--numbers",
    default="words",
    show_default=True,
    metavar="HOW",
    help="digits: write twenty three as 23; digits:fr: in another language than the model says.",
)
@click.option("--words", is_flag=True, help="Times for every word, in txt, srt, vtt and tsv too.")
@click.option("--max-line-width", default=42, show_default=True, help="Letters in a subtitle line.")
@click.option("--max-line-count", default=2, show_default=True, help="Lines in a subtitle.")
@click.option(
    "--embed",
    type=click.FloatRange(min=0),
    default=20.0,
    show_default=True,
    metavar="MB",
    help="Sound that an html page holds at most; of a larger recording it holds a link.",
)
@click.option("--color-confidence", is_flag=True, help="Colour words: green, yellow, red: unsure.")
@quiet_option("No progress, warnings or summary; only errors.")
@click.option(
    "--vad/--no-vad", default=True, help="Find speech, or cut by loudness.  [default: vad]"
)
@click.option("--longest", default=20.0, show_default=True, help="Seconds a piece has at most.")
@click.option(
    "--keep-doubtful", is_flag=True, help="Keep words of noise, which are left out as: no speech."
)
@click.option(
    "--model",
    "-m",
    default="en",
    show_default=True,
    shell_complete=lambda context, option, typed: complete_models(typed),
    help="Shipped name or a folder.",
)
@click.option(
    "--nbest",
    type=int,
    help=f"Readings in json and html, at most --beam.  [default: 1, with html up to {READINGS}]",
)
@search_options
@hotword_options
@processes_option(default=1, show_default=True, help="Recordings at a time, each in its own.")
@click.option(
    "--batch", type=click.IntRange(min=1), help="Pieces at a time.  [default: CPU 8, CUDA 32]"
)
def command(
    inputs: tuple[str, ...],
    from_file: tuple[str, ...],
    recursive: bool,
    raw_rate: int | None,
    microphone: bool,
    format_: tuple[str, ...],
    output: str | None,
    skip_done: bool,
    overwrite: bool,
    plain: bool,
    numbers: str,
    words: bool,
    max_line_width: int,
    max_line_count: int,
    embed: float,
    color_confidence: bool,
    quiet: bool,
    vad: bool,
    longest: float,
    keep_doubtful: bool,
    model: str,
    device: str,
    lm: str | None,
    threads: int | None,
    processes: int,
    batch: int | None,
    **decoding: Any,
) -> None:
    """Write down what is said in recordings.

    Reads wav, flac, ogg, opus, mp3 and more by itself, and whatever else an installed ffmpeg reads
    (m4a, mp4, webm). The words have capitals and punctuation where the model has a written form,
    txt parts paragraphs at long pauses, srt and vtt break at the ends of sentences first; ctm has
    plain words, json both. Into a pipe go the words alone, of several recordings a line each. A
    recording that cannot be read is named on standard error, the others are done, and the exit
    code is 1. Of a damaged or cut off file all that can be decoded is heard; what is missing is
    named with its seconds, stands under "missing" in json, and the exit code is 3. Words that
    neither the sound nor their confidence supports, as of noise or music, are left out and flagged
    "no speech".

    --output replaces nothing that las did not write, or that was changed since: .las-written there
    lists what las wrote (SHA-256 and name). Whether outputs can be written is found out before the
    work begins. Ctrl-C keeps what is written; --skip-done goes on.
    """
    from las_cli.cli.native_noise import native_noise_hidden
    from las_cli.output import OutputOptions, SubtitleLimits
    from las_cli.transcribe.inputs import STDIN, Input, gather
    from las_cli.transcribe.worklist import Share, Worklist
    from las_cli.written.numbers import check_numbers

    formats = chosen_formats(format_)
    if "" in (*inputs, *from_file):
        raise click.UsageError("an input is empty (an unset shell variable?); name a recording")
    if not (inputs or from_file or microphone):
        raise click.UsageError("name a recording, a folder, or - for standard input")
    if raw_rate is not None and "-" not in inputs:
        raise click.UsageError("--raw-rate is for raw samples on standard input: name - as input")
    check_numbers(numbers)
    if not 1.0 <= longest <= 120.0:
        raise click.UsageError(f"--longest {longest:g}: choose 1 to 120 seconds")
    share = Share.from_environment(os.environ)
    found, errors, notices = gather(inputs, from_file, recursive)
    several = len(found) + len(errors) > 1
    check_outputs(formats, output, several, words, skip_done, overwrite, share.world_size)
    pipes = microphone or any(entry.is_pipe for entry in found)
    if pipes and processes > 1:
        raise click.UsageError(
            "--processes: standard input, pipes and the microphone need one process"
        )
    if microphone:
        if found or errors:
            raise click.UsageError("--microphone takes no other input")
        found = [Input(STDIN)]
    worklist = Worklist(
        found,
        formats,
        None if output is None else Path(output),
        OutputOptions(words, SubtitleLimits(max_line_width, max_line_count), not plain, embed),
        skip_done,
        share,
        overwrite,
    )
    if share.world_size > 1 and device == "auto":
        from las_cli.cli.transcript_run import own_device

        device = own_device(os.environ.get("LOCAL_RANK", "0"))
    recipe = dataclasses.replace(
        make_recipe(model, device, lm, threads, batch, vad, longest, keep_doubtful, decoding),
        plain=plain,
        numbers=numbers,
        readings=READINGS if "html" in formats else 1,
    )
    debug = click.get_current_context().find_root().params.get("debug")
    with nullcontext() if debug else native_noise_hidden():
        from las_cli.cli.transcript_display import Display
        from las_cli.cli.transcript_run import events, work

        display = Display(worklist, several, quiet=quiet, color_confidence=color_confidence)
        for notice in notices if share.rank == 0 else ():
            display.note(notice)
        for error in (*(errors if share.rank == 0 else ()), *worklist.refused):
            worklist.fail(error)
            display.failed(None, error)
        with display:
            happenings = events(worklist, recipe, processes, raw_rate, microphone, display)
            try:
                work(worklist, display, happenings)
            except KeyboardInterrupt:
                if output is not None and len(worklist.inputs) > 1:
                    display.note(
                        f"{worklist.tally.done} of {len(worklist.inputs)} recordings are written; "
                        "the same command with --skip-done does the others"
                    )
                raise
        display.summary(worklist.tally)
    if worklist.tally.failures:
        sys.exit(1)
    if worklist.tally.incomplete:
        sys.exit(INCOMPLETE)


def chosen_formats(given: Iterable[str]) -> list[str]:
    """`--format txt,srt --format json` → txt, srt, json; UsageError for an unknown one."""
    from las_cli.output import FORMATS, make_writer

    names = [name.strip().lower() for part in given for name in part.split(",") if name.strip()]
    if "all" in names:
        names = list(FORMATS)
    for name in names:
        make_writer(name)
    return list(dict.fromkeys(names)) or ["txt"]


def check_outputs(
    formats: list[str],
    output: str | None,
    several: bool,
    words: bool,
    skip_done: bool,
    overwrite: bool,
    world_size: int,
) -> None:
    """Refuse what cannot go to one standard output."""
    if output == "":  # pathlib takes it for the current folder
        raise click.UsageError("--output: is empty (an unset shell variable?); name a folder")
    if output is not None:
        if Path(output).exists() and not Path(output).is_dir():
            raise click.UsageError(f"--output {output}: is a file; name a folder")
        return
    if overwrite:
        raise click.UsageError("--overwrite: says which files may be replaced; add --output")
    if skip_done:
        raise click.UsageError("--skip-done: says which files to leave alone; add --output")
    if world_size > 1:
        raise click.UsageError("under torchrun each rank writes its own files: add --output")
    if len(formats) > 1:
        raise click.UsageError("--format: several formats need --output")
    if several and (formats[0] in ("srt", "vtt", "tsv", "html") or (words and formats[0] == "txt")):
        kind = "--words" if formats[0] == "txt" else f"--format {formats[0]}"
        raise click.UsageError(
            f"{kind}: of several recordings it needs --output (or use --format ctm or json)"
        )


def make_recipe(
    model: str,
    device: str,
    lm: str | None,
    threads: int | None,
    batch: int | None,
    vad: bool,
    longest: float,
    keep_doubtful: bool,
    decoding: dict[str, Any],
) -> Recipe:
    """How every process loads its recogniser."""
    from las_cli.audio.segmentation import SegmentationOptions
    from las_cli.transcribe.workers import Recipe

    segmentation = SegmentationOptions(vad=vad, longest=longest, short_clip=longest)
    given = {name: value for name, value in decoding.items() if value is not None}
    return Recipe(model, device, lm, threads, segmentation, batch, keep_doubtful, given)
