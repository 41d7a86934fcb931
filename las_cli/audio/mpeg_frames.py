"""MPEG audio (mp3, mp2) in, the runs of frames in it out: between tags, joins and damaged spots.

An mp3 is a row of frames with a header each and no length but what an encoder wrote into the first
(Xing, Info), which ends the sound for libsndfile, whatever is joined behind it. The layout is that
of ISO/IEC 11172-3, section 2.4.2.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from las_cli.audio.byte_view import Piece, Window
from las_cli.audio.parts import Parts, Reading, SoundPart, large

SURE = 3  # frames in a row that are no chance
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_KBIT = {
    (3, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}  # (version 1 or lower, layer): kbit/s of the codes 1 … 14


class _Kind(NamedTuple):
    """What the frames of one recording have in common."""

    version: int  # 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5
    layer: int
    rate: int
    mono: bool

    @property
    def samples(self) -> int:
        """Of a frame, a channel."""
        if self.layer == 1:
            return 384
        return 1152 if self.layer == 2 or self.version == 3 else 576

    @property
    def tag_at(self) -> int:
        """Where in a frame the encoder's tag stands."""
        if self.version == 3:
            return 21 if self.mono else 36
        return 13 if self.mono else 21


class _Run(NamedTuple):
    """Frames without anything between them."""

    begin: int
    end: int
    kind: _Kind
    frames: int  # without that of the tag
    told: int | None  # frames that the tag counts
    sound: int  # where they begin behind the tag
    cut: bool  # the file ends within a frame


@lru_cache(maxsize=4096)
def frame(head: bytes) -> tuple[_Kind, int] | None:
    """Kind and length in bytes of the frame that begins with four bytes; None for other bytes."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    code, rate_code = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or code in (0, 15) or rate_code == 3 or head[3] & 3 == 2:
        return None
    rate = _RATES[version][rate_code]
    bits = _KBIT[3 if version == 3 else 2, layer][code - 1] * 1000
    kind = _Kind(version, layer, rate, head[3] >> 6 == 3)
    padding = head[2] >> 1 & 1
    if layer == 1:
        return kind, (12 * bits // rate + padding) * 4
    return kind, kind.samples // 8 * bits // rate + padding


def id3_end(window: Window, at: int) -> int | None:
    """Where the ID3v2 tag at `at` ends; None where there is none."""
    head = window.get(at, 10)
    if len(head) < 10 or head[:3] != b"ID3" or head[3] == 0xFF or max(head[6:10]) > 0x7F:
        return None
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    return at + 10 + size + (10 if head[5] & 0x10 else 0)


def read_mpeg(window: Window, at: int) -> Reading | None:
    """The MPEG audio at `at`, all runs of it; None where there is none."""
    begin = at
    at = _behind_tags(window, at)
    if not is_sure(window, at):
        return None
    runs: list[tuple[_Run, float]] = []  # with the seconds that are missing before each
    missing, size, cut = 0.0, window.size, False
    while at < size:
        run = _run(window, at)
        if run.frames:
            runs.append((run, missing))
        missing, cut, at = 0.0, run.cut, _behind_tags(window, run.end)
        if at >= size or cut or window.is_zero(at, size):
            at = size
            break
        if is_sure(window, at):
            continue
        if _other_file(window, at):
            break
        where = next_run(window, at, size)
        missing, at = (where - at) / max(1.0, _a_second(run)), where
    if not runs:
        return None  # nothing but tags
    missing += _not_there(runs, missing)
    parts = [
        _part(window, run, run.begin if place else begin, silence)
        for place, (run, silence) in enumerate(runs)
    ]
    # The tag of the encoder knows: half a frame at the end of all that it counts is no loss.
    cut = cut and (runs[-1][0].told is None or missing > 0)
    return Parts(tuple(parts), missing, cut=cut), at


def _a_second(run: _Run) -> float:
    """Bytes."""
    return (run.end - run.sound) * run.kind.rate / max(1, run.frames * run.kind.samples)


def _not_there(runs: list[tuple[_Run, float]], missing: float) -> float:
    """Seconds that the last tag counts beyond what is there: put into the last gap behind it, which
    may be longer than the bytes in it tell, or else given back: they are missing at the end."""
    tags = [place for place, (run, _) in enumerate(runs) if run.told is not None]
    if not tags or not (told := runs[tags[-1]][0].told):
        return 0.0
    behind = runs[tags[-1] :]
    a_frame = behind[0][0].kind.samples / behind[0][0].kind.rate
    heard = sum(run.frames for run, _ in behind) * a_frame
    short = told * a_frame - heard - sum(silence for _, silence in behind[1:]) - missing
    if short < 2 * a_frame:
        return 0.0
    if len(behind) == 1:
        return short
    run, silence = runs[-1]
    runs[-1] = run, silence + short
    return 0.0


def _part(window: Window, run: _Run, begin: int, silence: float) -> SoundPart:
    """A run as a file of its own: with a tag that counts its frames, unless its own is right."""
    kind = run.kind
    mended = bool(run.told) and run.frames > (run.told or 0) + 1

    def resume(sample: int) -> SoundPart | None:
        """The frames behind the one that `sample` lies in."""
        at, behind = run.sound, sample // kind.samples + 1
        for _ in range(behind):
            got = frame(window.get(at, 4))
            if got is None or at >= run.end:
                return None
            at += got[1]
        rest = run._replace(begin=at, sound=at, frames=run.frames - behind, told=None)
        gap = (behind * kind.samples - sample) / kind.rate
        return _part(window, rest, at, gap) if rest.frames > 0 else None

    pieces: tuple[Piece, ...] = ((begin, run.end),)
    told = run.told is not None and abs(run.frames - run.told) <= 1
    if not told:  # libsndfile would guess the length, or stop at that of the tag
        pieces = (_tag(window.get(run.sound, 4), run.frames), (run.sound, run.end))
    # A tag that is right tells the padding too, which libsndfile takes off.
    seconds = None if told else run.frames * kind.samples / kind.rate
    return SoundPart(pieces, seconds, silence, mended=mended, told=told, resume=resume)


def _tag(head: bytes, count: int) -> bytes:
    """A silent frame like that which begins with `head`, with a tag that counts `count` frames."""
    head = head[:1] + bytes([head[1] | 1, head[2] & 0x0F | 0x90]) + head[3:]  # no checksum
    got = frame(head)
    assert got is not None
    kind, length = got
    if kind.layer != 3:
        return b""
    data = bytearray(head.ljust(length, b"\0"))
    tag = b"Info" + (1).to_bytes(4, "big") + count.to_bytes(4, "big")
    data[kind.tag_at : kind.tag_at + len(tag)] = tag
    return bytes(data)


def _run(window: Window, at: int) -> _Run:
    begin = sound = at
    kind, length = frame(window.get(at, 4)) or (_Kind(3, 3, 44_100, False), 0)
    told = _told(window, at, kind)
    if told is not None:
        at = sound = at + length
    count, size, cut = 0, window.size, False
    while at < size:
        head = window.get(at, 4)
        got = frame(head)
        if got is None or got[0][:3] != kind[:3]:
            break
        if at + got[1] > size:
            cut, at = True, size
            break
        if (count or at > begin) and _told(window, at, got[0]) is not None:
            break  # another file begins
        if count and head[3] >> 6 != 3 and kind.mono and not is_sure(window, at):
            break
        at += got[1]
        count += 1
    return _Run(begin, at, kind, count, told if told else None, sound, cut)


def _told(window: Window, at: int, kind: _Kind) -> int | None:
    """Frames that the encoder's tag in the frame at `at` counts, 0 if it does not; None: no tag."""
    if (counted := _counted(window, at, kind)) is not None:
        return counted[0]
    return 0 if window.get(at + 36, 4) == b"VBRI" else None


