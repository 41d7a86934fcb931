"""Reading audio files: formats, rates, channels, streaming, and one sentence for each bad input."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from las_cli.audio.reader import (
    NOT_FINITE,
    TRUNCATED,
    AudioReader,
    audio_info,
    read_audio,
    stream_pcm,
)
from las_cli.errors import LasError

from .conftest import tone

Writer = Callable[..., Path]


@pytest.mark.parametrize(
    ("name", "rate", "channels", "how"),
    [
        ("a.wav", 44_100, 2, {}),
        ("a.wav", 16_000, 1, {"subtype": "FLOAT"}),
        ("a.wav", 8_000, 1, {"subtype": "ULAW"}),
        ("a.flac", 48_000, 6, {}),
        ("a.ogg", 22_050, 1, {}),
        ("a.opus", 48_000, 2, {"format": "OGG", "subtype": "OPUS"}),
        ("a.mp3", 32_000, 2, {}),
        ("a.aiff", 96_000, 1, {}),
    ],
)
def test_every_format_gives_the_same_tone(
    write_tone: Writer, name: str, rate: int, channels: int, how: dict[str, str]
) -> None:
    path = write_tone(name, 1.0, rate, channels, **how)
    sound = read_audio(path)
    assert sound.dtype == torch.float32 and sound.dim() == 1
    assert abs(sound.numel() - 16_000) < 1_600  # mp3 pads at both ends
    spectrum = torch.fft.rfft(sound[2_000:10_000])
    assert abs(int(spectrum.abs().argmax()) * 2 - 440) <= 2
    assert 0.25 < float(sound[2_000:10_000].abs().max()) < 0.36
    info = audio_info(path)
    assert info.channels == channels and abs(info.duration - 1) < 0.1


def test_channels_are_mixed_down_to_their_mean(tmp_path: Path) -> None:
    sound = np.tile(np.array([0.5, -0.1, 0.2], dtype="f4"), (1600, 1))
    soundfile.write(tmp_path / "three.wav", sound, 16_000, subtype="FLOAT")
    assert read_audio(tmp_path / "three.wav").tolist() == pytest.approx([0.2] * 1600)


def test_start_and_duration(write_tone: Writer) -> None:
    path = write_tone("a.flac", 2.0)
    whole = read_audio(path)
    part = read_audio(path, start=0.5, duration=1.0)
    torch.testing.assert_close(part, whole[8_000:24_000])
    assert read_audio(path, start=1.75, duration=9.0).numel() == 4_000
    assert read_audio(path, duration=0.0).numel() == 0
    with pytest.raises(LasError, match="ends before 3 s"):
        read_audio(path, start=3.0)


@pytest.mark.parametrize("rate", [16_000, 44_100, 8_000])
def test_stream_equals_reading_the_whole(write_tone: Writer, rate: int) -> None:
    path = write_tone("a.wav", 3.3, rate, 2)
    chunks = list(AudioReader(path).blocks(0.5))
    assert len(chunks) >= 6
    torch.testing.assert_close(torch.cat(chunks), read_audio(path), atol=1e-6, rtol=0)


def test_raw_pcm_stream(tmp_path: Path) -> None:
    samples = (tone(1.3, 8_000) * 32768).astype("<i2").tobytes() + b"\x01"
    path = tmp_path / "raw"
    path.write_bytes(samples)
    with path.open("rb") as stream:
        sound = torch.cat(list(stream_pcm(stream, 8_000, 0.25)))
    assert sound.numel() == 20_800
    assert abs(float(sound.abs().max()) - 0.3) < 0.02


def _half(path: Path, share: float = 0.5) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: round(len(data) * share)])
    return path


def test_raw_pcm_is_little_endian_however_it_is_cut() -> None:
    """A pipe may give half a sample; its other half comes with the next bytes."""
    samples = np.array([0, 1, 256, -1, -32768, 32767, 16384], dtype="<i2")

    class Dribble:
        def __init__(self) -> None:
            self.left = samples.tobytes()

        def read(self, size: int) -> bytes:
            given, self.left = self.left[:3], self.left[3:]
            return given

    found = torch.cat(list(stream_pcm(Dribble(), 16_000)))  # type: ignore[arg-type]
    assert found.tolist() == [0.0, 1 / 32768, 256 / 32768, -1 / 32768, -1.0, 32767 / 32768, 0.5]


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.aiff"])
def test_a_cut_off_file_gives_what_it_holds_and_is_flagged(write_tone: Writer, name: str) -> None:
    reader = AudioReader(_half(write_tone(name, 4.0)))
    sound = torch.cat(list(reader.blocks(1.0)))
    assert 16_000 < sound.numel() < 40_000
    assert reader.flags == [TRUNCATED]


@pytest.mark.parametrize(
    ("name", "how"),
    [("a.wav", {}), ("a.flac", {}), ("a.mp3", {}), ("a.ogg", {})],
)
def test_a_sound_file_is_not_flagged(write_tone: Writer, name: str, how: dict[str, str]) -> None:
    reader = AudioReader(write_tone(name, 2.0, 44_100, **how))
    assert list(reader.blocks()) and reader.flags == []


def test_a_wav_written_to_a_pipe_is_not_flagged(write_tone: Writer) -> None:
    path = write_tone("a.wav")
    data = bytearray(path.read_bytes())
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    reader = AudioReader(path)
    assert sum(block.numel() for block in reader.blocks()) == 16_000
    assert reader.flags == []


def test_samples_that_are_not_finite_become_silence(tmp_path: Path) -> None:
    sound = tone(1.0, 16_000)
    sound[100:200], sound[300] = np.nan, np.inf
    soundfile.write(tmp_path / "a.wav", sound, 16_000, subtype="FLOAT")
    reader = AudioReader(tmp_path / "a.wav")
    read = torch.cat(list(reader.blocks()))
    assert bool(torch.isfinite(read).all()) and float(read[100:200].abs().sum()) == 0
    assert reader.flags == [NOT_FINITE]


BAD: dict[str, tuple[bytes | None, str]] = {
    "missing.wav": (None, "no such file"),
    "empty.wav": (b"", r"is empty \(0 bytes\)"),
    "text.wav": (b"these are words, not sound\n" * 9, "holds text, not audio"),
    "text.mp3": ("wörter\n".encode() * 2_000, "holds text, not audio"),
    "noise.wav": (bytes(range(256)) * 20, "no audio format is recognised"),
    "picture.flac": (b"\x89PNG\r\n\x1a\n" + bytes(99), "holds a PNG picture"),
    "header.wav": (b"RIFF\x24\x00\x00\x00WAVEfm", "header is damaged or cut off"),
    "cut.ogg": (b"OggS\x00\x02" + bytes(40), "header is damaged or cut off"),
}


@pytest.mark.parametrize("name", list(BAD))
@pytest.mark.parametrize("ffmpeg", [False, True])
def test_bad_files_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, ffmpeg: bool
) -> None:
    if not ffmpeg:
        monkeypatch.setenv("PATH", "")
    content, expected = BAD[name]
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    for reading in (read_audio, audio_info):
        with pytest.raises(LasError, match=expected) as caught:
            reading(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_folder_and_zero_length_clip(tmp_path: Path, write_tone: Writer) -> None:
    with pytest.raises(LasError, match="is a folder"):
        read_audio(tmp_path)
    with pytest.raises(LasError, match="holds no samples"):
        read_audio(write_tone("zero.wav", 0.0))


@pytest.mark.skipif(os.name == "nt", reason="no FIFOs")
def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(LasError, match="no regular file"):
        read_audio(tmp_path / "pipe.wav")


MP4_HEAD = b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00M4A mp42isom" + bytes(100)


def test_without_ffmpeg_the_error_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    (tmp_path / "a.m4a").write_bytes(MP4_HEAD)
    with pytest.raises(LasError, match=r"MP4 container.*needs the ffmpeg program: install ffmpeg"):
        read_audio(tmp_path / "a.m4a")


FAKE_FFMPEG = f"""#!{sys.executable}
import struct, sys
if "-f" not in sys.argv:
    sys.stderr.write('''Input #0, mov,mp4, from 'a':
  Duration: 00:00:01.50, start: 0.000000, bitrate: 128 kb/s
  Stream #0:0(und): Audio: aac (LC) (mp4a / 0x6134706D), 44100 Hz, stereo, fltp, 128 kb/s
At least one output file must be specified
''')
    sys.exit(1)
if "framecrc" in sys.argv:
    print("#tb 0: 1/44100")
    print("0,          0,          0,    66150,     4000, 0x6d00a2b0")
else:
    sys.stdout.buffer.write(struct.pack('<48000f', *([0.5, 0.0] * 24000)))
"""


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script")
def test_ffmpeg_gives_the_sound_of_other_containers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(FAKE_FFMPEG)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    path = tmp_path / "a.m4a"
    path.write_bytes(MP4_HEAD)
    info = audio_info(path)
    assert (info.duration, info.sample_rate, info.channels) == (1.5, 44_100, 2)
    assert read_audio(path).tolist() == [0.25] * 24_000
    assert read_audio(path, duration=0.5).numel() == 8_000
    assert [c.numel() for c in AudioReader(path).blocks(1.0)] == [16_000, 8_000]


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text there")
def test_a_name_that_is_no_text(tmp_path: Path, write_tone: Writer) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path / "caf") + b"\xe9.wav"))
    write_tone("a.wav").rename(path)
    with pytest.raises(LasError, match=r"caf\\xe9.wav: the file's name is not UTF-8"):
        read_audio(path)
