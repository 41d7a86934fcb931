"""Containers by way of ffmpeg: joins, gaps and late tracks at the times of a player, losses."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import soundfile
import torch

from las_cli.audio.media_joins import joined_at
from las_cli.audio.missing_sound import CANCELLED, DAMAGED, GAP, TRUNCATED
from las_cli.audio.reader import AudioReader

from .recordings import RATE, marked, marks_in, near, spoilt

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")

CODINGS = {
    "m4a": ["-c:a", "aac"],
    "webm": ["-c:a", "libopus", "-ar", "48000"],
    "mkv": ["-c:a", "aac"],
    "ts": ["-c:a", "aac"],
    "wma": ["-c:a", "wmav2"],
    "flv": ["-c:a", "mp3"],
    "avi": ["-c:a", "mp3"],
    "aac": ["-c:a", "aac"],
}


def ffmpeg(*arguments: object) -> None:
    command = ["ffmpeg", "-nostdin", "-y", "-v", "error", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)


def make(folder: Path, kind: str, seconds: float, marks: tuple[float, ...]) -> bytes:
    """A media file with marks in its sound."""
    soundfile.write(folder / "plain.wav", marked(seconds, marks), RATE)
    path = folder / f"made.{kind}"
    try:
        ffmpeg("-i", folder / "plain.wav", *CODINGS[kind], path)
    except subprocess.CalledProcessError:
        pytest.skip(f"this ffmpeg writes no {kind}")
    return path.read_bytes()


def heard(path: Path) -> tuple[torch.Tensor, AudioReader]:
    reader = AudioReader(path)
    return torch.cat(list(reader.blocks(1.0))), reader


@pytest.mark.parametrize("kind", list(CODINGS))
def test_joined_media_files(tmp_path: Path, kind: str) -> None:
    one, other = make(tmp_path, kind, 4, (1.0,)), make(tmp_path, kind, 5, (2.0, 4.0))
    path = tmp_path / f"joined.{kind}"
    path.write_bytes(one + other)
    with path.open("rb") as file:
        places = joined_at(file, len(one) + len(other))
    assert places in ([0, len(one)], [0])  # ts and aac go on by themselves
    sound, reader = heard(path)
    assert near(marks_in(sound), [1.0, 6.0, 8.0], 0.25) and reader.flags == []
    path.write_bytes(one)
    sound, reader = heard(path)
    assert near(marks_in(sound), [1.0], 0.1) and reader.flags == []


@pytest.mark.parametrize(
    ("kind", "coding", "delay"),
    [("aac", "aac", 0.07), ("oga", "flac", 0.0), ("spx", "libspeex", 0.0)],
)
def test_joined_files_of_two_rates(tmp_path: Path, kind: str, coding: str, delay: float) -> None:
    """ffmpeg goes on with the rate of the first, or takes the second's header for damage."""
    data = b""
    for seconds, mark, rate in ((4, 1.0, 16_000), (5, 2.0, 44_100 if kind != "spx" else 32_000)):
        soundfile.write(tmp_path / "plain.wav", marked(seconds, (mark,), rate), rate)
        made = tmp_path / f"made.{kind}"
        try:
            ffmpeg("-i", tmp_path / "plain.wav", "-c:a", coding, made)
        except subprocess.CalledProcessError:
            pytest.skip(f"this ffmpeg writes no {coding}")
        data += made.read_bytes()
    (tmp_path / f"joined.{kind}").write_bytes(data)
    sound, reader = heard(tmp_path / f"joined.{kind}")
    assert near(marks_in(sound), [1.0 + delay, 6.0 + 2 * delay], 0.06) and reader.flags == []
    assert abs(sound.numel() / RATE - 9) < 0.3


