"""Tables (TSV, CSV) and NeMo manifests that list sound files with their text in, utterances out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from las_cli.corpus.layout import Layout, by_split
from las_cli.corpus.tables import Columns, Row, number_in, raw_rows, read_table
from las_cli.corpus.utterance import BadRow, Utterance, name_of, written
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
}
UNUSED = {"wav_filesize", "up_votes", "down_votes", "end"}
# Folders beside a table in which its paths may be meant.
BESIDE = ("", "clips", "wavs", "audio", "wav")


class Listing(Layout):
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
    def recognises(cls, folder: Path) -> bool:
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
            places: list[str] | None = None
            for row in self.rows(file):
                if isinstance(row, BadRow):
                    yield row
                    continue
                if places is None:
                    places = self._places(file, row.path)
                audio = _resolve(places, row.path)
                piece = row.start is not None and row.seconds is not None
                name = name_of(os.path.relpath(audio, places[0]) if os.path.isabs(row.path)
                               else row.path)  # fmt: skip
                if piece:
                    name += f"-{round((row.start or 0) * 1000):08d}"
                yield row.utterance(
                    name,
                    audio,
                    declared_seconds=None if piece else row.seconds,
                    start=row.start or 0.0,
                    seconds=row.seconds if piece else None,
                )

    @staticmethod
    def _places(file: Path, first: str) -> list[str]:
        """Folders to look for sound files in; the one that holds the first comes first."""
        places = [os.path.join(file.parent, beside).rstrip("/") for beside in BESIDE]
        return sorted(places, key=lambda place: not os.path.exists(os.path.join(place, first)))


class Tables(Listing):
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


class NeMo(Listing):
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
    return Row(
        where=where,
        path=path.strip(),
        text=written(text),
        **told,
        seconds=number_in(str(data.get("duration", ""))),
        start=number_in(str(data["offset"])) if data.get("offset") is not None else None,
        custom={
            key: str(value)
            for key, value in data.items()
            if key not in taken and isinstance(value, (str, int, float)) and value != ""
        },
    )


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(line)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _resolve(places: list[str], path: str) -> str:
    """Where the sound file is: as named, else in the folder where the first row was found."""
    if os.path.isabs(path):
        return path
    return os.path.normpath(os.path.join(places[0], path))
