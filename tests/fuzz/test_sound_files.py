"""Headers of sound files field by field, packets lost, files joined: sound or one sentence.

The numbers in a header are what a decoder divides by, allocates and seeks to.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from unittest import mock

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from las_cli.audio.missing_sound import LOSSES
from las_cli.audio.reader import AudioReader, audio_info, read_audio
from tests.audio.recordings import marked, written
from tests.fuzz.cases import ends_well, quick
from tests.fuzz.conftest import Files

MOST = 2**22  # samples that a file of some kilobytes may claim before we stop reading
HEADER = 160  # bytes from the start in which the fields of every format lie
NUMBERS = [0, 1, 2, 3, 7, 0x7F, 0x80, 0xFF, 100, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000,
           0xFFFFFFFF, 2**40, 2**63 - 1, 2**63, 2**64 - 1]  # fmt: skip

fields = st.tuples(
    st.integers(0, HEADER),
    st.sampled_from([1, 2, 4, 8]),
    st.sampled_from(NUMBERS),
    st.sampled_from(["little", "big"]),
)


def set_field(data: bytes, field: tuple[int, int, int, str]) -> bytes:
    """`data` with one number of its header changed."""
    at, width, number, order = field
    at = min(at, max(0, len(data) - width))
    value = (number & (1 << 8 * width) - 1).to_bytes(width, order)  # type: ignore[arg-type]
    return data[:at] + value + data[at + width :]


def read(path: Path) -> None:
    """All that a command does with a file; what is missing is told in seconds that make sense."""
    info = audio_info(path)
    assert info.sample_rate > 0 and info.channels > 0
    got = 0
    reader = AudioReader(path)
    for block in reader.blocks():
        assert block.dtype == torch.float32 and block.ndim == 1
        assert bool(torch.isfinite(block).all())
        got += block.numel()
        if got > MOST:
            return
    for lost in reader.missing:
        assert lost.flag in LOSSES and lost.flag in reader.flags
        assert 0 <= lost.start <= got / 16_000 + 0.01 and 0 <= lost.duration < 1e9


def tried(path: Path, data: bytes, which: int) -> None:
    path.write_bytes(data)
    # ffmpeg costs a process each time, so it is there for some of the cases only.
    program = shutil.which("ffmpeg") if which % 16 == 0 else None
    with (
        mock.patch("las_cli.audio.reader.ffmpeg_program", return_value=program),
        mock.patch("las_cli.audio.ffmpeg_sound.ffmpeg_program", return_value=program),
    ):
        ends_well(lambda: read(path))


@quick
@given(which=st.integers(0, 99), changes=st.lists(fields, min_size=1, max_size=2))
@example(which=12, changes=[(24, 4, 1, "little")])  # wav: one sample a second
@example(which=12, changes=[(22, 2, 0xFFFF, "little")])  # wav: channels
def test_headers(
    tmp_path_factory: pytest.TempPathFactory, sounds: Files, which: int,
    changes: list[tuple[int, int, int, str]],
) -> None:  # fmt: skip
    name, data = sorted(sounds.items())[which % len(sounds)]
    for change in changes:
        data = set_field(data, change)
    tried(tmp_path_factory.getbasetemp() / f"field.{name}", data, which)


def test_one_sample_a_second(tmp_path: Path, sounds: Files) -> None:
    """The rate of every format set to 1 Hz: it was a division by zero."""
    for name, (at, width, order) in {
        "wav": (24, 4, "little"), "aiff": (None, 10, "big"), "au": (16, 4, "big"),
        "rf64": (60, 4, "little"), "caf": (20, 8, "big"),
    }.items():  # fmt: skip
        data = sounds[name]
        if name == "aiff":  # an 80-bit float
            at = data.index(b"COMM") + 16
            value = bytes.fromhex("3fff8000000000000000")
        elif name == "caf":
            value = bytes.fromhex("3ff0000000000000")
        else:
            if name == "rf64":
                at = data.index(b"fmt ") + 12
            value = (1).to_bytes(width, order)  # type: ignore[arg-type]
        assert at is not None
        path = tmp_path / f"slow.{name}"
        path.write_bytes(data[:at] + value + data[at + len(value) :])
        caught = []
        for reading in (audio_info, read_audio):
            try:
                reading(path)
            except Exception as error:
                caught.append(type(error).__name__)
        assert caught == ["LasError", "LasError"], name


@pytest.fixture(scope="session")
def longer() -> dict[str, bytes]:
    """Two seconds of what is made of packets."""
    sound = marked(2.0, (0.5, 1.5))
    return {kind: written(sound, kind) for kind in ("flac", "ogg", "opus", "mp3")}


losses = st.lists(
    st.tuples(st.floats(0, 1), st.integers(1, 3000), st.booleans()), min_size=1, max_size=4
)


@quick
@given(which=st.integers(0, 99), lost=losses, joined=st.integers(0, 4))
def test_packet_losses_and_joins(
    tmp_path_factory: pytest.TempPathFactory, longer: dict[str, bytes], which: int,
    lost: list[tuple[float, int, bool]], joined: int,
) -> None:  # fmt: skip
    kinds = sorted(longer)
    kind = kinds[which % len(kinds)]
    data = longer[kind]
    if joined:
        data += longer[kinds[(which + joined) % len(kinds)]]
    for share, count, swapped in lost:
        at = int(share * len(data))
        piece = data[at : at + count]
        data = data[:at] + data[at + count :] + (piece if swapped else b"")
    tried(tmp_path_factory.getbasetemp() / f"lossy.{kind}", data, which)
