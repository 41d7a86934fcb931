"""A media file in, where the files that were joined to it begin out (`cat a.m4a b.m4a`).

ffmpeg plays the first of them, or takes the clock of the second for that of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

from las_cli.audio.byte_view import Window
from las_cli.audio.parts import large, little

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
MOST = 1000  # files joined


def joined_at(file: BinaryIO, size: int) -> list[int]:
    """Where each of the files begins that are joined in this one; [0] where it is one."""
    window = Window(file, size)
    head = window.get(0, 16)
    if head[4:8] == b"ftyp":
        places = _boxes(window)
    elif head[:4] == _EBML:
        places = _elements(window)
    elif head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        places = _riffs(window)
    elif head == _ASF:
        places = _marks(window, _ASF, lambda at: True)
    elif head[:4] == b"FLV\x01":
        places = _marks(window, b"FLV\x01", lambda at: window.get(at + 5, 4) == b"\0\0\0\x09")
    elif head[:5] == b"#!AMR":
        places = _marks(window, b"#!AMR", lambda at: window.get(at + 5, 1) in (b"\n", b"-"))
    elif head[:4] == b"OggS":  # of a codec that libsndfile does not know in Ogg
        places = _links(window)
    elif head[:1] == b"\xff" and head[1:2] in (b"\xf0", b"\xf1", b"\xf8", b"\xf9"):
        places = _streams(window)
    else:
        places = iter(())
    found = [0]
    for place in places:
        if place > 0 and len(found) < MOST:
            found.append(place)
    return found


def _boxes(window: Window) -> Iterator[int]:
    """ISO base media: a box `ftyp` opens a file (ISO/IEC 14496-12, section 4.3)."""
    at, index = 0, False
    while at + 8 <= window.size:
        head = window.get(at, 16)
        length, name = large(head[:4]), head[4:8]
        if length == 1:
            length = large(head[8:16])
        if name == b"ftyp" and index:
            yield at
            index = False
        index |= name == b"moov"
        if length < 8:  # 0: to the end of the file
            return
        at += length


def _elements(window: Window) -> Iterator[int]:
    """Matroska: a header of EBML opens a file (RFC 8794, section 8.1)."""
    at = 0
    while at + 12 <= window.size:
        head = window.get(at, 12)
        if head[:4] not in (_EBML, _SEGMENT):
            break
        if head[:4] == _EBML:
            yield at
        width = 9 - head[4].bit_length() if head[4] else 9
        length = large(head[4 : 4 + width]) & (1 << 7 * width) - 1 if width <= 8 else 0
        if width > 8 or length == (1 << 7 * width) - 1:  # a stream: its length was not known
            break
        at += 4 + width + length
    else:
        return
    yield from _marks(window, _EBML, lambda place: _doctype(window, place), at + 4)


def _doctype(window: Window, at: int) -> bool:
    head = window.get(at, 64)
    return b"\x42\x82" in head and (b"webm" in head or b"matroska" in head)


def _riffs(window: Window) -> Iterator[int]:
    at = 0
    while at + 12 <= window.size:
        head = window.get(at, 12)
        if head[:4] != b"RIFF":
            return
        if head[8:12] == b"AVI ":  # AVIX goes on with the film
            yield at
        at += 8 + little(head[4:8]) + little(head[4:8]) % 2


def _links(window: Window) -> Iterator[int]:
    """Ogg: pages that begin a stream, behind others, open a file (RFC 3533, section 4)."""
    at, opening = 0, False
    while (at := window.find(b"OggS\0", at)) >= 0:
        head = window.get(at, 27)
        if len(head) < 27:
            return
        begins = bool(head[5] & 2)
        if begins and not opening:
            yield at
        opening = begins
        at += 27 + head[26] + sum(window.get(at + 27, head[26]))


def _streams(window: Window) -> Iterator[int]:
    """AAC in ADTS: frames of another rate or other channels are another file, and ffmpeg goes on
    as it began (ISO/IEC 13818-7, section 6.2)."""
    at, before = 0, b""
    while at + 7 <= window.size:
        head = window.get(at, 7)
        length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        if head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or length < 7:
            at = window.find(b"\xff", at + 1)
            if at < 0:
                return
            continue
        kind = bytes((head[2] & 0xFC, head[2] & 1, head[3] & 0xC0))  # profile and rate, channels
        follows = window.get(at + length, 2)
        if kind != before and (follows == b"" or follows[:1] == b"\xff"):
            yield at
            before = kind
        at += length


def _marks(
    window: Window, mark: bytes, fits: Callable[[int], bool], at: int = 1
) -> Iterator[int]:
    while (at := window.find(mark, at)) >= 0:
        if fits(at):
            yield at
        at += 1
