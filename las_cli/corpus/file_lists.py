"""Tables (TSV, CSV) and JSON lines that list sound files with their text in, utterances out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from las_cli.corpus.corpus_tables import Columns, Row, piece_in, raw_rows, read_table
from las_cli.corpus.layout import MAIN_SPLITS, Layout, by_split, split_of
from las_cli.corpus.utterance import BadRow, Utterance, is_text, name_of, written
from las_cli.errors import LasError
from las_cli.files import as_on_disk
from las_cli.tables import PATH_COLUMNS, TEXT_COLUMNS, first_of, json_object, numbered_lines

# Names that corpora, Hugging Face's audiofolder, Coqui, DeepSpeech and Common Voice use.
COLUMNS = {
    "path": PATH_COLUMNS,
    "text": TEXT_COLUMNS,
    "speaker": ("speaker", "speaker_id", "speaker_name", "client_id", "spk", "spk_id"),
    "language": ("language", "lang", "locale"),
    "gender": ("gender", "sex"),
    "seconds": ("duration", "duration_s", "seconds", "length_s"),
    "start": ("start", "offset", "start_s"),
    "end": ("end", "end_s"),
}
UNUSED = {"wav_filesize", "up_votes", "down_votes"}
# Folders beside a table in which its paths may be meant.
BESIDE = ("", "clips", "wavs", "audio", "wav")
PEEK = 100  # rows looked at to tell in which, since the files of some may be missing


class FileList(Layout):
    """What tables and JSON lines have in common: files by split, paths relative to them."""

    def __init__(self, folder: Path) -> None:
        files = self.files_in(folder)
        self._files = by_split(files)
        if not self._files and folder.is_dir():
            self._files = self._in_folders(folder)
        super().__init__(folder, tuple(self._files))

    @classmethod
    def files_in(cls, folder: Path) -> list[Path]:
        """The listings in `folder`, or `folder` itself when it is one."""
        candidates = sorted(folder.iterdir()) if folder.is_dir() else [folder]
        return [file for file in candidates if file.is_file() and cls.is_one(file)]

    @classmethod
    def _in_folders(cls, folder: Path) -> dict[str, list[Path]]:
        """Listings in folders that are called after splits, as of Hugging Face's audiofolder."""
        found: dict[str, list[Path]] = {}
        for child in sorted(folder.iterdir()):
            split = split_of(child.name)
            if split is not None and child.is_dir() and os.access(child, os.R_OK | os.X_OK):
                if files := cls.files_in(child):
                    found.setdefault(split, []).extend(files)
        return {split: found[split] for split in MAIN_SPLITS if split in found}

    @classmethod
    def detects(cls, folder: Path) -> bool:
        return bool(cls.files_in(folder)) or (folder.is_dir() and bool(cls._in_folders(folder)))

    @classmethod
    def is_one(cls, file: Path) -> bool:
        """Whether `file` is a listing of this kind."""
        raise NotImplementedError

    def rows(self, file: Path) -> Iterator[Row | BadRow]:
        """The rows of one listing."""
        raise NotImplementedError

    def read(self, split: str) -> Iterator[Utterance | BadRow]:
        """The rows of a split, file by file."""
        for file in self._files[split]:
            place = self._place(file)
            for row in self.rows(file):
                if isinstance(row, BadRow):
                    yield row
                    continue
                audio = row.path
                if not os.path.isabs(audio):
                    audio = os.path.normpath(os.path.join(place, audio))
                name = _name(row.path, place)
                if row.start is None:
                    yield row.utterance(name, audio, declared_seconds=row.seconds)
                    continue
                name += f"-{round(row.start * 1000):08d}"
                yield row.utterance(name, audio, start=row.start, seconds=row.seconds)

    def _place(self, file: Path) -> str:
        """The folder that the paths of a listing hold from."""
        places = [os.path.join(file.parent, beside).rstrip("/") for beside in BESIDE]
        for row in islice(self.rows(file), PEEK):
            if isinstance(row, Row) and not os.path.isabs(row.path):
                for place in places:
                    if os.path.exists(as_on_disk(os.path.join(place, row.path))):
                        return place
        return places[0]


