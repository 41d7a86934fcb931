"""A LibriSpeech or Mini LibriSpeech folder in, its utterances by split out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from las_cli.corpus.layout import MAIN_SPLITS, Layout, split_of
from las_cli.corpus.utterance import BadRow, Utterance, written
from las_cli.errors import LasError

SOUNDS = (".flac", ".wav", ".opus", ".mp3", ".ogg")  # as released first, then as people convert it


class LibriSpeech(Layout):
    """`train-clean-100/SPEAKER/CHAPTER/*.flac` with `SPEAKER-CHAPTER.trans.txt` beside them.

    Splits: train, dev and test (all parts of each), and each part by its own name.
    """

    kind = "LibriSpeech"

    def __init__(self, folder: Path) -> None:
        inner = folder / "LibriSpeech"
        self._root = root = inner if inner.is_dir() else folder
        if _is_part(root):  # the folder is one part
            self._parts = {root.name: root}
        else:
            self._parts = {part.name: part for part in sorted(root.iterdir()) if _is_part(part)}
        self._merged: dict[str, list[str]] = {}
        for name in self._parts:
            self._merged.setdefault(split_of(name) or "train", []).append(name)
        main = tuple(split for split in MAIN_SPLITS if split in self._merged)
        super().__init__(folder, main + tuple(sorted(set(self._parts) - set(main))))
        self._genders: dict[str, str] | None = None

    @staticmethod
    def detects(folder: Path) -> bool:
        """Whether `folder` (or `LibriSpeech/` in it) holds parts with transcripts, or is a part."""
        inner = folder / "LibriSpeech"
        root = inner if inner.is_dir() else folder
        return _is_part(root) or any(_is_part(part) for part in root.iterdir())

    def read(self, split: str) -> Iterator[Utterance | BadRow]:
        """The lines of the transcripts of a split, by part, speaker and chapter."""
        for name in self._merged.get(split, [split]):
            part = self._parts[name]
            for transcript in sorted(part.glob("*/*/*.trans.txt")):
                yield from self._chapter(part, transcript)

    def _chapter(self, part: Path, transcript: Path) -> Iterator[Utterance | BadRow]:
        speaker = transcript.parent.parent.name
        where = f"{part.name}/{transcript.relative_to(part)}"
        try:
            lines = transcript.read_bytes().splitlines()
            sounds = {name for name in os.listdir(transcript.parent) if name.endswith(SOUNDS)}
        except OSError as error:
            raise LasError(f"{transcript}: cannot be read ({error.strerror})") from error
        for number, line in enumerate(lines, start=1):
            try:
                name, _, text = line.decode().strip().partition(" ")
            except UnicodeDecodeError:
                yield BadRow(f"{where}:{number}", "the line is not UTF-8 text")
                continue
            if not name:
                continue
            found = next((name + end for end in SOUNDS if name + end in sounds), name + SOUNDS[0])
            yield Utterance(
                id=name,
                audio=str(transcript.parent / found),
                text=written(text),
                where=f"{where}:{number}",
                speaker=speaker,
                language="en",
                gender=self._gender(speaker),
            )

    def _gender(self, speaker: str) -> str | None:
        """From SPEAKERS.TXT (`14 | F | train-clean-360 | ...`), where the release holds it."""
        if self._genders is None:
            self._genders = {}
            table = self._root / "SPEAKERS.TXT"
            if table.is_file():
                for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
                    cells = [cell.strip() for cell in line.split("|")]
                    if len(cells) > 2 and cells[0].isdigit():
                        self._genders[cells[0]] = {"F": "female", "M": "male"}.get(cells[1], "")
        return self._genders.get(speaker) or None


def _is_part(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    # SPEAKER and CHAPTER are numbers: looking for them first keeps a scan of other trees short.
    try:
        speakers = [child for child in folder.iterdir() if child.name.isdigit()]
    except PermissionError:
        if split_of(folder.name) is None:  # lost+found beside tables, say
            return False
        raise
    return any(next(speaker.glob("*/*.trans.txt"), None) for speaker in speakers)
