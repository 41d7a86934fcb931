"""A folder of a teacher's states, made up by the test."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

FRAME, FIRST = 0.02, 0.01  # seconds


def write_teacher(
    folder: Path, clips: dict[str, Tensor], mean: float = 0.0, step: float = 4 / 127
) -> Path:
    """States [N, D] of each clip, in two files; one number stands for `step`."""
    folder.mkdir(parents=True)
    index = {}
    for number, ids in enumerate((list(clips)[::2], list(clips)[1::2])):
        first, parts = 0, []
        for id in ids:
            index[id] = [f"states-{number:03}.safetensors", first, len(clips[id])]
            first += len(clips[id])
            parts.append(((clips[id] - mean) / step).round().clamp(-127, 127).to(torch.int8))
        if parts:
            size = parts[0].shape[1]
            levels = {"mean": torch.full((size,), mean), "scale": torch.full((size,), step)}
            path = folder / f"states-{number:03}.safetensors"
            save_file({"states": torch.cat(parts), **levels}, path)
    told = {
        "teacher": "made up", "licence": "none", "frame_seconds": FRAME,
        "first_frame_centre_seconds": FIRST, "dimension": len(next(iter(clips.values()))[0]),
        "clips": index,
    }  # fmt: skip
    (folder / "index.json").write_text(json.dumps(told), encoding="utf-8")
    return folder
