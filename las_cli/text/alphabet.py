"""Text in, unit ids out, and back: the letters a model spells with."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from las_cli.errors import LasError

BLANK = 0  # the CTC blank; the speller never writes it
EOS = 1  # ends a sentence; also stands before its first unit
FIRST = 2  # id of the first unit


class Units(Protocol):
    """What the network needs of a set of output units, letters or word pieces."""

    kind: str

    @property
    def units(self) -> tuple[str, ...]: ...
    def __len__(self) -> int: ...
    def encode(self, text: str, skip_unknown: bool = False) -> list[int]: ...
    def decode(self, ids: Iterable[int]) -> str: ...
    def unknown(self, text: str) -> set[str]: ...
    def to_json(self) -> dict[str, Any]: ...

    @property
    def fingerprint(self) -> str: ...


class Alphabet:
    """The letters of a language, learned from its training text.

    Ids: 0 blank, 1 end of sentence, then the letters in code point order.
    """

    kind = "letters"

    def __init__(self, letters: Sequence[str]) -> None:
        if len(set(letters)) != len(letters) or any(len(letter) != 1 for letter in letters):
            raise LasError("alphabet: letters must be single characters, each listed once")
        self._letters = tuple(letters)
        self._ids = {letter: FIRST + index for index, letter in enumerate(self._letters)}

    @classmethod
    def learn(cls, texts: Iterable[str], rare_share: float = 0.0) -> Alphabet:
        """The letters of `texts` (already normalised), without those rarer than `rare_share`.

        The strays of a large crowd-sourced corpus (one é in a million letters) would only cost.
        """
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(text)
        return cls.of_counts(counts, rare_share)

    @classmethod
    def of_counts(cls, counts: Counter[str], rare_share: float = 0.0) -> Alphabet:
        """The same from letters that were counted before."""
        minimum = rare_share * counts.total()
        letters = sorted(letter for letter, count in counts.items() if count >= minimum)
        if not letters:
            raise LasError("alphabet: the training text holds no letters at all")
        return cls(letters)

    @property
    def units(self) -> tuple[str, ...]:
        return self._letters

    def __len__(self) -> int:
        """V: the letters, the blank and the end of sentence."""
        return FIRST + len(self._letters)

    def encode(self, text: str, skip_unknown: bool = False) -> list[int]:
        """Ids of the letters of `text`; LasError names letters outside the alphabet."""
        if not skip_unknown and (unknown := self.unknown(text)):
            listed = " ".join(sorted(unknown))
            raise LasError(f"text {text[:60]!r}: letters outside the alphabet: {listed}")
        return [self._ids[letter] for letter in text if letter in self._ids]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids`; blank and end of sentence write nothing."""
        return "".join(self._letters[i - FIRST] for i in ids if i >= FIRST)

    def unknown(self, text: str) -> set[str]:
        """Letters of `text` that the alphabet does not hold."""
        return set(text) - self._ids.keys()

    @property
    def fingerprint(self) -> str:
        """Changes whenever an id would mean another letter."""
        return fingerprint_of(self.kind, self._letters)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "letters": list(self._letters)}


def parts_words(units: Units) -> bool:
    """Whether words can be told apart unit by unit: letters, the space among them."""
    return units.kind == "letters" and " " in units.units


def fingerprint_of(kind: str, units: Sequence[str]) -> str:
    """A short hash over the kind of unit and their order."""
    return hashlib.sha256(json.dumps([kind, list(units)]).encode()).hexdigest()[:12]


def units_from_json(data: Any) -> Units:
    """The letters or word pieces that `to_json` described; LasError if it is neither."""
    if isinstance(data, dict) and data.get("kind") == "letters":
        letters = data.get("letters")
        if isinstance(letters, list) and all(isinstance(letter, str) for letter in letters):
            return Alphabet(letters)
    if isinstance(data, dict) and data.get("kind") == "wordpieces":
        from las_cli.text.wordpieces import WordPieces

        return WordPieces.from_json(data)
    raise LasError("alphabet.json holds neither letters nor word pieces; is it a las model folder?")