def _counted(window: Window, at: int, kind: _Kind) -> tuple[int, int] | None:
    """Frames and bytes that the tag (Xing, Info) in the frame at `at` counts, 0 for what it does
    not; None: no such tag."""
    tag = window.get(at + kind.tag_at, 16)
    if tag[:4] not in (b"Xing", b"Info"):
        return None
    flags = tag[7] if tag[7:8] else 0
    sizes = tag[12:16] if flags & 1 else tag[8:12]
    return large(tag[8:12]) if flags & 1 else 0, large(sizes) if flags & 2 else 0


def mpeg_goes_on(window: Window, beside: int) -> bool:
    """Whether more than `beside` bytes stand behind those that the encoder's tag counts."""
    at = _behind_tags(window, 0)
    if (found := frame(window.get(at, 4))) is None:
        return False
    counted = _counted(window, at, found[0])
    return counted is not None and 0 < counted[1] < window.size - at - beside


def is_sure(window: Window, at: int, count: int = SURE) -> bool:
    """Whether `count` frames of a kind follow each other from `at` on, or fewer to the end."""
    kind: _Kind | None = None
    for seen in range(count):
        if at >= window.size:
            return seen > 0
        got = frame(window.get(at, 4))
        if got is None or (kind is not None and got[0][:3] != kind[:3]):
            return seen > 0 and _tag_end(window, at) is not None
        kind = got[0]
        at += got[1]
        if at > window.size:  # cut off
            return seen > 0
    return True


def next_run(window: Window, at: int, end: int) -> int:
    """Where frames, or a tag before them, begin behind `at`; `end` where none do."""
    tag = window.find(b"ID3", at + 1, end)
    while 0 <= tag and (id3_end(window, tag) or end) >= end:
        tag = window.find(b"ID3", tag + 1, end)
    stop = tag if tag >= 0 else end
    place = window.find(b"\xff", at, stop)
    while place >= 0:
        if frame(window.get(place, 4)) and is_sure(window, place):
            return place
        place = window.find(b"\xff", place + 1, stop)
    return stop


def _behind_tags(window: Window, at: int) -> int:
    """Where the tags at `at`, one behind the other, end; `at` where there are none."""
    while (after := _tag_end(window, at)) is not None:
        at = after
    return at


def _tag_end(window: Window, at: int) -> int | None:
    """Where the tag at `at` ends (ID3, APE); None where there is none."""
    head = window.get(at, 32)
    if head[:3] == b"TAG" and window.size - at >= 128:
        return at + 128
    if head[:8] == b"APETAGEX" and len(head) == 32:
        return at + 32 + int.from_bytes(head[12:16], "little")
    if head[:11] == b"LYRICSBEGIN":
        end = window.find(b"LYRICS200", at)
        return end + 9 if end >= 0 else None
    return id3_end(window, at)


def _other_file(window: Window, at: int) -> bool:
    return window.get(at, 4) in (b"RIFF", b"fLaC", b"OggS", b"FORM")
