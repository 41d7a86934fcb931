"""The units that texts are compared by, as data: letters, words, whole sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Level:
    """A size of unit, and how a text is taken apart into such units.

    To count another one (phones, say), add it to `LEVELS`, and its error rate to `METRICS`.
    """

    name: str  # of many: its key in JSON, its column in CSV, its name in tables
    one: str  # of one
    # A text whose words are parted by single spaces, and whether spaces are letters → its units.
    split: Callable[[str, bool], Sequence[str]]
    whole: bool = False  # one unit an utterance, which is right or wrong


def _letters(text: str, spaces: bool) -> str:
    return text if spaces else text.replace(" ", "")


def _words(text: str, spaces: bool) -> list[str]:
    return text.split()


def _sentence(text: str, spaces: bool) -> tuple[str]:
    return (text,)


LEVELS = {
    level.name: level
    for level in (
        Level("letters", "letter", _letters),
        Level("words", "word", _words),
        Level("sentences", "sentence", _sentence, whole=True),
    )
}
# Those that an utterance has several units of, so that there is something to align.
PARTS = {name: level for name, level in LEVELS.items() if not level.whole}
