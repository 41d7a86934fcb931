"""The whole state of a training in, a folder that survives a crash out; and back."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from las_cli.errors import LasError
from las_cli.files import read_json
from las_cli.saved_model.weights import check_finite
from las_cli.training.schedule import Progress

WEIGHTS, AVERAGE, HEAD, OPTIMISER, STATE = (
    "model.safetensors",
    "average.safetensors",
    "head.safetensors",
    "optimiser.pt",
    "state.json",
)

MEAN_LER = "dev_mean_ler"  # of a checkpoint's facts: mean over the groups of --dev-by


class Checkpoint(NamedTuple):
    """Everything a resumed training needs to go on as if it had never stopped."""

    weights: Mapping[str, Tensor]
    average: Mapping[str, Tensor] | None  # moving average of the weights
    optimiser: dict[str, Any]
    scaler: dict[str, Any]  # of float16 losses; empty otherwise
    random: list[Tensor]  # state of each process's random numbers
    progress: Progress
    facts: dict[str, Any]  # dev LER, network and alphabet
    cuda_random: list[Tensor]  # the same of each process's GPU; empty without one
    head: Mapping[str, Tensor] | None = None  # that guesses a teacher's states


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Writes `folder/step-NNNNNNN`: all files, synced, then renamed into place.

    Raises LasError if the disk is full or read-only; older checkpoints are then untouched.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    final = folder / f"step-{checkpoint.progress.step:07d}"
    temporary = folder / f".{final.name}.{os.getpid()}.tmp"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        save_file(_plain(checkpoint.weights), temporary / WEIGHTS)
        if checkpoint.average is not None:
            save_file(_plain(checkpoint.average), temporary / AVERAGE)
        if checkpoint.head is not None:
            save_file(_plain(checkpoint.head), temporary / HEAD)
        torch.save(
            {
                "optimiser": checkpoint.optimiser,
                "scaler": checkpoint.scaler,
                "random": checkpoint.random,
                "cuda_random": checkpoint.cuda_random,
            },
            temporary / OPTIMISER,
        )
        state = {"progress": asdict(checkpoint.progress), "facts": checkpoint.facts}
        (temporary / STATE).write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
        for path in (*temporary.iterdir(), temporary):
            _sync(path)
        before = final.with_name(f".{final.name}.before.tmp")
        if final.exists():  # a resumed run saves the same step again
            os.replace(final, before)
        os.replace(temporary, final)
        _sync(folder)
        shutil.rmtree(before, ignore_errors=True)
    except (OSError, RuntimeError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        # torch and safetensors wrap a full disk in errors of their own.
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
        full = full or "No space left" in str(error) or "os error 28" in str(error)
        free = shutil.disk_usage(folder).free / 2**20 if folder.exists() else 0.0
        reason = "the disk is full" if full else _reason(error)
        raise LasError(
            f"{final}: the checkpoint cannot be written ({reason}, {free:.0f} MB free); "
            "older checkpoints are intact: make room, then go on with --resume"
        ) from error
    return final


def load_checkpoint(path: Path) -> Checkpoint:
    """The state saved in `path`; LasError if a file is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    state = read_json(path / STATE)
    try:
        weights = load_file(path / WEIGHTS)
        average = load_file(path / AVERAGE) if (path / AVERAGE).is_file() else None
        head = load_file(path / HEAD) if (path / HEAD).is_file() else None
        for name, tensor in weights.items():
            check_finite(name, tensor, path / WEIGHTS)
        rest = torch.load(path / OPTIMISER, map_location="cpu", weights_only=True)
        progress = Progress(**state["progress"])
        return Checkpoint(
            weights, average, rest["optimiser"], rest["scaler"], rest["random"], progress,
            dict(state.get("facts") or {}), rest.get("cuda_random", []),
            head,
        )  # fmt: skip
    except LasError as error:
        raise LasError(
            f"{error}; delete {path} and --resume takes the one before"
        ) from error
    except (OSError, SafetensorError, RuntimeError, KeyError, TypeError, EOFError) as error:
        raise LasError(
            f"{path}: damaged checkpoint ({_reason(error)}); delete this folder and "
            "--resume takes the one before"
        ) from error
    except Exception as error:  # pickle's own errors, whatever their class
        raise LasError(f"{path / OPTIMISER}: not a las optimiser state ({error})") from error


