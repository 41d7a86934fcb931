"""Files that libsndfile does not read: what they are, and their sound through an ffmpeg program."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from las_cli.errors import LasError

INSTALL_FFMPEG = (
    "install ffmpeg (Debian and Ubuntu: apt install ffmpeg; macOS: brew install ffmpeg; "
    "Windows: winget install ffmpeg) or convert the file to wav or flac"
)

# First bytes at an offset, and what they announce.
_SIGNATURES = (
    (4, b"ftyp", "an MP4 container (m4a, mp4, mov)"),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska container (webm, mkv)"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a Windows Media file (wma, wmv, asf)"),
    (0, b"FLV\x01", "a Flash video"),
    (8, b"AVI LIST", "an AVI container"),
    (0, b"#!AMR", "an AMR voice recording"),
    (0, b"\xff\xf1", "raw AAC audio"),
    (0, b"\xff\xf9", "raw AAC audio"),
    (0, b"ADIF", "raw AAC audio"),
    (0, b"\x00\x00\x01\xba", "an MPEG programme stream"),
    (0, b"\x47\x40", "an MPEG transport stream"),
)
_OTHER_THINGS = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3", "a database"),
)
_AUDIO_HEADERS = (b"RIFF", b"RIFX", b"RF64", b"fLaC", b"OggS", b"FORM", b"ID3", b".snd", b"caff")


def media_kind(head: bytes) -> str | None:
    """The container that the first bytes `head` announce, where it is one that ffmpeg reads."""
    for offset, mark, kind in _SIGNATURES:
        if head[offset : offset + len(mark)] == mark:
            return kind
    return None


def describe_content(head: bytes) -> str:
    """What a file that could not be read as sound seems to be, from its first bytes."""
    for mark, kind in _OTHER_THINGS:
        if head.startswith(mark):
            return f"it holds {kind}, not audio"
    if not any(head.startswith(mark) for mark in _AUDIO_HEADERS):
        try:
            text = head.decode("utf-8", errors="strict" if len(head) < 4096 else "ignore")
        except UnicodeDecodeError:
            text = "\0"
        if all(letter.isprintable() or letter in "\r\n\t\f" for letter in text):
            return "it holds text, not audio"
        return "no audio format is recognised in it"
    return "its audio header is damaged or cut off"


def ffmpeg_program() -> str | None:
    """The ffmpeg program on PATH, if there is one."""
    return shutil.which("ffmpeg")


class FfmpegSound:
    """Sound of one media file by way of ffmpeg, mono float32 at `rate` Hz.

    Raises LasError when ffmpeg finds no sound in it.
    """

    def __init__(self, path: Path, rate: int, start: float = 0.0) -> None:
        program = ffmpeg_program()
        if program is None:
            raise LasError(f"{path}: reading it needs the ffmpeg program: {INSTALL_FFMPEG}.")
        self.path, self.rate = path, rate
        # `file:` and the whitelist keep a name such as "concat:a|b" or a playlist off the network.
        self._input = [program, "-nostdin", "-hide_banner", "-protocol_whitelist", "file,pipe"]
        if start > 0:
            self._input += ["-ss", f"{start:.6f}"]
        self._input += ["-i", f"file:{path}"]
        self.duration, self.source_rate, self.channels = self._probe()

    def _probe(self) -> tuple[float | None, int, int]:
        told = subprocess.run(self._input, capture_output=True, check=False).stderr
        text = told.decode("utf-8", errors="replace")
        stream = re.search(r"Stream #.*Audio: .*?, (\d+) Hz, ([^,\n]+)", text)
        if stream is None:
            kind = "it holds no audio track" if "Stream #" in text else "ffmpeg cannot read it"
            raise LasError(f"{self.path}: {kind}; give an audio or video file with sound.")
        clock = re.search(r"Duration: (\d+):(\d+):(\d+(?:\.\d+)?)", text)
        duration = None
        if clock is not None:
            hours, minutes, seconds = clock.groups()
            duration = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        layout = stream.group(2).strip()
        named = {"mono": 1, "stereo": 2, "5.1": 6, "7.1": 8}
        count = re.match(r"(\d+) channels", layout)
        channels = int(count.group(1)) if count else named.get(layout.split("(")[0], 1)
        return duration, int(stream.group(1)), channels

    def blocks(self, samples: int) -> Iterator[bytes]:
        """The sound as float32 bytes, `samples` samples at a time, the last block shorter."""
        command = [*self._input, "-v", "error", "-map", "0:a:0", "-ac", "1"]
        command += ["-ar", str(self.rate), "-f", "f32le", "-"]
        with tempfile.TemporaryFile() as complaints:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints)
            assert process.stdout is not None
            given = False
            try:
                while block := process.stdout.read(samples * 4):
                    given = True
                    yield block
            finally:
                process.stdout.close()
                if process.poll() is None:
                    process.terminate()
                status = process.wait()
            if status != 0 and not given:
                complaints.seek(0)
                last = complaints.read()[-500:].decode("utf-8", errors="replace").strip()
                why = last.splitlines()[-1] if last else f"exit status {status}"
                raise LasError(f"{self.path}: ffmpeg could not decode it ({why}).")
