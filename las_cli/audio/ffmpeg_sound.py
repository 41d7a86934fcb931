"""A media file in, its sound by way of an ffmpeg program out, at the times that a player shows."""

from __future__ import annotations

import re
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from las_cli.audio.containers import INSTALL_FFMPEG, ffmpeg_program
from las_cli.audio.downmixing import Mixer
from las_cli.audio.media_joins import joined_at
from las_cli.audio.missing_sound import DAMAGED, GAP, TRUNCATED, Missing
from las_cli.errors import LasError

if TYPE_CHECKING:
    import torch

LEAST_GAP = 0.1  # seconds between packets that are filled with silence
LOST = 1.0  # seconds: a longer gap is a loss; Opus itself leaves out silence, 0.4 s at a time
LONGEST_GAP = 3600.0  # seconds; more is a clock that was set, and nothing is filled in
SHORT = 1.0  # seconds that a container may promise beyond its last packet
STEP = 1.0  # seconds read at a time: as near can the place of a damaged packet be told
MOST_CHANNELS = 64
_CUT = re.compile(rb"partial file|ended prematurely|Truncat|truncated|moov atom not found")
_BROKEN = re.compile(rb"Error while decoding|Error submitting|Invalid data found|corrupt|invalid")


@dataclass
class Packets:
    """What a container says of the packets of its sound; seconds."""

    first: float = 0.0  # when the sound begins
    end: float = 0.0  # when it ends
    usual: float = 0.02  # length of a packet
    gaps: list[tuple[float, float]] = field(default_factory=list)  # when, how long
    back: bool = False  # the clock goes back, or leaps
    cut: bool = False  # the file ends in the middle of something


