"""A table or list as people write them in, its numbered lines and rows out; for every command.

UTF-8 or UTF-16 (spreadsheets), cells parted by tabs, commas, semicolons or bars, JSON objects, or
Kaldi's `id path`. What a row means, and what becomes of a bad one, is the caller's to say.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

UTF16 = (b"\xff\xfe", b"\xfe\xff")
# Columns that name the sound of a row: Common Voice, Hugging Face's audiofolder, NeMo, Coqui,
# DeepSpeech; the most telling first.
PATH_COLUMNS = (
    *("path", "file_name", "filename", "file", "audio", "audio_file", "audio_filepath"),
    *("audio_path", "wav", "wav_filename", "clip"),
)
TEXT_COLUMNS = (
    *("text", "sentence", "transcript", "transcription", "normalized_text"),
    *("normalized_transcription", "words"),
)
_SEPARATOR = re.compile(r"^sep=(.)$", re.IGNORECASE)  # what spreadsheets put before the header


class TableError(ValueError):
    """A table that cannot be taken apart, and the line at which that shows."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line


def numbered_lines(stream: BinaryIO) -> Iterator[tuple[int, str | bytes]]:
    """The lines of `stream` without their ends, from 1; bytes where a line is no text.

    Lines end at \\n or \\r\\n only: other characters that end lines for Python (U+2028, form
    feeds) occur inside transcripts, and would shift every later row. A file in which there is
    neither has its lines end at \\r, as spreadsheets for old Macs write them.
    """
    first = stream.readline()
    if coding := _wide(first):
        data = first + stream.read()
        try:
            text = data.decode(coding, "strict" if coding == "utf-16" else "replace")
        except UnicodeDecodeError:
            yield 1, data
            return
        lines: Iterable[str] = text.removesuffix("\n").split("\n") if text else ()
        for number, line in enumerate(lines, 1):
            yield number, line.removesuffix("\r")
        return
    if not first.endswith(b"\n") and b"\r" in first.removesuffix(b"\r"):
        stream = io.BytesIO(first.replace(b"\r", b"\n"))
        first = stream.readline()
    number = 0
    raw = first.removeprefix(b"\xef\xbb\xbf")
    while raw or number == 0:
        if not raw:
            if first:  # a byte order mark and nothing else
                yield 1, ""
            return
        number += 1
        try:
            yield number, raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            yield number, raw
        raw = stream.readline()


def _wide(first: bytes) -> str:
    """The coding of text of two bytes a letter, by its first line; "" for any other.

    Some programs leave the mark out: then every other byte of the first four letters is zero.
    """
    if first.startswith(UTF16):
        return "utf-16"
    head = first[:8]
    for coding, letters, zeros in (("utf-16-le", 0, 1), ("utf-16-be", 1, 0)):
        if len(head) == 8 and all(head[letters::2]) and not any(head[zeros::2]):
            return coding
    return ""


def delimiter_of(header: str, name: str = "") -> str:
    """What parts the cells of a table with that header; name: of its file, which may tell.

    >>> delimiter_of("path;sentence"), delimiter_of("path\\tsentence, spoken", "train.tsv")
    (';', '\\t')
    """
    if not name.lower().endswith(".csv") and "\t" in header:
        return "\t"
    found = max(",;\t|", key=header.count)
    return found if found in header else ("," if name.lower().endswith(".csv") else "\t")


def rows_of(
    lines: Iterable[tuple[int, str | bytes]], delimiter: str, strict: bool = False
) -> Iterator[tuple[int, list[str] | None]]:
    """Number and cells of every row that is not blank; None for cells that are no text.

    Tabs and bars part cells whatever they hold: Common Voice sentences have unbalanced quotes, and
    a reader that believes in quotes swallows all lines up to the next one. With commas and
    semicolons cells are quoted as spreadsheets do (RFC 4180).
    strict: TableError for a quotation mark that is never closed, rather than an empty row; and
    blank rows too, as [""]
    """
    if delimiter in "\t|":
        for number, line in lines:
            if isinstance(line, bytes):
                yield number, None
            elif line.strip():
                yield number, line.split(delimiter)
        return
    csv.field_size_limit(1 << 24)
    at = 0

    def texts() -> Iterator[str]:
        nonlocal at
        for number, line in lines:
            at = number
            text = line.decode("utf-8", "surrogateescape") if isinstance(line, bytes) else line
            yield text if isinstance(line, bytes) else f"{text}\n"

    reader = csv.reader(texts(), delimiter=delimiter, strict=strict)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            if strict:
                raise TableError(at, str(error)) from error
            yield at, []
            continue
        if cells is None:
            return
        if strict:
            yield at, cells or [""]
        elif any(cell.strip() for cell in cells):
            yield at, cells if _is_text(cells) else None


def table_rows(
    lines: Iterable[tuple[int, str | bytes]],
    name: str = "",
    delimiter: str | None = None,
    strict: bool = False,
) -> Iterator[tuple[int, list[str] | None]]:
    """`rows_of` a table whose delimiter its first line tells, unless it is named."""
    iterator = iter(lines)
    first: tuple[int, str | bytes] | None = None
    for number, line in iterator:
        if isinstance(line, str):
            if told := _SEPARATOR.match(line):
                delimiter = delimiter or told[1]
                continue
            if not line.strip():
                continue
        first = number, line
        break
    if first is None:
        return
    if delimiter is None:
        delimiter = delimiter_of(first[1] if isinstance(first[1], str) else "", name)

    def all_lines() -> Iterator[tuple[int, str | bytes]]:
        yield first
        yield from iterator

    yield from rows_of(all_lines(), delimiter, strict)


def json_object(line: str | bytes) -> dict[str, Any] | None:
    """The object of a line of JSON; None where it holds something else."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def first_of(row: Mapping[str, Any], names: Iterable[str]) -> Any:
    """The value under the first of `names` that `row` has, whatever their case; None for none."""
    keys = {str(key).strip().lower(): key for key in row}
    values = (row[keys[name]] for name in names if name in keys)
    return next((value for value in values if value is not None), None)


def scp_entry(line: str) -> tuple[str, str] | None:
    """Id and path of a line of Kaldi's wav.scp; None where it names no file.

    Kaldi also takes commands there (`sox … |`). las runs none: a list must not be a program.
    """
    parts = line.strip().split(None, 1)
    if len(parts) != 2 or parts[1].rstrip().endswith("|") or parts[1].startswith("|"):
        return None
    return parts[0], parts[1].strip()


def is_scp(path: str | Path) -> bool:
    """Whether a file is named like Kaldi's list of recordings, wav.scp."""
    return Path(path).suffix.lower() == ".scp"


def _is_text(cells: list[str]) -> bool:
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return False
    return True
