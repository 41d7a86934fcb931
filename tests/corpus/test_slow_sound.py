"""Clips that only ffmpeg reads: kept like others, slower, and that is said."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import soundfile

from las_cli.audio.analysis import SAMPLE_RATE
from las_cli.corpus import load_corpus, read_cut
from las_cli.corpus.detection import detect_layout
from las_cli.corpus.headers import AudioFault, AudioHeader, read_header
from las_cli.corpus.preparation import prepare
from las_cli.corpus.sieve import PrepareOptions
from tests.corpus.corpora import RATE, common_voice, rejected, tone

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def convert(folder: Path, suffix: str, *options: str) -> None:
    """Every clip of a Common Voice folder under another suffix, in its table too."""
    for clip in sorted((folder / "clips").iterdir()):
        words = ["ffmpeg", "-v", "error", "-i", str(clip), *options, str(clip.with_suffix(suffix))]
        subprocess.run(words, check=True)
        clip.unlink()
    for table in folder.glob("*.tsv"):
        table.write_text(table.read_text().replace(".wav", suffix))


@needs_ffmpeg
@pytest.mark.parametrize(
    ("suffix", "options"), [(".m4a", ()), (".webm", ("-c:a", "libopus"))]
)
def test_kept_and_read(tmp_path: Path, suffix: str, options: tuple[str, ...]) -> None:
    rows = [("s1", "c1", "red"), ("s2", "c2", "blue")]
    corpus = common_voice(tmp_path / "cv", {"train": rows, "dev": [("s3", "c3", "green")]})
    convert(corpus, suffix, *options)
    for _ in range(2):  # the second run knows of the first
        report = prepare(
            detect_layout(corpus), tmp_path / "out", PrepareOptions(check_audio=True, shards=True)
        )
        assert rejected(tmp_path / "out") == []
        assert any("3 clips (m4a, webm, streams) are FLAC" in note for note in report.notes)
    for folder in (tmp_path / "out", corpus):
        cuts = load_corpus(folder, jobs=1).cuts("train")
        for cut in cuts:
            assert abs(len(read_cut(cut)) - SAMPLE_RATE) < 0.1 * SAMPLE_RATE
            fast = read_cut(cut, speed=2.0)
            assert abs(len(fast) - SAMPLE_RATE / 2) < 0.1 * SAMPLE_RATE
    own = load_corpus(corpus, jobs=1)
    own.cuts("train")
    assert any(note.startswith("train: 2 clips are read through ffmpeg") for note in own.notes)


@needs_ffmpeg
def test_the_end_of_a_damaged_clip_is_not_trained_on(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(4.0), RATE)
    words = ["ffmpeg", "-v", "error", "-i", str(tmp_path / "a.wav"), str(tmp_path / "a.m4a")]
    subprocess.run(words, check=True)
    header = read_header(str(tmp_path / "a.m4a"))
    assert isinstance(header, AudioHeader) and header.slow and abs(header.seconds - 4) < 0.1
    from las_cli.corpus.cuts import make_cut
    from las_cli.corpus.utterance import Utterance
    from las_cli.errors import LasError

    long = AudioHeader(header.sampling_rate, 3 * header.frames, 1, slow=True)
    cut = make_cut(Utterance("a", str(tmp_path / "a.m4a"), "x", "x:1"), long)
    with pytest.raises(LasError, match=r"a\.m4a: cannot be read"):
        read_cut(cut)


@pytest.mark.parametrize("kind", ["wav", "aiff", "au"])
def test_plain_sound_that_is_longer_than_its_header_says(tmp_path: Path, kind: str) -> None:
    """A text of all of it would be trained with the sound of a part."""
    from las_cli.corpus.cuts import make_cut
    from las_cli.corpus.utterance import Utterance

    path = tmp_path / f"a.{kind}"
    soundfile.write(path, tone(4.0), RATE)
    one = path.read_bytes()
    mark = {"wav": b"data", "aiff": b"SSND", "au": b".snd"}[kind]
    at = one.index(mark) + (8 if kind == "au" else 4)
    order = "little" if kind == "wav" else "big"
    crashed = one[:at] + (RATE * 2).to_bytes(4, order) + one[at + 4 :]  # type: ignore[arg-type]
    for data, seconds in ((crashed, 4.0), (one + one, 8.0)):
        path.write_bytes(data)
        header = read_header(str(path))
        assert isinstance(header, AudioHeader) and header.slow
        assert abs(header.seconds - seconds) < 0.01
        cut = make_cut(Utterance("a", str(path), "x", "x:1"), header)
        assert abs(len(read_cut(cut)) / SAMPLE_RATE - seconds) < 0.01


@pytest.mark.parametrize("kind", ["mp3", "ogg", "opus"])
def test_joined_compressed_sound_is_named(tmp_path: Path, kind: str) -> None:
    """libsndfile writes an Info tag, which counts the bytes of the first file."""
    path = tmp_path / f"a.{kind}"
    container = "MP3" if kind == "mp3" else "OGG"
    coding = {"ogg": "VORBIS", "opus": "OPUS"}.get(kind)
    joined = b""
    for place, length in enumerate((1.5, 2.0)):
        one = tmp_path / f"{place}.{kind}"
        soundfile.write(one, tone(length), RATE, format=container, subtype=coding)
        assert isinstance(read_header(str(one)), AudioHeader)
        joined += one.read_bytes()
    path.write_bytes(joined)
    fault = read_header(str(path))
    assert isinstance(fault, AudioFault)
    assert fault.reason == "truncated" and "several files joined" in fault.detail


def test_remarks_beside_the_sound_are_no_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(1.0), RATE)
    data = path.read_bytes() + b"LIST" + (20_000).to_bytes(4, "little") + b"INFO" + bytes(19_996)
    path.write_bytes(data)
    header = read_header(str(path))
    assert isinstance(header, AudioHeader) and not header.slow and header.frames == RATE


def test_without_ffmpeg_the_report_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(400))
    fault = read_header(str(tmp_path / "a.m4a"))
    assert isinstance(fault, AudioFault) and fault.reason == "unreadable"
    assert "needs the ffmpeg program" in fault.detail and "convert the file" in fault.detail


def test_a_pointer_of_git_lfs_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    fault = read_header(str(tmp_path / "a.wav"))
    assert isinstance(fault, AudioFault) and "Git LFS pointer" in fault.detail


def test_findings_of_an_earlier_version_are_made_anew(tmp_path: Path) -> None:
    import sqlite3

    corpus = common_voice(tmp_path / "cv", {"train": [("s1", "c1", "red"), ("s2", "c2", "blue")]})
    (tmp_path / "out").mkdir()
    with sqlite3.connect(tmp_path / "out" / "findings.sqlite") as store:
        store.execute(
            "CREATE TABLE findings (key TEXT PRIMARY KEY, size INTEGER, changed INTEGER, "
            "rate INTEGER, frames INTEGER, channels INTEGER, reason TEXT, detail TEXT, "
            "decoded INTEGER, digest INTEGER) WITHOUT ROWID"
        )
    reused = [prepare(detect_layout(corpus), tmp_path / "out").files_reused for _ in range(2)]
    assert reused == [0, 2]
    assert json.loads((tmp_path / "out" / "report.json").read_text())["format"] == 1
