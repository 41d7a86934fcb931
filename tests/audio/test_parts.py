"""What was offered is what was heard, or it is said: joins, headers that say too little, damage."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from las_cli.audio.flac_frames import crc8
from las_cli.audio.missing_sound import DAMAGED, GAP, MENDED, TRUNCATED
from las_cli.audio.ogg_pages import checksum
from las_cli.audio.reader import AudioReader, audio_info, read_audio

from .recordings import CONTAINERS, RATE, marked, marks_in, near, spoilt, without, written

PLAIN = ("wav", "wavex", "rf64", "w64", "aiff", "au", "caf")
CODED = ("flac", "ogg", "opus", "mp3")


@pytest.fixture(autouse=True)
def no_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    """What libsndfile can read must not need it."""
    monkeypatch.setenv("PATH", "")


def heard(folder: Path, data: bytes, kind: str) -> tuple[torch.Tensor, AudioReader]:
    path = folder / f"a.{kind}"
    path.write_bytes(data)
    reader = AudioReader(path)
    return torch.cat(list(reader.blocks(1.0))), reader


@pytest.mark.parametrize("kind", sorted(CONTAINERS))
def test_a_sound_file_is_read_as_it_is(tmp_path: Path, kind: str) -> None:
    data = written(marked(6, (1.0, 5.0)), kind)
    sound, reader = heard(tmp_path, data, kind)
    plain = torch.from_numpy(soundfile.read(tmp_path / f"a.{kind}", dtype="float32")[0])
    assert sound.numel() == plain.numel()
    # Opus is stored at 48 kHz; an mp3 decoder that jumps rounds otherwise.
    assert kind == "opus" or torch.allclose(sound, plain, atol=1e-6)
    assert reader.flags == [] and reader.missing == []


@pytest.mark.parametrize("kind", sorted(CONTAINERS))
def test_joined_files_are_heard_to_the_end(tmp_path: Path, kind: str) -> None:
    """cat a b > c: libsndfile ends with the first, or does not open the whole."""
    data = written(marked(4, (1.0,)), kind) + written(marked(5, (2.0, 4.0)), kind)
    sound, reader = heard(tmp_path, data, kind)
    assert abs(sound.numel() / RATE - 9) < 0.12
    assert near(marks_in(sound), [1.0, 6.0, 8.0], 0.08)
    assert reader.flags == [] and reader.missing == []
    if kind in PLAIN:  # of others the headers do not tell before the file is read through
        assert abs(audio_info(tmp_path / f"a.{kind}").duration - 9) < 0.01


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3"])
def test_joined_files_of_two_rates_and_channels(tmp_path: Path, kind: str) -> None:
    stereo = np.stack([marked(4, (2.0,), 44_100)] * 2, axis=1)
    data = written(marked(4, (1.0,)), kind) + written(stereo, kind, 44_100)
    sound, reader = heard(tmp_path, data, kind)
    assert near(marks_in(sound), [1.0, 6.0], 0.08) and reader.flags == []


def lengths(data: bytes, kind: str) -> tuple[int, int, str]:
    """Where the header says how long the sound is: begin, bytes, order."""
    if kind in ("wav", "wavex"):
        return data.index(b"data") + 4, 4, "little"
    if kind == "rf64":
        return data.index(b"ds64") + 16, 8, "little"
    if kind == "aiff":
        return data.index(b"SSND") + 4, 4, "big"
    if kind == "au":
        return 8, 4, "big"
    assert kind == "caf"
    return data.index(b"data") + 4, 8, "big"


@pytest.mark.parametrize("told", [0, 4096, 100_000])
@pytest.mark.parametrize("kind", ["wav", "wavex", "rf64", "aiff", "au", "caf"])
def test_a_header_that_says_less_than_the_file_holds(
    tmp_path: Path, kind: str, told: int
) -> None:
    """A recorder that crashed leaves 0, or the length at the last time it was written down."""
    whole = written(marked(6, (1.0, 5.0)), kind)
    at, width, order = lengths(whole, kind)
    data = bytearray(whole)
    data[at : at + width] = told.to_bytes(width, order)  # type: ignore[arg-type]
    if kind == "wav":
        data[4:8] = struct.pack("<I", told)
    sound, reader = heard(tmp_path, bytes(data), kind)
    assert near(marks_in(sound), [1.0, 5.0], 0.03)
    assert abs(sound.numel() / RATE - 6) < 0.01
    assert reader.flags == ([] if (kind, told) == ("aiff", 0) else [MENDED])
    assert abs(audio_info(tmp_path / f"a.{kind}").duration - 6) < 0.01
    part = read_audio(tmp_path / f"a.{kind}", start=4.5, duration=1.0)
    assert part.numel() == RATE and near(marks_in(part), [0.5], 0.03)


@pytest.mark.parametrize("told", [0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1])
@pytest.mark.parametrize("kind", ["wav", "wavex", "rf64", "aiff", "au", "caf"])
def test_a_stream_leaves_a_length_without_end(tmp_path: Path, kind: str, told: int) -> None:
    """Not every program writes the number that its format has for that."""
    data = bytearray(written(marked(6, (1.0, 5.0)), kind))
    at, width, order = lengths(bytes(data), kind)
    if told >= 256**width:
        pytest.skip("the field is narrower")
    data[at : at + width] = told.to_bytes(width, order)  # type: ignore[arg-type]
    sound, reader = heard(tmp_path, bytes(data), kind)
    assert near(marks_in(sound), [1.0, 5.0], 0.03) and abs(sound.numel() / RATE - 6) < 0.01
    assert reader.flags == [] and abs(reader.info.duration - 6) < 0.01


def test_joined_after_a_crash(tmp_path: Path) -> None:
    one = bytearray(written(marked(4, (1.0,)), "wav"))
    one[40:44] = bytes(4)
    sound, reader = heard(tmp_path, bytes(one) + written(marked(4, (2.0,)), "wav"), "wav")
    assert near(marks_in(sound), [1.0, 6.0], 0.03) and reader.flags == [MENDED]


def test_chunks_and_tags_behind_the_sound_are_no_sound(tmp_path: Path) -> None:
    data = written(marked(2, (1.0,)), "wav")
    behind = b"LIST" + struct.pack("<I", 4000) + b"INFO" + b"ICMT" * 999
    for tail in (behind, b"id3 " + struct.pack("<I", 10) + b"ID3" + bytes(7), bytes(5000),
                 b"TAG" + b"x" * 125):  # fmt: skip
        sound, reader = heard(tmp_path, data + tail, "wav")
        assert sound.numel() == 2 * RATE and reader.flags == [], tail[:4]
    tag = b"ID3\x03\x00\x00" + bytes([0, 0, 0x10, 0]) + b"\xff\xfb\x90\x64" * 512
    for data in (tag + written(marked(2, (1.0,)), "mp3"),
                 written(marked(2, (1.0,)), "mp3") + b"TAG" + b"\xff\xfb" + b"x" * 123,
                 written(marked(2, (1.0,)), "mp3") + bytes(3000)):  # fmt: skip
        sound, reader = heard(tmp_path, data, "mp3")
        assert near(marks_in(sound), [1.0], 0.05) and reader.flags == []


def test_tags_between_joined_mp3_files(tmp_path: Path) -> None:
    """Podcasts are put together so, with a picture in each tag."""
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 0x40, 0]) + b"\xff\xfb\x50\xc4" * 2048
    data = (tag + written(marked(3, (1.0,)), "mp3") + b"TAG" + b"y" * 125) * 2
    sound, reader = heard(tmp_path, data, "mp3")
    assert near(marks_in(sound), [1.0, 4.0], 0.08) and reader.flags == []


def test_an_mp3_whose_tag_counts_too_few_frames(tmp_path: Path) -> None:
    data = written(marked(6, (1.0, 5.0)), "mp3")
    at = data.index(b"Xing") if b"Xing" in data[:200] else data.index(b"Info")
    data = data[: at + 8] + struct.pack(">I", 40) + data[at + 12 :]
    sound, reader = heard(tmp_path, data, "mp3")
    assert near(marks_in(sound), [1.0, 5.0], 0.1) and reader.flags == [MENDED]


def without_length(data: bytes) -> bytes:
    """FLAC as a pipe gets it."""
    out = bytearray(data)
    out[21] &= 0xF0
    out[22:26] = bytes(4)
    return bytes(out)


@pytest.mark.parametrize("seconds", [0.1, 0.7, 6.1, 31.0])
def test_flac_without_a_length(tmp_path: Path, seconds: float) -> None:
    sound, reader = heard(tmp_path, without_length(written(marked(seconds, ()), "flac")), "flac")
    assert sound.numel() == round(seconds * RATE) and reader.flags == []
    assert reader.info.duration == pytest.approx(seconds)


def test_flac_whose_header_counts_too_few(tmp_path: Path) -> None:
    data = bytearray(written(marked(6, (1.0, 5.0)), "flac"))
    data[22:26] = struct.pack(">I", 2 * RATE)
    sound, reader = heard(tmp_path, bytes(data), "flac")
    assert near(marks_in(sound), [1.0, 5.0], 0.03) and reader.flags == [MENDED]


@pytest.mark.parametrize("harm", [spoilt, without])
@pytest.mark.parametrize("share", [0.15, 0.4, 0.7, 0.85])
@pytest.mark.parametrize("kind", CODED)
def test_damage_costs_its_own_spot(tmp_path: Path, kind: str, share: float, harm: object) -> None:
    """What was decoded before is kept, what stands behind is heard at its own time."""
    spots = (0.5, 19.7)
    data = harm(written(marked(20, spots), kind), share)  # type: ignore[operator]
    sound, reader = heard(tmp_path, data, kind)
    assert abs(sound.numel() / RATE - 20) < 0.2
    assert near(marks_in(sound), list(spots), 0.2), marks_in(sound)
    assert reader.flags in ([DAMAGED], [GAP])
    lost = sum(lost.duration for lost in reader.missing)
    assert 0 < lost < (2.5 if kind in ("ogg", "opus") else 1.1)  # pages of a second
    assert abs(reader.missing[0].start - 20 * share) < 1.5


@pytest.mark.parametrize("kind", CODED)
def test_two_damaged_spots(tmp_path: Path, kind: str) -> None:
    data = spoilt(spoilt(written(marked(30, (0.5, 15.0, 29.0)), kind), 0.3), 0.7)
    sound, reader = heard(tmp_path, data, kind)
    assert near(marks_in(sound), [0.5, 15.0, 29.0], 0.3), marks_in(sound)
    assert len(reader.missing) >= 2 and reader.flags == [DAMAGED]


def test_an_mp3_without_its_beginning(tmp_path: Path) -> None:
    data = written(marked(10, (5.0,)), "mp3")
    sound, reader = heard(tmp_path, bytes(range(256)) * 3 + data[700:], "mp3")
    assert len(marks_in(sound)) == 1 and sound.numel() > 9 * RATE


@pytest.mark.parametrize("kind", [*PLAIN, "flac", "mp3"])
def test_a_file_that_is_cut_off_says_how_much_is_missing(tmp_path: Path, kind: str) -> None:
    data = written(marked(8, (1.0, 7.0)), kind)
    sound, reader = heard(tmp_path, data[: len(data) // 2], kind)
    assert near(marks_in(sound), [1.0], 0.05)
    if kind == "w64":  # its chunk of data is told, but libsndfile reads to the end
        assert TRUNCATED in reader.flags
    assert reader.flags == [TRUNCATED]
    (lost,) = reader.missing
    assert abs(lost.start - sound.numel() / RATE) < 0.01
    assert abs(lost.start + lost.duration - 8) < 0.3


@pytest.mark.parametrize("kind", ["ogg", "opus"])
def test_a_cut_off_ogg_is_flagged(tmp_path: Path, kind: str) -> None:
    data = written(marked(8, (1.0, 7.0)), kind)
    sound, reader = heard(tmp_path, data[: len(data) * 2 // 3], kind)
    assert marks_in(sound) == pytest.approx([1.0], abs=0.05) and reader.flags == [TRUNCATED]


def pages(data: bytes) -> list[bytes]:
    """The pages of an Ogg file."""
    found, at = [], 0
    while at < len(data):
        count = data[at + 26]
        size = 27 + count + sum(data[at + 27 : at + 27 + count])
        found.append(data[at : at + size])
        at += size
    return found


@pytest.mark.parametrize("renumbered", [False, True])
@pytest.mark.parametrize("kind", ["ogg", "opus"])
def test_missing_pages_are_silence(tmp_path: Path, kind: str, renumbered: bool) -> None:
    """A stream that was recorded over a bad line; a program that copies it numbers anew."""
    all_of_it = pages(written(marked(30, (0.5, 28.0)), kind))
    third = len(all_of_it) // 3
    kept = all_of_it[:third] + all_of_it[2 * third :]
    if renumbered:
        kept = [
            page[:18] + struct.pack("<I", number) + bytes(4) + page[26:]
            for number, page in enumerate(kept)
        ]
        kept = [page[:22] + struct.pack("<I", checksum(page)) + page[26:] for page in kept]
    sound, reader = heard(tmp_path, b"".join(kept), kind)
    assert near(marks_in(sound), [0.5, 28.0], 0.25), marks_in(sound)
    assert reader.flags == [GAP]
    (lost,) = reader.missing
    assert 8 < lost.duration < 12


@pytest.mark.parametrize("kind", ["ogg", "opus"])
def test_a_single_page_that_is_missing(tmp_path: Path, kind: str) -> None:
    """Numbered anew, so that times alone tell: blocks of Vorbis and packets of Opus are counted."""
    every = pages(written(marked(12, (0.5, 10.5)), kind))
    kept = every[: len(every) // 2] + every[len(every) // 2 + 1 :]
    kept = [
        page[:18] + struct.pack("<I", at) + bytes(4) + page[26:] for at, page in enumerate(kept)
    ]
    kept = [page[:22] + struct.pack("<I", checksum(page)) + page[26:] for page in kept]
    sound, reader = heard(tmp_path, b"".join(kept), kind)
    assert near(marks_in(sound), [0.5, 10.5], 0.1), marks_in(sound)
    assert reader.flags == [GAP] and len(reader.missing) == 1
    assert abs(sound.numel() / RATE - 12) < 0.1


def test_checksums_are_those_of_the_formats() -> None:
    data = pages(written(marked(1, ()), "ogg"))[0]
    assert struct.pack("<I", checksum(data[:22] + bytes(4) + data[26:])) == data[22:26]
    assert crc8(b"123456789") == 0xF4  # CRC-8 of the catalogue of CRCs
