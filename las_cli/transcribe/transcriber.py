"""Recordings in, transcripts out: cut into pieces, recognised in batches, times put together.

from las_cli import Transcriber

transcriber = Transcriber.load("en")
transcript = transcriber.transcribe("talk.mp3")
print(transcript.text)
for segment in transcript.segments:
    print(segment.start, segment.end, segment.text)
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from las_cli.audio.analysis import SAMPLE_RATE
from las_cli.audio.reader import AudioReader
from las_cli.audio.segmentation import Piece, SegmentationOptions, segment
from las_cli.audio.sources import Source, WaveformSource
from las_cli.decoding.decode import decode
from las_cli.decoding.hypothesis import Hypothesis
from las_cli.errors import LasError
from las_cli.recogniser import Recogniser, load_recogniser
from las_cli.transcript import Alternative, Segment, Transcript, Word

if TYPE_CHECKING:
    import numpy

    from las_cli.decoding.decoder import Decoder
    from las_cli.decoding.hotword_tree import HotwordTree

BATCH_SECONDS = 160.0  # sound in a batch at most, padding counted
BATCH_PIECES = {"cpu": 8, "cuda": 32, "mps": 16}


class Recognised(NamedTuple):
    """A piece of a recording is done, up to `seconds`; `segment` is None without words."""

    place: int  # of the recording among those given
    segment: Segment | None
    seconds: float


class Finished(NamedTuple):
    """A recording is done; exactly one of `transcript` and `error` is there."""

    place: int  # of the recording among those given
    transcript: Transcript | None
    error: LasError | None


@dataclass
class _Recording:
    """A recording at work."""

    place: int
    name: str
    samples: int = 0  # read so far
    waiting: int = 0  # pieces that are not recognised yet
    read: bool = False  # to the end
    error: LasError | None = None
    flags: list[str] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)


class Transcriber:
    """A model and how to use it. Its methods may be called from several threads at once."""

    def __init__(
        self,
        recogniser: Recogniser,
        segmentation: SegmentationOptions | None = None,
        batch: int | None = None,
        decode: Callable[[Decoder, torch.Tensor, torch.Tensor], list[list[Hypothesis]]] = decode,
    ) -> None:
        """Use `load` in the usual case.

        recogniser: of `las_cli.recogniser`: model, language model and options of the search
        segmentation: where to cut long recordings
        batch: pieces recognised at a time, by default 8 on the CPU and 32 on CUDA
        decode: in place of `las_cli.decoding.decode.decode`
        """
        self.recogniser = recogniser
        self.segmentation = segmentation or SegmentationOptions()
        self._batch = batch or BATCH_PIECES.get(recogniser.device.type, 8)
        self._decode = decode

    @classmethod
    def load(
        cls,
        name: str = "en",
        device: str = "auto",
        *,
        lm: str | None = None,
        segmentation: SegmentationOptions | None = None,
        batch: int | None = None,
        **decoding: Any,
    ) -> Transcriber:
        """The model `name` (one that ships, or a folder) on `device` (auto, cpu, cuda, mps).

        lm: folder of a language model, "none", or None for the one in the model's folder
        segmentation: where to cut long recordings
        batch: pieces recognised at a time, by default 8 on the CPU and 32 on CUDA
        decoding: fields of `DecodingOptions`, laid over the model's own defaults, e.g. beam=20, or
            hotwords="Thornton, Helstone" (a file, or ["Thornton", ("Helstone", 2)], will do too)
        Raises LasError where there is no such model or it is damaged.
        """
        return cls(load_recogniser(name, device=device, lm=lm, **decoding), segmentation, batch)

    def transcribe(
        self,
        audio: str | Path | torch.Tensor | numpy.ndarray | Source,
        sample_rate: int = SAMPLE_RATE,
    ) -> Transcript:
        """Recognise one recording: a file, a waveform [S] or [channels, S], or a `Source`.

        sample_rate: of a waveform; a file knows its own
        Raises LasError for a file that cannot be read.
        """
        for event in self.follow([audio], sample_rate=sample_rate):
            if isinstance(event, Finished):
                if event.error is not None:
                    raise event.error
                assert event.transcript is not None
                return event.transcript
        raise AssertionError("follow() ends every recording with Finished")

    def stream(
        self,
        audio: str | Path | torch.Tensor | numpy.ndarray | Source,
        sample_rate: int = SAMPLE_RATE,
    ) -> Iterator[Segment]:
        """The segments of one recording as they are recognised, the first within seconds.

        Raises LasError for a file that cannot be read.
        """
        for event in self.follow([audio], sample_rate=sample_rate):
            if isinstance(event, Recognised) and event.segment is not None:
                yield event.segment
            elif isinstance(event, Finished) and event.error is not None:
                raise event.error

    def follow(
        self,
        recordings: Iterable[str | Path | torch.Tensor | numpy.ndarray | Source],
        sample_rate: int = SAMPLE_RATE,
        live: bool = False,
    ) -> Iterator[Recognised | Finished]:
        """Recognise recordings in order, in common batches, and tell what is done as it is done.

        A recording that cannot be read ends with its error; the others go on.
        live: recognise every piece at once, for sound that is just being recorded
        """
        cutting = dataclasses.replace(self.segmentation, live=live)
        pending: list[tuple[_Recording, Piece]] = []
        at_work: deque[_Recording] = deque()
        limit = 1  # the first words come soon, later batches are larger
        for place, audio in enumerate(recordings):
            recording = _Recording(place, _name(audio))
            at_work.append(recording)
            for piece in self._pieces(recording, audio, sample_rate, cutting):
                recording.waiting += 1
                pending.append((recording, piece))
                longest = max(piece.samples.numel() for _, piece in pending) / SAMPLE_RATE
                if len(pending) >= limit or longest * len(pending) >= BATCH_SECONDS:
                    limit = 1 if live else min(2 * limit, self._batch)
                    yield from self._recognise(pending)
                    pending = []
                    yield from self._settle(at_work)
            recording.read = True
            yield from self._settle(at_work)
        yield from self._recognise(pending)
        yield from self._settle(at_work)

    def _pieces(
        self, recording: _Recording, audio: Any, sample_rate: int, cutting: SegmentationOptions
    ) -> Iterator[Piece]:
        """The pieces of a recording; what is wrong with it goes into the record."""
        try:
            source = _source(audio, sample_rate)
            recording.flags = source.flags

            def counted() -> Iterator[torch.Tensor]:
                for block in source.blocks():
                    recording.samples += block.numel()
                    yield block

            yield from segment(counted(), cutting)
        except LasError as error:
            recording.error = error
        except (OSError, RuntimeError, ValueError) as error:
            recording.error = LasError(f"{recording.name}: could not be read ({error}).")

    def _recognise(self, pending: Sequence[tuple[_Recording, Piece]]) -> Iterator[Recognised]:
        if not pending:
            return
        lengths = torch.tensor([piece.samples.numel() for _, piece in pending])
        waveforms = torch.zeros(len(pending), int(lengths.max()))  # [B, S]
        for row, (_, piece) in enumerate(pending):
            waveforms[row, : piece.samples.numel()] = piece.samples
        decoder, device = self.recogniser.decoder, self.recogniser.device
        results = self._decode(decoder, waveforms.to(device), lengths.to(device))
        for (recording, piece), hypotheses in zip(pending, results, strict=True):
            recording.waiting -= 1
            found = _segment(piece, hypotheses, decoder.options.nbest, decoder.hotwords)
            if found is not None:
                recording.segments.append(found)
            yield Recognised(recording.place, found, piece.end)

    def _settle(self, at_work: deque[_Recording]) -> Iterator[Finished]:
        """End the recordings of which nothing is left to do, in order."""
        while at_work and at_work[0].read and not at_work[0].waiting:
            recording = at_work.popleft()
            transcript = None
            if recording.error is None:
                transcript = Transcript(
                    source=recording.name,
                    duration=recording.samples / SAMPLE_RATE,
                    segments=tuple(recording.segments),
                    model=self.recogniser.loaded.name,
                    flags=tuple(recording.flags),
                )
            yield Finished(recording.place, transcript, recording.error)


def _source(audio: Any, sample_rate: int) -> Source:
    if isinstance(audio, (str, Path)):
        return AudioReader(audio)
    if hasattr(audio, "blocks"):
        source: Source = audio
        return source
    return WaveformSource(audio, sample_rate)


def _name(audio: Any) -> str:
    return str(audio) if isinstance(audio, (str, Path)) else str(getattr(audio, "name", "-"))


def _segment(
    piece: Piece, hypotheses: Sequence[Hypothesis], nbest: int, hotwords: HotwordTree | None = None
) -> Segment | None:
    """What was heard in a piece, with its times put into the recording's; None without words."""
    best = hypotheses[0]
    if not best.text:
        return None
    # Word times may reach into the padding of a batch by a listener step.
    words = tuple(
        Word(
            word.text,
            min(piece.start + word.start, piece.end),
            min(piece.start + word.end, piece.end),
            word.confidence,
        )
        for word in best.words
    )
    others = hypotheses if nbest > 1 else ()
    return Segment(
        start=words[0].start if words else piece.start,
        end=words[-1].end if words else piece.end,
        text=best.text,
        words=words,
        confidence=best.confidence,
        flags=best.flags,
        alternatives=tuple(Alternative(other.text, other.score) for other in others),
        hotwords=hotwords.spot(best.text) if hotwords is not None else (),
    )


__all__ = ["Finished", "Recognised", "Transcriber"]
