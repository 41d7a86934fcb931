"""A sound file in, the stretches of it that a decoder can read, in order, out.

libsndfile believes the first header of a file: what was joined behind it, what a recorder wrote
after its header, and what stands behind a damaged spot is left out without a word. Here a file is
looked at as a row of containers, by their own marks: chunks, pages, frames. A file in which all
is well is one part without changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from las_cli.audio.byte_view import ByteView, Piece, Window
from las_cli.audio.losses import DAMAGED, TRUNCATED

LEAST = 0.05  # seconds, less is no loss: encoders pad, and last blocks are not full


@dataclass(frozen=True)
class Part:
    """A stretch of a file that is one container to a decoder."""

    pieces: tuple[Piece, ...]
    seconds: float | None = None  # that it should hold; None: its own header tells
    silence: float = 0.0  # seconds that are missing before it
    why: str = DAMAGED  # the flag that says so
    mended: bool = False  # its header said less than it holds
    told: bool = True  # its header tells how long it is
    # Where to go on, when decoding broke off after so many samples.
    resume: Callable[[int], Part | None] | None = field(default=None, compare=False)

    def open(self, file: BinaryIO) -> ByteView:
        """Its bytes as a file."""
        return ByteView(file, self.pieces)


@dataclass(frozen=True)
class Parts:
    """All of a file."""

    parts: tuple[Part, ...]
    lost: float = 0.0  # seconds that are missing at the end, as far as the file tells
    why: str = TRUNCATED  # the flag that says so
    cut: bool = False  # it ends in the middle of something, however little is lost

    @property
    def plain(self) -> bool:
        """Whether a decoder reads all of it when it is given the file as it is."""
        first = self.parts[0]
        return len(self.parts) == 1 and first.told and not (first.mended or first.silence)


Reading = tuple[Parts, int]  # what stands at a place, and where it ends


def look(file: BinaryIO, size: int, name: str = "", quick: bool = False) -> Parts | None:
    """The parts of `file` of `size` bytes; None where its kind is not known here.

    name: of the file, whose ending tells an mp3 without a beginning
    quick: only where the headers tell all, without reading the file through
    """
    from las_cli.audio import flac_frames, mpeg_frames, ogg_pages, plain_headers

    readers: tuple[Callable[[Window, int], Reading | None], ...] = (plain_headers.read,)
    if not quick:
        readers += (flac_frames.read, ogg_pages.read, mpeg_frames.read)
    window = Window(file, size)
    parts: list[Part] = []
    at, last = 0, None
    while at < size:
        found = next((got for read in readers if (got := read(window, at))), None)
        if found is None and at == 0 and not quick and name.lower().endswith(".mp3"):
            found = mpeg_frames.read(window, mpeg_frames.next_run(window, 0, size))
        if found is None:
            break
        last, end = found
        parts += last.parts
        if end <= at:
            break
        at = end
    if last is None or not parts:
        return None
    return Parts(tuple(parts), last.lost, last.why, last.cut)


def little(value: bytes) -> int:
    """An unsigned number, lowest byte first."""
    return int.from_bytes(value, "little")


def large(value: bytes) -> int:
    """An unsigned number, highest byte first."""
    return int.from_bytes(value, "big")
