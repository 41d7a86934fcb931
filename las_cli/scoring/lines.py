"""A file or standard input in, its numbered lines out, UTF-8 or UTF-16; and their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from las_cli.errors import LasError
from las_cli.files import standard_input
from las_cli.scoring.choices import Choices, parse_choices
from las_cli.tables import UTF16, numbered_lines

NO_FACTS: Mapping[str, str] = {}
HEAD = 1000  # lines looked at to recognise a format


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end."""

    number: int  # from 1
    text: str


class TextSource:
    """Numbered lines of one file, read once and lazily; the first ones can be looked at before."""

    def __init__(self, path: str, stream: BinaryIO | None = None) -> None:
        """`path` may be "-": standard input, or `stream` if one is given.

        Raises LasError for a missing file, a folder and a file that may not be read; while lines
        are read, for bytes that are not UTF-8, naming the line.
        """
        self.name = "standard input" if path == "-" else path
        self.suffix = "" if path == "-" else Path(path).suffix.lower()
        self.stem = "" if path == "-" else Path(path).stem
        if path == "-":
            self._stream = stream if stream is not None else standard_input().buffer
        else:
            self._stream = _open(path)
        self._lines = self._decoded()
        self.head = list(islice(self._lines, HEAD))

    def __iter__(self) -> Iterator[Line]:
        head, self.head = self.head, []
        return chain(head, self._lines)

    def error(self, line: int | None, problem: str) -> LasError:
        """A LasError that begins with the file and the line."""
        place = f", line {line}" if line is not None else ""
        return LasError(f"{self.name}{place}: {problem}")

    def _decoded(self) -> Iterator[Line]:
        try:
            for number, text in numbered_lines(self._stream):
                if isinstance(text, bytes):
                    try:
                        text.decode("utf-16" if text.startswith(UTF16) else "utf-8")
                    except UnicodeDecodeError as error:
                        byte = error.object[error.start]
                        raise self.error(
                            number, f"byte 0x{byte:02x} is not UTF-8; convert the file to UTF-8"
                        ) from error
                yield Line(number, str(text))
        except OSError as error:
            raise self.error(None, f"cannot be read ({error.strerror or error})") from error
        finally:
            if self.name != "standard input":
                self._stream.close()


def _open(path: str) -> BinaryIO:
    try:
        return open(path, "rb")
    except FileNotFoundError as error:
        raise LasError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise LasError(f"{path}: a folder, expected a file of transcripts") from error
    except OSError as error:
        raise LasError(f"{path}: cannot be read ({error.strerror})") from error


@dataclass(frozen=True, slots=True)
class Entry:
    """One utterance of a listing."""

    id: str  # "" where the format has none
    text: str
    line: int  # where it stands, from 1
    facts: Mapping[str, str] = field(default_factory=lambda: NO_FACTS)  # other columns, e.g. accent
    choices: Choices | None = None  # of the text, where it leaves words open


@dataclass(frozen=True, slots=True)
class TimedEntry:
    """A segment of an STM file or a word of a CTM file."""

    recording: str
    channel: str
    start: float  # seconds
    end: float  # seconds
    text: str
    line: int
    speaker: str = ""


@dataclass(frozen=True)
class ColumnNames:
    """Names of the columns or fields to read, "" to look for the usual ones."""

    text: str = ""
    id: str = ""


def choices_in(source: TextSource, number: int, text: str) -> Choices | None:
    """What a transcript leaves open, None for nothing; LasError for braces that do not match."""
    try:
        return parse_choices(text)
    except ValueError as error:
        told = f"{error}; alternatives are written {{ this / that }}"
        raise source.error(number, told) from error
