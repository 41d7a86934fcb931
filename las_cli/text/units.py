"""What the network writes: ids of output units, and what a set of them can do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

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


def parts_words(units: Units) -> bool:
    """Whether words can be told apart unit by unit: letters, the space among them."""
    return units.kind == "letters" and " " in units.units


def fingerprint_of(kind: str, units: Sequence[str]) -> str:
    """A short hash over the kind of unit and their order."""
    return hashlib.sha256(json.dumps([kind, list(units)]).encode()).hexdigest()[:12]


def steps_needed(units: Sequence[Any]) -> int:
    """Listener steps that CTC needs for units or letters: one each, one more between two that are
    the same (Graves et al. 2006, section 3.1).

    >>> steps_needed("hello")
    6
    """
    return len(units) + sum(a == b for a, b in zip(units, units[1:], strict=False))
