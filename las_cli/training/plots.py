"""metrics.jsonl and attention weights in; curves.png and attention.png out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from las_cli.errors import LasError
from las_cli.saved_model.names import ATTENTION, CURVES

if TYPE_CHECKING:
    from las_cli.training.samples import Sample

LETTERS_SHOWN = 40  # of a text, named one by one; of a longer one the words are named


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
        hours, values = _points(train, name)
        (line,) = left.plot(hours, _smooth(values), label=f"{label}, train")
        left.plot(
            *_points(dev, f"dev_{name}"),
            "o--", color=line.get_color(), label=f"{label}, dev", markersize=3,
        )  # fmt: skip
    left.set(xlabel="hours of sound heard", ylabel="loss, nats a letter", ylim=(0, None))
    left.legend()
    left.grid(alpha=0.3)
    for name, label in (("dev_ler", "LER, speller"), ("dev_ctc_ler", "LER, CTC head"),
                        ("dev_wer", "WER, speller")):  # fmt: skip
        hours, rates = _points(dev, name)
        right.plot(hours, [100 * min(1.5, rate) for rate in rates], "o-", label=label, markersize=3)
    hours, right_letters = _points(train, "accuracy")
    wrong = _smooth([100 * (1 - share) for share in right_letters])
    right.plot(hours, wrong, color="grey", alpha=0.7, label="letters wrong, train (teacher)")
    right.set(xlabel="hours of sound heard", ylabel="%", ylim=(0, 105), title="greedy, dev")
    right.legend()
    right.grid(alpha=0.3)
    return _saved(figure, folder / CURVES, dpi=100)


def draw_attention(folder: Path, samples: Sequence[Sample]) -> Path | None:
    """Where attention looked at each letter of some dev utterances, two in a row."""
    shown = [sample for sample in samples if sample.weights is not None]
    if not shown:
        return None
    pyplot = _pyplot()
    across = 1 if len(shown) == 1 else 2
    rows = [shown[i : i + across] for i in range(0, len(shown), across)]
    heights = [max(_height(sample.true_y) for sample in row) for row in rows]
    figure, axes = pyplot.subplots(
        len(rows), across, figsize=(7 * across, sum(heights)), squeeze=False,
        layout="constrained", height_ratios=heights,
    )  # fmt: skip
    for axis in axes.flat[len(shown) :]:
        axis.set_visible(False)
    for axis, sample in zip(axes.flat, shown, strict=False):
        _draw_utterance(axis, sample)
    figure.suptitle("Where attention looks for each letter (teacher forcing)", fontsize=11)
    return _saved(figure, folder / ATTENTION, dpi=90)


def _draw_utterance(axis: Any, sample: Sample) -> None:
    """Letters downwards, time to the right; dark: much attention."""
    from matplotlib.colors import PowerNorm

    assert sample.weights is not None
    weights = sample.weights.float().numpy()
    letters, steps = weights.shape
    axis.imshow(
        weights, aspect="auto", interpolation="nearest", cmap="Blues",
        # The square root makes small weights visible: stray attention is what one looks for.
        norm=PowerNorm(0.5, vmin=0, vmax=1),
        extent=(0, steps * sample.step_seconds, letters - 0.5, -0.5),
    )  # fmt: skip
    places, labels = _ticks(sample.true_y)
    axis.set_yticks(places, labels, fontsize=8, parse_math=False)
    said = "\n".join(_wrapped("said", sample.true_y) + _wrapped("heard", sample.pred_y))
    axis.set_title(said, fontsize=8, loc="left", parse_math=False)
    axis.set_xlabel("seconds", fontsize=8)
    axis.tick_params(axis="x", labelsize=8)
    axis.grid(axis="x", alpha=0.3)


def _ticks(text: str) -> tuple[list[int], list[str]]:
    """Rows and their labels: each letter of a short text, else each word at its first letter."""
    if len(text) <= LETTERS_SHOWN:
        return list(range(len(text) + 1)), [*text.replace(" ", "␣"), "end"]
    places, labels, at = [], [], 0
    for word in text.split(" "):
        places.append(at)
        labels.append(word[:20])
        at += len(word) + 1
    return [*places, len(text)], [*labels, "end"]


def _height(text: str) -> float:
    """Inches for one utterance, so that no two labels touch; at most a screen."""
    return min(9.0, 1.5 + 0.145 * max(14, len(_ticks(text)[0])))


def _wrapped(name: str, text: str, width: int = 90, lines: int = 2) -> list[str]:
    """A line or two of `text` under its name."""
    import textwrap

    return textwrap.wrap(f"{name}: {text}", width, max_lines=lines, placeholder=" …")


def _saved(figure: Any, path: Path, dpi: int) -> Path:
    """The picture at `path`, its memory free again."""
    import warnings

    with warnings.catch_warnings():
        # matplotlib's own fonts lack some scripts and show boxes; nothing the user can mend here.
        warnings.filterwarnings("ignore", message=".*Glyph.*")
        try:
            figure.savefig(path, dpi=dpi)
        except OSError as error:
            raise LasError(f"{path}: cannot be written ({error.strerror or error})") from error
        finally:
            _pyplot().close(figure)
    return path


def _points(rows: list[dict[str, Any]], name: str) -> tuple[list[float], list[float]]:
    """Hours heard and what was measured then, where it was a number (else the row has null)."""
    found = [row for row in rows if row.get(name) is not None]
    return [row["hours"] for row in found], [row[name] for row in found]


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
