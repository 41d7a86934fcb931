"""A run's metrics and facts in, its model card in Markdown out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from las_cli.errors import LasError
from las_cli.files import whole_number
from las_cli.saved_model.names import CARD, METRICS
from las_cli.saved_model.weights import shown

LARGEST_CARD = 2**20  # bytes read
TASK = "automatic-speech-recognition"
ROWS = 8  # of the table of measurements


def measurements(folder: Path) -> list[dict[str, Any]]:
    """The rows of a run's metrics in which the dev split was measured; damaged lines are left out.

    Keys that are of use: step, hours (heard), dev_ler, dev_wer, dev_ctc_ler.
    """
    rows: list[dict[str, Any]] = []
    try:
        lines = (folder / METRICS).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    for line in lines:
        try:
            row = json.loads(line, parse_int=whole_number)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and is_rate(row.get("dev_ler")) and row not in rows[-1:]:
            rows.append(row)
    return rows


def thinned(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most ROWS rows, evenly taken, the first, the best and the last among them."""
    if len(rows) <= ROWS:
        return rows
    best = min(range(len(rows)), key=lambda i: rows[i]["dev_ler"])
    wanted = {round(i * (len(rows) - 1) / (ROWS - 2)) for i in range(ROWS - 1)} | {best}
    return [rows[i] for i in sorted(wanted)]


def is_rate(value: Any) -> bool:
    """Whether a value of JSON is an error rate."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1000


def rate_text(value: Any) -> str:
    """An error rate as it is shown."""
    return f"{value:.2%}" if is_rate(value) else "?"


def own_card(folder: Path) -> str:
    """The card that lies in the folder; empty where there is none."""
    path = folder / CARD
    if not path.is_file():
        return ""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(LARGEST_CARD)
    except OSError as error:
        raise LasError(f"{path}: cannot be read ({error.strerror or error})") from error


def make_card(
    folder: Path,
    name: str,
    facts: Mapping[str, Any],
    units: tuple[str, ...],
    *,
    language: str | None = None,
    licence: str | None = None,
) -> str:
    """The card of a model that is shared as `name` (user/repo): its own text, or one from metrics.

    facts: of its config.json, without paths of this machine
    language, licence: instead of what its own card says; None leaves that as it is
    """
    from huggingface_hub import EvalResult, ModelCard, ModelCardData

    results = [
        EvalResult(
            task_type=TASK, dataset_type="las", dataset_name=str(facts.get("data", "dev split")),
            dataset_split="dev", metric_type=kind, metric_name=label,
            metric_value=round(value or 0.0, 4),
        )
        for kind, label, value in (
            ("cer", "letter error rate", facts.get("dev_ler")),
            ("wer", "word error rate", facts.get("dev_wer")),
        )
        if is_rate(value)
    ]  # fmt: skip
    data = ModelCardData(
        language=language, license=licence, library_name="las-cli", pipeline_tag=TASK,
        tags=[TASK, "listen-attend-and-spell", "offline"],
        model_name=name.split("/")[-1] if results else None, eval_results=results or None,
    )  # fmt: skip
    text = own_card(folder)
    if text:
        try:
            kept = ModelCard(text, ignore_metadata_errors=True)
        except Exception as error:  # of the YAML reader or the client, whatever their class
            reason = shown(" ".join(str(error).split()))
            raise LasError(
                f"{folder / CARD}: what stands between --- is no YAML ({reason})"
            ) from error
        own = kept.data.get("tags") or []
        own = own if isinstance(own, list) else [str(own)]
        tags = [*own, *(tag for tag in data.tags or [] if tag not in own)]
        asked = {"language": language, "license": licence}
        for key, value in data.to_dict().items():
            if kept.data.get(key) is None or asked.get(key) is not None:
                kept.data[key] = value
        kept.data["tags"] = tags
        return str(kept)
    return f"---\n{data.to_yaml()}\n---\n\n{_body(folder, name, facts, units)}"


def _body(folder: Path, name: str, facts: Mapping[str, Any], units: tuple[str, ...]) -> str:
    lines = [
        f"# {name.split('/')[-1]}", "",
        "A Listen, Attend and Spell network trained with las-cli. It writes these units: "
        + " ".join("␣" if unit == " " else f"`{unit}`" for unit in units[:100])
        + (" …" if len(units) > 100 else ""),
        "", "```", f"las transcribe --model hf:{name} talk.mp3", "```", "", "## How good it is", "",
    ]  # fmt: skip
    if is_rate(facts.get("dev_ler")):
        lines += [
            f"Dev split: LER {rate_text(facts['dev_ler'])}, WER {rate_text(facts.get('dev_wer'))} "
            f"({facts.get('dev_search', 'greedy, of the speller alone')}).",
        ]
    else:
        lines += ["Not measured."]
    rows = thinned(measurements(folder))
    if rows:
        lines += ["", "While it was trained (greedy, of the speller alone):", "",
                  "| update | hours heard | LER | WER | LER of CTC alone |",
                  "|---|---|---|---|---|"]  # fmt: skip
        lines += [
            f"| {row.get('step', '?')} | {_number(row.get('hours'))} | "
            f"{rate_text(row['dev_ler'])} | {rate_text(row.get('dev_wer'))} | "
            f"{rate_text(row.get('dev_ctc_ler'))} |"
            for row in rows
        ]
    lines += ["", "## What it was trained on", ""]
    told = {
        "data": "corpus", "train_hours": "hours of speech", "train_clips": "clips",
        "hours_heard": "hours heard in training, repeats counted", "step": "updates",
        "minutes_trained": "minutes of training", "preset": "preset", "parameters": "parameters",
    }  # fmt: skip
    lines += [f"- {label}: {facts[key]}" for key, label in told.items() if key in facts]
    return "\n".join(lines) + "\n"


def _number(value: Any) -> str:
    return f"{value:.1f}" if isinstance(value, int | float) else "?"
