"""Options that mean the same in every command, spelled once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click


class RespelledOption(click.Option):
    """An option with a value that is also taken under spellings of old, which no help shows."""

    def __init__(self, *args: Any, formerly: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.formerly = tuple(formerly)

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        super().add_to_parser(parser, ctx)
        parser.add_option(obj=self, opts=self.formerly, dest=self.name, action="store", nargs=1)


def processes_option(name: str = "processes", **more: Any) -> Callable[..., Any]:
    """`-j, --processes`, formerly --jobs too; `name` is that of the parameter."""
    return click.option(
        "-j",
        "--processes",
        name,
        cls=RespelledOption,
        formerly=("--jobs",),
        type=click.IntRange(min=1),
        **more,
    )


def clips_option(default: int | None = None) -> Callable[..., Any]:
    """`--clips`: how many of a split, as `corpus.spread_cuts` takes them."""
    return click.option(
        "--clips",
        type=click.IntRange(min=1),
        default=default,
        show_default=default is not None,
        help="At most so many clips, spread over the split.",
    )


def quiet_option(help: str = "No progress bar.") -> Callable[..., Any]:
    """`-q, --quiet`."""
    return click.option("-q", "--quiet", is_flag=True, help=help)


def threads_option(type: click.ParamType | None = None) -> Callable[..., Any]:
    """`--threads`; with another `type` the library checks what is given."""
    return click.option(
        "--threads",
        type=type or click.IntRange(min=1),
        help="CPU threads.  [default: all cores]",
    )