@pytest.mark.parametrize("kind", ["webm", "mkv", "m4a"])
def test_gaps_between_packets_keep_the_times(tmp_path: Path, kind: str) -> None:
    make(tmp_path, kind, 20, (1.0, 18.0))
    unit = "0.001" if kind != "m4a" else f"{1 / RATE}"
    drop = f"noise=drop='between(pts*{unit},6,11)'"
    path = tmp_path / f"gap.{kind}"
    try:
        ffmpeg("-i", tmp_path / f"made.{kind}", "-c", "copy", "-bsf:a", drop, path)
    except subprocess.CalledProcessError:
        pytest.skip("this ffmpeg drops no packets")
    sound, reader = heard(path)
    assert near(marks_in(sound), [1.0, 18.0], 0.12)
    assert reader.flags == [GAP]
    (lost,) = reader.missing
    assert abs(lost.start - 6) < 0.2 and abs(lost.duration - 5) < 0.3


@pytest.mark.parametrize("kind", ["mp4", "mkv", "ts"])
def test_a_track_that_starts_late(tmp_path: Path, kind: str) -> None:
    soundfile.write(tmp_path / "plain.wav", marked(6, (1.0,)), RATE)
    path = tmp_path / f"late.{kind}"
    film = ["-f", "lavfi", "-i", "testsrc=d=9:s=64x64:r=5", "-itsoffset", "3"]
    ffmpeg(*film, "-i", tmp_path / "plain.wav", "-c:v", "mpeg4", "-c:a", "aac", path)
    sound, reader = heard(path)
    assert near(marks_in(sound), [4.0], 0.12) and reader.flags == []


def test_sound_alone_that_starts_late_begins_at_once(tmp_path: Path) -> None:
    """As players have it; a recorder cuts a stream out so, with the clock of the whole."""
    soundfile.write(tmp_path / "plain.wav", marked(6, (1.0,)), RATE)
    ffmpeg("-itsoffset", "3", "-i", tmp_path / "plain.wav", "-c:a", "flac", tmp_path / "a.mka")
    sound, reader = heard(tmp_path / "a.mka")
    assert near(marks_in(sound), [1.0], 0.12) and reader.flags == []


def test_media_that_is_cut_off_or_damaged(tmp_path: Path) -> None:
    data = make(tmp_path, "webm", 20, (1.0, 18.0))
    (tmp_path / "cut.webm").write_bytes(data[: len(data) // 2])
    sound, reader = heard(tmp_path / "cut.webm")
    assert near(marks_in(sound), [1.0], 0.1) and reader.flags == [TRUNCATED]
    assert abs(reader.missing[0].start + reader.missing[0].duration - 20) < 0.3
    data = make(tmp_path, "m4a", 20, (1.0, 18.0))
    (tmp_path / "bad.m4a").write_bytes(spoilt(data, 0.4))
    sound, reader = heard(tmp_path / "bad.m4a")
    assert near(marks_in(sound), [1.0, 18.0], 0.25) and reader.flags == [DAMAGED]
    assert 0 < sum(lost.duration for lost in reader.missing) < 2
    assert all(abs(lost.start - 8) < 2.5 for lost in reader.missing)


def test_a_film_whose_header_has_no_length(tmp_path: Path) -> None:
    data = bytearray(make(tmp_path, "m4a", 6, (1.0, 5.0)))
    at = data.index(b"mvhd") + 20  # ISO/IEC 14496-12, section 8.2.2
    data[at : at + 4] = bytes(4)
    (tmp_path / "crashed.m4a").write_bytes(data)
    sound, reader = heard(tmp_path / "crashed.m4a")
    assert near(marks_in(sound), [1.0, 5.0], 0.1) and reader.flags == []


def test_a_channel_upside_down(tmp_path: Path) -> None:
    one = torch.from_numpy(marked(4, (1.0,)))
    soundfile.write(tmp_path / "a.wav", torch.stack([one, -one], 1).numpy(), RATE)
    ffmpeg("-i", tmp_path / "a.wav", "-c:a", "aac", "-b:a", "128k", tmp_path / "a.m4a")
    sound, reader = heard(tmp_path / "a.m4a")
    assert near(marks_in(sound), [1.0], 0.1) and CANCELLED in reader.flags
