"""An LJSpeech-style folder (`metadata.csv` of `id|text|text`, `wavs/`) in, utterances out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from las_cli.corpus.corpus_tables import raw_rows
from las_cli.corpus.layout import Layout, by_split
from las_cli.corpus.utterance import BadRow, Utterance, name_of, written
from las_cli.files import as_on_disk

SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".webm")


class LJSpeech(Layout):
    """`metadata*.csv` without a header, its columns parted by |: clip, text, text read out.

    The third column, where there is one, spells numbers and abbreviations as they were read.
    """

    kind = "LJSpeech"

    def __init__(self, folder: Path) -> None:
        self._tables = by_split(_tables_in(folder))
        super().__init__(folder, tuple(self._tables))

    @staticmethod
    def detects(folder: Path) -> bool:
        return (folder / "wavs").is_dir() and bool(_tables_in(folder))

    def read(self, split: str) -> Iterator[Utterance | BadRow]:
        """The lines of a split's tables."""
        for table in self._tables[split]:
            width = 0  # of the first line; a line feed in a text breaks a row in two short ones
            for number, cells in raw_rows(table, delimiter="|"):
                where = f"{table.name}:{number}"
                if cells is None:
                    yield BadRow(where, "the line is not UTF-8 text")
                elif len(cells) < 2 or not cells[0].strip():
                    yield BadRow(where, "expected a clip and its text, parted by |")
                elif len(cells) < width:
                    yield BadRow(where, f"{len(cells)} columns where the first line has {width}")
                else:
                    width = width or len(cells)
                    texts = [written(cell) for cell in cells[1:3]]
                    clip = cells[0].strip()
                    yield Utterance(
                        id=name_of(clip if clip.endswith(SUFFIXES) else f"{clip}.wav"),
                        audio=as_on_disk(_sound(self.folder, clip)),
                        text=texts[-1] or texts[0],
                        where=where,
                    )


def _sound(folder: Path, clip: str) -> str:
    if clip.endswith(SUFFIXES):
        beside = folder / clip
        return str(beside if beside.is_file() else folder / "wavs" / clip)
    for suffix in SUFFIXES:
        if Path(as_on_disk(str(folder / "wavs" / (clip + suffix)))).is_file():
            return str(folder / "wavs" / (clip + suffix))
    return str(folder / "wavs" / (clip + ".wav"))


def _tables_in(folder: Path) -> list[Path]:
    """metadata*.csv whose first line is parted by | and is no header naming columns."""
    tables = []
    for table in sorted(folder.glob("metadata*.csv")):
        for _, cells in raw_rows(table, delimiter="|"):
            if cells and len(cells) >= 2 and cells[0].strip().lower() not in _HEADERS:
                tables.append(table)
            break
    return tables


_HEADERS = ("file", "file_name", "filename", "path", "id", "audio", "audio_file", "wav")
