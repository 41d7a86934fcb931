"""Every format of transcripts: recognised, read, and refused where it cannot be read."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from las_cli.errors import LasError
from las_cli.scoring.lines import ColumnNames
from las_cli.scoring.listings import open_listing

WORDS = [("u1", "the cat sat"), ("u2", ""), ("u3", "hello world")]

# name of the file, its content, the format it is taken for, its entries (id, text)
FORMATS = [
    ("ref.txt", "the cat sat\n\nhello world\n", "lines", [("", text) for _, text in WORDS]),
    ("ref.txt", "the cat sat\r\n\r\nhello world", "lines", [("", text) for _, text in WORDS]),
    ("ref.txt", "\ufeffthe cat\n", "lines", [("", "the cat")]),
    ("ref.txt", "a\u2028b\x0cc\n", "lines", [("", "a\u2028b\x0cc")]),
    (
        "ref.txt",
        "[noise] hello\n(laughs) yes\n",
        "lines",
        [("", "[noise] hello"), ("", "(laughs) yes")],
    ),
    ("ref.txt", "", "lines", []),
    ("text", "u1 the cat sat\nu2\nu3 hello world\n", "kaldi", WORDS),
    ("ref.txt", "spk1-u1 the cat\nspk1-u2\n", "kaldi", [("spk1-u1", "the cat"), ("spk1-u2", "")]),
    ("ref.txt", "3.5 million\n", "lines", [("", "3.5 million")]),
    ("ref.txt", "yes (laughs)\nno (sighs)\n", "lines", [("", "yes (laughs)"), ("", "no (sighs)")]),
    ("ref.txt", "the cat\nthe dog\n", "lines", [("", "the cat"), ("", "the dog")]),
    ("ref.trn", "the cat sat (u1)\n(u2)\nhello world (u3)\n", "trn", WORDS),
    (
        "ref.txt",
        ";; made by x\nthe cat (s-1)\nyes (s-2)\n",
        "trn",
        [("s-1", "the cat"), ("s-2", "yes")],
    ),
    (
        "ref.tsv",
        'path\tsentence\tage\nu1\tthe "cat sat\t\nu2\t\t\n',
        "tsv",
        [("u1", 'the "cat sat'), ("u2", "")],
    ),
    ("ref.txt", "id\ttext\nu1\tthe cat\n", "tsv", [("u1", "the cat")]),
    ("ref.tsv", "sentence\tage\nthe cat\t\n", "tsv", [("", "the cat")]),
    ("ref.tsv", "text\na\n\nb\n", "tsv", [("", "a"), ("", ""), ("", "b")]),
    (
        "ref.txt",
        '{"id": "u1", "ref": "a b", "hyp": "a"}\n{"id": "u2", "ref": "", "hyp": "c"}\n',
        "jsonl",
        [("u1", "a b"), ("u2", "")],
    ),
    (
        "ref.json",
        '[\n {"id": "u1", "text": "a"},\n {"id": "u2", "text": null}\n]',
        "json",
        [("u1", "a"), ("u2", "")],
    ),
    ("ref.txt", '{\n "utterances": [{"id": "u1", "text": "a"}]\n}', "json", [("u1", "a")]),
    ("ref.json", '{"u1": "a", "u2": "b"}', "json", [("u1", "a"), ("u2", "b")]),
    ("ref.json", '["a b", "c"]', "json", [("", "a b"), ("", "c")]),
    (
        "ref.txt",
        '{"source": "x.wav", "segments": [{"text": "a b"}, {"text": "c"}]}',
        "json",
        [("x.wav", "a b c")],
    ),
    (
        "ref.txt",
        "['A', 'N', 'D', '', 'T']\n\n['I', '\\'', 'M']\n",
        "letters",
        [("", "AND T"), ("", ""), ("", "I'M")],
    ),
    ("ref.txt", "[['A', '', 'B'], ['C']]", "letters", [("", "A B"), ("", "C")]),
    (
        "ref.stm",
        ";; x\nr1 1 spk 0.0 2.5 <o,f0> the cat\nr1 1 spk 2.5 4 sat\n",
        "stm",
        [("r1", "the cat sat")],
    ),
    ("ref.txt", "r1 A spk 0.00 2.50 the cat\n", "stm", [("r1", "the cat")]),
    (
        "ref.csv",
        'id,text\nu1,"a, b"\n\nu2,"say ""x\ny"""\n',
        "csv",
        [("u1", "a, b"), ("u2", 'say "x\ny"')],
    ),
    ("ref.csv", "text\na\n\nb\n", "csv", [("", "a"), ("", ""), ("", "b")]),
    ("ref.csv", "id\ttext\nu1\ta, b\n", "tsv", [("u1", "a, b")]),
    (
        "ref.json",
        '{"id": "u1", "text": "a"}\n\n{"id": "u2", "text": "b"}\n',
        "jsonl",
        [("u1", "a"), ("u2", "b")],
    ),
    (
        "ref.jsonl",
        '{"audio": {"path": "u1.wav", "bytes": null}, "sentence": "a"}\n',
        "jsonl",
        [("u1.wav", "a")],
    ),
    ("ref.tsv", "wav_filename\tnormalized_text\nu1.wav\ta\n", "tsv", [("u1.wav", "a")]),
    ("ref.json", '{"id": "u1", "text": "a"}\n', "json", [("u1", "a")]),
    ("ref.txt", "r1 1 0.5 0.25 cat 0.9\nr1 1 0.1 0.2 the 1.0\n", "ctm", [("r1", "the cat")]),
]


