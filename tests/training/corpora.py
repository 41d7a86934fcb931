"""A corpus that anyone can learn: every letter is a tone of its own."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import soundfile

RATE = 16_000
LETTERS = "abcde "
TINY: dict[str, Any] = {
    "listener": {"channels": 8, "hidden": 48, "reductions": [1], "dropout": 0.0},
    "attention": {"heads": 2, "size": 48},
    "speller": {"embedding": 16, "hidden": 64, "dropout": 0.0},
}


def sing(
    text: str,
    seconds: float = 0.12,
    pitch: float = 1.0,
    accent: Mapping[str, float] = MappingProxyType({}),
) -> np.ndarray:
    """Each letter as a tone, a space as silence.

    pitch: of the voice, a factor; accent: the same for single letters
    """
    time = np.arange(round(seconds * RATE)) / RATE
    hertz = [300 * pitch * (2 + LETTERS.index(letter)) * accent.get(letter, 1) for letter in text]
    tones = [
        0.3 * np.sin(2 * np.pi * tone * time) * (letter != " ")
        for tone, letter in zip(hertz, text, strict=True)
    ]
    pause = np.zeros(RATE // 20)
    sound = np.concatenate([pause, *tones, pause])
    return (sound + 0.001 * np.random.default_rng(len(text)).standard_normal(len(sound))).astype(
        "float32"
    )


def write_corpus(
    folder: Path, train: int = 20, dev: int = 4, seed: int = 1, pitch: float = 1.0
) -> Path:
    """A Common Voice folder of `train` and `dev` clips, sung by four speakers of one pitch.

    No dev split with `dev` 0.
    """
    draw = random.Random(seed)
    (folder / "clips").mkdir(parents=True)
    for split, count in (("train", train), ("dev", dev)):
        if not count:
            continue
        rows = ["client_id\tpath\tsentence"]
        for index in range(count):
            words = ["".join(draw.choices(LETTERS[:-1], k=draw.randint(1, 4))) for _ in range(3)]
            name = f"{split}{index}.wav"
            soundfile.write(folder / "clips" / name, sing(" ".join(words), pitch=pitch), RATE)
            rows.append(f"speaker{split}{index % 4}\t{name}\t{' '.join(words)}")
        (folder / f"{split}.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def write_network(path: Path, **changes: Any) -> Path:
    """The JSON of a tiny network for `las train --network`."""
    path.write_text(json.dumps(TINY | changes), encoding="utf-8")
    return path
