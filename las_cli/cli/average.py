"""`las average`: the checkpoints of a run in, a model of their mean weights out."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--last", type=click.IntRange(1), help="The last N checkpoints.")
@click.option("--best", type=click.IntRange(1), help="The N checkpoints of the lowest dev LER.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="New model.  [default: RUN/average]"
)
@click.option("--half", is_flag=True, help="Store float16 weights: half the size.")
def command(run: Path, last: int | None, best: int | None, output: Path | None, half: bool) -> None:
    """Average the weights of a training's checkpoints into a new model.

    A run keeps its last five checkpoints and its best five (`las train --set keep_last=N --set
    keep_best=N`).
    Takes the moving averages of their weights, where the training had one. Measure the result
    with `las decode`.

    \b
    Examples:
      las average runs/en --last 5
      las average runs/en --best 5 --output runs/en-mean
      las average runs/en --last 1 --half --output my-model      the last one, for sharing
    """
    from las_cli.errors import UsageError
    from las_cli.training.checkpoint_mean import average_checkpoints

    if (last is None) == (best is None):
        raise UsageError("give either --last N or --best N")
    output = output or run / "average"
    paths = average_checkpoints(run, output, last=last, best=best, half=half)
    click.echo(
        f"{output}: the mean of {len(paths)} checkpoints ({', '.join(p.name for p in paths)})"
    )
    asked, kind = (last, "last") if last is not None else (best, "best")
    if asked is not None and len(paths) < asked:
        click.echo(
            f"{run}: keeps {len(paths)} such checkpoints, fewer than the {asked} asked for; "
            f"`las train --set keep_{kind}={asked}` keeps that many",
            err=True,
        )