@pytest.mark.parametrize(("name", "content", "format", "entries"), FORMATS)
def test_a_format_is_recognised_and_read(
    tmp_path: Path, name: str, content: str, format: str, entries: list
) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode())
    listing = open_listing(str(path))
    assert listing.format == format
    assert [(entry.id, entry.text) for entry in listing.entries()] == entries


def test_standard_input_is_read_like_a_file() -> None:
    listing = open_listing("-", stream=io.BytesIO("é\nb\n".encode()))
    assert [entry.text for entry in listing.entries()] == ["é", "b"]
    assert listing.name == "standard input"


def test_sides_of_one_table_and_named_columns(tmp_path: Path) -> None:
    path = tmp_path / "both.jsonl"
    row = {"id": "u", "ref": "r", "hyp": "h", "other": "o", "name": "n"}
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")

    def texts(side: str, columns: ColumnNames) -> list[tuple[str, str]]:
        return [(e.id, e.text) for e in open_listing(str(path), "auto", side, columns).entries()]

    assert texts("reference", ColumnNames()) == [("u", "r")]
    assert texts("hypothesis", ColumnNames()) == [("u", "h")]
    assert texts("hypothesis", ColumnNames(text="other", id="name")) == [("n", "o")]
    with pytest.raises(LasError, match="no column 'nope'; there are id, ref"):
        texts("hypothesis", ColumnNames(text="nope"))


# name of the file, its content, columns, the format it is taken for, its entries (id, text)
NAMED = [
    ("x.csv", "id,gold,guess\nu1,a b,c\n", ColumnNames("guess"), "csv", [("u1", "c")]),
    ("x.txt", "gold\tguess\na b\tc\n", ColumnNames("gold"), "tsv", [("", "a b")]),
    ("-", "name\tgold\nu1\ta b\n", ColumnNames("gold", "name"), "tsv", [("u1", "a b")]),
    ("x.txt", "gold\na b\n", ColumnNames("gold"), "tsv", [("", "a b")]),
    ("text", "id\na b\n", ColumnNames("", "id"), "kaldi", [("id", ""), ("a", "b")]),
]


@pytest.mark.parametrize(("name", "content", "columns", "format", "entries"), NAMED)
def test_a_named_column_tells_a_table(
    tmp_path: Path, name: str, content: str, columns: ColumnNames, format: str, entries: list
) -> None:
    path = "-" if name == "-" else str(tmp_path / name)
    (tmp_path / "x").with_name(name).write_text(content, encoding="utf-8")
    stream = io.BytesIO(content.encode())
    listing = open_listing(path, columns=columns, stream=stream)
    assert listing.format == format
    assert [(entry.id, entry.text) for entry in listing.entries()] == entries


