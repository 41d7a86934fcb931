"""What a corpus says about one clip, before its audio is looked at; or why a row says nothing."""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from las_cli.corpus.headers import AudioHeader


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
    record: dict[str, Any] | None = None  # the lhotse cut it came from, as JSON
    header: AudioHeader | None = None  # told by that cut, where the sound is in no file of its own

    @property
    def piece(self) -> tuple[object, ...]:
        """What is heard: two rows with the same piece are duplicates."""
        if self.record is None:
            return self.audio, self.start, self.seconds
        # Two speakers of a telephone call have the same file and times, but a channel each.
        sound = self.audio or self.id
        return sound, self.start, self.seconds, str(self.record.get("channel"))


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that names no clip."""

    where: str  # "train.tsv:17"
    detail: str  # what was found in it


def written(text: str) -> str:
    """`text` as a corpus writes it: Unicode NFC, no white space at the ends."""
    return unicodedata.normalize("NFC", text).strip()


def is_text(*texts: str) -> bool:
    """Whether texts can be written down as UTF-8: JSON can hold half of a character, and bytes
    that are not UTF-8 are read as such halves (surrogates)."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True


def free_id(row: Utterance, taken: Callable[[str], bool]) -> str:
    """The id of `row`, with a hash of what is heard where another clip has it: two folders can
    hold `0001.wav`, and two pieces can start in the same millisecond."""
    id, heard, tries = row.id, row.audio, 0
    while taken(id):
        id = f"{row.id}-{zlib.crc32(heard.encode()):08x}"
        tries += 1
        heard = repr((row.piece, tries))
    return id


def name_of(path: str) -> str:
    """A clip's id from its path below the corpus: folders joined by -, no file suffix."""
    path = unicodedata.normalize("NFC", path)  # macOS writes é as two letters, which look the same
    head, dot, suffix = path.rpartition(".")
    stem = head if dot and "/" not in suffix and head else path
    return "-".join(part for part in stem.split("/") if part not in ("", ".", ".."))
