"""A stream of waveform blocks in, pieces of at most 20 s out, cut at pauses, with their times.

Memory is bounded by one piece and one block, whatever the length of the recording.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from las_cli.audio.analysis import SAMPLE_RATE
from las_cli.audio.voice_activity import FRAME, VoiceActivity, is_silent, loudness
from las_cli.errors import LasError

SHORTEST_PIECE = 3.0  # seconds; the cutter by loudness leaves shorter ones with what follows
PAUSE_DEPTH = 35.0  # dB below the loudest frame of a piece, where nobody speaks


@dataclass(frozen=True)
class SegmentationOptions:
    """Where to cut a recording."""

    vad: bool = True  # find speech with silero-vad; otherwise cut at energy minima and keep all
    longest: float = 20.0  # seconds, no piece is longer
    short_clip: float = 20.0  # seconds, up to here a recording is one piece, speech or not
    live: bool = False  # being recorded: give out a piece at its pause, whatever may still come
    pause: float = 0.5  # seconds without speech that end a piece
    padding: float = 0.2  # seconds kept before and after speech
    shortest_speech: float = 0.1  # seconds, shorter bursts are taken for clicks
    threshold: float = 0.5  # probability of speech at which speech begins
    hysteresis: float = 0.15  # speech goes on down to threshold - hysteresis


@dataclass(frozen=True)
class Piece:
    """A stretch of a recording that is recognised in one go."""

    start: float  # seconds from the start of the recording
    samples: torch.Tensor  # [S] float32 at 16 kHz
    voiced: bool | None = None  # whether there is voice activity in it; None: not looked for

    @property
    def end(self) -> float:
        """Seconds from the start of the recording."""
        return self.start + self.samples.numel() / SAMPLE_RATE


def segment(
    blocks: Iterable[torch.Tensor], options: SegmentationOptions | None = None
) -> Iterator[Piece]:
    """Cut the recording that `blocks` [S] at 16 kHz make up into pieces, in order, not overlapping.

    Silence gives no piece. A recording of at most `short_clip` seconds is one piece, which tells
    whether speech was found in it; one that is `live` only if none was.
    """
    options = options or SegmentationOptions()
    cutter: _Cutter | None = None
    head: list[torch.Tensor] = []  # all there is, while it may still be a short clip
    short, given = True, False
    for block in blocks:
        if short:
            head.append(block)
            short = sum(map(torch.Tensor.numel, head)) <= options.short_clip * SAMPLE_RATE
            if short and not options.live:
                continue
        if cutter is None:
            cutter = _SpeechCutter(options) if options.vad else _EnergyCutter(options)
            block = torch.cat(head)
        if not short:
            head = []
        # Small steps, so that a large block does not delay the first piece or hold memory.
        for part in block.split(10 * SAMPLE_RATE):
            for piece in cutter.push(part):
                given = True
                yield piece
    for piece in cutter.finish() if cutter else ():
        given = True
        yield piece
    if head and not given and not is_silent(whole := torch.cat(head)):
        voiced = None
        if options.vad:
            voiced = False if options.live else has_speech(whole, options)
        yield Piece(0.0, whole, voiced)


def has_speech(sound: torch.Tensor, options: SegmentationOptions) -> bool | None:
    """Whether a clip [S] holds speech of at least `shortest_speech` seconds by voice activity.

    None where its network is not installed: short clips are recognised without it.
    """
    try:
        activity = VoiceActivity()
    except LasError:
        return None
    frames = [activity.push(part) for part in sound.split(10 * SAMPLE_RATE)]
    speech = torch.cat([*frames, activity.finish()]) >= options.threshold
    needed = max(1, round(options.shortest_speech * SAMPLE_RATE / FRAME))
    padded = torch.nn.functional.pad(speech, (0, max(0, needed - len(speech))))
    return bool(padded.unfold(0, needed, 1).all(dim=1).any())


class _Cutter:
    """Keeps the samples that no piece has used yet, with the loudness of every frame of 32 ms."""

    def __init__(self, options: SegmentationOptions) -> None:
        self.options = options
        self.longest = int(options.longest * SAMPLE_RATE) // FRAME  # frames
        self.samples = torch.zeros(0)
        self.first = 0  # frame at which `samples` begins
        self.frames = 0  # frames seen so far
        self.levels: list[float] = []  # dB of the frames from `first` on

    def push(self, block: torch.Tensor) -> Iterator[Piece]:
        self.samples = torch.cat([self.samples, block])
        whole = self.samples.numel() // FRAME
        known = len(self.levels)
        self.levels += loudness(self.samples[known * FRAME : whole * FRAME]).tolist()
        yield from self.advance(block)

    def advance(self, block: torch.Tensor) -> Iterator[Piece]:
        raise NotImplementedError

    def finish(self) -> Iterator[Piece]:
        raise NotImplementedError

    def take(self, start: int, end: int | None) -> Iterator[Piece]:
        """The frames start … end (None: to the last sample) as a piece, where not silent."""
        begin = (start - self.first) * FRAME
        stop = self.samples.numel() if end is None else (end - self.first) * FRAME
        samples = self.samples[begin:stop].clone()
        if not is_silent(samples):
            yield Piece(start * FRAME / SAMPLE_RATE, samples, self.options.vad or None)

    def drop(self, frame: int) -> None:
        """Forget all before `frame`."""
        count = max(0, min(frame - self.first, len(self.levels)))
        if count * FRAME >= SAMPLE_RATE:  # not for every frame
            self.samples = self.samples[count * FRAME :].clone()
            del self.levels[:count]
            self.first += count

    def quietest(self, start: int, end: int) -> int:
        """The frame in start … end - 1 around which five frames are the quietest."""
        levels = torch.tensor(self.levels[start - self.first : end - self.first])
        if levels.numel() < 5:
            return (start + end) // 2
        smooth = levels.unfold(0, 5, 1).mean(dim=1)
        return start + 2 + int(smooth.argmin())


class _EnergyCutter(_Cutter):
    """Cuts in plain pauses, else in the second half of 20 s, where it is quietest; keeps all."""

    def __init__(self, options: SegmentationOptions) -> None:
        super().__init__(options)
        self._start = 0
        self._pause = max(1, round(options.pause * SAMPLE_RATE / FRAME))
        self._shortest = round(SHORTEST_PIECE * SAMPLE_RATE / FRAME)
        self._loudest = -math.inf  # dB of the loudest frame of the piece at hand
        self._quiet = 0  # frames in a row that are far below it
        self._seen = 0  # frames looked at

    def advance(self, block: torch.Tensor) -> Iterator[Piece]:
        while self._seen < self.first + len(self.levels):
            level = self.levels[self._seen - self.first]
            self._seen += 1
            self._loudest = max(self._loudest, level)
            self._quiet = self._quiet + 1 if level < self._loudest - PAUSE_DEPTH else 0
            if self._quiet >= self._pause and self._seen - self._start >= self._shortest:
                yield from self._cut(self._seen - self._quiet // 2)
            elif self._seen - self._start > self.longest:
                end = self._start + self.longest
                yield from self._cut(self.quietest(self._start + self.longest // 2, end))

    def _cut(self, frame: int) -> Iterator[Piece]:
        yield from self.take(self._start, frame)
        self._start = frame
        self.drop(frame)
        rest = self.levels[frame - self.first : self._seen - self.first]
        self._loudest, self._quiet = max(rest, default=-math.inf), 0

    def finish(self) -> Iterator[Piece]:
        yield from self.take(self._start, None)


class _SpeechCutter(_Cutter):
    """Follows the probability of speech; a pause ends a piece, and so does its length."""

    def __init__(self, options: SegmentationOptions) -> None:
        super().__init__(options)
        self._activity = VoiceActivity()
        self._padding = round(options.padding * SAMPLE_RATE / FRAME)
        self._pause = max(2 * self._padding, round(options.pause * SAMPLE_RATE / FRAME))
        self._shortest = max(1, round(options.shortest_speech * SAMPLE_RATE / FRAME))
        self._longest_speech = self.longest - 2 * self._padding
        self._used = 0  # frame up to which pieces have been given out
        self._start: int | None = None  # frame at which the speech at hand began
        self._last = 0  # last frame of speech
        self._gaps: list[tuple[int, int]] = []  # pauses inside the speech at hand

    def advance(self, block: torch.Tensor) -> Iterator[Piece]:
        yield from self._follow(self._activity.push(block).tolist())

    def finish(self) -> Iterator[Piece]:
        yield from self._follow(self._activity.finish().tolist())
        if self._start is not None:
            yield from self._close(self._last + 1)

    def _follow(self, probabilities: list[float]) -> Iterator[Piece]:
        options = self.options
        for probability in probabilities:
            frame = self.frames
            self.frames += 1
            if self._start is None:
                if probability >= options.threshold:
                    self._start, self._last, self._gaps = frame, frame, []
                else:
                    self.drop(max(self._used, frame - self._padding))
                continue
            if probability >= options.threshold - options.hysteresis:
                if frame - self._last > 3:  # 0.1 s and more without speech
                    self._gaps.append((self._last + 1, frame))
                self._last = frame
            elif frame - self._last >= self._pause:
                yield from self._close(self._last + 1)
                continue
            if self._last + 1 - self._start >= self._longest_speech:
                yield from self._split()

    def _close(self, end: int) -> Iterator[Piece]:
        """Give out the speech at hand, which ends before frame `end`, padded."""
        assert self._start is not None
        if end - self._start >= self._shortest:
            start = max(self._used, self._start - self._padding)
            padded = end + self._padding
            to_the_end = padded * FRAME >= self.first * FRAME + self.samples.numel()
            yield from self.take(start, None if to_the_end else padded)
            self._used = padded
        self._start = None
        self.drop(max(self._used, self.frames - self._padding))

    def _split(self) -> Iterator[Piece]:
        """The speech at hand is too long: cut it in its longest pause, else at its quietest."""
        assert self._start is not None
        middle = self._start + self._longest_speech // 2
        gaps = [gap for gap in self._gaps if gap[0] >= middle]
        if gaps:
            begin, end = max(gaps, key=lambda gap: gap[1] - gap[0])
        else:
            begin = end = self.quietest(middle, self._last)
        start = max(self._used, self._start - self._padding)
        self._used = min((begin + end) // 2, begin + self._padding)
        yield from self.take(start, self._used)
        self._gaps = [gap for gap in self._gaps if gap[0] >= end]
        self._start = end
        self.drop(max(self._used, end - self._padding))
