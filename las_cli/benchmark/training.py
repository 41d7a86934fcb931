"""Presets and precisions in; seconds of audio per second of training, by stage, out."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from las_cli.audio.analysis import SAMPLE_RATE
from las_cli.audio.augmentation import SpecAugment
from las_cli.memory import keep_freed_memory, peak_memory
from las_cli.network.config import PRESETS
from las_cli.network.device import autocast, pick_device, pick_precision
from las_cli.network.las import LAS, Output, count_parameters
from las_cli.text import Alphabet, TextPolicy
from las_cli.training.data import Batch, SpeechDataset
from las_cli.training.losses import guidance, losses
from las_cli.training.moving_average import MovingAverage

if TYPE_CHECKING:
    from lhotse import CutSet

STAGES = ("read", "features", "listener", "speller", "losses", "backward", "optimiser")
LETTERS_PER_SECOND = 14  # of read English (LibriSpeech)


@dataclass
class TrainingSpeed:
    """What training costs with one preset and precision."""

    preset: str
    precision: str
    parameters: int
    clip_seconds: float
    clips: int  # in a batch
    updates: int
    seconds: dict[str, float] = field(default_factory=dict)  # spent in each stage, all updates
    memory: int = 0  # bytes held at most

    @property
    def speed(self) -> float:
        """Seconds of audio per second; reading is left out, it runs in other processes."""
        busy = sum(value for stage, value in self.seconds.items() if stage != "read")
        return self.updates * self.clips * self.clip_seconds / busy


def measure_training(
    preset: str,
    precision: str,
    *,
    device_name: str = "auto",
    clip_seconds: float = 12.0,
    clips: int = 12,
    updates: int = 5,
) -> TrainingSpeed:
    """Times `updates` updates on noise of `clip_seconds`, after one that warms up."""
    torch.set_flush_denormal(True)
    keep_freed_memory()
    device = pick_device(device_name)
    dtype = pick_precision(precision, device)
    alphabet = Alphabet.learn(["abcdefghijklmnopqrstuvwxyz '"])
    model = LAS(replace(PRESETS[preset], units=len(alphabet))).to(device).train()
    optimiser = torch.optim.AdamW(model.parameters(), fused=device.type in ("cuda", "cpu"))
    average = MovingAverage(model, 0.999)
    result = TrainingSpeed(
        preset,
        str(dtype).removeprefix("torch."),
        count_parameters(model),
        clip_seconds,
        clips,
        updates,
        dict.fromkeys(STAGES, 0.0),
    )
    with tempfile.TemporaryDirectory() as folder:
        cuts = write_clips(Path(folder), clips, clip_seconds)
        dataset = SpeechDataset(alphabet, TextPolicy(), speeds=(0.9, 1.0, 1.1))
        for update in range(updates + 1):
            if update == 1:  # the first only warms up
                result.seconds = dict.fromkeys(STAGES, 0.0)
            dataset.epoch = update
            with timed(result, "read", device):
                batch = dataset[cuts]
            train_once(model, optimiser, average, batch.to(device), dtype, result)
    result.memory = peak_memory()
    return result


def measure_side_by_side(
    processes: int, preset: str, precision: str, **options: Any
) -> list[TrainingSpeed]:
    """The same measurement in several processes at once, each with its share of the cores.

    What they would exchange (gradients) is not measured. A process of its own even for one keeps
    the peak memory of one preset apart from the next.
    """
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    threads = max(1, (os.cpu_count() or 1) // processes)
    context = get_context("spawn")
    with ProcessPoolExecutor(processes, context, torch.set_num_threads, (threads,)) as pool:
        jobs = [pool.submit(_measure, preset, precision, options) for _ in range(processes)]
        return [job.result() for job in jobs]


def _measure(preset: str, precision: str, options: dict[str, Any]) -> TrainingSpeed:
    return measure_training(preset, precision, **options)


def train_once(
    model: LAS,
    optimiser: torch.optim.Optimizer,
    average: MovingAverage,
    batch: Batch,
    dtype: torch.dtype,
    result: TrainingSpeed,
) -> None:
    """One update as the training loop does it, each stage timed."""
    device = batch.waveforms.device
    with autocast(device, dtype):
        with timed(result, "features", device):
            features, frames = model.features(batch.waveforms, batch.lengths)
            features = SpecAugment()(features, frames)
        with timed(result, "listener", device):
            states, steps = model.listener(features, frames)
        with timed(result, "speller", device):
            memory = model.speller.remember(states, steps)
            logits, weights = model.speller(batch.letters, memory)
            ctc = model.ctc_log_probs(states) if model.has_ctc else None
    with timed(result, "losses", device):
        output = Output(logits, weights, ctc, steps)
        part = losses(output, batch.letters, batch.letter_lengths, 0.1)
        loss = (0.7 * part.attention + 0.3 * part.ctc) / part.letters
        if ctc is not None:
            loss = loss + guidance(output, batch.letters, batch.letter_lengths) / part.letters
    with timed(result, "backward", device):
        loss.backward()
    with timed(result, "optimiser", device):
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        average.update(model, 1000)
        optimiser.zero_grad(set_to_none=True)


@contextmanager
def timed(result: TrainingSpeed, stage: str, device: torch.device) -> Iterator[None]:
    """Adds the time spent inside to a stage, waiting for the GPU if there is one."""
    began = time.perf_counter()
    yield
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    result.seconds[stage] += time.perf_counter() - began


def write_clips(folder: Path, clips: int, seconds: float) -> CutSet:
    """Noise as flac files with random text at the usual rate of letters, as cuts."""
    import random

    import numpy
    import soundfile
    from lhotse import CutSet, Recording, SupervisionSegment

    draw, noise = random.Random(1), numpy.random.default_rng(1)
    cuts = []
    for index in range(clips):
        path = folder / f"{index}.flac"
        samples = 0.05 * noise.standard_normal(round(seconds * SAMPLE_RATE)).astype("float32")
        soundfile.write(path, samples, SAMPLE_RATE)
        cut = Recording.from_file(path).to_cut()
        letters = round(seconds * LETTERS_PER_SECOND)
        text = "".join(draw.choices("etaoinshrdlu ", k=letters))
        cut.supervisions = [
            SupervisionSegment(cut.id, cut.recording_id, 0.0, cut.duration, text=text)
        ]
        cuts.append(cut)
    return CutSet.from_cuts(cuts)


@dataclass(frozen=True)
class StartUp:
    """How training starts on a large manifest."""

    cuts: int
    seconds: float  # until the first batch is there, corpus scan and alphabet included
    memory: int  # bytes the process grew by meanwhile


def measure_start(cuts: int) -> StartUp:
    """Writes a prepared corpus of `cuts` clips, then starts a training on it up to batch one.

    The training starts in a process of its own, so that its memory is not mistaken for the
    writer's.
    """
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    from las_cli.benchmark.synthetic import write_synthetic

    with tempfile.TemporaryDirectory() as folder:
        write_synthetic(Path(folder) / "corpus", cuts)
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            return pool.submit(_start, Path(folder), cuts).result()


def _start(folder: Path, cuts: int) -> StartUp:
    from las_cli.training.hyperparameters import TrainingConfig
    from las_cli.training.plan import Plan
    from las_cli.training.setup import start

    plan = Plan(
        data=(str(folder / "corpus"),),
        split="train",
        dev_split="dev",
        network=PRESETS["seed"],
        training=TrainingConfig(workers=0),
        text=TextPolicy(),
    )
    before, began = peak_memory(), time.perf_counter()
    trainer = start(plan, folder / "run", overwrite=False, quiet=True)
    next(iter(trainer.batches()))
    return StartUp(cuts, time.perf_counter() - began, peak_memory() - before)
