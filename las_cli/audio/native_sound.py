"""A file that libsndfile reads in, all its parts at the network's rate out, silence for losses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from las_cli.audio.downmixing import Mixer
from las_cli.audio.missing_sound import DAMAGED, MENDED, TRUNCATED, Missing
from las_cli.audio.part_finding import look
from las_cli.audio.parts import UNKNOWN_FRAMES, Parts, SoundPart
from las_cli.audio.resampling import StreamResampler
from las_cli.errors import LasError

if TYPE_CHECKING:
    import torch

RATES = (100, 768_000)  # Hz; what is outside of them nobody records
PADDING = 0.1  # seconds that encoders add: as much short is no loss
MOST_SILENCE = 3600.0  # seconds put in for one loss; a longer one is a clock that was set
MOST_VALUES = 2**23  # samples held at a time, of all channels together
MOST_TRIES = 200  # damaged spots that are gone over


class NativeSound:
    """Sound of one file that libsndfile reads. Raises soundfile.SoundFileError where it does not.

    rest: sound from so many seconds on by another decoder, for when libsndfile knows no further
    """

    def __init__(
        self,
        path: Path,
        rate: int,
        start: float = 0.0,
        duration: float | None = None,
        rest: Callable[[float], Iterator[torch.Tensor]] | None = None,
    ) -> None:
        import soundfile

        self.path, self.rate = path, rate
        self.flags: list[str] = []
        self.missing: list[Missing] = []
        self._rest = rest
        self._start, self._duration = start, duration
        self._given = 0  # samples at `rate`
        self._raw: Any = None  # the file that views look into
        self._parts: Parts | None = None
        self._file: Any = None
        failure: Exception | None = None
        try:
            self._file = _opened(str(path))
        except soundfile.SoundFileError as error:
            failure = error
        self._look(self._file is not None and 0 < self._file.frames < UNKNOWN_FRAMES)
        if self._parts is not None and not self._parts.plain:
            try:
                self._reopen(self._parts.parts[0])
                failure = None
            except (soundfile.SoundFileError, RuntimeError) as error:
                failure = error
        if failure is not None:
            self.close()
            raise failure
        self.sample_rate, self.channels = int(self._file.samplerate), int(self._file.channels)
        self.frames = self._count()

    def _count(self) -> int:
        """Samples a channel, as far as the file tells; -1 where it does not."""
        if self._parts is not None and not self._parts.plain:
            told = sum(self._seconds(part) for part in self._parts.parts)
            return round(told * self.sample_rate) if math.isfinite(told) else -1
        return int(self._file.frames) if self._file.frames < UNKNOWN_FRAMES else -1

    def _seconds(self, part: SoundPart) -> float:
        """How long a part is, by its own header where nothing else tells; infinite: unknown."""
        import soundfile

        if part.seconds is not None:
            return part.seconds
        try:
            with _opened(part.open(self._raw)) as file:
                known = file.frames < UNKNOWN_FRAMES and file.samplerate > 0
                return file.frames / file.samplerate if known else math.inf
        except (soundfile.SoundFileError, OSError, RuntimeError):
            return 0.0  # what cannot be read is told when it is

    def _look(self, quick: bool) -> None:
        """Find the parts, where they are not known yet."""
        if self._raw is None:
            self._raw = self.path.open("rb")
        if self._parts is None:
            size = self.path.stat().st_size
            self._parts = look(self._raw, size, self.path.name, quick)

    def _reopen(self, part: SoundPart) -> None:
        file = _opened(part.open(self._raw))
        if self._file is not None:
            self._file.close()
        self._file = file

    def close(self) -> None:
        for file in (self._file, self._raw):
            if file is not None:
                file.close()

    @property
    def jumps(self) -> bool:
        """Whether `start` is found by seeking; otherwise all from the beginning is given."""
        return not self._whole and (self._parts is None or self._parts.plain)

    @property
    def _whole(self) -> bool:
        return self._start == 0 and self._duration is None

    def blocks(self, seconds: float) -> Iterator[torch.Tensor]:
        """Mono float32 [S] at `rate`, about `seconds` long each."""
        for block in self._cut_out(seconds) if self.jumps else self._all(seconds):
            self._given += block.numel()
            yield block

    def _cut_out(self, seconds: float) -> Iterator[torch.Tensor]:
        """From `start` for `duration`, found by seeking."""
        import soundfile

        file = self._file
        if self._start > 0:
            try:
                file.seek(min(round(self._start * file.samplerate), file.frames))
            except (soundfile.SoundFileError, RuntimeError) as error:
                place = f"{self.path}: cannot seek to {self._start:g} s"
                raise LasError(f"{place}; it is damaged.") from error
        left = None if self._duration is None else round(self._duration * file.samplerate)
        yield from self._decoded(file, seconds, left, self.frames / file.samplerate - self._start)

    def _all(self, seconds: float) -> Iterator[torch.Tensor]:
        """SoundPart after part."""
        import soundfile

        self._look(quick=False)
        parts = self._parts
        if parts is None:
            parts = Parts((SoundPart(()),))
        queue, tries, gone, views = list(parts.parts), 0, False, not parts.plain
        while queue:
            part = queue.pop(0)
            if part.mended:
                self._flag(MENDED)
            if part.silence > 0:
                yield from self._silence(part.silence, part.why)
            if views:
                try:
                    self._reopen(part)
                except (soundfile.SoundFileError, OSError, RuntimeError):
                    yield from self._silence(part.seconds or 0.0, DAMAGED)
                    continue
                if not RATES[0] <= self._file.samplerate <= RATES[1]:
                    continue
            promised = part.seconds
            if promised is None and self._file.frames < UNKNOWN_FRAMES:
                promised = self._file.frames / self._file.samplerate
            yield from self._decoded(self._file, seconds, None, promised)
            if self._ended_well:
                continue
            tries += 1
            after = part.resume(self._done) if part.resume and tries < MOST_TRIES else None
            if after is not None:
                queue.insert(0, after)
                views = True
                continue
            lost = max(0.0, (promised or 0.0) - self._done / self._file.samplerate)
            at_end = not queue
            gone |= at_end
            if at_end and self._rest is not None and (self._broken or lost > 1.0):
                before = self._given
                yield from self._rest(before / self.rate)
                more = (self._given - before) / self.rate
                lost = max(0.0, lost - more)
                self._lose(lost if lost > PADDING else 0.0, DAMAGED if more > 0 else TRUNCATED)
            elif at_end:
                self._lose(lost, TRUNCATED)
            else:
                yield from self._silence(lost, DAMAGED)
        if not gone and (parts.cut or parts.lost > PADDING):
            self._lose(parts.lost, parts.why)

    def _decoded(
        self, file: Any, seconds: float, want: int | None, promised: float | None
    ) -> Iterator[torch.Tensor]:
        """One open file to its end, or for `want` samples; then `_done`, `_broken` tell of it."""
        resampler = StreamResampler(file.samplerate, self.rate)
        mixer = Mixer(file.samplerate)
        for block in self._read(file, seconds, want, promised):
            yield resampler.push(mixer.mix(block))
            for flag in mixer.flags:
                self._flag(flag)
        yield resampler.finish()
        told = promised is not None and self._done < (promised - PADDING) * file.samplerate
        short = told and (want is None or self._done < want)
        self._ended_well = not (self._broken or short)
        if not self._ended_well and not self._whole:
            self._flag(TRUNCATED)

    def _read(
        self, file: Any, seconds: float, want: int | None, promised: float | None
    ) -> Iterator[torch.Tensor]:
        """Samples [S, channels] as they are stored."""
        import numpy as np
        import soundfile
        import torch

        self._done, self._broken = 0, False
        size = max(1, min(round(seconds * file.samplerate), MOST_VALUES // file.channels))
        left = None if promised is None else math.ceil(promised * file.samplerate)
        while want is None or self._done < want:
            length = size if want is None else min(size, want - self._done)
            if left is not None:  # no large buffer for a short clip
                length = min(length, max(left - self._done, 4096))
            buffer = np.zeros((length, file.channels), dtype=np.float32)
            before = _position(file)
            try:
                got = len(file.read(out=buffer))
            except (soundfile.SoundFileError, RuntimeError):
                self._broken = True
                got = max(0, min(length, _position(file) - before))
            self._done += got
            if got:
                yield torch.from_numpy(buffer[:got])
            if self._broken or got < length:
                return

    def _silence(self, seconds: float, why: str) -> Iterator[torch.Tensor]:
        """Silence in place of what is missing, so that later times are right."""
        import torch

        filled = min(seconds, MOST_SILENCE)
        self._lose(filled, why)
        left = round(filled * self.rate)
        while left > 0:
            count = min(left, 10 * self.rate)
            yield torch.zeros(count)
            left -= count

    def _lose(self, seconds: float, why: str) -> None:
        self._flag(why)
        self.missing.append(Missing(self._given / self.rate, seconds, why))

    def _flag(self, flag: str) -> None:
        if flag not in self.flags:
            self.flags.append(flag)


def _opened(file: Any) -> Any:
    """A name or a file as libsndfile opens it, to be read from front to back."""
    import soundfile

    class Forward(soundfile.SoundFile):  # type: ignore[misc]
        def seekable(self) -> bool:
            # After each read soundfile would jump to where it is already; FLAC frames that do not
            # count from 0 cannot be found so.
            return False

    return Forward(file)


def _position(file: Any) -> int:
    """Frames read so far; 0 for the few files that libsndfile reads but cannot seek in."""
    import soundfile

    try:
        return int(file.tell())
    except soundfile.SoundFileError:
        return 0
