"""Recognised dev utterances in; a few to watch, and their attention on disk, out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from las_cli.errors import LasError

if TYPE_CHECKING:
    from torch import Tensor

ATTENTION_WEIGHTS = "attention.safetensors"  # some 100 KB, float16, the texts in its header
READABLE = (4, 120)  # letters of a text whose attention a picture shows well


@dataclass(frozen=True)
class Sample:
    """One dev utterance: what was said, what was recognised, where attention was."""

    id: str
    true_y: str
    pred_y: str  # by the speller alone, greedily
    weights: Tensor | None = None  # of the attention under teacher forcing, [U, T]
    step_seconds: float = 0.04  # between two listener steps


def spread(samples: Sequence[Sample], most: int) -> list[Sample]:
    """At most `most` of `samples`, spread evenly from the first to the last."""
    if len(samples) <= most:
        return list(samples)
    return [samples[round(i * (len(samples) - 1) / max(1, most - 1))] for i in range(most)]


def pictured(samples: Sequence[Sample], most: int = 4) -> list[Sample]:
    """The utterances whose attention is drawn: the same ones each time, short and long.

    Texts of `READABLE` length if there are enough of them, else the nearest to it as well.
    """
    held = sorted(samples, key=lambda sample: (len(sample.true_y), sample.id))
    low, high = READABLE
    readable = [sample for sample in held if low <= len(sample.true_y) <= high]
    if len(readable) < most:
        others = [sample for sample in held if sample.true_y and sample not in readable]
        others.sort(key=lambda sample: max(low - len(sample.true_y), len(sample.true_y) - high))
        readable += others[: most - len(readable)]
        readable.sort(key=lambda sample: (len(sample.true_y), sample.id))
    return spread(readable, most)


def save_attention(folder: Path, samples: Sequence[Sample]) -> Path:
    """Keeps the attention weights of `samples` in `folder`, so that `las plot` can draw them."""
    import torch
    from safetensors.torch import save

    from las_cli.files import write_bytes

    shown = [sample for sample in samples if sample.weights is not None]
    tensors = {
        str(index): sample.weights.to("cpu", torch.float16).contiguous()
        for index, sample in enumerate(shown)
        if sample.weights is not None
    }
    texts = [
        {"id": s.id, "true_y": s.true_y, "pred_y": s.pred_y, "step_seconds": s.step_seconds}
        for s in shown
    ]
    header = {"utterances": json.dumps(texts, ensure_ascii=False)}
    write_bytes(folder / ATTENTION_WEIGHTS, save(tensors, metadata=header))
    return folder / ATTENTION_WEIGHTS


def load_attention(folder: Path) -> list[Sample]:
    """What `save_attention` kept; empty where there is none, LasError where it is damaged."""
    from safetensors import SafetensorError, safe_open

    path = folder / ATTENTION_WEIGHTS
    if not path.is_file():
        return []
    try:
        with safe_open(str(path), framework="pt") as file:
            texts = json.loads((file.metadata() or {})["utterances"])
            return [
                Sample(weights=file.get_tensor(str(index)).float(), **text)
                for index, text in enumerate(texts)
            ]
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise LasError(
            f"{path}: damaged ({str(error).splitlines()[0]}); delete it, and the next validation "
            "of the training writes it again"
        ) from error
