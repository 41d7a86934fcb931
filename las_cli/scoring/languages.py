"""Listings in, the language out whose capitals are not those of the others, or none."""

from __future__ import annotations

from collections.abc import Sequence

from las_cli.scoring.listings import Listing
from las_cli.tables import delimiter_of
from las_cli.text.normalise import casing_language

LEAST = 0.005  # share of ı and İ in the letters of such a text; in Turkish it is about 0.05
_COLUMNS = ("locale", "language", "lang")


def language_of(listings: Sequence[Listing]) -> str:
    """What a column `locale` says, or else the letters: ı is written in no other language.

    Looks at the first lines only; a name or two in a text of another language decide nothing.
    """
    letters = dotless = 0
    for listing in listings:
        lines = [line.text for line in listing.source.head]
        if listing.format in ("tsv", "csv") and (told := _told(lines, listing.source.name)):
            return casing_language(told.pop()) if len(told) == 1 else ""
        for line in lines:
            letters += sum(map(str.isalpha, line))
            dotless += line.count("ı") + line.count("İ")
    # Which of them it is makes no difference: they have the same capitals.
    return "tr" if dotless > LEAST * letters else ""


def _told(lines: Sequence[str], name: str) -> set[str]:
    """The values in a table's column of languages."""
    if not lines:
        return set()
    delimiter = delimiter_of(lines[0], name)
    header = [cell.strip().lower() for cell in lines[0].split(delimiter)]
    place = next((header.index(column) for column in _COLUMNS if column in header), None)
    if place is None:
        return set()
    rows = [line.split(delimiter) for line in lines[1:]]
    return {row[place].strip() for row in rows if len(row) == len(header) and row[place].strip()}