@pytest.mark.parametrize(
    ("name", "content", "side", "message"),
    [
        ("x.txt", "a b\n", "hypothesis", "--hyp-column: .*x.txt was read as lines, which has no"),
        ("x.trn", "a (u1)\n", "reference", "--ref-column: .*x.trn was read as trn"),
        ("x.txt", "", "hypothesis", "x.txt: empty, expected a table"),
        ("x.json", '["a b", "c"]', "hypothesis", "x.json, line 1: a string, which has no column"),
        ("x.csv", "a,b\n1,2\n", "hypothesis", "line 2: no column 'guess'; there are a, b"),
    ],
)
def test_a_column_that_cannot_be_is_an_error(
    tmp_path: Path, name: str, content: str, side: str, message: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(LasError, match=message):
        list(open_listing(str(tmp_path / name), side=side, columns=ColumnNames("guess")).entries())


def test_a_million_letters_are_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("a b\n" * 5000, encoding="utf-8")
    listing = open_listing(str(path))
    assert sum(1 for _ in listing.entries()) == 5000


# name, bytes, format to read it as, what the error says
UNREADABLE = [
    ("latin.txt", b"caf\xe9\n", "auto", r"latin.txt, line 1: byte 0xe9 is not UTF-8"),
    ("wide.txt", b"\xff\xfeca\xff", "auto", r"wide.txt, line 1: byte 0xff is not UTF-8"),
    ("x.trn", b"no id here\n", "auto", r"x.trn, line 1: no `\(id\)`"),
    ("x.trn", b"a\n", "auto", r"x.trn, line 1: no `\(id\)`"),
    ("x.trn", b"{ a / b (u1)\n", "auto", r"x.trn, line 1: a \{ that is not closed"),
    ("x.stm", b"r 1 s 0 1 a / b }\n", "auto", r"x.stm, line 1: a \} without its \{"),
    ("x.srt", b"hello\n", "auto", r"x.srt, line 1: no subtitles"),
    ("x.tsv", b"a\tsentence\n1\n", "auto", r"x.tsv, line 2: 1 columns where the header has 2"),
    ("x.tsv", b"", "auto", r"x.tsv: empty"),
    ("x.tsv", b"a\tb\n1\t2\n", "auto", r"no column with the reference's text among a, b"),
    ("x.csv", b"a,text\n1\n", "auto", r"x.csv, line 2: 1 columns where the header has 2"),
    ("x.csv", b'text\n"a\nb\n', "auto", r"x.csv, line 3: no comma-separated table \(unexpected"),
    ("x.csv", b"id|a|b\n1|a|b\n", "auto", r"no column with the reference's text among id, a, b"),
    ("x.jsonl", b"{broken\n", "auto", r"x.jsonl, line 1: no JSON"),
    ("x.jsonl", b"[1]\n", "auto", r"x.jsonl, line 1: expected an object"),
    ("x.jsonl", b'{"text": 5}\n', "auto", r"expected a string"),
    ("x.json", b"5", "auto", r"x.json: the JSON holds no list"),
    ("x.json", b"[1", "auto", r"x.json: no JSON"),
    ("x.stm", b"r1 1 spk 0 x hello\n", "auto", r"x.stm, line 1: '0' and 'x' are no times"),
    ("x.stm", b"r1 1\n", "auto", r"x.stm, line 1: expected `recording channel"),
    ("x.ctm", b"r1 1 0 1\n", "auto", r"x.ctm, line 1: expected `recording"),
    ("x.ctm", b"r1 1 0 1 <ALT_BEGIN>\n", "auto", r"alternatives"),
    ("x.txt", b"cat\n", "letters", r"x.txt, line 1: no list of letters"),
]


@pytest.mark.parametrize(("name", "content", "format", "message"), UNREADABLE)
def test_what_cannot_be_read_is_named(
    tmp_path: Path, name: str, content: bytes, format: str, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(LasError, match=message):
        list(open_listing(str(path), format).entries())


@pytest.mark.parametrize(("name", "message"), [("nope", "no such file"), (".", "a folder")])
def test_no_file(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(LasError, match=message):
        open_listing(str(tmp_path / name))
