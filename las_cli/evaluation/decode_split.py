"""The cuts of a corpus split in, the best transcripts of each with references and timing out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import Tensor

from las_cli.corpus import read_cut
from las_cli.decoding.decode import decode
from las_cli.decoding.hypothesis import Hypothesis
from las_cli.decoding.lanes import lanes, side_by_side
from las_cli.errors import LasError
from las_cli.padding import pad_waveforms
from las_cli.text import TextPolicy, normalise

if TYPE_CHECKING:
    from lhotse.cut import Cut

    from las_cli.recogniser import Recogniser

BATCH_SECONDS = 160.0  # of padded sound searched at a time with 8 beams, about 200 MB
WIDEST = 4.0  # times as much with fewer beams, since a step costs hardly less for it
ROUNDS = 3  # batches a lane gets at least, so that all lanes end at about the same time
LARGEST_BATCH = 64  # utterances


@dataclass(frozen=True)
class DecodedUtterance:
    """One clip of a split as written and as recognised."""

    id: str
    reference: str  # normalised as the model's training text was
    hypotheses: tuple[Hypothesis, ...]  # best first
    seconds: float  # of sound
    labels: Mapping[str, str] = field(default_factory=dict)  # speaker, gender, accent, corpus, …

    @property
    def text(self) -> str:
        return self.hypotheses[0].text


@dataclass(frozen=True)
class BrokenClip:
    """A clip whose sound could not be read."""

    id: str
    reason: str  # one sentence that names the file


@dataclass(frozen=True)
class DecodedSplit:
    """What came of a split, in the order of the corpus."""

    utterances: tuple[DecodedUtterance, ...]
    broken: tuple[BrokenClip, ...]
    audio_seconds: float
    wall_seconds: float  # reading, listening and searching

    @property
    def references(self) -> list[str]:
        return [utterance.reference for utterance in self.utterances]

    @property
    def hypotheses(self) -> list[str]:
        return [utterance.text for utterance in self.utterances]

    @property
    def real_time_factor(self) -> float:
        """Wall time per second of sound; 0 for no sound."""
        return self.wall_seconds / self.audio_seconds if self.audio_seconds else 0.0


def decode_split(
    recogniser: Recogniser,
    cuts: Iterable[Cut],
    *,
    batch_seconds: float | None = None,
    progress: Callable[[int, float], None] | None = None,
    on_broken: Callable[[BrokenClip], None] | None = None,
) -> DecodedSplit:
    """Recognise every cut, longest first in batches of like length, results in corpus order.

    batch_seconds: of padded sound in a batch; None: as suits the search and the cores
    progress: called with clips and seconds of sound done since the last call
    on_broken: called for each clip that cannot be read, at once; the others are still done
    """
    started = time.perf_counter()
    listed = list(cuts)
    durations = [cut.duration for cut in listed]
    device = recogniser.device
    if batch_seconds is None:
        width = recogniser.options.usual_width
        batch_seconds = default_budget(sum(durations), width, lanes(device))
    planned = list(batches_by_length(durations, batch_seconds))
    done: dict[int, DecodedUtterance] = {}
    broken: dict[int, BrokenClip] = {}

    def decoded(batch: list[int]) -> tuple[dict[int, DecodedUtterance], dict[int, BrokenClip]]:
        return _decode_cuts({index: listed[index] for index in batch}, recogniser)

    for place, (found, faulty) in side_by_side(decoded, planned, device):
        done |= found
        broken |= faulty
        for clip in faulty.values():
            if on_broken:
                on_broken(clip)
        if progress:
            progress(len(planned[place]), sum(durations[index] for index in planned[place]))
    return DecodedSplit(
        utterances=tuple(done[index] for index in sorted(done)),
        broken=tuple(broken[index] for index in sorted(broken)),
        audio_seconds=sum(utterance.seconds for utterance in done.values()),
        wall_seconds=time.perf_counter() - started,
    )


def _decode_cuts(
    cuts: Mapping[int, Cut], recogniser: Recogniser
) -> tuple[dict[int, DecodedUtterance], dict[int, BrokenClip]]:
    """Recognise cuts as one batch; by their keys, what was done and what could not be read."""
    rate = recogniser.loaded.model.config.features.sample_rate
    waveforms: dict[int, Tensor] = {}
    broken: dict[int, BrokenClip] = {}
    for index, cut in cuts.items():
        try:
            waveforms[index] = read_cut(cut, rate)
        except LasError as error:  # the others go on
            broken[index] = BrokenClip(cut.id, f"{error}; left out")
    if not waveforms:
        return {}, broken
    results = decode_batch(recogniser, list(waveforms.values()))
    done = {
        index: describe_cut(cuts[index], recogniser.loaded.policy, hypotheses, len(waveform) / rate)
        for (index, waveform), hypotheses in zip(waveforms.items(), results, strict=True)
    }
    return done, broken


def decode_batch(
    recogniser: Recogniser, waveforms: Sequence[Tensor]
) -> list[list[Hypothesis]]:
    """Hypotheses of waveforms [S] each, float32 at the model's rate, on the model's device."""
    padded, lengths = pad_waveforms(waveforms)
    device = recogniser.device
    return decode(recogniser.decoder, padded.to(device), lengths.to(device))


def default_budget(seconds: float, beams: int, lanes: int) -> float:
    """Seconds of padded sound in a batch, for a split of `seconds` searched in `lanes`."""
    total = BATCH_SECONDS * min(WIDEST, 8 / beams)
    return max(BATCH_SECONDS / 4, min(total / lanes, seconds / (ROUNDS * lanes)))


def batches_by_length(
    seconds: Sequence[float], budget: float, largest: int = LARGEST_BATCH
) -> Iterator[list[int]]:
    """Indices of clips by falling length, in batches of at most `budget` seconds with padding.

    A clip longer than the budget is a batch of its own.
    """
    order = sorted(range(len(seconds)), key=lambda index: -seconds[index])
    batch: list[int] = []
    for index in order:
        if batch and (len(batch) >= largest or seconds[batch[0]] * (len(batch) + 1) > budget):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def describe_cut(
    cut: Cut, policy: TextPolicy, hypotheses: Sequence[Hypothesis], seconds: float
) -> DecodedUtterance:
    """The result for `cut`, its reference normalised by the text policy of the model."""
    supervision: Any = cut.supervisions[0] if cut.supervisions else None
    labels: dict[str, str] = {}
    if supervision is not None:
        for name in ("speaker", "gender", "language"):
            if value := getattr(supervision, name, None):
                labels[name] = str(value)
        labels |= {name: str(value) for name, value in (supervision.custom or {}).items() if value}
    return DecodedUtterance(
        id=cut.id,
        reference=normalise((supervision.text or "") if supervision else "", policy),
        hypotheses=tuple(hypotheses),
        seconds=seconds,
        labels=labels,
    )
