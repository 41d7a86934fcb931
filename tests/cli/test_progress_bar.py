"""One bar for all commands: what it shows, and that it stays off where it should."""

from __future__ import annotations

import io
from threading import RLock

from rich.console import Console
from rich.progress import Task, TaskID

from las_cli.cli.progress_bar import ProgressBar, _TimeLeft


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=120)


def test_title_share_and_state() -> None:
    console = terminal()
    with ProgressBar("dev [a]", show=True, total=8, console=console) as bar:
        bar.update(2, "2/8 clips")
        bar.print("las: [b] is broken")
        bar.update(4, "4/8 clips", title="half [c]")
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert "las: [b] is broken\n" in written.replace("\r", "")
    assert "half [c]" in written and "50%" in written and "4/8 clips" in written


def test_a_stage_counts_anew() -> None:
    console = terminal()
    with ProgressBar("", show=True, console=console) as bar:
        bar.begin("checking train", 10)
        bar.update(10)
        bar.begin("checking dev", 4)
        bar.update(1)
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert "checking dev" in written and "25%" in written


def test_what_another_run_did_is_no_speed() -> None:
    task = Task(TaskID(0), "", 1.0, 0.6, _get_time=lambda: 30.0, _lock=RLock())
    task.start_time = 10.0
    task.fields["before"] = 0.5
    assert _TimeLeft().render(task).plain == "0:01:20"  # a tenth took 20 s, four are left


def test_nothing_where_it_is_not_wanted_but_lines() -> None:
    console = terminal()
    with ProgressBar("dev", show=False, console=console) as bar:
        bar.update(1.0, "all")
        with bar.hidden():
            pass
        bar.print("las: broken")
    assert console.file.getvalue() == "las: broken\n"  # type: ignore[attr-defined]
