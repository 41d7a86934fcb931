"""The latest numbers of a training in; the live table a person watches out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from las_cli.training.schedule import Progress

if TYPE_CHECKING:
    from rich.table import Table

    from las_cli.training.validation import Validation


def step_table(
    row: dict[str, float], latest: Validation | None, progress: Progress, left: str
) -> Table:
    """Epoch, losses, speed, time left, and what the last validation said."""
    from rich.table import Table

    table = Table(show_header=False, box=None, padding=(0, 2))
    for _ in range(3):
        table.add_column(style="dim")
        table.add_column()
    table.add_row(
        "epoch", f"{progress.epoch + 1}", "step", f"{progress.step}", "time left", left,
    )  # fmt: skip
    table.add_row(
        "loss", f"{row['loss']:.3f}",
        "attention", f"{row['attention']:.3f} ({row['accuracy']:.1%} right)",
        "CTC", f"{row['ctc']:.3f}",
    )  # fmt: skip
    table.add_row(
        "heard", f"{row['hours']:.2f} h",
        "speed", f"{row['speed']:.0f} × real time ({row['speed'] / 3600:.4f} h/s)",
        "learning rate", f"{row['rate']:.2e}",
    )  # fmt: skip
    health = alignment_words(row["diagonal"], row["sharp"])
    table.add_row(
        "alignment", health,
        "dev LER", f"{latest.ler:.2%}" if latest else "not yet",
        "dev WER", f"{latest.wer:.2%}" if latest else "not yet",
    )  # fmt: skip
    return table


def alignment_words(diagonal: float, sharp: float) -> str:
    """The alignment health in figures and in a word: is attention following the speech?"""
    if diagonal > 0.9 and sharp > 0.4:
        verdict = "[green]aligned[/]"
    elif diagonal > 0.5:
        verdict = "[yellow]aligning[/]"
    else:
        verdict = "[red]not aligned yet[/]"
    return f"{verdict} (diagonal {diagonal:.2f}, sharp {sharp:.2f})"
