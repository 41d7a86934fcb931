"""Ogg in, its links and the gaps between its pages out (Vorbis, Opus, FLAC, Speex in it).

Each page has a number, a checksum and the time at its end (RFC 3533, section 6): what is missing
can be told to the sample. Files joined, or a radio stream saved, are links, one behind another.
"""

from __future__ import annotations

import statistics
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from las_cli.audio.byte_view import Piece, Window
from las_cli.audio.missing_sound import DAMAGED, GAP
from las_cli.audio.parts import Parts, Reading, SoundPart, large, little

_HEADER = 27
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
_CONTINUED, _FIRST, _LAST = 1, 2, 4
_LARGEST = 27 + 255 + 255 * 255  # bytes of a page
SHORTEST_GAP = 0.1  # seconds; below it times of pages are rounded
LEAST_PAGES = 2.0  # a gap without a page that is missing is this many times a page's usual length


class _Page(NamedTuple):
    begin: int
    end: int
    flags: int
    granule: int  # samples at its end; -1: no packet ends on it
    stream: int
    number: int
    packets: int  # that end on it
    body: int  # where its data begins
    sound: bool  # there was nothing broken before it


@dataclass
class _Link:
    """One Ogg file among those joined, or the only one."""

    pages: list[_Page] = field(default_factory=list)
    codec: str = ""
    stream: int = -1
    rate: int = 0
    headers: int = 1  # packets before the sound
    broken: bool = False  # something in it is no page


def checksum(page: bytes) -> int:
    """CRC-32 as Ogg has it, not reflected: zlib's over reversed bits, reversed (RFC 3533)."""
    value = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{value:032b}"[::-1], 2)


def read_ogg(window: Window, at: int) -> Reading | None:
    """All Ogg links from `at` on; None where there is none."""
    if window.get(at, 4) != b"OggS":
        return None
    links: list[_Link] = []
    end = at
    for page in _pages(window, at):
        end = page.end
        if page.flags & _FIRST and (not links or not links[-1].pages[-1].flags & _FIRST):
            links.append(_Link())
        if not links:
            return None  # its first page is broken: whoever knows more may try
        link = links[-1]
        link.pages.append(page)
        link.broken |= not page.sound
        if page.flags & _FIRST and not link.codec:
            _recognise(window, link, page)
    parts = [part for link in links if link.codec for part in _parts(window, link)]
    if not parts:
        return None
    single = len([link for link in links if link.codec]) == 1
    if single and len(parts) == 1:  # libsndfile reads the file itself
        parts = [SoundPart(((at, window.size),), parts[0].seconds)]
    # Something that was a page, but is cut off, or noise to the end.
    cut = window.size - end > 0 and not window.is_zero(end, window.size)
    tagged = window.get(end, 3) in (b"TAG", b"ID3")
    return Parts(tuple(parts), 0.0, cut=cut and not tagged), window.size


def ogg_goes_on(window: Window) -> bool:
    """Whether the last page is of another stream than the first: files joined, or a film."""
    first = window.get(0, _HEADER)
    tail = window.get(max(0, window.size - _LARGEST), _LARGEST)
    last = tail[tail.rfind(b"OggS\0") :][:_HEADER]
    return first[:5] == last[:5] == b"OggS\0" and first[14:18] != last[14:18]


def _pages(window: Window, at: int) -> Iterator[_Page]:
    sound = True
    while 0 <= at < window.size:
        page = _page(window, at, sound)
        if page is None:
            at, sound = window.find(b"OggS", at + 1), False
            continue
        yield page
        at, sound = page.end, True


def _page(window: Window, at: int, sound: bool) -> _Page | None:
    head = window.get(at, _HEADER)
    if len(head) < _HEADER or head[:5] != b"OggS\0":
        return None
    table = window.get(at + _HEADER, head[26])
    size = _HEADER + len(table) + sum(table)
    whole = window.get(at, size)
    if len(table) < head[26] or len(whole) < size:
        return None
    if checksum(whole[:22] + b"\0\0\0\0" + whole[26:]) != little(head[22:26]):
        return None
    granule = int.from_bytes(head[6:14], "little", signed=True)
    ends = sum(length < 255 for length in table)
    return _Page(at, at + size, head[5], granule, little(head[14:18]), little(head[18:22]), ends,
                 at + _HEADER + len(table), sound)  # fmt: skip


def _recognise(window: Window, link: _Link, page: _Page) -> None:
    head = window.get(page.body, 64)
    if head[:7] == b"\x01vorbis":
        link.codec, link.rate, link.headers = "vorbis", little(head[12:16]), 3
    elif head[:8] == b"OpusHead":
        link.codec, link.rate, link.headers = "opus", 48_000, 2
    elif head[:5] == b"\x7fFLAC":
        link.codec, link.rate = "flac", large(head[27:30]) >> 4
        link.headers = 1 + max(1, large(head[7:9]))
    elif head[:8] == b"Speex   ":
        link.codec, link.rate = "speex", little(head[36:40])
        link.headers = 2 + min(16, little(head[60:64]))
    else:
        return
    link.stream = page.stream
    if not 100 <= link.rate <= 768_000:
        link.codec = ""


