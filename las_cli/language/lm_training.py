"""Sentences in, a trained letter language model and its perplexity out; can be resumed."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from las_cli.errors import LasError
from las_cli.files import write_bytes
from las_cli.language.letter_lm import LetterLM, LetterLMConfig
from las_cli.language.text import Sentences
from las_cli.network.device import autocast, pick_precision
from las_cli.text.units import EOS

CHECKPOINT = "lm-checkpoint.safetensors"  # one file, so that weights and place never part
POOL = 64  # batches that are sorted by length together, so that little is padded
WARMUP = 100  # steps to the peak of the learning rate


@dataclass(frozen=True)
class LMTraining:
    """How a language model is trained."""

    epochs: float = 3.0  # passes over the text
    max_minutes: float | None = None  # the schedule ends within them
    batch_letters: int = 16_000  # letters in a batch, padding included
    learning_rate: float = 2e-3  # peak of AdamW's
    weight_decay: float = 0.01
    clip: float = 1.0  # largest norm of the gradient
    precision: str = "auto"
    checkpoint_minutes: float = 5.0
    seed: int = 1

    def __post_init__(self) -> None:
        for name in (
            "epochs", "max_minutes", "batch_letters", "learning_rate", "clip", "checkpoint_minutes",
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise LasError(f"language model training: {name} must be more than 0")


@dataclass
class LMProgress:
    """How far a training is; saved with each checkpoint."""

    step: int = 0
    epoch: int = 0  # passes begun before
    batches: int = 0  # done in this pass
    letters: int = 0  # done in all
    seconds: float = 0.0  # spent in all
    loss: float = math.nan  # nats a letter, moving average


@dataclass(frozen=True)
class TrainedLM:
    """What a training reached."""

    perplexity: float  # per letter on held-out lines, ends of sentence counted as letters
    letters: int  # trained on, repeats counted
    minutes: float


def train_letter_lm(
    model: LetterLM,
    sentences: Sentences,
    total: int,
    settings: LMTraining,
    folder: Path,
    resume: bool = False,
    report: Callable[[LMProgress, float], None] | None = None,
) -> TrainedLM:
    """Train `model` in place, leaving a checkpoint in `folder`: delete it once `model` is saved.

    total: letters in one pass, from `Sentences.count`
    resume: go on from the checkpoint in `folder`; the result equals that of an unbroken run
    report: called after each step with the progress and the share done, 0 … 1
    """
    device = next(model.parameters()).device
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    at = LMProgress()
    if resume:
        at = load_lm_checkpoint(folder, model, optimizer, settings)
    precision = pick_precision(settings.precision, device)
    goal = settings.epochs * total
    started, saved, before = time.monotonic(), time.monotonic(), at.seconds
    share = at.letters / goal
    model.train()
    while share < 1.0:
        skip = at.batches
        for number, (inputs, targets) in enumerate(
            letter_batches(sentences.shuffled(settings.seed + at.epoch), settings.batch_letters)
        ):
            if number < skip:
                continue
            torch.manual_seed(settings.seed * 1_000_003 + at.step)  # dropout, the same resumed
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * schedule(at.step, share)
            count = int((targets >= 0).sum())
            with autocast(device, precision):
                scores, _ = model(inputs.to(device))
            loss = torch.nn.functional.nll_loss(
                scores.flatten(0, 1), targets.to(device).flatten(), ignore_index=-1
            )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
            optimizer.step()
            now = float(loss.detach())
            at.loss = now if math.isnan(at.loss) else 0.98 * at.loss + 0.02 * now
            at.step, at.batches, at.letters = at.step + 1, at.batches + 1, at.letters + count
            at.seconds = before + time.monotonic() - started
            share = at.letters / goal
            if settings.max_minutes is not None:
                share = max(share, at.seconds / 60 / settings.max_minutes)
            if report:
                report(at, min(1.0, share))
            if time.monotonic() - saved > 60 * settings.checkpoint_minutes:
                save_lm_checkpoint(folder, model, optimizer, settings, at)
                saved = time.monotonic()
            if share >= 1.0:
                break
        else:
            at.epoch, at.batches = at.epoch + 1, 0
    model.eval()
    perplexity = measure_perplexity(model, sentences.held_out(), settings.batch_letters)
    return TrainedLM(perplexity, at.letters, at.seconds / 60)


def schedule(step: int, share: float) -> float:
    """Share of the peak learning rate: warm-up, then a cosine down to a hundredth."""
    decay = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
    return min(1.0, (step + 1) / WARMUP) * decay


def letter_batches(lines: Iterator[list[int]], letters: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of at most `letters` letters: inputs and targets [B, U], targets -1 behind the end.

    Inputs begin, targets end with the end of sentence. Lines of like length go together.
    """
    pool: list[list[int]] = []
    size = 0
    for line in lines:
        pool.append(line)
        size += len(line) + 1
        if size >= POOL * letters:
            yield from _batch_pool(pool, letters)
            pool, size = [], 0
    yield from _batch_pool(pool, letters)


