"""What a look at a sound file finds, by its header and by all its samples."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy
import pytest
import soundfile

from las_cli.corpus import headers
from las_cli.corpus.findings import FindingStore
from las_cli.corpus.headers import AudioFault, AudioHeader, in_processes, read_header, read_headers
from las_cli.corpus.inspection import Finding, Question, inspect
from tests.corpus.corpora import RATE, tone, write_clip

Make = Callable[[Path], Path]


def _cut_short(name: str, share: float) -> Make:
    def make(folder: Path) -> Path:
        path = folder / name
        noise = numpy.random.default_rng(0).standard_normal(4 * RATE) * 0.1
        if path.suffix == ".opus":
            soundfile.write(path, noise, RATE, format="OGG", subtype="OPUS")
        else:
            soundfile.write(path, noise, RATE)
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])
        return path

    return make


def _samples(name: str, change: Callable[[numpy.ndarray], None], subtype: str = "FLOAT") -> Make:
    def make(folder: Path) -> Path:
        wave = tone(1.0)
        change(wave)
        soundfile.write(folder / name, wave, RATE, subtype=subtype)
        return folder / name

    return make


def _bytes(name: str, data: bytes) -> Make:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return make


def _nan(wave: numpy.ndarray) -> None:
    wave[8000] = numpy.nan


def _infinite(wave: numpy.ndarray) -> None:
    wave[1] = numpy.inf


def _quiet(wave: numpy.ndarray) -> None:
    wave *= 1e-3


def _silent(wave: numpy.ndarray) -> None:
    wave[:] = 0


def _constant(wave: numpy.ndarray) -> None:
    wave[:] = 0.5


# file, what its header tells, what its samples tell (None: fine)
FILES: dict[str, tuple[Make, str | None, str | None]] = {
    "missing": (lambda folder: folder / "no.wav", "missing file", "missing file"),
    "in no folder": (lambda folder: folder / "no" / "no.wav", "missing file", "missing file"),
    "a folder": (lambda folder: folder, "unreadable", "unreadable"),
    "empty": (_bytes("a.wav", b""), "zero length", "zero length"),
    "text": (_bytes("a.wav", b"these are words\n" * 9), "unreadable", "unreadable"),
    "text named mp3": (_bytes("a.mp3", b"these are words\n" * 9), "unreadable", "unreadable"),
    "no samples": (lambda folder: write_clip(folder / "a.wav", 0), "zero length", "zero length"),
    "wav": (lambda folder: write_clip(folder / "a.wav"), None, None),
    "flac": (lambda folder: write_clip(folder / "a.flac"), None, None),
    "opus": (lambda folder: write_clip(folder / "a.opus"), None, None),
    "mp3": (lambda folder: write_clip(folder / "a.mp3", rate=48000), None, None),
    "ogg": (lambda folder: write_clip(folder / "a.ogg"), None, None),
    "stereo": (lambda folder: write_clip(folder / "a.wav", channels=2), None, None),
    "wav cut short": (_cut_short("a.wav", 0.8), None, "truncated"),
    "flac cut short": (_cut_short("a.flac", 0.8), None, "truncated"),
    "mp3 cut short": (_cut_short("a.mp3", 0.5), None, "truncated"),
    "nan": (_samples("a.wav", _nan), None, "NaN samples"),
    "infinity": (_samples("a.wav", _infinite), None, "NaN samples"),
    "silence": (_samples("a.wav", _silent), None, "silent"),
    "a constant": (_samples("a.wav", _constant), None, "silent"),
    "very quiet": (_samples("a.wav", _quiet), None, "silent"),
}


@pytest.mark.parametrize(("make", "by_header", "by_samples"), FILES.values(), ids=FILES)
def test_files(tmp_path: Path, make: Make, by_header: str | None, by_samples: str | None) -> None:
    path = str(make(tmp_path))
    header = read_header(path)
    assert (header.reason if isinstance(header, AudioFault) else None) == by_header
    for decode, reason in ((False, by_header), (True, by_samples)):
        finding = inspect(Question(path), decode)
        assert (finding.fault and finding.fault.reason) == reason
        if finding.fault:
            assert finding.fault.detail and "\n" not in finding.fault.detail


@pytest.mark.parametrize(("frames", "known"), [(2**40, True), (2**63 - 1, False)])
def test_a_header_that_does_not_tell_the_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frames: int, known: bool
) -> None:
    """What libsndfile says of a flac that was written into a pipe."""
    path = write_clip(tmp_path / "a.wav")
    told = SimpleNamespace(
        samplerate=RATE, frames=frames, channels=1, format="FLAC", subtype="PCM_16"
    )
    monkeypatch.setattr(soundfile, "SoundFile", lambda _: nullcontext(told))
    monkeypatch.setattr(headers, "_slow_header", lambda path, fault: fault)
    found = read_header(str(path))
    if known:
        assert found == AudioHeader(RATE, frames, 1)
    else:
        assert isinstance(found, AudioFault) and "how long" in found.detail


def test_a_piece_is_checked_alone(tmp_path: Path) -> None:
    wave = tone(3.0)
    wave[RATE : 2 * RATE] = 0
    wave[-1] = numpy.nan
    path = str(tmp_path / "a.wav")
    soundfile.write(path, wave, RATE, subtype="FLOAT")

    def reason(start: float, seconds: float | None) -> str | None:
        fault = inspect(Question(path, start, seconds), True).fault
        return fault and fault.reason

    assert reason(0, 1.0) is None
    assert reason(1.0, 1.0) == "silent"
    assert reason(2.0, 0.9) is None
    assert reason(2.0, None) == reason(0, None) == "NaN samples"


def test_headers_in_processes_keep_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("las_cli.corpus.headers.PARALLEL_FROM", 1)
    monkeypatch.setattr("las_cli.corpus.headers.BATCH", 3)
    paths = [str(write_clip(tmp_path / f"{n}.wav", 0.1 + n / 100)) for n in range(20)]
    paths.insert(5, str(tmp_path / "gone.wav"))
    alone = list(read_headers(paths, 1))
    assert list(read_headers(paths, 2)) == alone
    assert isinstance(alone[5], AudioFault) and alone[0] == AudioHeader(RATE, 1600, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="the patch reaches forked processes only")
def test_a_header_that_crashes_the_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(path: str) -> AudioHeader:
        if path == "3":
            os._exit(9)
        return AudioHeader(16_000, int(path) + 1, 1)

    monkeypatch.setattr(headers, "read_header", read)
    monkeypatch.setattr(headers, "PARALLEL_FROM", 2)
    monkeypatch.setattr(headers, "BATCH", 2)
    found = list(read_headers([str(number) for number in range(6)], 2))
    assert found[3] == headers.CRASHED
    rest = [one.frames for one in found if isinstance(one, AudioHeader)]
    assert rest == [1, 2, 3, 5, 6]


def _work(number: int) -> int:
    if number in (4, 30, 31):
        os._exit(9)
    return number


def test_work_goes_on_when_a_process_dies_between_two_results() -> None:
    found = []
    for result in in_processes(_work, range(40), 2, lambda number: -number):
        found.append(result)
        time.sleep(0.02)  # the caller is busy while the pool breaks
    assert [abs(number) for number in found] == list(range(40))
    assert {-4, -30, -31} <= set(found)


def test_what_is_unreadable_is_looked_at_again(tmp_path: Path) -> None:
    fault = AudioFault("unreadable", "Permission denied")
    store = FindingStore(tmp_path / "findings.sqlite")
    store.keep([(Question("a"), Finding(1, 2, None, fault)), (Question("b"), Finding(1, 2))])
    assert store.look_up(["a", "b"]).keys() == {"b"}
    store.close()


def test_a_file_that_the_system_will_not_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_clip(tmp_path / "a.wav")

    def locked(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    def not_opened(*_: object) -> None:
        raise soundfile.LibsndfileError(2)  # all that libsndfile says of it

    monkeypatch.setattr(soundfile, "SoundFile", not_opened)
    monkeypatch.setattr("builtins.open", locked)
    assert read_header(str(path)) == AudioFault("unreadable", "Permission denied")


def test_findings_are_kept_until_the_file_changes(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.wav")
    question = Question(str(path))
    first = inspect(question, False)
    store = FindingStore(tmp_path / "findings.sqlite")
    store.keep([(question, first), (Question("b"), Finding(1, 2, None, AudioFault("silent", "x")))])
    store.close()
    store = FindingStore(tmp_path / "findings.sqlite")
    known = store.look_up([str(path), "b", "c"])
    assert known.keys() == {str(path), "b"} and known["b"].fault == AudioFault("silent", "x")
    again = Question(str(path), known=known[str(path)])
    assert inspect(again, False).reused
    assert inspect(again, False).header == first.header
    decoded = inspect(again, True)  # the header alone does not answer that
    assert decoded.decoded and not decoded.reused
    assert inspect(Question(str(path), known=decoded), False) == decoded
    os.utime(path, ns=(1, 1))  # of the same size, but written anew
    assert not inspect(again, False).reused
    write_clip(path, seconds=2)
    os.utime(path, ns=(1, 1))
    assert inspect(again, False).header == AudioHeader(RATE, 2 * RATE, 1)


def test_a_damaged_store_is_started_anew(tmp_path: Path) -> None:
    path = tmp_path / "findings.sqlite"
    path.write_bytes(b"no database" * 1000)
    store = FindingStore(path)
    assert store.look_up(["a"]) == {}
    store.close()


def slow(path: str) -> None:
    time.sleep(5)
    Path(path).touch()


def test_ctrl_c_does_not_wait_for_what_is_at_work(tmp_path: Path) -> None:
    threading.Timer(1.0, os.kill, [os.getpid(), signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        list(in_processes(slow, [str(tmp_path / "late")] * 4, 2))
    assert not (tmp_path / "late").exists()