def _parts(window: Window, link: _Link) -> list[SoundPart]:
    """The link as it is, or in pieces where pages are missing."""
    own = [page for page in link.pages if page.stream == link.stream]
    packets = count = 0
    while count < len(own) and packets < link.headers:
        packets += own[count].packets
        count += 1
    headers, sound = own[:count], own[count:]
    whole: tuple[Piece, ...] = ((link.pages[0].begin, link.pages[-1].end),)
    if packets < link.headers or not sound:
        return [SoundPart(whole)]
    lengths, exact = _lengths(window, link, headers, sound)
    runs: list[list[_Page]] = [[sound[0]]]
    gaps: list[tuple[float, str]] = [(0.0, DAMAGED)]
    time = sound[0].granule  # at the end of what was seen
    for before, page, own_length in zip(sound, sound[1:], lengths[1:], strict=False):
        missing = page.number != (before.number + 1) & 0xFFFFFFFF
        if page.granule >= 0 or missing:
            gap = 0.0
            if min(page.granule, time) >= 0:
                gap = (page.granule - time - own_length) / link.rate
            least = SHORTEST_GAP
            if not missing and not exact:
                least += LEAST_PAGES * own_length / link.rate
            if gap > least or (missing and gap > SHORTEST_GAP / 2):
                gaps.append((gap, DAMAGED if not page.sound else GAP))
                runs.append([])
        runs[-1].append(page)
        time = page.granule if page.granule >= 0 else time
    if len(runs) == 1 and not link.broken:
        return [SoundPart(whole)]
    opening: tuple[Piece, ...] = tuple((page.begin, page.end) for page in headers)
    return [
        SoundPart(opening + _joined(run), None, gap, why)
        for run, (gap, why) in zip(runs, gaps, strict=True)
    ]


def _joined(pages: list[_Page]) -> tuple[Piece, ...]:
    """The bytes of pages, those that touch in one piece."""
    pieces: list[tuple[int, int]] = []
    for page in pages:
        if pieces and pieces[-1][1] == page.begin:
            pieces[-1] = (pieces[-1][0], page.end)
        else:
            pieces.append((page.begin, page.end))
    return tuple(pieces)


def _lengths(
    window: Window, link: _Link, headers: list[_Page], sound: list[_Page]
) -> tuple[list[float], bool]:
    """Samples of the packets that end on each page; and whether they are known or only usual."""
    if link.codec == "opus":
        return [_opus_length(window, page) for page in sound], True
    if link.codec == "vorbis" and (blocks := _blocks_of_modes(window, headers)):
        return _vorbis_lengths(window, sound, blocks), True
    timed = [page.granule for page in sound if page.granule >= 0]
    steps = [after - before for before, after in zip(timed, timed[1:], strict=False)]
    return [statistics.median(steps) if steps else link.rate] * len(sound), False


def _packets(window: Window, page: _Page) -> Iterator[tuple[bool, bool, bytes]]:
    """Of the pieces of packets on a page: whether one begins, whether it ends, its bytes."""
    table = window.get(page.begin + _HEADER, page.body - page.begin - _HEADER)
    fresh, begin, at = not page.flags & _CONTINUED, page.body, page.body
    for place, lacing in enumerate(table):
        at += lacing
        if lacing < 255 or place == len(table) - 1:
            yield fresh, lacing < 255, window.get(begin, at - begin)
            begin, fresh = at, True


def _opus_length(window: Window, page: _Page) -> float:
    return sum(
        _opus_samples(data[:2]) for fresh, ends, data in _packets(window, page) if fresh and ends
    )


def _blocks_of_modes(window: Window, headers: list[_Page]) -> tuple[int, ...]:
    """Samples of a block in each mode of a Vorbis stream, () where they are not found.

    The modes stand at the end of the third header, behind what only a decoder can take apart, so
    they are read from there: a flag, 32 bits of zero and 8 of a mapping each, their number before
    them (Vorbis I, sections 4.2.2 and 4.2.4).
    """
    packets: list[bytes] = []
    for page in headers:
        for fresh, _, data in _packets(window, page):
            if fresh:
                packets.append(data)
            elif packets:
                packets[-1] += data
    if len(packets) < 3 or len(packets[0]) < 30:
        return ()
    sizes = 1 << (packets[0][28] & 15), 1 << (packets[0][28] >> 4)
    bits = int.from_bytes(packets[2], "little")
    at = bits.bit_length() - 1  # of the framing bit
    flags: list[int] = []
    found: tuple[int, ...] = ()
    while at > 47 and len(flags) < 64 and not bits >> (at - 40) & 0xFFFFFFFF:
        at -= 41
        flags.insert(0, bits >> at & 1)
        if (bits >> (at - 6) & 63) + 1 == len(flags):
            found = tuple(sizes[flag] for flag in flags)
    return found


def _vorbis_lengths(window: Window, sound: list[_Page], blocks: tuple[int, ...]) -> list[float]:
    """Neighbouring blocks overlap: a packet gives a quarter of each (Vorbis I, section 4.3.8)."""
    lengths: list[float] = []
    before = size = 0
    for page in sound:
        total = 0
        for fresh, ends, data in _packets(window, page):
            if fresh:
                mode = data[0] >> 1 & (1 << (len(blocks) - 1).bit_length()) - 1 if data else 0
                size = blocks[min(mode, len(blocks) - 1)]
            if ends:
                total += (before + size) // 4 if before else 0
                before = size
        lengths.append(float(total))
    return lengths


def _opus_samples(packet: bytes) -> int:
    """Samples at 48 kHz of an Opus packet, by its first bytes (RFC 6716, section 3.1)."""
    if not packet:
        return 0
    config, code = packet[0] >> 3, packet[0] & 3
    if config < 12:
        size = (480, 960, 1920, 2880)[config & 3]
    elif config < 16:
        size = (480, 960)[config & 1]
    else:
        size = (120, 240, 480, 960)[config & 3]
    frames = (1, 2, 2, packet[1] & 63 if len(packet) > 1 else 0)[code]
    return size * frames
