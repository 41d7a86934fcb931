"""Mark-up of a user's texts: what is left of it are sentences."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from las_cli.adaptation.notes import paragraphs_of, read_notes, sentences_of
from las_cli.errors import LasError
from las_cli.text import Alphabet, TextPolicy

LETTERS = Alphabet(" 'abcdefghijklmnopqrstuvwxyz")

MARKDOWN = """# A *great* day

We went to [Ullapool](https://example.org/a_b) by **boat**. It rained!

- first thing
* second thing
1. third thing

> as she said

```
int main() {}
```

| Name | Place |
|------|-------|
| Ann  | Oban  |

See https://example.org and `las adapt`.
"""


@pytest.mark.parametrize(
    ("name", "text", "sentences"),
    [
        ("a.txt", "One. Two? “Three!” Four", ["One.", "Two?", "“Three!", "Four"]),
        ("list.txt", "Kubernetes\nhelm\nGrafana\n", ["Kubernetes", "helm", "Grafana"]),
        ("a.html", "<title>News</title><p>Hello <b>big</b>\nworld. Yes.</p><script>x=1</script>",
         ["News", "Hello big world.", "Yes."]),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\n<i>Hi there.</i>\n\n2\n", ["Hi there."]),
        ("a.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nHi.\n", ["Hi."]),
        ("b.vtt", "WEBVTT\nKind: captions\nLanguage: en\n\nSTYLE\n::cue {\n  color: red;\n}\n\n"
         "00:01.000 --> 00:02.000\nTom &amp; Ann.\n", ["Tom & Ann."]),
        ("b.html", "<select><option>Oban<option>Skye</select><button>Go</button><p>Hi.",
         ["Oban", "Skye", "Go", "Hi."]),
        ("a.md", MARKDOWN,
         ["A great day", "We went to Ullapool by boat.", "It rained!", "first thing",
          "second thing", "third thing", "as she said", "Name", "Place", "Ann", "Oban",
          "See   and  las adapt ."]),
    ],
)  # fmt: skip
def test_sentences_without_marks(
    name: str, text: str, sentences: list[str], tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert list(sentences_of(tmp_path / name)) == sentences


def test_wrapped_lines_are_one_sentence_again() -> None:
    long = "the boat that had been lying there since the winter before was moor-"
    assert list(paragraphs_of([long, "ed again", "", "Next"])) == [
        "the boat that had been lying there since the winter before was moored again", "Next"
    ]  # fmt: skip
    # an upper case letter begins another, a short line is an item of a list
    assert list(paragraphs_of([long[:-6], "Then", "helm", "istio"])) == [
        long[:-6], "Then", "helm", "istio"
    ]  # fmt: skip


def test_what_cannot_be_written_is_left_out_and_counted(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "x.txt").write_text("hidden")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    (folder / "a.txt").write_text("We met at 9. We left. Кто там? Don't!", encoding="utf-8")
    with gzip.open(folder / "b.txt.gz", "wt") as file:
        file.write("Packed too.")
    notes = read_notes([folder], LETTERS, TextPolicy())
    assert notes.sentences == ["we left", "don't", "packed too"]
    assert notes.left_out == {
        "with digits": 1, "with letters that the model does not write": 1
    }  # fmt: skip
    assert [file.name for file in notes.files] == ["a.txt", "b.txt.gz"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "holds no text"),
        ({"a.txt": "Привет."}, "no sentence can be used \\(1 with letters"),
        ({"a.txt": ""}, "no text"),
    ],
)
def test_nothing_to_read(content: dict[str, str], message: str, tmp_path: Path) -> None:
    for name, text in content.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(LasError, match=message):
        read_notes([tmp_path], LETTERS, TextPolicy())
    with pytest.raises(LasError, match="no such file"):
        read_notes([tmp_path / "nowhere"], LETTERS, TextPolicy())