def differences(saved: Any, wanted: Any, name: str = "") -> list[str]:
    """Names of the fields in which two nested JSON objects differ, each with both values."""
    if isinstance(saved, Mapping) and isinstance(wanted, Mapping):
        return [
            line
            for key in sorted(saved.keys() | wanted.keys())
            for line in differences(saved.get(key), wanted.get(key), f"{name}.{key}".strip("."))
        ]
    if isinstance(saved, tuple | list) and isinstance(wanted, tuple | list):
        saved, wanted = list(saved), list(wanted)
    return [] if saved == wanted else [f"{name} {saved!r} → {wanted!r}"]


def list_checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints, oldest first; of some only the weights are kept."""
    return sorted(
        path
        for path in folder.glob("step-*")  # a user's step-0005000.bak is none
        if path.name.removeprefix("step-").isdecimal() and (path / STATE).is_file()
    )


def resumable(folder: Path) -> list[Path]:
    """The checkpoints that a training can go on from, oldest first."""
    return [path for path in list_checkpoints(folder) if (path / OPTIMISER).is_file()]


def best_weights(path: Path) -> dict[str, Tensor]:
    """The moving average of a checkpoint, or its weights where the training had none."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = path / (AVERAGE if (path / AVERAGE).is_file() else WEIGHTS)
    try:
        weights = load_file(file)
        for name, tensor in weights.items():
            check_finite(name, tensor, file)
        return weights
    except (OSError, SafetensorError) as error:
        raise LasError(
            f"{file}: damaged checkpoint ({_reason(error)}); delete its folder, and "
            "the others are averaged"
        ) from error


def prune(folder: Path, keep_best: int, keep_last: int = 1) -> None:
    """Keeps the `keep_last` last checkpoints and the `keep_best` of the lowest dev LER.

    The newest two (if one is damaged, there is the other) and the best stay whole. The rest only
    serve `las average`: of them the averaged weights are kept, a quarter of a checkpoint.
    """
    for leftover in folder.glob(".step-*.tmp"):
        if not leftover.name.endswith(f".{os.getpid()}.tmp"):
            shutil.rmtree(leftover, ignore_errors=True)
    paths = list_checkpoints(folder)
    rated = sorted((checkpoint_ler(path), path) for path in paths)
    best = [path for ler, path in rated[:keep_best] if ler < float("inf")]
    kept = {*best, *paths[-keep_last:]}
    whole = {*best[:1], *paths[-min(2, keep_last) :]}
    for path in paths:
        if path not in kept:
            shutil.rmtree(path, ignore_errors=True)
        elif path not in whole:
            (path / OPTIMISER).unlink(missing_ok=True)
            (path / HEAD).unlink(missing_ok=True)
            if (path / AVERAGE).is_file():
                (path / WEIGHTS).unlink(missing_ok=True)


def drop_later(folder: Path, step: int) -> None:
    """Deletes the checkpoints after `step`, from which a resumed training goes another way."""
    for path in list_checkpoints(folder):
        if int(path.name.removeprefix("step-")) > step:
            shutil.rmtree(path, ignore_errors=True)


def checkpoint_ler(path: Path) -> float:
    """Dev LER of a checkpoint (the mean over groups), infinite where it was not measured."""
    facts = read_json(path / STATE).get("facts") or {}
    ler = facts.get(MEAN_LER, facts.get("dev_ler"))
    return float(ler) if isinstance(ler, int | float) else float("inf")


def saved_progress(path: Path) -> Progress:
    """How far the training of a checkpoint had come; LasError if its state is damaged."""
    try:
        return Progress(**read_json(path / STATE)["progress"])
    except (KeyError, TypeError) as error:
        raise LasError(f"{path / STATE}: no progress of a training in it ({error})") from error


def _reason(error: Exception) -> str:
    """The first line of an error; some, as of an empty file, have no words."""
    return (str(error) or type(error).__name__).splitlines()[0]


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows has no descriptor of a folder
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
