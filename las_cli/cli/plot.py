"""`las plot`: a run folder in, its curves and attention drawn again out."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
def command(run: Path) -> None:
    """Draw the pictures of a training again: RUN/curves.png and RUN/attention.png.

    From RUN/metrics.jsonl and the attention weights of the last validation that RUN keeps.

    \b
    Example:
      las plot runs/en
    """
    from las_cli.training.plots import draw_attention, draw_curves
    from las_cli.training.samples import load_attention

    click.echo(str(draw_curves(run)))
    attention = draw_attention(run, load_attention(run))
    if attention is None:
        click.echo(f"{run}: keeps no attention weights, only its curves are drawn", err=True)
    else:
        click.echo(str(attention))
