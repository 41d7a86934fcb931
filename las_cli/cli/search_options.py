"""The options of `load_recogniser`, for every command that recognises speech."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from las_cli.cli.common_options import threads_option
from las_cli.decoding.search_table import SEARCHES

# Names of the parameters, for the groups of a command's help.
SEARCH = (
    "search",
    "beam",
    "beam_threshold",
    "ctc_weight",
    "lm",
    "lm_weight",
    "internal_weight",
    "length_bonus",
    "eos_threshold",
)
HOTWORDS = ("hotwords", "hotword_weight")
MACHINE = ("device", "precision", "threads")
_NAMES = tuple(SEARCHES)


def complete_searches(typed: str) -> list[str]:
    """What the shell offers for `--search`."""
    return [name for name in _NAMES if name.startswith(typed)]


_OPTIONS = (
    click.option(
        "--search",
        shell_complete=lambda context, option, typed: complete_searches(typed),
        help=f"{', '.join(_NAMES[:-1])} or {_NAMES[-1]}.  [default: the model's, beam]",
    ),
    click.option("--beam", type=int, help="Hypotheses kept, 1 … 100.  [default: the model's, 8]"),
    click.option(
        "--beam-threshold",
        type=float,
        help="Nats below the best that a hypothesis is dropped; inf: never.  [default: 5]",
    ),
    click.option("--ctc-weight", type=float, help="0 … 1.  [default: the model's, 0.3]"),
    click.option("--lm-weight", type=float, help="0 … 1.  [default: the model's, 0.3]"),
    click.option(
        "--internal-weight",
        type=float,
        help="0 … 1, of the speller's own language, taken away.  [default: the model's, 0]",
    ),
    click.option("--length-bonus", type=float, help="Nats a letter.  [default: the model's, 0]"),
    click.option("--eos-threshold", type=float, help="[default: the model's, 1.5]"),
    click.option(
        "--lm", metavar="DIR", help="Language model, or none.  [default: the model's, if any]"
    ),
    click.option("--device", default="auto", show_default=True, help="auto, cuda, mps or cpu."),
    click.option("--precision", help="auto, float32, bf16, float16 or int8.  [default: auto]"),
    threads_option(click.INT),
)


def search_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """All of them, for the command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_HOTWORD_OPTIONS = (
    click.option(
        "--hotwords",
        metavar='FILE|"A, B"',
        help="Words and names to expect: a file with one a line, or a list.",
    ),
    click.option(
        "--hotword-weight",
        type=float,
        help="Bonus of a hotword, nats a letter.  "
        "[default: 0.5; none where a language model of letters expects it]",
    ),
)


def hotword_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Those of `HOTWORDS`, for commands that write down what they recognise."""
    for option in reversed(_HOTWORD_OPTIONS):
        command = option(command)
    return command
