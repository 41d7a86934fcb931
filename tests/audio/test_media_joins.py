"""Where joined files begin that ffmpeg would take for one, by bytes made by hand."""

from __future__ import annotations

import io

import pytest

from las_cli.audio.media_joins import joined_at


def places(data: bytes) -> list[int]:
    return joined_at(io.BytesIO(data), len(data))


def adts(rate: int, channels: int, size: int = 100) -> bytes:
    """A frame of AAC: rate by its index (ISO/IEC 14496-3, table 1.18), bytes in all."""
    head = bytes((0xFF, 0xF1, 0x40 | rate << 2 | channels >> 2, (channels & 3) << 6 | size >> 11))
    return head + bytes((size >> 3 & 0xFF, (size & 7) << 5 | 0x1F, 0xFC)) + bytes(size - 7)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([(8, 1)] * 5, [0]),
        ([(8, 1)] * 3 + [(4, 1)] * 2, [0, 300]),
        ([(8, 1)] * 3 + [(8, 2)] * 2 + [(8, 1)] * 2, [0, 300, 500]),
    ],
)
def test_aac_of_another_rate_or_other_channels(
    frames: list[tuple[int, int]], expected: list[int]
) -> None:
    assert places(b"".join(adts(*frame) for frame in frames)) == expected


def test_noise_between_frames_of_aac() -> None:
    """Even where it looks like a frame: nothing follows where it would end."""
    data = adts(8, 1) * 3 + adts(4, 1)[:60] + adts(8, 1) * 3
    assert places(data) == [0]
    assert places(data + adts(4, 1) * 2) == [0, 660]


def page(first: bool, body: bytes = b"x" * 10) -> bytes:
    """A page of Ogg; nobody looks at its checksum here."""
    return b"OggS\0" + bytes((2 * first,)) + bytes(20) + bytes((1, len(body))) + body


def test_links_of_ogg() -> None:
    one = page(True) + page(False) * 3
    film = page(True) * 2 + page(False) * 3  # two streams beside each other
    assert places(one) == [0]
    assert places(one + film + one) == [0, len(one), len(one) + len(film)]
    assert places(one + page(True)[:20]) == [0]