class FfmpegSound:
    """Sound of one media file by way of ffmpeg, mono float32 at `rate` Hz.

    `flags` and `missing` tell afterwards what could not be heard. Raises LasError when ffmpeg
    finds no sound in it.
    """

    def __init__(self, path: Path, rate: int, start: float = 0.0) -> None:
        program = ffmpeg_program()
        if program is None:
            raise LasError(f"{path}: reading it needs the ffmpeg program: {INSTALL_FFMPEG}.")
        self.path, self.rate = path, rate
        self.flags: list[str] = []
        self.missing: list[Missing] = []
        self._start = start
        # The whitelist keeps a name such as "concat:a|b" or a playlist off the network.
        self._program = [program, "-nostdin", "-hide_banner", "-protocol_whitelist",
                         "file,pipe,subfile"]  # fmt: skip
        size = path.stat().st_size
        with path.open("rb") as file:
            places = joined_at(file, size)
        ends = [*places[1:], size]
        self._names = [f"file:{path}"]
        if len(places) > 1:
            self._names = [
                f"subfile,,start,{begin},end,{end},,:file:{path}"
                for begin, end in zip(places, ends, strict=True)
            ]
        self.duration, self.source_rate, self.channels, self._clock = self._probe(self._names[0])
        if len(places) > 1:
            self.duration = None

    @property
    def jumps(self) -> bool:
        """Whether `start` is found by seeking."""
        return self._start > 0 and len(self._names) == 1

    def _probe(self, name: str) -> tuple[float | None, int, int, float]:
        """Duration, rate, channels, and the time on the clock at which the file begins."""
        command = [*self._program, "-i", name]
        told = subprocess.run(command, capture_output=True, check=False).stderr
        text = told.decode("utf-8", errors="replace")
        stream = re.search(r"Stream #.*Audio: .*?, (\d+) Hz, ([^,\n]+)", text)
        if stream is None:
            kind = "it holds no audio track" if "Stream #" in text else "ffmpeg cannot read it"
            raise LasError(f"{self.path}: {kind}; give an audio or video file with sound.")
        clock = re.search(r"Duration: (\d+):(\d+):(\d+(?:\.\d+)?)", text)
        duration = None
        if clock is not None:
            hours, minutes, seconds = clock.groups()
            # A recorder that crashed leaves 0: how long it is shows when it is read.
            duration = int(hours) * 3600 + int(minutes) * 60 + float(seconds) or None
        begin = re.search(r"Duration: [^\n]*start: (-?\d+\.\d+)", text)
        layout = stream.group(2).strip()
        named = {"mono": 1, "stereo": 2, "2.1": 3, "quad": 4, "5.0": 5, "5.1": 6, "7.1": 8}
        count = re.match(r"(\d+) channels", layout)
        channels = int(count.group(1)) if count else named.get(layout.split("(")[0], 1)
        # Films may go on behind their sound; some durations are guessed from the size.
        self._sound_alone = "Video:" not in text and "Estimating duration" not in text
        return (duration, int(stream.group(1)), min(channels, MOST_CHANNELS),
                float(begin.group(1)) if begin else 0.0)  # fmt: skip

    def blocks(self, seconds: float) -> Iterator[torch.Tensor]:
        """The sound, mono float32 [S], about `seconds` at a time."""
        given = 0
        for place, name in enumerate(self._names):
            try:
                if place:
                    self.duration, _, self.channels, self._clock = self._probe(name)
                for block in self._file(name, seconds, given / self.rate):
                    given += block.numel()
                    yield block
            except LasError:
                if not given:
                    raise
                self._lose(given / self.rate, 0.0, DAMAGED)

    def _file(self, name: str, seconds: float, at: float) -> Iterator[torch.Tensor]:
        """One of the files that are joined, which begins `at` seconds."""
        filters: list[str] = []
        times: list[str] = []
        packets: Packets | None = None
        if self.jumps:
            times = ["-ss", f"{self._start:.6f}"]
        else:
            packets = self._packets(name)
            if not packets.back:
                times = ["-copyts"]
                begin = round(self._clock * self.rate)
                filters = ["-af", f"aresample=async=1:first_pts={begin}"]
        command = [*self._program, "-v", "error", *times, "-i", name, "-map", "0:a:0", *filters]
        command += ["-ac", str(self.channels), "-ar", str(self.rate), "-f", "f32le", "-"]
        given = 0
        broken: list[tuple[float, int]] = []  # when about, how many packets
        with tempfile.TemporaryDirectory(prefix="las-") as folder:
            told = Path(folder) / "stderr"
            with told.open("wb") as complaints, told.open("rb") as reading:
                for block in self._decoded(command, seconds, complaints, told):
                    if count := len(_BROKEN.findall(reading.read())):
                        broken.append((given / self.rate, count))
                    given += block.numel()
                    yield block
                if count := len(_BROKEN.findall(reading.read())):
                    broken.append((given / self.rate, count))
        if packets is not None:
            self._compare(packets, given / self.rate, at, broken)

    def _compare(
        self, packets: Packets, given: float, at: float, broken: list[tuple[float, int]]
    ) -> None:
        """What was decoded with what the container holds."""
        for place, length in packets.gaps:
            if length >= LOST:
                self._lose(at + place, length, GAP)
        for place, count in broken:
            self._lose(at + place, count * packets.usual, DAMAGED)
        promised = self.duration if self.duration is not None and self._sound_alone else 0.0
        # Some containers count their length from 0 on a clock that begins later.
        short = max(0.0, promised - max(given, packets.end) - max(0.0, self._clock))
        if packets.cut or short > SHORT:
            self._lose(at + given, short, TRUNCATED)
        elif packets.end - given > SHORT and not packets.back:
            self._lose(at + given, packets.end - given, DAMAGED)

    def _lose(self, at: float, seconds: float, why: str) -> None:
        if why not in self.flags:
            self.flags.append(why)
        self.missing.append(Missing(at, seconds, why))

    def _packets(self, name: str) -> Packets:
        """The times of all packets; nothing is decoded for it."""
        command = [*self._program, "-v", "error", "-copyts", "-i", name, "-map", "0:a:0"]
        command += ["-c", "copy", "-f", "framecrc", "-"]
        found, unit = Packets(), 0.0
        clock: float | None = None  # the end of what was seen
        lengths: list[float] = []  # of the first packets
        heard = silent = 0.0  # seconds of all packets, of all gaps
        with tempfile.TemporaryFile() as complaints:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints)
            assert process.stdout is not None
            with process.stdout as lines:
                for line in lines:
                    if line.startswith(b"#tb"):
                        over, _, under = line.split()[-1].partition(b"/")
                        unit = int(over) / max(1, int(under or 1))
                    cells = line.split(b",")
                    if line.startswith(b"#") or len(cells) < 5 or not unit:
                        continue
                    begin = int(cells[2]) * unit - self._clock
                    length = int(cells[3]) * unit
                    if lengths and length > max(LEAST_GAP, 4 * lengths[0]):
                        length = lengths[0]  # mp4 stretches the packet before a gap
                    heard += length
                    if clock is None:
                        found.first = begin
                        found.back |= abs(begin) > LONGEST_GAP
                    else:
                        gap = begin - clock
                        found.back |= gap < -LOST or gap > LONGEST_GAP
                        # ffmpeg sets a clock that goes back to just behind where it was.
                        held = clock - found.first - silent
                        found.back |= heard - held > LOST
                        if gap > LEAST_GAP:
                            found.gaps.append((clock, gap))
                            silent += gap
                    clock = max(begin + length, clock or begin)
                    found.end = clock
                    if len(lengths) < 1000 and length > 0:
                        lengths.append(length)
            process.wait()
            complaints.seek(0)
            found.cut = _CUT.search(complaints.read(1 << 20)) is not None
        if lengths:
            found.usual = statistics.median(lengths)
        return found

    def _decoded(
        self, command: list[str], seconds: float, complaints: BinaryIO, told: Path
    ) -> Iterator[torch.Tensor]:
        """What `command` writes to its standard output; its complaints go to the file `told`."""
        import torch

        mixer = Mixer(self.rate)
        width = 4 * self.channels
        size = max(1, round(min(seconds, STEP) * self.rate)) * width
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints)
        assert process.stdout is not None
        given = False
        try:
            while data := process.stdout.read(size):
                given = True
                data = data[: len(data) // width * width]
                if data:
                    sound = torch.frombuffer(bytearray(data), dtype=torch.float32)
                    yield mixer.mix(sound.view(-1, self.channels))
                    self.flags += [flag for flag in mixer.flags if flag not in self.flags]
        finally:
            process.stdout.close()
            if process.poll() is None:
                process.terminate()
            status = process.wait()
        if status != 0 and not given:
            last = told.read_bytes()[-500:].decode("utf-8", errors="replace").strip()
            why = last.splitlines()[-1] if last else f"exit status {status}"
            raise LasError(f"{self.path}: ffmpeg could not decode it ({why}).")
