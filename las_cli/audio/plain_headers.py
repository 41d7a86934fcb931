"""Containers of plain samples (wav, rf64, w64, aiff, au, caf) in, where their sound ends out.

A recorder that crashed leaves 0 or a first guess as the length of its sound; a length above 4 GB
wraps round in 32 bits; `cat` joins files whole. What stands behind the sound tells them apart: a
chunk, another file, nothing but zeros, or more sound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, NamedTuple

from las_cli.audio.byte_view import Piece, Window
from las_cli.audio.parts import LEAST, Parts, Reading, SoundPart, large, little

OPEN_END = 0x7FFF0000  # bytes; programs that write to a pipe leave a number from here up
_W64 = {b"riff": bytes.fromhex("72696666 2e91cf11a5d628db04c10000"),
        b"data": bytes.fromhex("64617461 f3acd3118cd100c04f8edb8a"),
        b"fmt ": bytes.fromhex("666d7420 f3acd3118cd100c04f8edb8a")}  # fmt: skip


class _Sound(NamedTuple):
    """What a header says of the sound behind it."""

    begin: int  # of its bytes in the file
    length: int  # bytes, as the header says; -1: to the end of the file
    pad: int  # chunks begin at multiples of it
    rate: float  # bytes a second, 0 where that is not known
    field: int  # where the length stands
    width: int  # bytes of that number
    added: int  # what the number counts beside the sound
    order: Literal["little", "big"]


def read_plain(window: Window, at: int) -> Reading | None:
    """The container of plain samples at `at`; None where there is none."""
    kind = _kind(window, at)
    sound = _SOUND[kind](window, at) if kind else None
    if sound is None or kind is None:
        return None
    size = window.size
    told = sound.length
    if told < 0:
        return Parts((SoundPart(((at, size),)),)), size
    if told >= OPEN_END and sound.begin + told > size:  # which not every format is opened with
        return Parts((_patched(sound, at, size),)), size
    end = sound.begin + told
    if end > size:
        lost = (end - size) / sound.rate if sound.rate else 0.0
        cut = lost > LEAST or not sound.rate
        # libsndfile does not open a caf whose sound is longer than the file.
        part = _patched(sound, at, size) if kind == "caf" else SoundPart(((at, size),))
        return Parts((part,), lost, cut=cut), size
    after = _behind(window, kind, min(size, end + (-told % sound.pad)))
    if after is None:  # neither chunks nor a file: more sound
        end = after = _next_file(window, kind, end)
    real = end - sound.begin
    # A few bytes more are padding, not words; where the rate is not known, a kilobyte is.
    if real - told <= LEAST * (sound.rate or 20_000):
        return Parts((SoundPart(((at, after),)),)), after
    return Parts((replace(_patched(sound, at, after, real), mended=True),)), after


def _patched(sound: _Sound, at: int, end: int, length: int | None = None) -> SoundPart:
    """The file at … end whose header says that its sound has `length` bytes, or all to the end."""
    number = (end - sound.begin if length is None else length) + sound.added
    patch = min(number, 2 ** (8 * sound.width) - 1).to_bytes(sound.width, sound.order)
    pieces: tuple[Piece, ...] = ((at, sound.field), patch, (sound.field + sound.width, end))
    return SoundPart(pieces, told=False)


def _kind(window: Window, at: int) -> str | None:
    head = window.get(at, 40)
    if head[8:12] == b"WAVE" and head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[:4] == b".snd" and 24 <= large(head[4:8]) < 2**20:
        return "au"
    if head[:4] == b"caff" and head[4:6] == b"\0\1":
        return "caf"
    return "w64" if head[:16] == _W64[b"riff"] else None


_MARKS = {"wav": (b"RIFF", b"RIFX", b"RF64", b"BW64"), "aiff": (b"FORM",), "au": (b".snd",),
          "caf": (b"caff",), "w64": (_W64[b"riff"],)}  # fmt: skip


def _next_file(window: Window, kind: str, at: int) -> int:
    """Where the next file of `kind` begins at or behind `at`; the end where none does."""
    found = window.size
    for mark in _MARKS[kind]:
        place = window.find(mark, at, found)
        while place >= 0 and _kind(window, place) != kind:
            place = window.find(mark, place + 1, found)
        found = place if place >= 0 else found
    return found


def _behind(window: Window, kind: str, at: int) -> int | None:
    """Where the file ends whose sound ends at `at`: behind its chunks; None where sound goes on."""
    size = window.size
    while at < size:
        if _kind(window, at) or window.get(at, 3) in (b"ID3", b"TAG"):
            return at
        step = _chunk(window, kind, at)
        if step is None:
            return size if window.is_zero(at, size) else None
        at = step
    return size


def _chunk(window: Window, kind: str, at: int) -> int | None:
    """The end of the chunk at `at`; None where there is none."""
    head = window.get(at, 24)
    name = head[:4]
    if kind == "au" or len(name) < 4 or not all(32 <= letter < 127 for letter in name):
        return None
    if kind == "w64":
        length = little(head[16:24])
        end = at + length + (-length % 8) if length >= 24 else window.size + 8
    elif kind == "caf":
        end = at + 12 + large(head[4:12])
    else:
        length = (large if kind == "aiff" or _is_rifx(window) else little)(head[4:8])
        end = at + 8 + length + length % 2
    return min(end, window.size) if end <= window.size + 1 else None


def _is_rifx(window: Window) -> bool:
    return window.get(0, 4) == b"RIFX"


def _chunks(window: Window, at: int, order: str, width: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, begin and length of the chunks from `at` on, at most a thousand."""
    for _ in range(1000):
        head = window.get(at, 4 + width)
        if len(head) < 4 + width:
            return
        length = (little if order == "little" else large)(head[4:])
        yield head[:4], at + 4 + width, length
        at += 4 + width + length + (length % 2 if width == 4 else 0)


