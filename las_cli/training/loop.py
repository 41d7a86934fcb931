"""A network, a corpus and a config in; a run folder with a trained model out."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from las_cli.audio.augmentation import feature_augmentation, sound_augmentation
from las_cli.errors import LasError
from las_cli.memory import keep_few_kernels, keep_freed_memory
from las_cli.network.config import LASConfig
from las_cli.network.device import autocast
from las_cli.network.las import LAS
from las_cli.text import TextPolicy, Units
from las_cli.training import schedule
from las_cli.training.checkpoint import (
    MEAN_LER,
    Checkpoint,
    differences,
    drop_later,
    load_checkpoint,
    prune,
    resumable,
    save_checkpoint,
)
from las_cli.training.data import (
    Batch,
    EpochBatches,
    SpeechDataset,
    dev_batches,
    make_loader,
    sorted_batches,
)
from las_cli.training.groups import dev_groups, groups_of, training_sample
from las_cli.training.hyperparameters import TrainingConfig
from las_cli.training.losses import alignment_health, guidance, losses
from las_cli.training.mixture import MixedBatches, Mixture
from las_cli.training.moving_average import MovingAverage
from las_cli.training.processes import Machine
from las_cli.training.schedule import Progress
from las_cli.training.starting_point import StartingPoint
from las_cli.training.teacher import StepGrid, Taught, Teacher, teacher_loss
from las_cli.training.text_filter import TextFilter
from las_cli.training.update_record import UpdateRecord
from las_cli.training.validation import Validation, validate

if TYPE_CHECKING:
    from lhotse import CutSet

    from las_cli.training.run import Run


class Trainer:
    """Trains one network on one split. `train` is the loop; everything else serves it."""

    def __init__(
        self,
        model: LAS,
        units: Units,
        policy: TextPolicy,
        config: TrainingConfig,
        mixture: Mixture,
        dev_cuts: CutSet,
        run: Run,
        accept: TextFilter,
        machine: Machine,
    ) -> None:
        # Gradients that fade over hundreds of LSTM steps become denormals, on which CPUs are slow.
        # What it gains is not settled: steps of 8 s became 2.8 s, but on a busy machine.
        torch.set_flush_denormal(True)
        keep_freed_memory()
        keep_few_kernels()
        self.config, self.units, self.policy, self.run = config, units, policy, run
        self.device, self.precision = machine.device, machine.precision
        self.processes = machine.processes
        self.mixture, self.epoch_seconds = mixture, mixture.seconds
        self.dev = dev_batches(dev_cuts, config, policy)
        self.model = model.to(self.device)
        self.teacher, self.taught = None, None
        if config.teacher:
            folders = [Path(folder) for folder in config.teacher]
            self.teacher = Teacher(folders, StepGrid.of(model.config))
            self.taught = Taught(self.model, self.teacher.size).to(self.device)
        self.trained: LAS | Taught = self.model if self.taught is None else self.taught
        self.anchor = StartingPoint(self.model, config.moves, config.anchor)
        # Measures the weights to be kept otherwise than `validate` does: LER and WER of dev.
        self.judge: Callable[[LAS], tuple[float, float]] | None = None
        self.parallel: nn.Module = self.trained
        if self.processes.world > 1:
            ids = [self.device.index or 0] if self.device.type == "cuda" else None
            self.parallel = DistributedDataParallel(self.trained, device_ids=ids)
        self.optimiser = torch.optim.AdamW(
            self.trained.parameters(), lr=config.learning_rate, betas=(0.9, 0.98),
            weight_decay=config.weight_decay, fused=self.device.type in ("cuda", "cpu"),
        )  # fmt: skip
        self.scaler = torch.amp.GradScaler(
            self.device.type, enabled=self.precision == torch.float16
        )
        self.average = MovingAverage(self.model, config.ema) if config.ema else None
        self.augment = feature_augmentation(config.warp, config.spec_augment, model.config.features)
        self.sound = sound_augmentation(
            config.quiet_edges, config.rooms, config.noise, config.noise_share, config.noise_snr,
            config.telephone,
        )  # fmt: skip
        self.accept = accept
        self.groups: dict[str, str] = {}  # of dev and training clips that are measured apart
        self.sample: list[CutSet] = []  # training clips, heard as dev is
        if config.dev_by:
            self.groups = dev_groups(self.dev, config.dev_by)
            cuts = training_sample(mixture.parts, self.accept, self.groups, config.dev_by)
            self.sample = sorted_batches(cuts, config.batch_seconds)
            self.groups |= groups_of(self.sample, config.dev_by)
        self.progress = Progress()
        self.bad_steps = 0
        self.validated_step = -1  # the last update after which the dev split was measured
        torch.manual_seed(config.seed * 1000 + self.processes.rank)

    def train(self, stop: Callable[[], bool] = lambda: False) -> Progress:
        """Trains until the budget is used up or `stop` says so; saves before it returns."""
        config, progress = self.config, self.progress
        self.model.train()
        began, minutes_before = time.monotonic(), progress.minutes
        # In minutes that all processes agree on: their own clocks would part them at a save.
        saved = validated = progress.minutes
        reason = schedule.finished(config, progress)
        while not reason:
            for batches in self.batches():
                record = self.update(batches)
                progress.step, progress.batch = progress.step + 1, progress.batch + 1
                progress.seconds += record.seconds
                minutes = minutes_before + (time.monotonic() - began) / 60
                progress.minutes = self.processes.agree_value(minutes, self.device)
                self.run.log_step(progress, record, self.share)
                reason = schedule.finished(config, progress)
                if self.processes.agree(stop(), self.device):
                    reason = "interrupted"
                if reason:
                    break
                due = config.validate_steps and progress.step % config.validate_steps == 0
                if due or 0 < config.validate_minutes < progress.minutes - validated:
                    self.validate_and_save()
                    saved = validated = progress.minutes
                elif progress.minutes - saved > config.checkpoint_minutes:
                    self.save({})
                    saved = progress.minutes
                reason = schedule.finished(config, progress)  # validation may have stopped it
                if reason:
                    break
            else:
                if not progress.batch:
                    raise LasError(
                        "no clip of the training split makes a batch; look at --max-seconds, "
                        "--batch-seconds and the report of `las prepare`"
                    )
                progress.epoch, progress.batch = progress.epoch + 1, 0
                reason = schedule.finished(config, progress)
                each_epoch = not config.validate_steps
                if not reason and each_epoch and self.validated_step != progress.step:
                    self.validate_and_save()
                    saved = validated = progress.minutes
                    reason = schedule.finished(config, progress)
        progress.done = reason != "interrupted"
        if reason == "interrupted":
            self.save({})
        elif self.validated_step != progress.step:
            self.validate_and_save()
        self.run.finish(progress, reason)
        return progress

    def update(self, batches: list[Batch]) -> UpdateRecord:
        """One optimiser step on the micro-batches of this process; sums over all processes."""
        config, share = self.config, self.share
        rate = schedule.learning_rate(config, self.progress, share)
        ctc = schedule.ctc_weight(config, share) if self.model.has_ctc else 0.0
        guide = schedule.guide_weight(config, share) if self.model.has_ctc else 0.0
        sampling = schedule.sampling_share(config, share)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        # Losses are divided by the letters of all processes, so that it does not matter how many
        # processes share an update. DDP averages gradients, hence the factor `world`.
        letters = sum(int((b.letter_lengths + 1).sum()) for b in batches)
        totals = self.processes.sum(self._tensor([letters, sum(b.heard for b in batches)]))
        scale, heard = self.processes.world / float(totals[0]), bool(totals[1])
        for failure in (failure for batch in batches for failure in batch.failed):
            self.run.warn(failure)
        sums = torch.zeros(8, dtype=torch.float64, device=self.device)
        corpora = self.mixture.corpora
        by_corpus = torch.zeros(len(corpora), 3, dtype=torch.float64, device=self.device)
        for index, batch in enumerate(batches):
            batch = batch.to(self.device)
            if isinstance(self.parallel, DistributedDataParallel):
                self.parallel.require_backward_grad_sync = index == len(batches) - 1
            with autocast(self.device, self.precision):
                output = self.parallel(
                    batch.waveforms, batch.lengths, batch.letters, sampling, self.augment
                )
                if self.taught is not None:
                    output, guessed = output
            part = losses(output, batch.letters, batch.letter_lengths, config.label_smoothing)
            loss = (1 - ctc) * part.attention + ctc * part.ctc
            if guide and part.ctc.detach() < config.guide_below * part.letters:
                loss = loss + guide * guidance(output, batch.letters, batch.letter_lengths)
            if batch.targets is not None:
                led = teacher_loss(guessed, batch.targets)
                loss = loss + config.teacher_weight * led
                sums[6] += led.detach().double()
                sums[7] += batch.targets.taught.sum()
            self.scaler.scale(loss * scale).backward()
            values = (part.attention, part.ctc, part.correct, part.letters, batch.lengths.sum())
            sums[:5] += torch.stack([value.detach().double() for value in values])
            if corpora and batch.heard:
                places = torch.tensor([corpora.index(name) for name in batch.corpora])
                by_corpus.index_add_(0, places.to(self.device), part.rows.double())
        health = alignment_health(output.weights, batch.letter_lengths + 1, output.lengths)
        self.scaler.unscale_(self.optimiser)
        norm = nn.utils.clip_grad_norm_(self.trained.parameters(), config.clip)
        # A non-finite loss on one process makes the averaged gradient non-finite on all.
        finite = bool(torch.isfinite(norm))
        if not heard:
            self._skip(batches, heard)
        elif finite:
            self.bad_steps = 0
            self.scaler.step(self.optimiser)
            self.anchor.pull(rate)
            if self.average is not None:
                self.average.update(self.model, self.progress.step)
        elif not self.scaler.is_enabled() or self.scaler.get_scale() < 1:
            # A float16 loss that overflows at a scale above 1 only rescales.
            self._skip(batches, heard)
        self.scaler.update()
        self.optimiser.zero_grad(set_to_none=True)
        sums[5] = sum(len(batch.failed) for batch in batches)
        self.processes.sum(sums)
        attention, ctc_loss, correct, total, samples, failed, led, steps = sums.tolist()
        if corpora:
            self.processes.sum(by_corpus)
        return UpdateRecord(
            failed=failed,
            skipped=float(not (finite and heard)),
            loss=((1 - ctc) * attention + ctc * ctc_loss) / total,
            attention=attention / total,
            ctc=ctc_loss / total,
            accuracy=correct / total,
            rate=rate,
            norm=float(norm),
            diagonal=health[0],
            sharp=health[1],
            seconds=samples / self.model.config.features.sample_rate,
            teacher=math.nan if self.teacher is None else led / max(1.0, steps),
            corpora={
                name: (spelled / letters, aligned / letters)
                for name, (spelled, aligned, letters) in zip(
                    corpora, by_corpus.tolist(), strict=True
                )
                if letters
            },
        )

    @property
    def share(self) -> float:
        """Of the budget used."""
        return schedule.used(self.config, self.progress, self.epoch_seconds)

    def validate(self, batches: list[CutSet] | None = None) -> Validation:
        """Measures the averaged weights on the dev split, or on other `batches`."""
        if self.average is not None:
            self.average.swap(self.model)
        try:
            dataset = SpeechDataset(self.units, self.policy)
            chosen = self.dev if batches is None else batches
            loader = make_loader(chosen, dataset, min(1, self.config.workers))
            result = validate(
                self.model, loader, self.units, self.device, self.precision, groups=self.groups
            )
            if self.judge is None or batches is not None:
                return result
            ler, wer = self.judge(self.model)
            return replace(result, ler=ler, wer=wer)
        finally:
            if self.average is not None:
                self.average.swap(self.model)

    def validate_and_save(self) -> None:
        """Validates, notes whether it got better, saves a checkpoint and the best model."""
        progress, facts = self.progress, {"dev_ler": math.inf}
        self.validated_step = progress.step
        result = self.validate() if self.processes.first else None
        if result is not None:
            facts = {"dev_ler": result.ler, "dev_wer": result.wer}
            if result.groups:
                facts[MEAN_LER] = result.mean_ler
            for failure in result.failed:
                self.run.warn(f"left out of the dev split: {failure}")
        ler = facts.get(MEAN_LER, facts["dev_ler"])
        ler = self.processes.agree_value(ler, self.device)
        better = ler < progress.best
        if better:
            progress.best, progress.since_best, progress.since_scale = ler, 0, 0
        else:
            progress.since_best, progress.since_scale = (
                progress.since_best + 1,
                progress.since_scale + 1,
            )
        if progress.since_scale > self.config.plateau_patience:
            progress.rate_scale, progress.since_scale = progress.rate_scale / 2, 0
        if better:  # before the checkpoint, which says that it was done
            weights = self.average.weights if self.average is not None else None
            self.run.save_best(self.model, weights, progress, facts)
        self.save(facts)
        if result is not None:
            heard = self.validate(self.sample).groups if self.sample else {}
            self.run.log_validation(progress, result, heard)
        self.processes.wait()

    def save(self, facts: dict[str, Any]) -> None:
        """Writes a checkpoint; every process gives its random state, the first one writes."""
        states = self.processes.gather(torch.get_rng_state())
        cuda = self.device.type == "cuda"
        cuda_states = self.processes.gather(torch.cuda.get_rng_state(self.device)) if cuda else []
        if self.processes.first:
            folder = self.run.checkpoints
            save_checkpoint(
                folder,
                Checkpoint(
                    dict(self.model.named_parameters()),
                    self.average.weights if self.average is not None else None,
                    self.optimiser.state_dict(),
                    self.scaler.state_dict(),
                    states,
                    self.progress,
                    facts | self._identity(),
                    cuda_states,
                    None if self.taught is None else self.taught.head.state_dict(),
                ),
            )
            prune(folder, self.config.keep_best, self.config.keep_last)

    def resume(self) -> Path:
        """Goes on from the last checkpoint that is whole; LasError if there is none."""
        paths = resumable(self.run.checkpoints)
        if not paths:
            raise LasError(
                f"{self.run.checkpoints}: no checkpoint to resume from; start again with "
                "--overwrite"
            )
        saved = load_checkpoint(paths[-1])
        mine = self._identity()
        theirs = {key: saved.facts.get(key) for key in mine}
        with contextlib.suppress(LasError):  # fields that are newer than it have their defaults
            theirs["network"] = LASConfig.from_json(theirs["network"]).to_json()
        if changed := differences(theirs, mine):
            raise LasError(
                f"{paths[-1]}: saved by another network or alphabet ({'; '.join(changed)}); "
                "resume with the training.json and alphabet.json it was made with"
            )
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(saved.weights[name])
        if self.taught is not None and saved.head is not None:
            self.taught.head.load_state_dict(dict(saved.head))
        if self.average is not None:  # without one so far it begins here, not at random weights
            self.average.load(saved.average or saved.weights)
        self.optimiser.load_state_dict(saved.optimiser)
        if saved.scaler:
            self.scaler.load_state_dict(saved.scaler)
        if len(saved.random) == self.processes.world:
            torch.set_rng_state(saved.random[self.processes.rank])
            if saved.cuda_random and self.device.type == "cuda":
                torch.cuda.set_rng_state(saved.cuda_random[self.processes.rank], self.device)
        else:
            self.run.warn(
                f"resumed with {self.processes.world} processes what {len(saved.random)} began: "
                "the rest of the run is sound, but not the same as an unbroken one"
            )
        self.progress = saved.progress
        self.progress.done = False
        self.run.rewind(self.progress)
        if self.processes.first:
            drop_later(self.run.checkpoints, self.progress.step)
        return paths[-1]

    def _identity(self) -> dict[str, Any]:
        """What a checkpoint must share with the training that goes on from it."""
        return {
            "network": self.model.config.to_json(),
            "alphabet": self.units.fingerprint,
            "teacher": None if self.teacher is None else [self.teacher.name, self.teacher.size],
        }

    def batches(self) -> Iterator[list[Batch]]:
        """The micro-batches of each update of the current epoch, from where it was left."""
        config, progress, mixture = self.config, self.progress, self.mixture
        place: dict[str, Any] = dict(
            epoch=progress.epoch, rank=self.processes.rank, world=self.processes.world,
            skip=progress.batch,
        )  # fmt: skip
        batches: EpochBatches | MixedBatches
        if mixture.corpora:
            if not progress.batch:
                progress.alone = self.share >= config.shares_until
            parts = mixture.alone() if progress.alone else mixture.parts
            batches = MixedBatches(parts, self.accept, config, **place)
        else:
            only = mixture.parts[0]
            batches = EpochBatches(only.cuts, self.accept, config, seconds=only.seconds, **place)
        dataset = SpeechDataset(
            self.units, self.policy, speeds=config.speeds, augment=self.sound, teacher=self.teacher,
            seed=config.seed, epoch=progress.epoch,
        )  # fmt: skip
        group: list[Batch] = []
        for batch in make_loader(batches, dataset, config.workers):
            group.append(batch)
            if len(group) == self.config.accumulate:
                yield group
                group = []

    def _skip(self, batches: list[Batch], heard: bool) -> None:
        """Counts an update without a finite gradient or, unless `heard`, without a clip.

        LasError after too many in a row.
        """
        self.bad_steps += 1
        step, ids = self.progress.step, ", ".join(id for batch in batches for id in batch.ids)
        if heard:
            skipped = f"loss or gradient not finite, skipped ({ids})"
            fatal = (
                f"{self.bad_steps} updates in a row had no finite gradient; the last held {ids}; "
                "lower --learning-rate, or try --precision float32"
            )
        else:
            skipped = "no clip could be read, skipped"
            fatal = (
                f"for {self.bad_steps} updates no clip could be read, see the warnings; the last: "
                f"{batches[-1].failed[-1]}; once they can be, go on with --resume"
            )
        self.run.warn(f"step {step}: {skipped}")
        if self.bad_steps >= self.config.bad_steps:
            raise LasError(f"training stopped at step {step}: {fatal}")

    def _tensor(self, values: list[int]) -> Tensor:
        return torch.tensor(values, dtype=torch.float64, device=self.device)
