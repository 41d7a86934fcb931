"""`las plot`: a run folder in, its curves drawn again out."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
def command(run: Path) -> None:
    """Draw RUN/curves.png again from RUN/metrics.jsonl.

    \b
    Example:
      las plot runs/en
    """
    from las_cli.training.plots import draw_curves

    click.echo(str(draw_curves(run)))
