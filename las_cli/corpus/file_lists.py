"""Tables (TSV, CSV) and NeMo manifests that list sound files with their text in, utterances out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from las_cli.corpus.layout import Layout, by_split
from las_cli.corpus.tables import Columns, Row, piece_in, raw_rows, read_table
from las_cli.corpus.utterance import BadRow, Utterance, is_text, name_of, written
from las_cli.errors import LasError

# Names that corpora, Hugging Face's audiofolder, Coqui, DeepSpeech and Common Voice use.
COLUMNS = {
    "path": (
        *("path", "file_name", "filename", "file", "audio", "audio_file", "audio_filepath"),
        *("audio_path", "wav", "wav_filename", "clip"),
    ),
    "text": (
        *("text", "sentence", "transcript", "transcription", "normalized_text"),
        *("normalized_transcription", "words"),
    ),
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
        self._files = by_split(self.files_in(folder))
        super().__init__(folder, tuple(self._files))

    @classmethod
    def files_in(cls, folder: Path) -> list[Path]:
        """The listings in `folder`, or `folder` itself when it is one."""
        candidates = sorted(folder.iterdir()) if folder.is_dir() else [folder]
        return [file for file in candidates if file.is_file() and cls.is_one(file)]

    @classmethod
    def detects(cls, folder: Path) -> bool:
        return bool(cls.files_in(folder))

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
                    if os.path.exists(os.path.join(place, row.path)):
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


class NeMo(FileList):
    """JSON lines with `audio_filepath`, `text` and perhaps `duration` and `offset` (seconds)."""

    kind = "NeMo manifest"

    @classmethod
    def is_one(cls, file: Path) -> bool:
        if file.suffix.lower() not in (".json", ".jsonl", ".manifest"):
            return False
        with open(file, "rb") as lines:
            first = lines.readline(1 << 20)
        return b'"audio_filepath"' in first and _object(first) is not None

    def rows(self, file: Path) -> Iterator[Row | BadRow]:
        try:
            with open(file, "rb") as lines:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        yield _nemo_row(f"{file.name}:{number}", line)
        except OSError as error:
            raise LasError(f"{file}: cannot be read ({error.strerror})") from error


def _nemo_row(where: str, line: bytes) -> Row | BadRow:
    data = _object(line)
    if data is None:
        return BadRow(where, "the line is no JSON object")
    path, text = data.get("audio_filepath"), data.get("text", "")
    if not isinstance(path, str) or not path.strip():
        return BadRow(where, "no audio_filepath")
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
        None if data.get(name) is None else str(data[name])
        for name in ("offset", "end", "duration")
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


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(line)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _name(path: str, place: str) -> str:
    """A clip's id before that of its piece: its path below `place`."""
    if os.path.isabs(path):
        try:
            path = os.path.relpath(path, place)
        except ValueError:  # on Windows there is no way from one drive to another
            path = os.path.splitdrive(path)[1]
        path = path.replace(os.sep, "/")
    return name_of(path)
