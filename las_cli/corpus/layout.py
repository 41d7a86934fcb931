"""What the readers of all corpus layouts share: splits by name, rows in, utterances out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from las_cli.corpus.utterance import BadRow, Utterance
from las_cli.text.normalise import casing_language

if TYPE_CHECKING:
    from lhotse import CutSet

PEEK = 1000  # rows looked at to tell what a corpus is like
MAIN_SPLITS = ("train", "dev", "test")
_SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "dev": "dev",
    "development": "dev",
    "valid": "dev",
    "validation": "dev",
    "val": "dev",
    "test": "test",
    "testing": "test",
    "eval": "test",
    "evaluation": "test",
}


class Layout:
    """A reader of one kind of corpus folder; subclasses fill in the fields and `read`."""

    kind: str  # for people: "Common Voice"
    lazy = False  # whether `lazy_cuts` has the cuts of each split

    def __init__(self, folder: Path, splits: tuple[str, ...]) -> None:
        self.folder = folder
        self.splits = splits
        self.notes: list[str] = []  # sentences for the user

    def read(self, split: str) -> Iterator[Utterance | BadRow]:
        """The rows of a split, always in the same order."""
        raise NotImplementedError

    def casing_language(self) -> str:
        """The language of the corpus, if its capitals are others (Turkish I → ı): what the first
        rows say; "" where they say nothing, or several things."""
        for split in self.splits:
            told = {
                row.language for row in islice(self.read(split), PEEK) if isinstance(row, Utterance)
            }
            languages = {casing_language(language) for language in told if language}
            if languages:
                return languages.pop() if len(languages) == 1 else ""
        return ""

    def lazy_cuts(self, split: str) -> CutSet | None:
        """The cuts of a split as they lie on disk, where the corpus holds cuts; else None."""
        return None


def split_of(name: str) -> str | None:
    """train, dev or test, by the last word of a file or folder name that says so.

    >>> split_of("cuts_train-clean-100.jsonl.gz"), split_of("valid.csv"), split_of("index.tsv")
    ('train', 'dev', None)
    """
    words = re.split(r"[^a-z]+", name.lower())
    return next((_SPLIT_WORDS[word] for word in reversed(words) if word in _SPLIT_WORDS), None)


def by_split(files: list[Path]) -> dict[str, list[Path]]:
    """Files grouped by the split their names tell; one whose name tells none counts as train,
    but only if no other file is named train."""
    grouped: dict[str, list[Path]] = {}
    unnamed: list[Path] = []
    for file in sorted(files):
        split = split_of(file.name)
        if split is None:
            unnamed.append(file)
        else:
            grouped.setdefault(split, []).append(file)
    if unnamed and "train" not in grouped:
        grouped["train"] = unnamed
    return {split: grouped[split] for split in MAIN_SPLITS if split in grouped}
