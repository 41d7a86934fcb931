"""How far a command is, on standard error: one bar for all commands."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text


class ProgressBar:
    """Title, bar, share done, a state in words, time taken and left; on a terminal, as a context.

    show: False keeps it off; total: what `update` counts up to
    """

    def __init__(
        self, title: str, *, show: bool, total: float = 1.0, console: Console | None = None
    ) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[state]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("left"),
            _TimeLeft(),
            console=console or Console(stderr=True),
            disable=not show,
            transient=True,
            redirect_stdout=False,
        )
        self._task = self._progress.add_task(title, total=total, state="", before=0.0)

    def __enter__(self) -> ProgressBar:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    @property
    def seconds(self) -> float:
        """Since it was made."""
        return self._progress.tasks[0].elapsed or 0.0

    def begin(self, title: str, total: float, before: float = 0.0) -> None:
        """A stage of the work, whose time counts anew; `before` of it was done by another run."""
        self._progress.reset(
            self._task,
            total=total,
            completed=int(before),
            description=title,
            state="",
            before=before,
        )

    def update(self, done: float, state: str = "", title: str | None = None) -> None:
        """`done` of the total; the title stays where none is given."""
        self._progress.update(self._task, completed=done, description=title, state=state)

    def print(self, line: str) -> None:
        """A line above the bar, as it is."""
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    @contextlib.contextmanager
    def hidden(self) -> Iterator[None]:
        """Off the terminal for the time of the context."""
        shown = self._progress.live.is_started
        if shown:
            self._progress.stop()
        yield
        if shown:
            self._progress.start()


class _TimeLeft(ProgressColumn):
    """Time left at the mean speed so far; rich's own looks at the last steps, which vary widely."""

    def render(self, task: Task) -> Text:
        done = task.completed - task.fields["before"]
        if done <= 0 or not task.total or task.elapsed is None:
            return Text("-:--:--")
        left = task.elapsed * max(0.0, task.total - task.completed) / done
        return Text(clock(left), style="progress.remaining")


def clock(seconds: float) -> str:
    """Hours, minutes and seconds; tenths below a minute."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