class Tables(FileList):
    """TSV or CSV files with a header that names a path and a text column."""

    kind = "table"

    @classmethod
    def is_one(cls, file: Path) -> bool:
        if file.suffix.lower() not in (".tsv", ".csv"):
            return False
        header = next((cells for _, cells in raw_rows(file)), None)
        matched = Columns(COLUMNS, UNUSED).match(header or [])
        return "path" in matched and "text" in matched

    def rows(self, file: Path) -> Iterator[Row | BadRow]:
        return read_table(file, Columns(COLUMNS, UNUSED))


class JSONTable(FileList):
    """JSON lines that name a sound file and its text, as `metadata.jsonl` of an audiofolder."""

    kind = "JSON lines"

    @classmethod
    def is_one(cls, file: Path) -> bool:
        if file.suffix.lower() not in (".json", ".jsonl", ".manifest"):
            return False
        with open(file, "rb") as lines:
            first = next((line for _, line in numbered_lines(lines) if line.strip()), "")
        data = json_object(first)
        return data is not None and cls.is_row(data)

    @classmethod
    def is_row(cls, data: dict[str, Any]) -> bool:
        """Whether the first object of a file is a row of such a listing."""
        return _path_of(data) is not None and first_of(data, TEXT_COLUMNS) is not None

    def rows(self, file: Path) -> Iterator[Row | BadRow]:
        try:
            with open(file, "rb") as lines:
                for number, line in numbered_lines(lines):
                    if line.strip():
                        yield _json_row(f"{file.name}:{number}", line)
        except OSError as error:
            raise LasError(f"{file}: cannot be read ({error.strerror})") from error


class NeMo(JSONTable):
    """JSON lines with `audio_filepath`, `text` and perhaps `duration` and `offset` (seconds)."""

    kind = "NeMo manifest"

    @classmethod
    def is_row(cls, data: dict[str, Any]) -> bool:
        return "audio_filepath" in data


def _path_of(data: dict[str, Any]) -> str | None:
    """The sound file of a row; that of a data set's `audio` may be inside an object."""
    found = first_of(data, ("audio_filepath", *PATH_COLUMNS))
    if isinstance(found, dict):
        found = found.get("path")
    return found if isinstance(found, str) and found.strip() else None


def _json_row(where: str, line: str | bytes) -> Row | BadRow:
    data = json_object(line)
    if data is None:
        return BadRow(where, "the line is no JSON object")
    path, text = _path_of(data), first_of(data, TEXT_COLUMNS)
    if path is None:
        return BadRow(where, "no audio_filepath, or another field that names a sound file")
    text = "" if text is None else text
    if not isinstance(text, str):
        return BadRow(where, f"text is {type(text).__name__}, not a string")
    told = {
        name: next((str(data[alias]) for alias in COLUMNS[name] if data.get(alias)), None)
        for name in ("speaker", "language", "gender")
    }
    taken = {alias for name in COLUMNS for alias in COLUMNS[name]}
    custom = {
        key: str(value)
        for key, value in data.items()
        if key not in taken and isinstance(value, (str, int, float)) and value != ""
    }
    if not is_text(path, text, *(value or "" for value in told.values()), *custom.values()):
        return BadRow(where, "it holds half a character (a lone surrogate such as \\ud83d)")
    start, end, lasts = (
        None if (told_of := first_of(data, COLUMNS[name])) is None else str(told_of)
        for name in ("start", "end", "seconds")
    )
    piece = piece_in(where, start, end, lasts)
    if isinstance(piece, BadRow):
        return piece
    return Row(
        where=where,
        path=path.strip(),
        text=written(text),
        **told,
        start=piece[0],
        seconds=piece[1],
        custom=custom,
    )


def _name(path: str, place: str) -> str:
    """A clip's id before that of its piece: its path below `place`."""
    if os.path.isabs(path):
        try:
            path = os.path.relpath(path, place)
        except ValueError:  # on Windows there is no way from one drive to another
            path = os.path.splitdrive(path)[1]
        path = path.replace(os.sep, "/")
    return name_of(path)
