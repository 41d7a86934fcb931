"""What a sound file is made of: stretches that a decoder can read, each one container."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from las_cli.audio.byte_view import ByteView, Piece
from las_cli.audio.missing_sound import DAMAGED, TRUNCATED

UNKNOWN_FRAMES = 2**48  # samples; more is libsndfile's way to say that a header does not tell
LEAST = 0.05  # seconds, less is no loss: encoders pad, and last blocks are not full


@dataclass(frozen=True)
class SoundPart:
    """A stretch of a file that is one container to a decoder."""

    pieces: tuple[Piece, ...]
    seconds: float | None = None  # that it should hold; None: its own header tells
    silence: float = 0.0  # seconds that are missing before it
    why: str = DAMAGED  # the flag that says so
    mended: bool = False  # its header said less than it holds
    told: bool = True  # its header tells how long it is
    # Where to go on, when decoding broke off after so many samples.
    resume: Callable[[int], SoundPart | None] | None = field(default=None, compare=False)

    def open(self, file: BinaryIO) -> ByteView:
        """Its bytes as a file."""
        return ByteView(file, self.pieces)


@dataclass(frozen=True)
class Parts:
    """All of a file."""

    parts: tuple[SoundPart, ...]
    lost: float = 0.0  # seconds that are missing at the end, as far as the file tells
    why: str = TRUNCATED  # the flag that says so
    cut: bool = False  # it ends in the middle of something, however little is lost

    @property
    def plain(self) -> bool:
        """Whether a decoder reads all of it when it is given the file as it is."""
        first = self.parts[0]
        return len(self.parts) == 1 and first.told and not (first.mended or first.silence)


Reading = tuple[Parts, int]  # what stands at a place, and where it ends


def little(value: bytes) -> int:
    """An unsigned number, lowest byte first."""
    return int.from_bytes(value, "little")


def large(value: bytes) -> int:
    """An unsigned number, highest byte first."""
    return int.from_bytes(value, "big")
