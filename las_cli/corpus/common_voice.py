"""A Common Voice folder in, its utterances by split out; every header from release 1 to 20."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from las_cli.corpus.corpus_tables import Columns, read_table
from las_cli.corpus.layout import Layout
from las_cli.corpus.utterance import BadRow, Utterance, name_of
from las_cli.text.normalise import casing_language

SPLITS = ("train", "dev", "test", "validated", "other", "invalidated")

# The first release (2017) was one CSV file a split with its clips in a folder of the same name.
FIRST_RELEASE = {
    "train": "cv-valid-train.csv",
    "dev": "cv-valid-dev.csv",
    "test": "cv-valid-test.csv",
    "other": "cv-other-train.csv",
    "invalidated": "cv-invalid.csv",
}

# Our name → the names it had over the years.
COLUMNS = {
    "path": ("path", "filename"),
    "text": ("sentence", "text"),
    "speaker": ("client_id",),
    "language": ("locale",),
    "gender": ("gender",),
    "seconds": ("duration_s", "duration"),
    "accent": ("accents", "accent"),
}
# Counts, keys and texts of the release that say nothing about how a clip sounds.
UNUSED = {"up_votes", "down_votes", "sentence_id", "segment"}


class CommonVoice(Layout):
    """One language of a Common Voice release, or any folder laid out like one."""

    kind = "Common Voice"

    def __init__(self, folder: Path) -> None:
        self._tables: dict[str, Path] = {}
        for split in SPLITS:
            for name in (f"{split}.tsv", FIRST_RELEASE.get(split, "")):
                if name and _has_rows(folder / name) and split not in self._tables:
                    self._tables[split] = folder / name
        super().__init__(folder, tuple(self._tables))
        self._durations: dict[str, float] | None = None

    @staticmethod
    def detects(folder: Path) -> bool:
        """Whether `folder` holds `clips/` and a table of a split, or the first release."""
        tables = any((folder / f"{split}.tsv").is_file() for split in SPLITS)
        return (tables and (folder / "clips").is_dir()) or any(
            (folder / name).is_file() for name in FIRST_RELEASE.values()
        )

    def read(self, split: str) -> Iterator[Utterance | BadRow]:
        """The rows of a split, in the order of its table."""
        table = self._tables[split]
        clips = self.folder if table.suffix == ".csv" else self.folder / "clips"
        for row in read_table(table, Columns(COLUMNS, UNUSED)):
            if isinstance(row, BadRow):
                yield row
                continue
            name = row.path
            if not os.path.splitext(name)[1]:
                name += ".mp3"  # releases 1 and 2 left it out
            declared = row.seconds
            if declared is None:
                declared = self._declared().get(unicodedata.normalize("NFC", name))
            audio = os.path.join(clips, name)
            yield row.utterance(name_of(name), audio, declared_seconds=declared)

    def casing_language(self) -> str:
        """As the locale says; the releases before it had that column are in folders named so."""
        return super().casing_language() or casing_language(self.folder.name)

    def _declared(self) -> dict[str, float]:
        """Seconds by clip from clip_durations.tsv (milliseconds, release 14 and later)."""
        if self._durations is None:
            self._durations = {}
            path = self.folder / "clip_durations.tsv"
            if path.is_file():
                with open(path, encoding="utf-8-sig", errors="replace") as lines:
                    next(lines, None)
                    for line in lines:
                        name, _, milliseconds = line.rstrip("\n").partition("\t")
                        if milliseconds.strip().isdigit():
                            name = unicodedata.normalize("NFC", name)
                            self._durations[name] = int(milliseconds) / 1000
        return self._durations


def _has_rows(table: Path) -> bool:
    """Small languages are released with a dev.tsv that holds nothing but its header."""
    if not table.is_file():
        return False
    with open(table, "rb") as lines:
        lines.readline()
        return any(line.strip() for line in lines)