def _batch_pool(pool: list[list[int]], letters: int) -> Iterator[tuple[Tensor, Tensor]]:
    ordered = sorted(pool, key=len)
    ready: list[list[list[int]]] = []
    batch: list[list[int]] = []
    for line in ordered:
        if batch and (len(batch) + 1) * (len(line) + 1) > letters:
            ready.append(batch)
            batch = []
        batch.append(line)
    if batch:
        ready.append(batch)
    # Not from short to long: a fixed stride through the lengths mixes them without chance.
    stride = next((s for s in (7, 11, 13, 17) if len(ready) % s), 1)
    for place in range(len(ready)):
        yield pad_letters(ready[place * stride % len(ready)])


def pad_letters(lines: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Lines of ids as inputs and targets [B, U]."""
    longest = max(len(line) for line in lines) + 1
    inputs = torch.full((len(lines), longest), EOS)
    targets = torch.full((len(lines), longest), -1)
    for row, line in enumerate(lines):
        ids = torch.tensor(line, dtype=torch.int64)
        inputs[row, 1 : len(line) + 1] = ids
        targets[row, : len(line)] = ids
        targets[row, len(line)] = EOS
    return inputs, targets


@torch.inference_mode()
def measure_perplexity(
    model: LetterLM, lines: Sequence[list[int]], batch_letters: int = 16_000
) -> float:
    """Perplexity per letter of `lines`, ends of sentence counted as letters; in float32."""
    device = next(model.parameters()).device
    loss, count = 0.0, 0
    for inputs, targets in letter_batches(iter(lines), batch_letters):
        scores, _ = model(inputs.to(device))
        targets = targets.to(device)
        loss += float(
            torch.nn.functional.nll_loss(
                scores.flatten(0, 1), targets.flatten(), ignore_index=-1, reduction="sum"
            )
        )
        count += int((targets >= 0).sum())
    return math.exp(loss / count) if count else math.nan


def save_lm_checkpoint(
    folder: Path,
    model: LetterLM,
    optimizer: torch.optim.Optimizer,
    settings: LMTraining,
    at: LMProgress,
) -> None:
    """Weights, optimizer and progress in one file, written atomically."""
    from safetensors.torch import save

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in state.items()}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    place = {
        "progress": asdict(at) | {"loss": None if math.isnan(at.loss) else at.loss},
        "training": asdict(settings),
        "network": asdict(model.config),
    }
    write_bytes(folder / CHECKPOINT, save(tensors, {"place": json.dumps(place)}))


def load_lm_checkpoint(
    folder: Path, model: LetterLM, optimizer: torch.optim.Optimizer, settings: LMTraining
) -> LMProgress:
    """Put the checkpoint of `folder` into `model` and `optimizer`; LasError if it does not fit."""
    from safetensors import SafetensorError, safe_open

    path = folder / CHECKPOINT
    if not path.is_file():
        raise LasError(f"{path}: no checkpoint to resume from; leave --resume out")
    try:
        with safe_open(str(path), framework="pt") as file:
            place = json.loads((file.metadata() or {})["place"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if place["network"] != json.loads(json.dumps(asdict(model.config))):
            raise LasError(f"{path}: a network of another size; give the same sizes again")
        for name in ("seed", "batch_letters"):
            if place["training"][name] != getattr(settings, name):
                raise LasError(f"{path}: was begun with another {name}; give the same again")
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimizer."):
                _, index, key = name.split(".", 2)
                state.setdefault(int(index), {})[key] = tensor
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": state, "param_groups": groups})
        model.load_state_dict(
            {name[6:]: tensor for name, tensor in tensors.items() if name.startswith("model.")}
        )
        progress: dict[str, Any] = place["progress"]
        loss = math.nan if progress["loss"] is None else progress["loss"]
        return LMProgress(**(progress | {"loss": loss}))
    except (SafetensorError, OSError, KeyError, TypeError, RuntimeError, ValueError) as error:
        raise LasError(f"{path}: the checkpoint cannot be read ({error})") from error


def new_model(config: LetterLMConfig, seed: int, device: torch.device) -> LetterLM:
    """A fresh language model whose weights `seed` decides."""
    torch.manual_seed(seed)
    return LetterLM(config).to(device)
