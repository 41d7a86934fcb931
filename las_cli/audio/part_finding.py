"""A sound file in, the stretches of it that a decoder can read, in order, out.

libsndfile believes the first header of a file: what was joined behind it, what a recorder wrote
after its header, and what stands behind a damaged spot is left out without a word. Here a file is
looked at as a row of containers, by their own marks: chunks, pages, frames. A file in which all
is well is one part without changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from las_cli.audio.byte_view import Window
from las_cli.audio.flac_frames import read_flac
from las_cli.audio.mpeg_frames import mpeg_goes_on, next_run, read_mpeg
from las_cli.audio.ogg_pages import ogg_goes_on, read_ogg
from las_cli.audio.parts import Parts, Reading, SoundPart
from las_cli.audio.plain_headers import read_plain

FIRST_LOOK = 4096  # bytes read at a time where little is asked of many files


def may_go_on(file: BinaryIO, size: int, beside: int) -> bool:
    """Whether mp3 or Ogg of `size` bytes may hold more than its first header tells, by a few bytes.

    beside: bytes of names and remarks that are no sound
    """
    window = Window(file, size, FIRST_LOOK)
    return mpeg_goes_on(window, beside) or ogg_goes_on(window)


def look(file: BinaryIO, size: int, name: str = "", quick: bool = False) -> Parts | None:
    """The parts of `file` of `size` bytes; None where its kind is not known here.

    name: of the file, whose ending tells an mp3 without a beginning
    quick: only where the headers tell all, without reading the file through
    """
    readers: tuple[Callable[[Window, int], Reading | None], ...] = (read_plain,)
    if not quick:
        readers += (read_flac, read_ogg, read_mpeg)
    window = Window(file, size)
    parts: list[SoundPart] = []
    at, last = 0, None
    while at < size:
        found = next((got for read in readers if (got := read(window, at))), None)
        if found is None and at == 0 and not quick and name.lower().endswith(".mp3"):
            found = read_mpeg(window, next_run(window, 0, size))
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