def _wav(window: Window, at: int) -> _Sound | None:
    order: Literal["little", "big"] = "big" if window.get(at, 4) == b"RIFX" else "little"
    number = large if order == "big" else little
    rate, wide = 0.0, None
    for name, begin, length in _chunks(window, at + 12, order, 4):
        if name == b"ds64":
            wide = begin + 8
        elif name == b"fmt ":
            rate = float(number(window.get(begin + 8, 4)))
        elif name == b"data":
            if wide is not None:
                return _Sound(begin, little(window.get(wide, 8)), 2, rate, wide, 8, 0, "little")
            return _Sound(begin, length, 2, rate, begin - 4, 4, 0, order)
    return None


def _aiff(window: Window, at: int) -> _Sound | None:
    rate = 0.0
    for name, begin, length in _chunks(window, at + 12, "big", 4):
        if name == b"COMM":
            fields = window.get(begin, 18)
            channels, bits = large(fields[:2]), large(fields[6:8])
            exponent, mantissa = large(fields[8:10]) & 0x7FFF, large(fields[10:18])
            if 16383 <= exponent < 16383 + 32:
                rate = mantissa * 2.0 ** (exponent - 16383 - 63) * channels * ((bits + 7) // 8)
        elif name == b"SSND":
            if length == 0 or length >= OPEN_END:  # libsndfile reads on by itself
                return _Sound(begin + 8, -1, 2, rate, begin - 4, 4, 8, "big")
            return _Sound(begin + 8, max(0, length - 8), 2, rate, begin - 4, 4, 8, "big")
    return None


def _au(window: Window, at: int) -> _Sound | None:
    fields = [large(window.get(at + 4 * place, 4)) for place in range(6)]
    _, offset, length, coding, rate, channels = fields
    width = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}.get(coding, 0)
    length = -1 if length == 0xFFFFFFFF else length
    return _Sound(at + offset, length, 1, width * rate * channels, at + 8, 4, 0, "big")


def _caf(window: Window, at: int) -> _Sound | None:
    rate = 0.0
    for name, begin, length in _chunks(window, at + 8, "big", 8):
        if name == b"desc":
            import struct

            fields = window.get(begin, 32)
            if len(fields) == 32:
                hertz, packet, frames = struct.unpack(">d8xII8x", fields)
                rate = hertz * packet / frames if frames and 0 < hertz < 1e7 else 0.0
        elif name == b"data":  # four bytes of it count edits
            return _Sound(begin + 4, max(0, length - 4), 1, rate, begin - 8, 8, 4, "big")
    return None


def _w64(window: Window, at: int) -> _Sound | None:
    rate, place = 0.0, at + 40
    for _ in range(1000):
        head = window.get(place, 24)
        if len(head) < 24:
            return None
        length = little(head[16:24])
        if head[:16] == _W64[b"fmt "]:
            rate = float(little(window.get(place + 32, 4)))
        elif head[:16] == _W64[b"data"]:
            return _Sound(place + 24, max(0, length - 24), 8, rate, place + 16, 8, 24, "little")
        if length < 24:
            return None
        place += length + (-length % 8)
    return None


_SOUND = {"wav": _wav, "aiff": _aiff, "au": _au, "caf": _caf, "w64": _w64}
