"""Cuts of a corpus in, batches of waveforms and letters out."""

from __future__ import annotations

import hashlib
import random
import signal
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

from las_cli.audio.analysis import SAMPLE_RATE
from las_cli.audio.augmentation import SoundAugmentation
from las_cli.corpus import read_cut
from las_cli.errors import LasError
from las_cli.orphans import end_with_parent
from las_cli.text import TextPolicy, Units
from las_cli.text.units import EOS
from las_cli.training.heard_length import clip_key, jittered_seconds
from las_cli.training.hyperparameters import TrainingConfig
from las_cli.training.mixture import MixedBatches, corpus_of
from las_cli.training.teacher import Targets, Teacher, padded
from las_cli.training.text_filter import TextFilter, cut_text, is_spelled

if TYPE_CHECKING:
    from lhotse import CutSet
    from lhotse.cut import Cut

SORTED_LIMIT = 200_000  # cuts; a larger corpus is not held in memory to be sorted


@dataclass(frozen=True)
class Batch:
    """Some utterances, padded to the longest."""

    ids: list[str]
    texts: list[str]  # normalised
    waveforms: Tensor  # 16 kHz, [B, S]
    lengths: Tensor  # samples, [B]
    letters: Tensor  # end of sentence, then the letters, then padding (end of sentence), [B, U]
    letter_lengths: Tensor  # letters without the end of sentence, [B]
    failed: list[str] = field(default_factory=list)  # clips left out, each with its reason
    corpora: list[str] = field(default_factory=list)  # name of each clip's corpus, where several
    targets: Targets | None = None  # what the listener's steps are led to, with a teacher
    heard: bool = True  # False: no clip could be read, and silence stands in for them

    @property
    def seconds(self) -> float:
        """Sound in the batch."""
        return float(self.lengths.sum()) / SAMPLE_RATE

    def to(self, device: torch.device) -> Batch:
        """The batch with its tensors on `device`."""
        moved = {
            name: getattr(self, name).to(device, non_blocking=True)
            for name in ("waveforms", "lengths", "letters", "letter_lengths")
        }
        if self.targets is not None:
            states, taught = (one.to(device, non_blocking=True) for one in self.targets)
            moved["targets"] = Targets(states, taught)
        return replace(self, **moved)


class SpeechDataset(Dataset[Batch]):
    """Reads, speeds up or down, and pads the clips of one batch; runs in a worker process."""

    def __init__(
        self,
        units: Units,
        policy: TextPolicy,
        *,
        speeds: Sequence[float] = (1.0,),
        augment: SoundAugmentation | None = None,
        teacher: Teacher | None = None,
        seed: int = 0,
        epoch: int = 0,
    ) -> None:
        self.units, self.policy, self.teacher = units, policy, teacher
        self.speeds, self.augment = tuple(speeds), augment
        self.seed, self.epoch = seed, epoch

    def __getitem__(self, cuts: CutSet) -> Batch:  # type: ignore[override]
        ids, texts, waveforms, failed, corpora = [], [], [], [], []
        targets: list[Targets] = []
        for cut in cuts:
            key = clip_key(self.seed, self.epoch, cut.id)
            draw = random.Random(key)
            try:
                speed, before = draw.choice(self.speeds), 0
                waveform = read_cut(cut, SAMPLE_RATE, speed)
                if self.augment is not None:
                    waveform, before = self.augment.shifted(waveform, draw, key)
                if self.teacher is not None:
                    own_id = cut.id.removeprefix(f"{corpus_of(cut)}/")
                    targets.append(
                        self.teacher.targets(own_id, cut.duration, len(waveform), speed, before)
                    )
            except LasError as error:
                failed.append(str(error))
                continue
            ids.append(cut.id)
            texts.append(cut_text(cut, self.policy))
            waveforms.append(waveform)
            corpora.append(corpus_of(cut))
        if not ids:  # all broken: a second of silence, so that every process has a batch
            silence = collate(["silence"], [""], [torch.zeros(SAMPLE_RATE)], self.units, failed)
            if self.teacher is not None:
                targets = [self.teacher.targets("", 1.0, SAMPLE_RATE)]
            return replace(silence, heard=False, targets=padded(targets))
        batch = collate(ids, texts, waveforms, self.units, failed)
        return replace(batch, corpora=corpora, targets=padded(targets))


def collate(
    ids: list[str], texts: list[str], waveforms: list[Tensor], units: Units, failed: list[str]
) -> Batch:
    """Pads waveforms with zeros and letters with the end of sentence."""
    letters = [torch.tensor([EOS, *units.encode(t, skip_unknown=True)]) for t in texts]
    return Batch(
        ids=ids,
        texts=texts,
        waveforms=pad_sequence(waveforms, batch_first=True),
        lengths=torch.tensor([len(w) for w in waveforms]),
        letters=pad_sequence(letters, batch_first=True, padding_value=EOS),
        letter_lengths=torch.tensor([len(u) - 1 for u in letters]),
        failed=failed,
    )


