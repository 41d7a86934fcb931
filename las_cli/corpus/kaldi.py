"""A Kaldi data folder (`wav.scp`, `text`, perhaps `segments`, `utt2spk`) in, utterances out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from las_cli.corpus.corpus_tables import number_in, piece_in
from las_cli.corpus.layout import MAIN_SPLITS, Layout, split_of
from las_cli.corpus.utterance import BadRow, Utterance, written
from las_cli.errors import LasError
from las_cli.files import as_on_disk
from las_cli.tables import numbered_lines, scp_entry

WAVS, TEXT = "wav.scp", "text"
GENDERS = {"f": "female", "m": "male"}


class Kaldi(Layout):
    """`data/train/wav.scp` and `data/train/text`, each split a folder; or one such folder.

    Commands in wav.scp (`sox … |`) are not run: a corpus must not be a program.
    """

    kind = "Kaldi data"

    def __init__(self, folder: Path) -> None:
        self._folders: dict[str, list[Path]] = {}
        if _is_one(folder):
            self._folders[split_of(folder.name) or "train"] = [folder]
        else:
            for child in sorted(folder.iterdir()):
                if _is_one(child):
                    self._folders.setdefault(split_of(child.name) or "train", []).append(child)
        super().__init__(folder, tuple(one for one in MAIN_SPLITS if one in self._folders))

    @staticmethod
    def detects(folder: Path) -> bool:
        """Whether `folder`, or a folder in it, holds wav.scp and text."""
        if not folder.is_dir():
            return False
        return _is_one(folder) or any(_is_one(child) for child in folder.iterdir())

    def read(self, split: str) -> Iterator[Utterance | BadRow]:
        """The lines of the texts of a split, in their order."""
        for folder in self._folders[split]:
            yield from self._read(folder)

    def _read(self, folder: Path) -> Iterator[Utterance | BadRow]:
        sounds = {}
        for number, line in _lines(folder / WAVS):
            entry = None if isinstance(line, bytes) else scp_entry(line)
            if entry is None:
                yield BadRow(
                    f"{folder.name}/{WAVS}:{number}",
                    "no `id path`; commands (`sox … |`) are not run, convert the sound first",
                )
                sounds[str(line).split()[0]] = ""
            else:
                sounds[entry[0]] = _place(folder, entry[1])
        pieces = _pairs(folder / "segments")
        speakers, durations = _pairs(folder / "utt2spk"), _pairs(folder / "utt2dur")
        genders = _pairs(folder / "spk2gender")
        for number, line in _lines(folder / TEXT):
            where = f"{folder.name}/{TEXT}:{number}"
            if isinstance(line, bytes):
                yield BadRow(where, "the line is not UTF-8 text")
                continue
            id, text = (line.strip().split(None, 1) + [""])[:2]
            recording, *times = pieces[id].split() if id in pieces else (id,)
            if recording not in sounds:
                yield BadRow(where, f"{WAVS} names no recording {recording!r}")
                continue
            if not sounds[recording]:
                continue  # told already
            piece = piece_in(where, times[0], times[1], None) if len(times) == 2 else (None, None)
            if isinstance(piece, BadRow):
                yield piece
                continue
            speaker = speakers.get(id)
            yield Utterance(
                id=id,
                audio=sounds[recording],
                text=written(text),
                where=where,
                speaker=speaker,
                gender=GENDERS.get(genders.get(speaker or "", "")),
                declared_seconds=number_in(durations.get(id)),
                start=piece[0] or 0.0,
                seconds=piece[1],
            )


def _is_one(folder: Path) -> bool:
    return (folder / WAVS).is_file() and (folder / TEXT).is_file()


def _place(folder: Path, path: str) -> str:
    """Where a path is meant from: Kaldi's scripts run two or three folders above the data's."""
    if os.path.isabs(path):
        return as_on_disk(path)
    for base in (folder, *list(folder.parents)[:3], Path.cwd()):
        there = as_on_disk(os.path.normpath(os.path.join(base, path)))
        if os.path.exists(there):
            return there
    return os.path.normpath(os.path.join(folder, path))


def _lines(path: Path) -> Iterator[tuple[int, str | bytes]]:
    try:
        with open(path, "rb") as file:
            yield from ((number, line) for number, line in numbered_lines(file) if line.strip())
    except OSError as error:
        raise LasError(f"{path}: cannot be read ({error.strerror})") from error


def _pairs(path: Path) -> dict[str, str]:
    """Key → the rest of its line; empty where there is no such file."""
    if not path.is_file():
        return {}
    pairs = (line.strip().split(None, 1) for _, line in _lines(path) if isinstance(line, str))
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
