"""Tables and lists in every spelling that people write them in."""

from __future__ import annotations

import io

import pytest

from las_cli.tables import (
    TableError,
    delimiter_of,
    numbered_lines,
    scp_entry,
    table_rows,
)


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"a\n\nb", [(1, "a"), (2, ""), (3, "b")]),
        (b"\xef\xbb\xbfa\r\nb\r\n", [(1, "a"), (2, "b")]),
        ("a\u2028b\x0cc\n".encode(), [(1, "a\u2028b\x0cc")]),  # ends no line
        (b"a\n\xff\nb\n", [(1, "a"), (2, b"\xff\n"), (3, "b")]),
        ("ä\tb\r\nc\n".encode("utf-16"), [(1, "ä\tb"), (2, "c")]),
        ("\ufeffä\n\nc".encode("utf-16-be"), [(1, "ä"), (2, ""), (3, "c")]),
        ("path\tä\r\nb\n".encode("utf-16-le"), [(1, "path\tä"), (2, "b")]),  # without the mark
        ("path\tä\r\nb\n".encode("utf-16-be"), [(1, "path\tä"), (2, "b")]),
        (b"a\0\0\0b\0c\0\n", [(1, "a\0\0\0b\0c\0")]),  # no text
        (b"\xef\xbb\xbfa\rb\r\rc\r", [(1, "a"), (2, "b"), (3, ""), (4, "c")]),
        (b"a\rb\nc", [(1, "a\rb"), (2, "c")]),
        (b"\xff\xfea", [(1, b"\xff\xfea")]),
        (b"\xff\xfe", []),
    ],
)
def test_lines(data: bytes, lines: list[tuple[int, object]]) -> None:
    assert list(numbered_lines(io.BytesIO(data))) == lines


@pytest.mark.parametrize(
    ("header", "name", "delimiter"),
    [
        ("path\tsentence", "train.tsv", "\t"),
        ("path\tsentence, said", "list.txt", "\t"),
        ("path;sentence", "train.csv", ";"),
        ("path;sentence", "", ";"),
        ("path,sentence", "train.csv", ","),
        ("path|sentence", "x.csv", "|"),
        ("path", "x.csv", ","),
        ("path", "x.tsv", "\t"),
    ],
)
def test_what_parts_cells(header: str, name: str, delimiter: str) -> None:
    assert delimiter_of(header, name) == delimiter


@pytest.mark.parametrize(
    ("text", "name", "rows"),
    [
        ('a\tb\n1\t"he\n', "x.tsv", [(1, ["a", "b"]), (2, ["1", '"he'])]),
        (
            'a;b\n1;"x;\ny"\n\n2;z\n',
            "x.csv",
            [(1, ["a", "b"]), (3, ["1", "x;\ny"]), (5, ["2", "z"])],
        ),
        ("sep=;\na;b\n1;2,5\n", "x.csv", [(2, ["a", "b"]), (3, ["1", "2,5"])]),
        ("\n\na,b\n", "x.csv", [(3, ["a", "b"])]),
    ],
)
def test_rows(text: str, name: str, rows: list[tuple[int, list[str]]]) -> None:
    assert list(table_rows(numbered_lines(io.BytesIO(text.encode())), name)) == rows


def test_a_cell_that_is_no_text_is_no_row() -> None:
    for name, data in (("x.tsv", b"a\tb\n\xff\tc\n"), ("x.csv", b"a,b\n\xff,c\n")):
        rows = list(table_rows(numbered_lines(io.BytesIO(data)), name))
        assert rows == [(1, ["a", "b"]), (2, None)]


def test_a_quotation_mark_that_is_never_closed() -> None:
    lines = [(1, "a,b"), (2, '"x,y'), (3, "z")]
    with pytest.raises(TableError) as told:
        list(table_rows(lines, "x.csv", strict=True))
    assert told.value.line == 3


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        ("u1 a b.wav\n", ("u1", "a b.wav")),
        ("u1\t/x/a.wav", ("u1", "/x/a.wav")),
        ("u1 sox a.wav -t wav - |", None),
        ("u1 | cat", None),
        ("u1", None),
    ],
)
def test_lines_of_wav_scp(line: str, entry: tuple[str, str] | None) -> None:
    assert scp_entry(line) == entry
