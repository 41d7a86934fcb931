"""What `las transcribe` shows: words on standard output, everything else on standard error."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.table import Table
from rich.text import Text

from las_cli.audio.missing_sound import CANCELLED, DAMAGED, GAP, MENDED, NOT_FINITE, TRUNCATED
from las_cli.audio.reader import audio_info
from las_cli.cli.progress_bar import ProgressBar, clock
from las_cli.errors import LasError
from las_cli.output.subtitles import timed_words
from las_cli.output.writers import JSONWriter, TimeMarkedWriter, Writer, joined
from las_cli.transcribe.doubt import NO_SPEECH
from las_cli.transcribe.inputs import Input
from las_cli.transcribe.worklist import Tally, Worklist
from las_cli.transcript import DOUBTFUL, UNSURE, Segment, Transcript

LONGEST_LIST = 50  # failures in the summary table


class Display:
    """Shows one run. As a context it keeps a progress bar, where standard error is a terminal.

    Into a pipe go the words and nothing else: of one recording as it is recognised, in paragraphs
    where they have a written form, else a line a segment; of several a line a recording, in order,
    an empty one for a recording that failed.
    """

    def __init__(
        self,
        worklist: Worklist,
        several: bool,
        *,
        quiet: bool = False,
        color_confidence: bool = False,
    ) -> None:
        """several: more than one recording was named; worklist.folder None: words go to stdout"""
        self._worklist, self._several, self._quiet = worklist, several, quiet
        self._color = color_confidence
        self._out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._err = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._writer: Writer | None = None if worklist.folder else worklist.writers[0]
        self._as_it_goes = self._writer is not None and self._writer.name == "txt" and not several
        self._done = _RecordingsDone(
            worklist.inputs, self._err, quiet or not self._err.is_terminal
        )
        self._began = time.monotonic()
        self._before: Segment | None = None  # the last segment of a paragraph that may go on

    def __enter__(self) -> Display:
        self._done.bar.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._done.bar.__exit__(kind, error, traceback)

    def recognised(self, place: int, segment: Segment | None, seconds: float) -> None:
        """A piece of a recording is done."""
        self._done.advance(place, seconds)
        if segment is None or not self._as_it_goes:
            return
        assert self._writer is not None
        options = self._writer.options
        lines = options.words or not options.paragraphs or segment.written is None
        if lines or self._out.is_terminal:
            self._print_segments((segment,))
        elif segment.written:
            self._print(joined(self._before, segment))
            self._before = segment

    def finished(self, place: int, transcript: Transcript) -> None:
        """A recording is done."""
        self._done.finish(place)
        self._end_paragraph()
        self._warn(transcript)
        if self._writer is None or self._as_it_goes:
            return
        if self._writer.name == "txt":
            self._print_one_of_several(transcript)
        elif self._several and isinstance(self._writer, JSONWriter):
            self._print(self._writer.line(transcript))
        elif self._several and isinstance(self._writer, TimeMarkedWriter):
            self._print(self._writer.lines(transcript, self._worklist.name(place).as_posix()))
        else:
            self._print(self._writer.format(transcript))

    def failed(self, place: int | None, error: LasError) -> None:
        """A recording could not be done; `place` None: it was not even one."""
        if place is not None:
            self._done.finish(place)
            self._end_paragraph()
            if self._writer is not None and self._writer.name == "txt" and self._several:
                self._print("" if self._out.is_terminal else "\n")  # keeps lines and inputs in step
        self._err.print(f"las: {error}")

    def note(self, sentence: str) -> None:
        """Tell something that is no error."""
        if not self._quiet:
            self._err.print(f"las: {sentence}")

    def summary(self, tally: Tally) -> None:
        """What became of all recordings, with the failures by name."""
        if self._quiet or not self._several:
            return
        took = time.monotonic() - self._began
        speed = f" ({tally.seconds / took:.1f} × real time)" if tally.seconds and took else ""
        table = Table(show_header=False, title="las transcribe", title_justify="left")
        table.add_row("done", str(tally.done))
        if tally.skipped:
            table.add_row("there already", str(tally.skipped))
        if tally.incomplete:
            table.add_row("incomplete", str(tally.incomplete))
        table.add_row("failed", str(len(tally.failures)))
        table.add_row("audio", clock(tally.seconds))
        table.add_row("time", clock(took) + speed)
        self._err.print(table)
        if not tally.failures:
            return
        broken = Table("failed", "why", show_lines=False)
        for error in tally.failures[:LONGEST_LIST]:
            name, _, why = str(error).partition(": ")
            broken.add_row(Text(name, overflow="fold"), Text(why or name))
        if len(tally.failures) > LONGEST_LIST:
            broken.add_row("…", f"and {len(tally.failures) - LONGEST_LIST} more, named above")
        self._err.print(broken, soft_wrap=False)

    def _end_paragraph(self) -> None:
        self._print(joined(self._before, None))
        self._before = None

    def _print(self, text: str | Text) -> None:
        if not text:
            return
        # The bar and the words may share a terminal.
        with self._done.bar.hidden() if self._out.is_terminal else contextlib.nullcontext():
            if isinstance(text, Text):
                self._out.print(text)
            else:
                self._out.file.write(text)
            self._out.file.flush()

    def _print_segments(self, segments: Sequence[Segment]) -> None:
        assert self._writer is not None
        if self._color and self._out.is_terminal:
            self._print(Text("\n").join(colored(segment) for segment in segments if segment.shown))
        else:
            self._print(self._writer.format(Transcript("", 0.0, tuple(segments), "")))

    def _print_one_of_several(self, transcript: Transcript) -> None:
        if self._out.is_terminal:
            self._print(Text(transcript.source, style="bold"))
            self._print_segments(transcript.segments)
        else:
            self._print(transcript.shown + "\n")

    def _warn(self, transcript: Transcript) -> None:
        for sentence in told(transcript):
            self.note(f"{transcript.source}: {sentence}")
        known = {NO_SPEECH} & set(transcript.flags)  # of the whole recording
        for segment in transcript.segments:
            if set(segment.flags) - known:
                where = f"{clock(segment.start)}–{clock(segment.end)}"
                self.note(f"{transcript.source}: {where}: {', '.join(segment.flags)}")


EXPLAINED = {
    TRUNCATED: "the file is cut off",
    DAMAGED: "the file is damaged there",
    GAP: "packets are missing there",
    MENDED: "its header tells of less sound than there is; all of it is heard",
    CANCELLED: "mixed channels would silence each other; the loudest one is heard",
    NO_SPEECH: "nothing that is said was found; --keep-doubtful shows what was guessed",
    NOT_FINITE: "samples that are no numbers are taken for silence",
}


def told(transcript: Transcript) -> list[str]:
    """A sentence for each flag of a recording, and for each stretch of sound that is missing."""
    sentences = [
        f"{flag}: {EXPLAINED[flag]}" if flag in EXPLAINED else flag
        for flag in transcript.flags
        if flag not in {lost.flag for lost in transcript.missing}
    ]
    for lost in transcript.missing[:LONGEST_LIST]:
        known = f"{lost.duration:.1f} s of" if lost.duration >= 0.05 else "some"
        sentences.append(
            f"{lost.flag}: {known} sound is missing at {clock(lost.start)}, {EXPLAINED[lost.flag]}"
        )
    if len(transcript.missing) > LONGEST_LIST:
        rest = transcript.missing[LONGEST_LIST:]
        seconds = sum(lost.duration for lost in rest)
        sentences.append(f"and {len(rest)} more such places, {seconds:.1f} s together")
    return sentences


class _RecordingsDone:
    """Progress over all recordings, weighed by their size on disk, since opening all takes long."""

    def __init__(self, inputs: Sequence[Input], console: Console, disabled: bool) -> None:
        self._inputs, self._disabled = inputs, disabled
        self._sizes = [] if disabled else [max(1, entry.size) for entry in inputs]
        self._durations: dict[int, float] = {}
        self._finished = 0
        self._before = 0.0  # size of what is finished
        total = max(1, sum(self._sizes))
        self.bar = ProgressBar(self._title(), show=not disabled, total=total, console=console)

    def _title(self) -> str:
        count = len(self._inputs)
        return f"{self._finished} of {count} recordings" if count > 1 else "transcribing"

    def advance(self, place: int, seconds: float) -> None:
        """Recording `place` is done up to `seconds`."""
        if self._disabled:
            return
        if place not in self._durations:
            try:
                self._durations[place] = audio_info(self._inputs[place].path).duration
            except (LasError, OSError):
                self._durations[place] = math.nan
        duration = self._durations[place]
        share = min(1.0, seconds / duration) if duration > 0 else 0.0
        self.bar.update(self._before + share * self._sizes[place])

    def finish(self, place: int) -> None:
        """Recording `place` is done."""
        if self._disabled:
            return
        self._before += self._sizes[place]
        self._finished += 1
        self.bar.update(self._before, title=self._title())


def colored(segment: Segment) -> Text:
    """The words of a segment: green, yellow below 0.8, red below 0.5, plain where not known."""
    if not segment.words:
        return Text(segment.shown)
    text = Text()
    for word in timed_words(segment):
        style = "green"
        if math.isnan(word.confidence):
            style = ""
        elif word.confidence < UNSURE:
            style = "red" if word.confidence < DOUBTFUL else "yellow"
        text.append(" " if text else "").append(word.text, style=style)
    return text
