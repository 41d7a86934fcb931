"""What a corpus says about one clip, before its audio is looked at; or why a row says nothing."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Utterance:
    """One row of a corpus: a clip, what is said in it, and by whom."""

    id: str  # unique within its split and the same in every run
    audio: str  # path of the sound file
    text: str  # as the corpus writes it, Unicode NFC, stripped
    where: str  # "train.tsv:17", for messages
    speaker: str | None = None
    language: str | None = None
    gender: str | None = None
    custom: dict[str, str] = field(default_factory=dict)  # accent, age, corpus, licence ...
    declared_seconds: float | None = None  # what the corpus says the clip lasts
    start: float = 0.0  # seconds into the file
    seconds: float | None = None  # length of the piece; None: to the end of the file


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that names no clip."""

    where: str  # "train.tsv:17"
    detail: str  # what was found in it


def written(text: str) -> str:
    """`text` as a corpus writes it: Unicode NFC, no white space at the ends."""
    return unicodedata.normalize("NFC", text).strip()
