"""Words that a user expects in, a checked list of them with weights out."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from las_cli.errors import UsageError
from las_cli.text import TextPolicy, Units, normalise

HEAVIEST = 10.0  # the most an entry may weigh; more would write the word over everything
NAMED = 5  # words that a sentence about them names at most
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)")
_FILE_LIKE = re.compile(r"[\\/]|\.(txt|tsv|csv|lst)$")


class Hotword(NamedTuple):
    """A word or phrase that is to be expected."""

    text: str
    weight: float = 1.0  # times the bonus of any other, above 0


def read_hotwords(given: Any) -> tuple[Hotword, ...]:
    """What a user names: a file with an entry a line, a list parted by commas, or Python values.

    An entry is a word or a phrase, its weight behind it if it has one: `Helstone 2`, or behind a
    tab. In Python a list of such entries will do, of pairs, or a mapping of words to weights.
    Empty lines and remarks (#) are no entries; of entries named twice the last one counts.
    UsageError where there is no entry, for a weight that is no number above 0, and for a file that
    cannot be read.
    """
    where, entries = _entries(given)
    found: dict[str, Hotword] = {}
    for place, entry in entries:
        hotword = _parsed(place, entry)
        found.pop(hotword.text, None)
        found[hotword.text] = hotword
    if not found:
        raise UsageError(f"{where}: names no word; write a word or phrase a line, or leave it out")
    return tuple(found.values())


def normalised(hotwords: Iterable[Hotword], policy: TextPolicy) -> tuple[Hotword, ...]:
    """The same as the model writes them; what punctuation alone was left of is left as it was."""
    written = [(normalise(text, policy), text, weight) for text, weight in hotwords]
    return tuple(Hotword(new or old, weight) for new, old, weight in written)


def spellable(
    hotwords: Iterable[Hotword], units: Units
) -> tuple[tuple[Hotword, ...], list[str]]:
    """Those that the letters of a model can write; sentences that name the others."""
    known: list[Hotword] = []
    lacking: dict[str, list[str]] = {}  # letters → words
    for hotword in hotwords:
        if unknown := units.unknown(hotword.text):
            lacking.setdefault(" ".join(sorted(unknown)), []).append(hotword.text)
        else:
            known.append(hotword)
    sentences = []
    for letters, words in lacking.items():
        more = f" and {len(words) - NAMED} more" if len(words) > NAMED else ""
        listed = ", ".join(words[:NAMED])
        sentences.append(f"hotwords left out, as the model has no {letters}: {listed}{more}")
    return tuple(known), sentences


def _entries(given: Any) -> tuple[str, list[tuple[str, Any]]]:
    """What to call the list in an error, and its entries each with where it stands."""
    if isinstance(given, os.PathLike):
        return _lines(Path(given))
    if isinstance(given, str):
        path = Path(given).expanduser()
        if _is_file(path) or (_FILE_LIKE.search(given) and "," not in given):
            return _lines(path)
        parts = re.split("[,\n]", given)
        return "hotwords", [("hotwords", part) for part in parts if part.strip()]
    if isinstance(given, Mapping):
        return "hotwords", [("hotwords", entry) for entry in given.items()]
    if isinstance(given, Iterable):
        return "hotwords", [("hotwords", entry) for entry in given]
    raise UsageError(f"hotwords {given!r}: expected words, a list of them or the name of a file")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a list that is too long for a name
        return False


def _lines(path: Path) -> tuple[str, list[tuple[str, Any]]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise UsageError(
            f"hotwords {path}: there is no such file; check the name, or if it is a word itself "
            "put a comma behind it"
        ) from None
    except UnicodeDecodeError:
        raise UsageError(f"hotwords {path}: is no UTF-8 text; write a word a line") from None
    except OSError as error:
        raise UsageError(f"hotwords {path}: cannot be read ({error.strerror})") from None
    entries = [
        (f"hotwords {path}:{number}", line)
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    return f"hotwords {path}", list(entries)


def _parsed(where: str, entry: Any) -> Hotword:
    """One entry of a list; `where` names it in an error."""
    if isinstance(entry, str):
        text, tab, behind = entry.strip().partition("\t")
        if tab:
            return _weighed(where, text.strip(), behind.strip())
        before, _, last = text.rpartition(" ")
        if before.strip() and _NUMBER.fullmatch(last):
            return _weighed(where, before.strip(), last)
        return _weighed(where, text, 1.0)
    try:
        text, weight = entry
    except (TypeError, ValueError):
        raise UsageError(f"{where}: {entry!r} is no word, nor a word and its weight") from None
    return _weighed(where, text, weight)


def _weighed(where: str, text: Any, weight: Any) -> Hotword:
    if not isinstance(text, str) or not text.strip():
        raise UsageError(f"{where}: an entry is empty; write a word")
    try:
        number = float(weight.replace(",", ".") if isinstance(weight, str) else weight)
    except (TypeError, ValueError):
        raise UsageError(
            f"{where}: the weight {weight!r} of {text!r} is no number; write one above 0, such as 2"
        ) from None
    if not 0.0 < number <= HEAVIEST or math.isnan(number):
        raise UsageError(
            f"{where}: the weight {number:g} of {text!r}: choose above 0, up to {HEAVIEST:g}"
        )
    return Hotword(" ".join(text.split()), number)