class EpochBatches:
    """The batches of one epoch for one process, in an order that seed and epoch determine.

    All processes and micro-batches of an update share one bucket, so none waits for another:
    lhotse's sampler is told of `world · accumulate` ranks, and a process takes its share.
    """

    def __init__(
        self,
        cuts: CutSet,
        accept: TextFilter,
        config: TrainingConfig,
        *,
        seconds: float,
        epoch: int,
        rank: int,
        world: int,
        skip: int = 0,
    ) -> None:
        """seconds: sound in the corpus; skip: updates of this epoch done before a resume."""
        self.cuts, self.accept, self.config = cuts, accept, config
        self.seconds, self.epoch, self.skip = seconds, epoch, skip
        self.world = world * config.accumulate
        first = rank * config.accumulate
        with warnings.catch_warnings():
            # lhotse advises lazy cuts; those of a raw corpus are in memory for good reason.
            warnings.filterwarnings("ignore", message="You are using Dynamic")
            self.samplers = [self._sampler(first + share) for share in range(config.accumulate)]

    def __iter__(self) -> Iterator[CutSet]:
        samplers = [iter(sampler) for sampler in self.samplers]
        for update, micro_batches in enumerate(zip(*samplers, strict=True)):
            if update >= self.skip:
                yield from micro_batches

    def _sampler(self, rank: int) -> Any:
        """lhotse's sampler: short to long in the first epoch, bucketed and shuffled later."""
        from lhotse import CutSet
        from lhotse.dataset import DynamicBucketingSampler, DynamicCutSampler

        config, cuts = self.config, self.cuts
        shared: dict[str, Any] = dict(
            max_duration=config.batch_seconds, rank=rank, world_size=self.world
        )
        small = not cuts.is_lazy and len(cuts) <= SORTED_LIMIT
        if self.epoch == 0 and config.short_first and small:
            ordered = CutSet.from_cuts(sorted(filter(self.accept, cuts), key=self._jittered))
            return DynamicCutSampler(ordered, shuffle=False, **shared)
        shared |= dict(shuffle=True, seed=config.seed * 1000)
        accepted = cuts.filter(self.accept)
        # Each bucket should fill some updates, or batches stay small.
        fill = self.seconds / (config.batch_seconds * self.world * 4)
        buckets = min(config.buckets, int(fill))
        if buckets > 1:
            sampler = DynamicBucketingSampler(accepted, num_buckets=buckets, **shared)
        else:
            sampler = DynamicCutSampler(accepted, **shared)
        sampler.set_epoch(self.epoch)
        return sampler

    def _jittered(self, cut: Cut) -> float:
        return jittered_seconds(self.config, cut.id, cut.duration)


def make_loader(
    batches: EpochBatches | MixedBatches | list[CutSet], dataset: SpeechDataset, workers: int
) -> DataLoader[Batch]:
    """Reads `batches` ahead in `workers` processes, or in this one if there are none."""
    return DataLoader(
        dataset,
        sampler=batches,  # type: ignore[arg-type]
        batch_size=None,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_one_thread,
        # A forked worker would keep a copy of gigabytes that the training changes all the time.
        multiprocessing_context="spawn" if workers else None,
        pin_memory=torch.cuda.is_available(),
        # Its own, or each new loader would draw from the numbers that dropout draws from, and a
        # resumed run would differ from an unbroken one.
        generator=torch.Generator(),
    )


def _one_thread(worker: int) -> None:
    end_with_parent()  # torch looks for it between two batches only
    # Ctrl-C reaches the workers too; the training still needs them to come to a clean stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)  # the training needs the others
    from las_cli.corpus import use_soundfile

    use_soundfile()


def dev_batches(cuts: CutSet, config: TrainingConfig, policy: TextPolicy) -> list[CutSet]:
    """The dev split sorted by length in batches, up to `config.dev_minutes`.

    Without the clips whose text is empty or has digits that the model is not to write, which
    `las prepare` leaves out of dev too.
    """
    chosen, seconds = [], 0.0
    for cut in sorted(cuts, key=lambda c: hashlib.sha256(c.id.encode()).digest()):
        if cut.duration <= config.max_seconds * 2 and seconds < config.dev_minutes * 60:
            if not is_spelled(cut_text(cut, policy), policy):
                continue
            chosen.append(cut)
            seconds += cut.duration
    if not chosen:
        raise LasError(
            f"the dev split holds no clip with text of up to {config.max_seconds * 2:g} s to "
            "validate on; "
            "see --dev-split and --max-seconds"
        )
    return sorted_batches(chosen, config.batch_seconds)


def dev_texts(cuts: CutSet, policy: TextPolicy) -> frozenset[str]:
    """The sentences of the dev split, normalised: nothing to be trained on in another corpus."""
    return frozenset(cut_text(cut, policy) for cut in cuts)


def sorted_batches(cuts: list[Cut], batch_seconds: float) -> list[CutSet]:
    """`cuts` from short to long in batches of at most `batch_seconds`, padding counted."""
    from lhotse import CutSet

    batches: list[list[Cut]] = []
    for cut in sorted(cuts, key=lambda c: c.duration):
        # The longest clip comes last, so it bounds the padded size.
        if not batches or cut.duration * (len(batches[-1]) + 1) > batch_seconds:
            batches.append([])
        batches[-1].append(cut)
    return [CutSet.from_cuts(batch) for batch in batches]


def learn_alphabet_texts(cuts: CutSet, policy: TextPolicy) -> Iterator[str]:
    """Normalised texts to learn units from; those with digits are out where digits are."""
    for cut in cuts:
        text = cut_text(cut, policy)
        if is_spelled(text, policy):
            yield text
