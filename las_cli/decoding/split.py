"""The cuts of a corpus split in, the best transcripts of each with references and timing out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from las_cli.decoding.decoder import listen, search
from las_cli.decoding.hypothesis import Hypothesis
from las_cli.decoding.joint import LanguageModel
from las_cli.decoding.options import DecodingOptions
from las_cli.text import normalise

if TYPE_CHECKING:
    from lhotse.cut import Cut

    from las_cli.hub import LoadedModel

BATCH_SECONDS = 240.0  # of padded sound in a batch: 8 beams then take about 300 MB
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
    loaded: LoadedModel,
    cuts: Iterable[Cut],
    options: DecodingOptions,
    lm: LanguageModel | None = None,
    *,
    batch_seconds: float = BATCH_SECONDS,
    progress: Callable[[int, float], None] | None = None,
    on_broken: Callable[[BrokenClip], None] | None = None,
) -> DecodedSplit:
    """Recognise every cut, longest first in batches of like length, results in corpus order.

    progress: called with clips and seconds of sound done since the last call
    on_broken: called for each clip that cannot be read, at once; the others are still done
    """
    started = time.perf_counter()
    listed = list(cuts)
    done: dict[int, DecodedUtterance] = {}
    broken: dict[int, BrokenClip] = {}
    for batch in batches([cut.duration for cut in listed], batch_seconds):
        waveforms: list[Tensor] = []
        readable: list[int] = []
        for index in batch:
            try:
                waveforms.append(read_cut(listed[index], loaded.model.config.features.sample_rate))
                readable.append(index)
            except Exception as error:  # whatever a reader of sound raises, the others go on
                broken[index] = BrokenClip(listed[index].id, _reason(listed[index], error))
                if on_broken:
                    on_broken(broken[index])
        if readable:
            results = decode_batch(loaded, waveforms, options, lm)
            for index, waveform, hypotheses in zip(readable, waveforms, results, strict=True):
                done[index] = describe_cut(
                    listed[index], loaded, hypotheses, len(waveform) / 16_000
                )
        if progress:
            progress(len(batch), sum(listed[index].duration for index in batch))
    return DecodedSplit(
        utterances=tuple(done[index] for index in sorted(done)),
        broken=tuple(broken[index] for index in sorted(broken)),
        audio_seconds=sum(utterance.seconds for utterance in done.values()),
        wall_seconds=time.perf_counter() - started,
    )


def decode_batch(
    loaded: LoadedModel,
    waveforms: Sequence[Tensor],
    options: DecodingOptions,
    lm: LanguageModel | None = None,
) -> list[list[Hypothesis]]:
    """Hypotheses of waveforms [S] each, float32 at the model's rate, on the model's device."""
    padded, lengths = pad(waveforms)
    device = next(loaded.model.parameters()).device
    heard = listen(loaded.model, padded.to(device), lengths.to(device), options.precision)
    return search(loaded.model, loaded.alphabet, heard, options, lm)


def pad(waveforms: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Waveforms [S] each → [B, S] with zeros behind, lengths [B] samples."""
    lengths = torch.tensor([len(waveform) for waveform in waveforms])
    return torch.nn.utils.rnn.pad_sequence(list(waveforms), batch_first=True), lengths


def batches(
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


def read_cut(cut: Cut, sample_rate: int) -> Tensor:
    """The sound of `cut`, mixed down and resampled: [S] float32. Raises what the reader raises."""
    from las_cli.audio.resampling import resample

    samples = torch.from_numpy(cut.load_audio()).float()  # [C, S]
    return resample(samples.mean(dim=0), int(cut.sampling_rate), sample_rate)


def describe_cut(
    cut: Cut, loaded: LoadedModel, hypotheses: Sequence[Hypothesis], seconds: float
) -> DecodedUtterance:
    """The result for `cut`, its reference normalised by the model's text policy."""
    supervision: Any = cut.supervisions[0] if cut.supervisions else None
    labels: dict[str, str] = {}
    if supervision is not None:
        for name in ("speaker", "gender", "language"):
            if value := getattr(supervision, name, None):
                labels[name] = str(value)
        labels |= {name: str(value) for name, value in (supervision.custom or {}).items() if value}
    return DecodedUtterance(
        id=cut.id,
        reference=normalise((supervision.text or "") if supervision else "", loaded.policy),
        hypotheses=tuple(hypotheses),
        seconds=seconds,
        labels=labels,
    )


def _reason(cut: Cut, error: Exception) -> str:
    """One sentence that names the file of `cut` and what went wrong."""
    recording = getattr(cut, "recording", None)
    source = recording.sources[0].source if recording is not None else cut.id
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    found = lines[0] if lines else type(error).__name__
    return f"{source}: cannot be read ({found[:200]}); left out"
