"""FLAC in, what its frames hold out: also where the header does not tell, and behind damage.

The layout of frames and of STREAMINFO is that of RFC 9639, sections 8.2 and 9.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from las_cli.audio.byte_view import WINDOW, Piece, Window
from las_cli.audio.parts import LEAST, Parts, Reading, SoundPart, large

_SYNC = re.compile(rb"\xff[\xf8\xf9]", re.DOTALL)
LONGEST_HEADER = 16  # bytes of a frame header
TAIL = 1 << 18  # bytes at the end in which the last frame is looked for, at least


class _Frame(NamedTuple):
    at: int  # in the file
    sample: int  # its first
    length: int  # samples a channel


class _Stream(NamedTuple):
    """STREAMINFO, and where the frames stand."""

    at: int  # of the mark fLaC
    audio: int  # of the first frame
    end: int
    block: int  # samples of a frame, where all have as many
    largest: int  # bytes of a frame at most, 0: not told
    rate: int
    total: int  # samples a channel, 0: not told


def read_flac(window: Window, at: int) -> Reading | None:
    """The FLAC stream at `at`; None where there is none."""
    stream = _stream(window, at)
    if stream is None:
        return None
    held = _held(window, stream)
    total = stream.total or held

    def resume(sample: int) -> SoundPart | None:
        return _behind(window, stream, sample, max(total, held), stream.audio)

    mended = bool(stream.total) and held > total + LEAST * stream.rate
    pieces: tuple[Piece, ...] = ((at, stream.end),)
    if held and (mended or not stream.total):  # a stream does not tell its length: no fault
        total = held
        pieces = _with_total(window, stream, held, stream.audio)
    seconds = total / stream.rate if total else None
    part = SoundPart(pieces, seconds, mended=mended, told=bool(stream.total), resume=resume)
    lost = (total - held) / stream.rate if held and total - held > LEAST * stream.rate else 0.0
    return Parts((part,), lost, cut=lost > 0), stream.end


def _stream(window: Window, at: int) -> _Stream | None:
    if window.get(at, 3) == b"ID3":  # some taggers put one in front
        from las_cli.audio.mpeg_frames import id3_end

        after = id3_end(window, at)
        at = after if after is not None else at
    head = window.get(at, 42)
    if not _begins(head):
        return None
    numbers = large(head[18:26])
    rate, total = numbers >> 44, numbers & (2**36 - 1)
    if rate == 0:
        return None
    audio, last = at + 4, False
    while not last and audio + 4 <= window.size:
        block = window.get(audio, 4)
        last = bool(block[0] & 0x80)
        audio += 4 + large(block[1:])
    end = window.find(b"fLaC", at + 42)
    while end >= 0 and not _begins(window.get(end, 42)):
        end = window.find(b"fLaC", end + 4)
    end = window.size if end < 0 else end
    smallest, block_size = large(head[8:10]), large(head[10:12])
    block_size = block_size if smallest == block_size else 0
    return _Stream(at, min(audio, end), end, block_size, large(head[15:18]), rate, total)


def _begins(head: bytes) -> bool:
    """Whether this is the mark and the header of STREAMINFO, which is always first."""
    return len(head) == 42 and head[:4] == b"fLaC" and head[4] & 0x7F == 0 and (
        head[5:8] == b"\0\0\x22"
    )  # fmt: skip


def _held(window: Window, stream: _Stream) -> int:
    """Samples up to the end of the last frame; 0 where none is seen."""
    size = max(TAIL, 4 * stream.largest)
    while True:
        begin = max(stream.audio, stream.end - size)
        last = None
        for frame in _rows(window, stream, begin):
            last = frame
        if last is not None:
            return last.sample + last.length
        if begin == stream.audio:
            first = next(_frames(window, stream, begin), None)
            return first.sample + first.length if first and first.at == begin else 0
        size *= 8


def _behind(
    window: Window, stream: _Stream, sample: int, total: int, begin: int
) -> SoundPart | None:
    """What can be read behind the frame that holds `sample` and could not be; it is behind `begin`
    in the file."""
    for frame in _rows(window, stream, begin):
        if frame.sample > sample:
            break
    else:
        return None

    def resume(more: int) -> SoundPart | None:
        return _behind(window, stream, frame.sample + more, total, frame.at)

    left = max(0, total - frame.sample)
    pieces = _with_total(window, stream, left, frame.at)
    silence = (frame.sample - sample) / stream.rate
    return SoundPart(pieces, left / stream.rate, silence, resume=resume)


def _with_total(window: Window, stream: _Stream, total: int, first: int) -> tuple[Piece, ...]:
    """STREAMINFO that counts `total` samples, the frames from `first` on."""
    info = bytearray(window.get(stream.at, 42))
    info[4] |= 0x80  # the only block of metadata
    info[21] = info[21] & 0xF0 | total >> 32
    info[22:26] = (total & 0xFFFFFFFF).to_bytes(4, "big")
    return bytes(info), (first, stream.end)


def _rows(window: Window, stream: _Stream, begin: int) -> Iterator[_Frame]:
    """Frames that follow upon each other: noise that looks like a header stands alone."""
    before: _Frame | None = None
    trusted = False
    for frame in _frames(window, stream, begin):
        follows = before is not None and frame.sample == before.sample + before.length
        if follows and not trusted:
            assert before is not None
            yield before
        if follows:
            yield frame
            trusted, before = True, frame
        elif before is None or not trusted or frame.sample > before.sample:
            trusted, before = False, frame


def _frames(window: Window, stream: _Stream, begin: int) -> Iterator[_Frame]:
    """All that looks like the header of a frame."""
    at = begin
    while at < stream.end:
        block = window.get(at, min(WINDOW, stream.end - at))
        last = at + len(block) >= stream.end
        for match in _SYNC.finditer(block):
            place = match.start()
            if place + LONGEST_HEADER > len(block) and not last:
                break
            frame = _header(block[place : place + LONGEST_HEADER], at + place, stream)
            if frame is not None:
                yield frame
        if last or len(block) <= LONGEST_HEADER:
            return
        at += len(block) - LONGEST_HEADER


def _header(data: bytes, at: int, stream: _Stream) -> _Frame | None:
    """The frame header `data`, with its checksum; None where it is none."""
    if len(data) < 6 or data[3] & 1 or data[3] >> 4 > 10 or data[2] & 15 == 15:
        return None
    first, size = data[4], 1
    if first >= 0x80:
        size = 8 - (first ^ 0xFF).bit_length()
        if not 2 <= size <= 7 or len(data) < 4 + size:
            return None
        number = first & (0x7F >> size)
        for byte in data[5 : 4 + size]:
            if byte >> 6 != 2:
                return None
            number = number << 6 | byte & 0x3F
    else:
        number = first
    place = 4 + size
    code = data[2] >> 4
    extra = {6: 1, 7: 2}.get(code, 0)
    count = large(data[place : place + extra]) + 1
    if code == 0:
        return None
    if code == 1:
        count = 192
    elif 2 <= code <= 5:
        count = 576 << (code - 2)
    elif code >= 8:
        count = 256 << (code - 8)
    place += extra + {12: 1, 13: 2, 14: 2}.get(data[2] & 15, 0)
    if place >= len(data) or crc8(data[:place]) != data[place]:
        return None
    variable = data[1] & 1
    return _Frame(at, number if variable else number * (stream.block or count), count)


@lru_cache(maxsize=1)
def _crc8_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value << 1) ^ (0x107 if value & 0x80 else 0)
        table.append(value)
    return tuple(table)


def crc8(data: bytes) -> int:
    """The checksum of a frame header: polynomial x^8 + x^2 + x + 1 (RFC 9639, section 9.1.8)."""
    table, value = _crc8_table(), 0
    for byte in data:
        value = table[value ^ byte]
    return value
