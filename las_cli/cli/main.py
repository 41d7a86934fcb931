"""The command `las`: finds its subcommands by name and turns errors into one sentence."""

from __future__ import annotations

import atexit
import contextlib
import errno
import importlib
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import click

from las_cli.errors import LasError
from las_cli.version import __version__

# Name → one line of help. The line stands here so that `las --help` need not import the commands.
COMMANDS = MappingProxyType(
    {
        "transcribe": "Write down what is said in recordings.",
        "prepare": "Check a corpus and write manifests and a report.",
        "train": "Train a recogniser on a corpus, or resume a training.",
        "adapt": "Adapt a model to a voice, a room or words in minutes.",
        "plot": "Draw the curves of a training again.",
        "average": "Average the last checkpoints of a training.",
        "decode": "Recognise a split of a corpus and print its error rates.",
        "score": "Compare transcripts with references: letter and word error rate.",
        "train-lm": "Train a language model for the beam search.",
        "train-punctuation": "Train the written form: punctuation and capitals from text.",
        "tune": "Find the best beam-search weights on a split.",
        "models": "List, inspect, fetch, share, export and convert models.",
        "benchmark": "Measure the speed of training and decoding on this machine.",
    }
)


class LazyGroup(click.Group):
    """A group that imports a command's module only when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"las_cli.cli.{cmd_name.replace('-', '_')}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _output_watched():  # --help and --version print here
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> object:
        try:
            with contextlib.nullcontext() if ctx.params.get("debug") else _output_watched():
                return super().invoke(ctx)
        except LasError as error:
            if ctx.params.get("debug"):
                raise
            click.echo(f"las: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            if ctx.params.get("debug"):
                raise
            with contextlib.suppress(KeyboardInterrupt):  # of somebody who pressed it twice
                signal.signal(signal.SIGINT, signal.SIG_IGN)
            click.echo("las: interrupted", err=True)
            ctx.exit(130)


@contextlib.contextmanager
def _output_watched() -> Iterator[None]:
    """One sentence where standard output takes no more; errors of other files pass through."""
    try:
        yield
    except OSError as error:
        # A pipe that was closed, as by `| head`, is click's to end quietly.
        if error.errno == errno.EPIPE or not _output_refused(error):
            raise
        why = error.strerror or str(error)
        sentence = f"standard output: cannot be written ({why}); make room or write elsewhere"
        click.echo(f"las: {sentence}", err=True)
        raise click.exceptions.Exit(1) from None


def _output_refused(error: OSError) -> bool:
    """Whether `error`, which names no file, is what standard output says to one more line too."""
    if error.filename is not None or sys.stdout is None:
        return False
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError as again:
        if again.errno == error.errno:
            sys.stdout = None  # type: ignore[assignment]  # or Python tries again when it ends
            return True
    return False


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`las COMMAND --help` explains a command with examples. Exit codes: 0 all done, "
    "1 some inputs failed (the rest are done), 2 wrong usage, 3 all done but sound is missing.",
)
@click.version_option(__version__, "-V", "--version", prog_name="las")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Speech to text on your own machine, with a recogniser you can train yourself.

    \b
      las transcribe talk.mp3                   the words, from the model that ships
      las train --data cv/en --output runs/en   your own model, from a Common Voice download
      las decode --model runs/en --data cv/en   how good it is: letter and word error rate
    """


def main() -> None:
    """Entry point of the console script `las`."""
    for stream in (sys.stdout, sys.stderr):  # None where the shell closed it, as by `2>&-`
        if isinstance(stream, io.TextIOWrapper):
            # Transcripts are UTF-8 in any locale; a C locale would end in an encoding error.
            stream.reconfigure(encoding="utf-8", errors="replace")
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)
    try:
        cli(prog_name="las")
    except SystemExit as stop:
        if "torch" in sys.modules and isinstance(stop.code, int):
            _leave(stop.code)
        raise


def _interrupted(number: int, frame: object) -> None:
    """Ctrl-C: the work is put away in order; at the second one all ends as it is.

    A second KeyboardInterrupt would come up in the middle of the first one's handling: a traceback.
    """
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    raise KeyboardInterrupt


def _leave(code: int) -> None:
    """Ends the process at once where nothing is left to do.

    Python would take torch apart first, object by object: half a second for nothing, a fifth of
    what a short clip takes in all.
    """
    if any(not one.daemon for one in threading.enumerate() if one is not threading.main_thread()):
        return
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)
