"""Recordings in, transcripts out: cut into pieces, recognised in batches, times put together.

from las_cli import Transcriber

transcriber = Transcriber.load("en")
transcript = transcriber.transcribe("talk.mp3")
print(transcript.text)  # plain words
print(transcript.written)  # with capitals and punctuation, if the model has a written form
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
from las_cli.audio.missing_sound import Missing
from las_cli.audio.reader import AudioReader
from las_cli.audio.segmentation import Piece, SegmentationOptions, segment
from las_cli.audio.sources import Source, WaveformSource
from las_cli.decoding.decode import decode
from las_cli.decoding.hypothesis import Hypothesis
from las_cli.errors import LasError
from las_cli.recogniser import Recogniser, load_recogniser
from las_cli.transcribe.doubt import NO_SPEECH, is_doubtful
from las_cli.transcript import Alternative, Segment, Transcript, Word
from las_cli.written.numbers import WORDS, DigitWriter, check_numbers, digit_writer
from las_cli.written.punctuation_store import has_punctuator, load_punctuator
from las_cli.written.punctuator import Punctuator, WrittenStream

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
    missing: list[Missing] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    written: WrittenStream | None = None  # holds what is not in `segments` yet


class Transcriber:
    """A model and how to use it. Its methods may be called from several threads at once."""

    def __init__(
        self,
        recogniser: Recogniser,
        segmentation: SegmentationOptions | None = None,
        batch: int | None = None,
        keep_doubtful: bool = False,
        decode: Callable[[Decoder, torch.Tensor, torch.Tensor], list[list[Hypothesis]]] = decode,
        punctuator: Punctuator | None = None,
        numbers: DigitWriter | None = None,
    ) -> None:
        """Use `load` in the usual case.

        recogniser: of `las_cli.recogniser`: model, language model and options of the search
        segmentation: where to cut long recordings
        batch: pieces recognised at a time, by default 8 on the CPU and 32 on CUDA
        keep_doubtful: write down also what nothing but the speller supports
        decode: in place of `las_cli.decoding.decode.decode`
        punctuator: makes the written form; None: plain words alone
        numbers: writes numbers in digits; None: in words
        """
        self.recogniser = recogniser
        self.segmentation = segmentation or SegmentationOptions()
        self._batch = batch or BATCH_PIECES.get(recogniser.device.type, 8)
        self._keep_doubtful = keep_doubtful
        self._decode = decode
        self.punctuator, self.numbers = punctuator, numbers

    @classmethod
    def load(
        cls,
        name: str = "en",
        device: str = "auto",
        *,
        lm: str | None = None,
        segmentation: SegmentationOptions | None = None,
        batch: int | None = None,
        keep_doubtful: bool = False,
        plain: bool = False,
        numbers: str = WORDS,
        **decoding: Any,
    ) -> Transcriber:
        """The model `name` (one that ships, or a folder) on `device` (auto, cpu, cuda, mps).

        lm: folder of a language model, "none", or None for the one in the model's folder
        segmentation: where to cut long recordings
        batch: pieces recognised at a time, by default 8 on the CPU and 32 on CUDA
        keep_doubtful: write down also what nothing but the speller supports
        plain: without the written form, even where the model's folder has one
        numbers: words, digits, or digits:LANGUAGE such as digits:fr
        decoding: fields of `DecodingOptions`, laid over the model's own defaults, e.g. beam=20, or
            hotwords="Thornton, Helstone" (a file, or ["Thornton", ("Helstone", 2)], will do too)
        Raises LasError where there is no such model or it is damaged.
        """
        check_numbers(numbers)
        recogniser = load_recogniser(name, device=device, lm=lm, **decoding)
        folder = recogniser.loaded.folder
        punctuator = None
        if not plain and has_punctuator(folder):
            punctuator = load_punctuator(folder)
        return cls(
            recogniser,
            segmentation,
            batch,
            keep_doubtful,
            punctuator=punctuator,
            numbers=digit_writer(numbers, folder),
        )

    def ask_readings(self, most: int) -> None:
        """Give up to `most` readings of each piece: no more than the search holds anyway."""
        options = self.recogniser.options
        nbest = max(options.nbest, min(most, options.width))
        if nbest > options.nbest:
            decoder = self.recogniser.decoder.with_options(
                dataclasses.replace(options, nbest=nbest)
            )
            self.recogniser = dataclasses.replace(self.recogniser, decoder=decoder)

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
            if self.punctuator is not None:
                recording.written = WrittenStream(self.punctuator)
            at_work.append(recording)
            for piece in self._pieces(recording, audio, sample_rate, cutting):
                recording.waiting += 1
                pending.append((recording, piece))
                longest = max(piece.samples.numel() for _, piece in pending) / SAMPLE_RATE
                if len(pending) >= limit or longest * len(pending) >= BATCH_SECONDS:
                    limit = 1 if live else min(2 * limit, self._batch)
                    yield from self._recognise(pending, live)
                    pending = []
                    yield from self._settle(at_work)
            recording.read = True
            yield from self._settle(at_work)
        yield from self._recognise(pending, live)
        yield from self._settle(at_work)

    def _pieces(
        self, recording: _Recording, audio: Any, sample_rate: int, cutting: SegmentationOptions
    ) -> Iterator[Piece]:
        """The pieces of a recording; what is wrong with it goes into the record."""
        try:
            source = _source(audio, sample_rate)
            recording.flags, recording.missing = source.flags, source.missing

            def counted() -> Iterator[torch.Tensor]:
                for block in source.blocks():
                    recording.samples += block.numel()
                    yield block

            yield from segment(counted(), cutting)
        except LasError as error:
            recording.error = error
        except (OSError, RuntimeError, ValueError) as error:
            recording.error = LasError(f"{recording.name}: could not be read ({error}).")

    def _recognise(
        self, pending: Sequence[tuple[_Recording, Piece]], live: bool
    ) -> Iterator[Recognised]:
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
            found = _segment(
                piece,
                hypotheses,
                decoder.options.nbest,
                self._keep_doubtful,
                decoder.hotwords,
            )
            ready = [] if found is None else [found]
            if recording.written is not None and found is not None:
                # A sentence may go on in the next piece: what is ready may be older than `found`.
                ready = recording.written.push(found, live)
            yield from self._tell(recording, ready, piece.end)

    def _tell(
        self, recording: _Recording, ready: Sequence[Segment], seconds: float
    ) -> Iterator[Recognised]:
        """Put segments into the recording's and tell of them; without any, of the time alone."""
        if self.numbers is not None:
            ready = [self.numbers.segment(one) for one in ready]
        recording.segments += ready
        for one in ready or (None,):
            yield Recognised(recording.place, one, seconds)

    def _settle(self, at_work: deque[_Recording]) -> Iterator[Recognised | Finished]:
        """End the recordings of which nothing is left to do, in order."""
        while at_work and at_work[0].read and not at_work[0].waiting:
            recording = at_work.popleft()
            transcript = None
            if recording.written is not None and (rest := recording.written.finish()):
                yield from self._tell(recording, rest, recording.samples / SAMPLE_RATE)
            if recording.error is None:
                if not any(segment.text for segment in recording.segments):
                    recording.flags.append(NO_SPEECH)
                transcript = Transcript(
                    source=recording.name,
                    duration=recording.samples / SAMPLE_RATE,
                    segments=tuple(recording.segments),
                    model=self.recogniser.loaded.name,
                    flags=tuple(recording.flags),
                    missing=tuple(recording.missing),
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
    piece: Piece,
    hypotheses: Sequence[Hypothesis],
    nbest: int,
    keep_doubtful: bool = False,
    hotwords: HotwordTree | None = None,
) -> Segment | None:
    """What was heard in a piece, with its times put into the recording's; None without words.

    Doubtful words are flagged NO_SPEECH and left out, unless they are to be kept.
    """
    best = hypotheses[0]
    if not best.text:
        return None
    doubtful = is_doubtful(best.confidence, best.ctc_support, piece.voiced)
    if doubtful and not keep_doubtful:
        return Segment(
            piece.start, piece.end, "", confidence=best.confidence, flags=(NO_SPEECH, *best.flags)
        )
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
        flags=((NO_SPEECH,) if doubtful else ()) + best.flags,
        alternatives=tuple(Alternative(other.text, other.score) for other in others),
        hotwords=hotwords.spot(best.text) if hotwords is not None else (),
    )


__all__ = ["Finished", "Recognised", "Transcriber"]
