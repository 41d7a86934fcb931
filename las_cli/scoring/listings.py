"""A file of transcripts in any known format in, its utterances (id, text, facts) out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from las_cli.errors import UsageError
from las_cli.scoring.cues import are_cues, read_cues
from las_cli.scoring.lines import ColumnNames, Entry, Line, TextSource, choices_in
from las_cli.tables import delimiter_of


@dataclass(frozen=True)
class Listing:
    """A file of transcripts that has been recognised; it can be read once."""

    source: TextSource
    format: str  # one of FORMATS
    side: str  # "reference" or "hypothesis": which field of a table is read
    columns: ColumnNames = ColumnNames()

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def has_columns(self) -> bool:
        """Whether utterances are rows or records, with fields that have names."""
        return self.format in TABLES

    @property
    def is_cut_anywhere(self) -> bool:
        """Whether it says what one recording holds, cut into pieces that no other listing has:
        subtitles, and the table of start, end and text that `las transcribe` writes."""
        head = self.source.head
        own = bool(head) and [cell.strip() for cell in head[0].text.split("\t")] == [
            "start", "end", "text"
        ]  # fmt: skip
        return self.format in SUBTITLES or (self.format == "tsv" and own)

    def __str__(self) -> str:
        return f"{self.name} ({self.format})"

    def entries(self) -> Iterator[Entry]:
        """All utterances in order; LasError for what cannot be read, naming the line."""
        if self.has_columns:
            from las_cli.scoring.records import read_records

            return read_records(self.source, self.format, self.side, self.columns)
        if self.format in ("stm", "ctm"):
            from las_cli.scoring.timed import by_recording

            return by_recording(self.source, self.format)
        return _READERS[self.format](self.source)


def open_listing(
    path: str,
    format: str = "auto",
    side: str = "reference",
    columns: ColumnNames | None = None,
    stream: BinaryIO | None = None,
) -> Listing:
    """Open a file of transcripts ("-": standard input) and recognise its format.

    UsageError if the text is to come from a column and the format has none.
    """
    source, columns = TextSource(path, stream), columns or ColumnNames()
    if format == "auto":
        format = detect_format(source, columns)
    listing = Listing(source, format, side, columns)
    if columns.text and not listing.has_columns:
        option = "--hyp-column" if side == "hypothesis" else "--ref-column"
        raise UsageError(
            f"{option}: {source.name} was read as {format}, which has no columns; "
            f"name a column of its first line, or the format with --format ({', '.join(TABLES)})"
        )
    return listing


def _read_lines(source: TextSource) -> Iterator[Entry]:
    """A line an utterance; a blank line is an empty utterance."""
    for line in source:
        yield Entry("", line.text, line.number)


def _read_kaldi(source: TextSource) -> Iterator[Entry]:
    """`id text`; the id alone is an empty utterance."""
    for line in source:
        parts = line.text.split(None, 1)
        if parts:
            yield Entry(parts[0], parts[1] if len(parts) > 1 else "", line.number)


_TRN = re.compile(r"^(.*?)\(([^()\s]+)\)\s*$", re.DOTALL)


def _read_trn(source: TextSource) -> Iterator[Entry]:
    """sclite's `text (id)`; lines that begin with ;; are comments."""
    for line in source:
        if not line.text.strip() or line.text.startswith(";;"):
            continue
        match = _TRN.match(line.text)
        if match is None:
            raise source.error(line.number, "no `(id)` at the end, as the trn format wants")
        choices = choices_in(source, line.number, match[1])
        text = match[1].rstrip() if choices is None else choices.first
        yield Entry(match[2], text, line.number, choices=choices)


def _read_letters(source: TextSource) -> Iterator[Entry]:
    """Python lists of letters as the research code printed them; '' is a space."""
    for line in source:
        letters = parse_letters(line.text.strip() or "[]")
        if letters is None:
            raise source.error(line.number, "no list of letters such as ['A', 'N', 'D', '', 'T']")
        for sentence in letters:
            yield Entry("", "".join(letter or " " for letter in sentence), line.number)


def parse_letters(text: str) -> list[list[str]] | None:
    """The list of letters in `text`, or the list of such lists; None if it holds neither.

    >>> parse_letters("['A', 'N', 'D', '', 'T']")
    [['A', 'N', 'D', '', 'T']]
    """
    import ast

    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if not isinstance(value, list):
        return None
    sentences = value if value and all(isinstance(item, list) for item in value) else [value]
    if all(isinstance(letter, str) for sentence in sentences for letter in sentence):
        return sentences
    return None


