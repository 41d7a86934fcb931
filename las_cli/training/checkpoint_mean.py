"""Checkpoints of a run in, a model folder of their mean out."""

from __future__ import annotations

from pathlib import Path

from las_cli.errors import LasError
from las_cli.files import read_json
from las_cli.network.las import LAS
from las_cli.saved_model.folder import require_own_folder, save_model
from las_cli.saved_model.names import ALPHABET, CONFIG
from las_cli.text import units_from_json
from las_cli.training.checkpoint import (
    best_weights,
    checkpoint_ler,
    list_checkpoints,
    saved_progress,
)
from las_cli.training.moving_average import mean_of
from las_cli.training.plan import SETUP, read_plan


def average_checkpoints(
    run: Path,
    output: Path,
    *,
    last: int | None = None,
    best: int | None = None,
    half: bool = False,
) -> list[Path]:
    """Writes the mean of the `last` or the `best` checkpoints of `run` as a model to `output`.

    Returns the checkpoints taken, which may be fewer than asked for. LasError if there are none.
    """
    if output.resolve() == run.resolve():
        raise LasError(f"{output}: is the run itself, its best model would be lost; name another")
    require_own_folder(output)
    paths = list_checkpoints(run / "checkpoints")
    if best is not None:
        rated = sorted((checkpoint_ler(path), path) for path in paths)
        paths = sorted(path for ler, path in rated[:best] if ler < float("inf"))
    elif last is not None:
        paths = paths[-last:]
    if not paths:
        raise LasError(f"{run}: holds no checkpoints to average; is it a run of `las train`?")
    plan = read_plan(run / SETUP)
    units = units_from_json(read_json(run / ALPHABET))
    weights = mean_of(map(best_weights, paths))
    facts = read_json(run / CONFIG).get("facts", {}) if (run / CONFIG).is_file() else {}
    # Those of the run are its best model's, and no dev split was measured with the mean.
    facts = {k: v for k, v in facts.items() if not k.startswith("dev_")}
    newest = saved_progress(paths[-1])
    facts |= newest.told() | {"averaged": [path.name for path in paths]}
    save_model(
        output, LAS(plan.network), units, plan.text,
        decoding=plan.decoding, weights=weights, facts=facts, half=half,
    )  # fmt: skip
    return paths
