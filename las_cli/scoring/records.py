"""Tables with a header and JSON in, utterances out: which field is the text, which the id."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from las_cli.scoring.lines import ColumnNames, Entry, TextSource
from las_cli.tables import PATH_COLUMNS, TableError, first_of, table_rows

# Names under which corpora and recognisers keep these fields, most telling first.
_NORMALISED = ("normalized_text", "normalized_transcription")
_REFERENCE = ("reference", "ref", "sentence", "text", "transcript", "transcription", *_NORMALISED)
_HYPOTHESIS = (
    "hypothesis", "hyp", "prediction", "pred_text", "pred", "text", "transcript", "transcription",
    "sentence", *_NORMALISED,
)  # fmt: skip
ID_NAMES = (
    "id", "utt_id", "utterance_id", "utt", "utterance", "key", "path", "source", "audio_filepath",
    *PATH_COLUMNS,
)  # fmt: skip
TEXT_NAMES: Mapping[str, Mapping[str, int]] = {
    side: {name: place for place, name in enumerate(names)}
    for side, names in (("reference", _REFERENCE), ("hypothesis", _HYPOTHESIS))
}


def read_records(
    source: TextSource, format: str, side: str, columns: ColumnNames
) -> Iterator[Entry]:
    """Utterances of a TSV or CSV file with a header, of JSON Lines or of one JSON document.

    `side` ("reference" or "hypothesis") decides between columns where a table holds both.
    """
    for number, row in RECORDS[format](source):
        if isinstance(row, str):
            if columns.text:
                raise source.error(number, f"a string, which has no column {columns.text!r}")
            yield Entry("", row, number)
            continue
        text = _text_of(source, number, row, side, columns)
        yield Entry(id_of(row, columns.id, source, number), text, number, _facts(row))


def tsv_rows(source: TextSource) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows of a tab-separated table as dictionaries by header.

    Quotes are text here: Common Voice writes sentences with a single quotation mark unescaped.
    """
    return _table(source, ((line.number, line.text.split("\t")) for line in source))


def _csv_rows(source: TextSource) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows of a table parted by commas or semicolons, quoted as spreadsheets do (RFC 4180)."""
    # Strict: a quotation mark that is never closed would swallow the rest of the file.
    lines = ((line.number, line.text) for line in source)
    rows = table_rows(lines, "table.csv", strict=True)

    def cells() -> Iterator[tuple[int, list[str]]]:
        try:
            for number, row in rows:
                yield number, row or [""]
        except TableError as error:
            raise source.error(error.line, f"no comma-separated table ({error})") from error

    return _table(source, cells())


def _table(
    source: TextSource, rows: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[int, dict[str, Any]]]:
    header: list[str] = []
    for number, cells in rows:
        if not header:
            header = [name.strip() for name in cells]
            continue
        if cells == [""] and len(header) > 1:
            continue
        if len(cells) != len(header):
            raise source.error(number, f"{len(cells)} columns where the header has {len(header)}")
        yield number, dict(zip(header, cells, strict=True))
    if not header:
        raise source.error(None, "empty, expected a table with a header")


def _jsonl_rows(source: TextSource) -> Iterator[tuple[int, dict[str, Any] | str]]:
    for line in source:
        if not line.text.strip():
            continue
        try:
            value = json.loads(line.text)
        except ValueError as error:
            raise source.error(line.number, f"no JSON ({error})") from error
        yield line.number, _record(source, line.number, value)


def _json_rows(source: TextSource) -> Iterator[tuple[int, dict[str, Any] | str]]:
    try:
        value = json.loads("\n".join(line.text for line in source))
    except ValueError as error:
        raise source.error(None, f"no JSON ({error})") from error
    if isinstance(value, dict):
        lists = [item for item in value.values() if isinstance(item, list)]
        if "segments" in value or any(name in value for name in (*_REFERENCE, *_HYPOTHESIS)):
            value = [value]
        elif all(isinstance(item, str) for item in value.values()):
            value = [{"id": id, "text": text} for id, text in value.items()]
        elif len(lists) == 1:
            value = lists[0]
    if not isinstance(value, list):
        raise source.error(None, "the JSON holds no list of transcripts")
    for number, item in enumerate(value, 1):
        yield number, _record(source, number, item)


# Rows and records of each format that has columns or fields.
RECORDS: Mapping[str, Callable[[TextSource], Iterator[tuple[int, Any]]]] = {
    "tsv": tsv_rows,
    "csv": _csv_rows,
    "jsonl": _jsonl_rows,
    "json": _json_rows,
}


def _record(source: TextSource, number: int, value: Any) -> dict[str, Any] | str:
    if isinstance(value, dict | str):
        return value
    raise source.error(number, f"expected an object or a string, found {str(value)[:40]!r}")


def _text_of(
    source: TextSource, number: int, row: Mapping[str, Any], side: str, columns: ColumnNames
) -> str:
    if columns.text:
        if columns.text not in row:
            raise source.error(
                number, f"no column {columns.text!r}; there are {', '.join(map(str, row))}"
            )
        value = row[columns.text]
    else:
        names = {name.lower(): name for name in row}
        name = next((names[usual] for usual in TEXT_NAMES[side] if usual in names), None)
        if name is not None:
            value = row[name]
        elif isinstance(row.get("segments"), list):
            value = " ".join(str(segment.get("text", "")) for segment in row["segments"])
        else:
            raise source.error(
                number,
                f"no column with the {side}'s text among {', '.join(map(str, row))}; "
                f"name it with --{'ref' if side == 'reference' else 'hyp'}-column",
            )
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(letter, str) for letter in value):
        return "".join(letter or " " for letter in value)  # letters, as the research code has them
    if not isinstance(value, str):
        raise source.error(number, f"the {side}'s text is {str(value)[:40]!r}, expected a string")
    return value


def id_of(row: Mapping[str, Any], column: str, source: TextSource, number: int) -> str:
    """The id of a row: from `column`, else from the first usual name that it has, else ""."""
    if column:
        if column not in row:
            raise source.error(number, f"no column {column!r}; there are {', '.join(row)}")
        return str(row[column])
    names = {name.lower(): name for name in row}
    name = next((names[usual] for usual in ID_NAMES if usual in names), None)
    if name is None:
        return ""
    found = row[name]
    if isinstance(found, Mapping):  # a data set's `audio`: {"path": …, "bytes": …}
        found = first_of(found, PATH_COLUMNS) or ""
    return str(found)


def _facts(row: Mapping[str, Any]) -> Mapping[str, str]:
    return {name: str(value) for name, value in row.items() if isinstance(value, str | int | float)}