_READERS: dict[str, Callable[[TextSource], Iterator[Entry]]] = {
    "lines": _read_lines,
    "kaldi": _read_kaldi,
    "trn": _read_trn,
    "letters": _read_letters,
    **dict.fromkeys(("srt", "vtt"), read_cues),
}
SUBTITLES = ("srt", "vtt")  # cues end where a line is full, so that only the whole compares
TABLES = ("tsv", "csv", "json", "jsonl")  # formats with columns or fields
FORMATS = ("lines", "kaldi", "trn", *TABLES, "stm", "ctm", *SUBTITLES, "letters")

_NUMBER = r"\d+(?:\.\d*)?"
_STM = re.compile(rf"^\S+\s+\S+\s+\S+\s+{_NUMBER}\s+{_NUMBER}(?:\s|$)")
_CTM = re.compile(rf"^\S+\s+\S+\s+{_NUMBER}\s+{_NUMBER}\s+\S+(?:\s+-?{_NUMBER})?\s*$")
# An utterance id is told from a first word by a digit and one of - _ . / in it.
_ID = re.compile(r"^(?=\S*\d)\S*[-_./]\S*$")


def detect_format(source: TextSource, columns: ColumnNames) -> str:
    """The format of a file, by its suffix, else by its first lines; "lines" when in doubt.

    A first line with one of `columns` in it is the header of a table.
    """
    lines = [line for line in source.head if line.text.strip()]
    first = lines[0].text.strip() if lines else ""
    if source.suffix == ".json" and _bracketed(first, lines) == "jsonl":
        return "jsonl"  # several transcripts, one after another
    if source.suffix == ".csv":
        return "tsv" if delimiter_of(first, source.name) == "\t" else "csv"
    if source.suffix == ".tsv" and delimiter_of(first) in ",;":  # a spreadsheet's, renamed
        return "csv" if _is_table(lines, columns, delimiter_of(first)) else "tsv"
    if source.suffix in (".trn", ".stm", ".ctm", ".tsv", ".json", ".jsonl", ".srt", ".vtt"):
        return source.suffix[1:]
    if not lines:
        return "tsv" if columns.text else "lines"
    if subtitles := are_cues(lines):
        return subtitles
    if first[0] in "{[" and (format := _bracketed(first, lines)):
        return format
    if _is_table(lines, columns, "\t"):
        return "tsv"
    if _is_table(lines, columns, ";") or _is_table(lines, columns, ","):
        return "csv"
    spoken = [line.text for line in lines if not line.text.startswith(";;")]
    for format, pattern in (("ctm", _CTM), ("stm", _STM)):
        if spoken and all(pattern.match(text) for text in spoken):
            return format
    trn = [_TRN.match(text) for text in spoken]
    ids = [match[2] if match else "" for match in trn]
    if _all_different(ids) and all(re.search(r"\d", id) for id in ids):  # else "(laughs)"
        return "trn"
    ids = [text.split(None, 1)[0] for text in spoken]
    named = source.stem == "text" and source.suffix == ""  # as in every Kaldi data folder
    # One line alone may well be a sentence that begins with "3.5".
    if _all_different(ids) and (named or (len(ids) > 1 and all(_ID.match(id) for id in ids))):
        return "kaldi"
    return "lines"


def _bracketed(first: str, lines: list[Line]) -> str:
    import json

    letters = parse_letters(first)
    if letters is not None and all(len(letter) <= 1 for line in letters for letter in line):
        return "letters"
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        # JSON over several lines opens with a bracket alone; a transcript may begin "[noise]".
        return "json" if re.match(r"^[\[{]\s*(?:$|[\[{\"])", first) else ""
    return "jsonl" if isinstance(value, dict) and len(lines) > 1 else "json"


def _is_table(lines: list[Line], columns: ColumnNames, delimiter: str) -> bool:
    from las_cli.scoring.records import ID_NAMES, TEXT_NAMES

    header = [name.strip() for name in lines[0].text.split(delimiter)]
    if columns.text and columns.text in header:
        return True
    usual = TEXT_NAMES["reference"].keys() | TEXT_NAMES["hypothesis"].keys()
    lower = {name.lower() for name in header}
    named = usual & lower or (columns.id and columns.id in header)
    if delimiter != "\t":  # "text, sentence" could be somebody's words
        named = usual & lower and (set(ID_NAMES) & lower or columns.id in header)
    return len(header) > 1 and bool(named)


def _all_different(ids: list[str]) -> bool:
    return bool(ids) and all(ids) and len(set(ids)) == len(ids)
