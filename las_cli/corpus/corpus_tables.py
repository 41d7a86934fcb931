"""A table in, one row object a line out; a line that makes no sense is a BadRow."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from las_cli.corpus.utterance import BadRow, Utterance, written
from las_cli.errors import LasError
from las_cli.files import LFS_ADVICE, as_on_disk, is_lfs_pointer
from las_cli.tables import numbered_lines, table_rows

STANDARD = ("path", "text", "speaker", "language", "gender", "seconds", "start", "end")


@dataclass(frozen=True)
class Columns:
    """Which column means what, by name; case and surrounding space do not matter."""

    names: Mapping[str, Collection[str]]  # our name → names in the header, best first
    unused: Collection[str] = ()  # columns that are left out; all others are kept as custom

    def match(self, header: list[str]) -> dict[str, int]:
        """Our names (and the corpus's own for custom columns) → positions in the header."""
        positions = {cell.strip().lower(): at for at, cell in reversed(list(enumerate(header)))}
        matched: dict[str, int] = {}
        for name, aliases in self.names.items():
            for alias in aliases:
                if alias in positions:
                    matched[name] = positions[alias]
                    break
        taken = set(matched.values())
        for cell, at in positions.items():
            foreign = cell in STANDARD and cell not in self.names  # one of ours by name only
            if cell and at not in taken and cell not in self.unused and not foreign:
                matched.setdefault(cell, at)
        return matched


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table that names a clip."""

    where: str  # "train.tsv:17"
    path: str  # as the table writes it
    text: str
    speaker: str | None = None
    language: str | None = None
    gender: str | None = None
    seconds: float | None = None
    start: float | None = None
    custom: dict[str, str] = field(default_factory=dict)

    def utterance(self, id: str, audio: str, **piece: Any) -> Utterance:
        """The row as an utterance of the sound file `audio`; piece: what of the file it is."""
        return Utterance(
            id=unicodedata.normalize("NFC", id),
            audio=as_on_disk(audio),
            text=self.text,
            where=self.where,
            speaker=self.speaker,
            language=self.language,
            gender=self.gender,
            custom=self.custom,
            **piece,
        )


def read_table(path: Path, columns: Columns) -> Iterator[Row | BadRow]:
    """The rows of a table whose first line is a header; LasError when that has no path or text.

    Tab-separated files are read with quoting off: Common Voice sentences hold unbalanced quotes,
    and a reader that believes in quotes swallows all lines up to the next one.
    """
    rows = raw_rows(path)
    first = next(rows, None)
    if first is None:
        raise LasError(f"{path}: the table is empty; expected a header line naming its columns")
    header = first[1] or []
    matched = columns.match(header)
    for name in ("path", "text"):
        if name not in matched:
            raise LasError(
                f"{path}: no column for the {name} (found {', '.join(header[:8]) or 'nothing'}); "
                f"expected one of {', '.join(columns.names[name])}"
            )
    width = len(header)
    custom = {name: at for name, at in matched.items() if name not in STANDARD}
    for line, cells in rows:
        where = f"{path.name}:{line}"
        if cells is None:
            yield BadRow(where, "the line is not UTF-8 text")
        elif len(cells) != width:  # a line feed in a sentence breaks a row in two short ones
            yield BadRow(where, f"{len(cells)} columns where the header has {width}")
        elif not cells[matched["path"]].strip():
            yield BadRow(where, "the row names no sound file")
        else:
            yield _row(where, cells, matched, custom)


def raw_rows(path: Path, delimiter: str | None = None) -> Iterator[tuple[int, list[str] | None]]:
    """Line number and cells of every line that is not blank; None for cells that are not UTF-8."""
    if is_lfs_pointer(path):
        raise LasError(f"{path}: {LFS_ADVICE}")
    try:
        with open(path, "rb") as raw:
            yield from table_rows(numbered_lines(raw), path.name, delimiter)
    except OSError as error:
        raise LasError(f"{path}: cannot be read ({error.strerror})") from error


def _row(
    where: str, cells: list[str], matched: dict[str, int], custom: dict[str, int]
) -> Row | BadRow:
    def cell(name: str) -> str | None:
        return (cells[matched[name]].strip() or None) if name in matched else None

    piece = piece_in(where, cell("start"), cell("end"), cell("seconds"))
    if isinstance(piece, BadRow):
        return piece
    return Row(
        where=where,
        path=cells[matched["path"]].strip(),
        text=written(cells[matched["text"]]),
        speaker=cell("speaker"),
        language=cell("language"),
        gender=cell("gender"),
        start=piece[0],
        seconds=piece[1],
        custom={name: value for name, at in custom.items() if (value := cells[at].strip())},
    )


def piece_in(
    where: str, start: str | None, end: str | None, seconds: str | None
) -> tuple[float | None, float | None] | BadRow:
    """Start and length of a row's piece, None where it is not told; a BadRow for times that are
    none. `end` says the length where there is a start and nothing else says it."""
    begins, lasts = number_in(start), number_in(seconds)
    if start and begins is None:
        return BadRow(where, f"it starts at {start[:20]!r}, which is no number of seconds")
    if begins is None or lasts is not None or not end:
        return begins, lasts
    ends = number_in(end)
    if ends is None:
        return BadRow(where, f"it ends at {end[:20]!r}, which is no number of seconds")
    if ends <= begins:
        return BadRow(where, f"it ends at {ends:g} s, which is not after its start, {begins:g} s")
    return begins, round(ends - begins, 6)


def number_in(cell: str | None) -> float | None:
    """A cell as a number that is not negative; None where it is empty or something else."""
    try:
        number = float(cell) if cell else -1.0
    except ValueError:
        return None
    return number if 0 <= number < math.inf else None
