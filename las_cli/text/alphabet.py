"""Text in, unit ids out, and back: the letters a model spells with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from las_cli.errors import LasError
from las_cli.text.units import FIRST, fingerprint_of


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
