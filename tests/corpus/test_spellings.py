"""The same corpus in the spellings that people have it in: one reader, one answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from las_cli.corpus.detection import detect_layout
from las_cli.corpus.preparation import prepare
from las_cli.corpus.sieve import PrepareOptions
from las_cli.corpus.utterance import BadRow, Utterance
from las_cli.text.normalise import TextPolicy
from tests.corpus.corpora import common_voice, rejected, write_clip

ROWS = [("a.wav", "red; green"), ("b.wav", "blue, ü")]


def table(delimiter: str, encoding: str = "utf-8", before: str = "") -> bytes:
    lines = [f"path{delimiter}sentence"]
    for path, text in ROWS:
        cell = f'"{text}"' if delimiter in ",;" else text
        lines.append(f"{path}{delimiter}{cell}")
    return (before + "\r\n".join(lines) + "\r\n").encode(encoding)


def records(path: str) -> bytes:
    return b"".join(
        json.dumps({path: name, "transcription": text}).encode() + b"\n" for name, text in ROWS
    )


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("train.tsv", table("\t")),
        ("train.csv", table(",")),
        ("train.csv", table(";")),
        ("train.csv", table(";", before="sep=;\r\n")),
        ("train.csv", table("\t", "utf-16")),
        ("train.tsv", table(";", "utf-16")),
        ("metadata.jsonl", records("file_name")),
        ("train.json", records("audio_filepath").replace(b"transcription", b"text")),
        ("train/metadata.csv", table(",").replace(b"path", b"file_name")),
        ("train/metadata.jsonl", records("file_name")),
    ],
)
def test_a_table(tmp_path: Path, name: str, data: bytes) -> None:
    place = tmp_path / name
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(data)
    for clip, _ in ROWS:
        write_clip(place.parent / clip)
    rows = list(detect_layout(tmp_path).read("train"))
    assert [
        (Path(row.audio), row.text) for row in rows if isinstance(row, Utterance)
    ] == [(place.parent / clip, text) for clip, text in ROWS]


def test_kaldi(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "train"
    write_clip(tmp_path / "wav" / "a.wav", 3.0)
    folder.mkdir(parents=True)
    (folder / "wav.scp").write_text("r1 wav/a.wav\nr2 sox b.wav -t wav - |\n")
    (folder / "segments").write_text("u1 r1 0.5 1.25\nu2 r1 1.25 2\nu3 r2 0 1\nu5 r1 1 1\n")
    (folder / "text").write_text("u1 red GREEN\nu2\nu3 blue\nu4 lost\nu5 none\n")
    (folder / "utt2spk").write_text("u1 ann\nu2 ann\nu3 bob\n")
    (folder / "spk2gender").write_text("ann f\n")
    rows = list(detect_layout(tmp_path / "data").read("train"))
    spoken = [row for row in rows if isinstance(row, Utterance)]
    assert [(row.id, row.text, row.start, row.seconds, row.speaker) for row in spoken] == [
        ("u1", "red GREEN", 0.5, 0.75, "ann"),
        ("u2", "", 1.25, 0.75, "ann"),
    ]
    assert spoken[0].audio == str(tmp_path / "wav" / "a.wav") and spoken[0].gender == "female"
    assert [(row.where, row.detail[:24]) for row in rows if isinstance(row, BadRow)] == [
        ("train/wav.scp:2", "no `id path`; commands ("),
        ("train/text:4", "wav.scp names no recordi"),
        ("train/text:5", "it ends at 1 s, which is"),
    ]


@pytest.mark.parametrize(("in_table", "on_disk"), [("é", "e\u0301"), ("e\u0301", "é")])
def test_names_of_a_mac_are_the_same_as_typed(
    tmp_path: Path, in_table: str, on_disk: str
) -> None:
    common_voice(tmp_path, {"train": [("s", in_table, "red"), ("s", "b", "blue")]}, clips=False)
    write_clip(tmp_path / "clips" / f"{on_disk}.wav")
    write_clip(tmp_path / "clips" / "b.wav")
    row = next(iter(detect_layout(tmp_path).read("train")))
    assert isinstance(row, Utterance)
    assert row.id == "é" and row.audio == str(tmp_path / "clips" / f"{on_disk}.wav")


def test_a_line_feed_in_a_text_of_ljspeech_is_refused_by_number(tmp_path: Path) -> None:
    (tmp_path / "wavs").mkdir()
    lines = "a|Red 1.|red one\nb|we went\nto sea.|we went to sea\nc|blue|blue\n"
    (tmp_path / "metadata.csv").write_text(lines)
    rows = list(detect_layout(tmp_path).read("train"))
    assert [row.where for row in rows if isinstance(row, BadRow)] == [
        "metadata.csv:2",
        "metadata.csv:3",
    ]


@pytest.mark.parametrize(
    ("locale", "folder", "asked", "language", "letters"),
    [
        ("tr", "cv", "", "tr", "akmrtı"),
        ("az", "cv", "", "az", "akmrtı"),
        ("", "tr", "", "tr", "akmrtı"),
        ("", "cv", "tr-TR", "tr-TR", "akmrtı"),
        ("tr", "cv", "en", "en", "aikmrtı"),
        ("en", "cv", "", "", "aikmrtı"),
    ],
)
def test_capitals_of_turkish(
    tmp_path: Path, locale: str, folder: str, asked: str, language: str, letters: str
) -> None:
    corpus = common_voice(
        tmp_path / folder,
        {"train": [(f"s{n % 4}", f"c{n}", "Irmak aktı") for n in range(8)]},
    )
    path = corpus / "train.tsv"
    path.write_text(path.read_text().replace("\ten\t", f"\t{locale}\t"))
    options = PrepareOptions(policy=TextPolicy(language=asked), shared_sentences="keep")
    report = prepare(detect_layout(corpus), tmp_path / "out", options)
    found = {letter for split in report.splits.values() for letter in split.letters}
    assert "".join(sorted(found - {" "})) == letters
    saved = json.loads((tmp_path / "out" / "report.json").read_text())["text_rules"]
    assert saved["language"] == language
    assert rejected(tmp_path / "out") == []
