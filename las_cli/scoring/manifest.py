"""A table of facts about utterances in, the label of each scored utterance out."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from las_cli.errors import LasError
from las_cli.scoring.lines import ColumnNames, TextSource
from las_cli.scoring.listings import detect_format
from las_cli.scoring.pairing import Pair, file_name
from las_cli.scoring.records import RECORDS, id_of, tsv_rows

# Releases of Common Voice and other corpora differ in how they call the same thing.
OTHER_NAMES = {
    "speaker": ("client_id", "speaker_id", "spk"),
    "accent": ("accents",),
    "accents": ("accent",),
    "gender": ("sex",),
}
UNKNOWN = "(none)"  # label of an utterance whose cell is empty


class Manifest:
    """Columns of a TSV file such as `accent` and `gender`, found by id or by line."""

    def __init__(self, path: str, columns: Sequence[str], id_column: str = "") -> None:
        """Reads `columns` of the file; LasError for a column that is not there or a double id."""
        self.name = path
        self._rows: list[Mapping[str, str]] = []
        self._by_id: dict[str, Mapping[str, str]] = {}
        source = TextSource(path)
        format = detect_format(source, ColumnNames(id=id_column))
        for number, row in RECORDS.get(format, tsv_rows)(source):
            facts = {column: _cell(row, column) for column in columns}
            missing = [column for column, value in facts.items() if value is None]
            if missing:
                raise source.error(
                    None, f"no column {missing[0]!r}; there are {', '.join(map(str, row))}"
                )
            known = {column: str(value) if value else UNKNOWN for column, value in facts.items()}
            self._rows.append(known)
            id = unicodedata.normalize("NFC", id_of(row, id_column, source, number))
            if id and id in self._by_id:
                raise source.error(number, f"utterance {id!r} is there twice")
            self._by_id[id] = known
        self._by_name = {file_name(id): known for id, known in self._by_id.items()}

    def facts(self, pair: Pair, place: int) -> Mapping[str, str]:
        """The row of a pair, the `place`-th from 0; LasError names an id without a row."""
        if pair.id:
            known = self._by_id.get(pair.id) or self._by_name.get(file_name(pair.id))
            if known is None:
                raise LasError(f"{self.name}: no row for utterance {pair.id!r}")
            return known
        if place >= len(self._rows):
            raise LasError(
                f"{self.name} has {len(self._rows)} rows, fewer than there are utterances; "
                "without ids each utterance needs its row"
            )
        return self._rows[place]

    def check_count(self, count: int, by_id: bool) -> None:
        """Without ids the rows must be as many as the utterances."""
        if not by_id and count != len(self._rows):
            raise LasError(
                f"{self.name} has {len(self._rows)} rows for {count} utterances; "
                "without ids each utterance needs its row"
            )


def _cell(row: Mapping[str, str], column: str) -> str | None:
    names = (column, *OTHER_NAMES.get(column, ()))
    return next((row[name] for name in names if name in row), None)


def facts_of_reference(pair: Pair, columns: Sequence[str]) -> Mapping[str, str]:
    """The same from the reference's own table (TSV, JSON, the speakers of an STM file)."""
    facts = {column: _cell(pair.facts, column) for column in columns}
    for column, value in facts.items():
        if value is None:
            there = ", ".join(pair.facts) or "none at all"
            raise LasError(
                f"the references have no column {column!r} (there are: {there}); "
                "name a table that has it with --manifest"
            )
    return {column: value or UNKNOWN for column, value in facts.items()}
