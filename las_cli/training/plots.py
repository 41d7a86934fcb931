"""metrics.jsonl and attention weights in; curves.png and attention.png out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from las_cli.errors import LasError

if TYPE_CHECKING:
    from las_cli.training.validation import Sample

CURVES, ATTENTION = "curves.png", "attention.png"


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The rows of a run's metrics.jsonl; a last line cut short by a crash is left out."""
    path = folder / "metrics.jsonl"
    if not path.is_file():
        raise LasError(f"{path}: missing; give a run folder that `las train` wrote")
    if rows := read_rows(path):
        return rows
    raise LasError(f"{path}: holds no measurements yet")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The whole rows of a JSON Lines file."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def draw_curves(folder: Path) -> Path:
    """Loss of train and dev, and letter error rate of dev, over the sound heard."""
    pyplot = _pyplot()
    rows = read_metrics(folder)
    train = [row for row in rows if "loss" in row]
    dev = [row for row in rows if "dev_ler" in row]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for name, label in (("attention", "attention"), ("ctc", "CTC")):
        hours = [row["hours"] for row in train]
        (line,) = left.plot(hours, _smooth([row[name] for row in train]), label=f"{label}, train")
        left.plot(
            [row["hours"] for row in dev], [row[f"dev_{name}"] for row in dev],
            "o--", color=line.get_color(), label=f"{label}, dev", markersize=3,
        )  # fmt: skip
    left.set(xlabel="hours of sound heard", ylabel="loss, nats a letter", ylim=(0, None))
    left.legend()
    left.grid(alpha=0.3)
    for name, label in (("dev_ler", "LER, speller"), ("dev_ctc_ler", "LER, CTC head"),
                        ("dev_wer", "WER, speller")):  # fmt: skip
        measured = [row for row in dev if row[name] is not None]
        right.plot(
            [row["hours"] for row in measured], [100 * min(1.5, row[name]) for row in measured],
            "o-", label=label, markersize=3,
        )  # fmt: skip
    train_hours = [row["hours"] for row in train]
    wrong = _smooth([100 * (1 - row["accuracy"]) for row in train])
    right.plot(train_hours, wrong, color="grey", alpha=0.7, label="letters wrong, train (teacher)")
    right.set(xlabel="hours of sound heard", ylabel="%", ylim=(0, 105), title="greedy, dev")
    right.legend()
    right.grid(alpha=0.3)
    figure.savefig(folder / CURVES, dpi=100)
    pyplot.close(figure)
    return folder / CURVES


def draw_attention(folder: Path, samples: Sequence[Sample], most: int = 4) -> Path | None:
    """Where attention looked at each letter of a few dev utterances."""
    shown = [s for s in samples if s.weights is not None and 4 <= len(s.true_y) <= 150][:most]
    if not shown:
        return None
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(
        len(shown), 1, figsize=(10, 3 * len(shown)), layout="constrained", squeeze=False
    )
    for axis, sample in zip(axes[:, 0], shown, strict=True):
        assert sample.weights is not None
        axis.imshow(sample.weights.numpy(), aspect="auto", origin="lower", interpolation="nearest")
        letters = [*sample.true_y, "⏎"][: len(sample.weights)]
        if len(letters) <= 60:
            axis.set_yticks(range(len(letters)), letters, fontsize=6, parse_math=False)
        axis.set_title(sample.true_y[:110], fontsize=8, parse_math=False)
        axis.set(xlabel="listener step", ylabel="letter")
    figure.savefig(folder / ATTENTION, dpi=90)
    pyplot.close(figure)
    return folder / ATTENTION


def _smooth(values: list[float], share: float = 0.05) -> list[float]:
    """Exponential smoothing, so that the curve of single batches can be read."""
    smoothed: list[float] = []
    for value in values:
        smoothed.append(value if not smoothed else smoothed[-1] + share * (value - smoothed[-1]))
    return smoothed


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")  # no window: runs over ssh and in tests
    from matplotlib import pyplot

    return pyplot
