"""A folder that `las prepare` wrote in, its splits as lazy cuts and their figures out."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from las_cli.corpus.layout import MAIN_SPLITS
from las_cli.corpus.manifests import CutManifests
from las_cli.corpus.preparation_report import Amount, counts_in, rejected_in
from las_cli.corpus.shards import open_shards, shard_folders
from las_cli.errors import LasError
from las_cli.text.normalise import casing_language

if TYPE_CHECKING:
    from lhotse import CutSet


class Prepared(CutManifests):
    """`report.json` and `cuts_SPLIT.jsonl.gz`, perhaps with `shards/SPLIT/`."""

    kind = "prepared by las"

    def __init__(self, folder: Path) -> None:
        report = read_report(folder)
        assert report is not None
        self.report = report
        splits = [name for name in MAIN_SPLITS if name in report.get("splits", {})]
        self._files = {
            name: [folder / f"cuts_{name}.jsonl.gz"]
            for name in splits
            if (folder / f"cuts_{name}.jsonl.gz").is_file()
        }
        self._shards = shard_folders(folder / "shards")
        super(CutManifests, self).__init__(folder, tuple(self._files))
        self._ready = {file: True for files in self._files.values() for file in files}
        self.notes = [str(note) for note in report.get("notes", [])]

    @staticmethod
    def detects(folder: Path) -> bool:
        return folder.is_dir() and read_report(folder) is not None

    def casing_language(self) -> str:
        """As its text rules say."""
        return casing_language(str(self.report.get("text_rules", {}).get("language", "")))

    def lazy_cuts(self, split: str) -> CutSet:
        """From the shards where there are any, else from the manifest."""
        if split in self._shards:
            return open_shards(self._shards[split])
        return super().lazy_cuts(split)

    def amount(self, split: str) -> Amount:
        """Clips and seconds of a split, without reading it."""
        return counts_in(self.report, split)

    def rejected(self, split: str) -> Counter[str]:
        """How many clips of a split were left out, by reason."""
        return rejected_in(self.report, split)

    def letters(self, split: str) -> dict[str, int]:
        """How often each letter occurs in a split under the text rules of the report."""
        letters = self.report["splits"][split].get("letters", {})
        return {str(letter): int(count) for letter, count in letters.items()}


def read_report(folder: Path) -> dict[str, Any] | None:
    """The report of `las prepare` in `folder`; None where there is none of ours."""
    path = folder / "report.json"
    if not path.is_file():
        return None
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(report, dict) or report.get("written_by") != "las prepare":
        return None
    if report.get("format") != 1:
        raise LasError(
            f"{path}: written by another version of las (format {report.get('format')}); "
            "run `las prepare` again"
        )
    return report
