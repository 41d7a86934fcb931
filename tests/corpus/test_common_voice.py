"""Common Voice folders of every release, and what is wrong with some rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from las_cli.corpus import load_corpus
from las_cli.corpus.common_voice import CommonVoice
from las_cli.corpus.detection import detect_layout
from las_cli.corpus.utterance import BadRow, Utterance
from las_cli.errors import LasError
from tests.corpus.corpora import CV_HEADER, common_voice, simple_common_voice, write_clip

HEADERS = {
    "2-4": "client_id path sentence up_votes down_votes age gender accent",
    "5-7": "client_id path sentence up_votes down_votes age gender accent locale segment",
    "8-12": "client_id path sentence up_votes down_votes age gender accents locale segment",
    "13-16": "client_id path sentence up_votes down_votes age gender accents variant locale "
    "segment",
    "17-20": "client_id path sentence_id sentence sentence_domain up_votes down_votes age gender "
    "accents variant locale segment",
    "columns missing": "path sentence",
    "other order, other case": "Sentence  Path  CLIENT_ID",
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_headers_of_all_releases(tmp_path: Path, header: str) -> None:
    names = header.split()
    folder = common_voice(
        tmp_path, {"train": [("ann", "a1", "Ei, ‘tú’!")]}, [n.lower() for n in names]
    )
    text = (folder / "train.tsv").read_text(encoding="utf-8").splitlines()
    (folder / "train.tsv").write_text("\n".join(["\t".join(names), *text[1:]]), encoding="utf-8")
    (row,) = CommonVoice(folder).read("train")
    assert isinstance(row, Utterance)
    assert (row.id, row.text) == ("a1", "Ei, ‘tú’!")
    assert row.audio == str(folder / "clips" / "a1.wav")
    lower = [name.lower() for name in names]
    assert row.speaker == ("ann" if "client_id" in lower else None)
    assert row.language == ("en" if "locale" in lower else None)
    assert row.custom.get("accent") == ("north" if {"accent", "accents"} & set(lower) else None)
    assert not {"up_votes", "segment", "sentence_id"} & set(row.custom)


def test_first_release_is_csv_with_quotes(tmp_path: Path) -> None:
    for split in ("train", "dev"):
        write_clip(tmp_path / f"cv-valid-{split}" / f"{split}-000.wav")
        (tmp_path / f"cv-valid-{split}.csv").write_text(
            "filename,text,up_votes,down_votes,age,gender,accent,duration\n"
            f'cv-valid-{split}/{split}-000.wav,"learn to, {split}",1,0,,,us,\n'
        )
    corpus = load_corpus(tmp_path)
    assert (corpus.kind, corpus.splits) == ("Common Voice", ("train", "dev"))
    (cut,) = corpus.cuts("train")
    assert (cut.id, cut.supervisions[0].text) == ("cv-valid-train-train-000", "learn to, train")
    assert cut.supervisions[0].custom == {"accent": "us"}


def test_paths_without_suffix_are_mp3(tmp_path: Path) -> None:
    common_voice(tmp_path, {"train": [("a", "0f3", "hello")]}, suffix="", clips=False)
    (row,) = CommonVoice(tmp_path).read("train")
    assert isinstance(row, Utterance) and row.audio.endswith("clips/0f3.mp3")


# (the line, what becomes of it); the rows before and after must not suffer.
LINES = {
    "opening quote": ('b\tx.wav\t"Well, she said.', '"Well, she said.'),
    "quote in the middle": ('b\tx.wav\tthe 5" gun', 'the 5" gun'),
    "doubled quotes": ('b\tx.wav\t"""Oh"" he said', '"""Oh"" he said'),
    "decomposed": ("b\tx.wav\tcafe\u0301", "caf\u00e9"),
    "white space around": ("b\tx.wav\t \u00a0hi  ", "hi"),
    "carriage return": ("b\tx.wav\thi\r", "hi"),
    "too few columns": ("b\tx.wav", BadRow),
    "too many columns": ("b\tx.wav\thi\tmore\tand more", BadRow),
    "no path": ("b\t\thi", BadRow),
    "not UTF-8": (b"b\tx.wav\tcaf\xe9", BadRow),
    "nul bytes": (b"b\tx.wav\thi\0there", "hi\0there"),
    "only a newline of an embedded break": ("torn off", BadRow),
}


@pytest.mark.parametrize(("line", "expected"), LINES.values(), ids=LINES)
def test_odd_lines(tmp_path: Path, line: str | bytes, expected: object) -> None:
    raw = line.encode() if isinstance(line, str) else line
    (tmp_path / "clips").mkdir()
    (tmp_path / "train.tsv").write_bytes(
        b"\xef\xbb\xbfclient_id\tpath\tsentence\n" + b"a\ta.wav\tone\n" + raw + b"\nc\tc.wav\ttwo\n"
    )
    first, odd, last = CommonVoice(tmp_path).read("train")
    assert isinstance(first, Utterance) and first.text == "one"
    assert isinstance(last, Utterance) and (last.text, last.where) == ("two", "train.tsv:4")
    if expected is BadRow:
        assert isinstance(odd, BadRow) and odd.where == "train.tsv:3"
    else:
        assert isinstance(odd, Utterance) and odd.text == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("client_id\tsentence\nx\ty\n", "no column for the path"),
        ("client_id\tpath\nx\ty\n", "no column for the text"),
        ("garbage\nmore\n", "no column for the path"),
    ],
)
def test_headers_that_name_no_clip(tmp_path: Path, content: str, message: str) -> None:
    common_voice(tmp_path, {"train": []})
    (tmp_path / "train.tsv").write_text(content)
    with pytest.raises(LasError, match=message) as error:
        load_corpus(tmp_path).cuts("train")
    assert "train.tsv" in str(error.value)


def test_declared_durations(tmp_path: Path) -> None:
    common_voice(tmp_path, {"train": [("a", "x", "hi"), ("a", "y", "ho")]})
    (tmp_path / "clip_durations.tsv").write_text("clip\tduration[ms]\nx.wav\t1530\ny.wav\tbroken\n")
    x, y = CommonVoice(tmp_path).read("train")
    assert isinstance(x, Utterance) and x.declared_seconds == 1.53
    assert isinstance(y, Utterance) and y.declared_seconds is None


def test_a_dev_table_with_nothing_but_its_header_is_no_split(tmp_path: Path) -> None:
    simple_common_voice(tmp_path)
    (tmp_path / "dev.tsv").write_text("\t".join(CV_HEADER) + "\n")
    assert detect_layout(tmp_path).splits == ("train", "test")
    corpus = load_corpus(tmp_path)
    assert corpus.splits == ("train", "dev", "test")  # a part of train is set aside
    assert len(corpus.cuts("dev")) + len(corpus.cuts("train")) == 8
    assert any("no dev split" in note for note in corpus.notes)


def test_cuts_carry_what_the_header_of_the_file_says(tmp_path: Path) -> None:
    common_voice(tmp_path, {"train": [("ann", "x", "hello")], "dev": [("bob", "y", "ho")]})
    write_clip(tmp_path / "clips" / "x.wav", seconds=1.25, rate=44100)
    (cut,) = load_corpus(tmp_path).cuts("train")
    assert (cut.id, cut.sampling_rate, cut.num_samples) == ("x", 44100, 55125)
    (supervision,) = cut.supervisions
    assert (supervision.text, supervision.speaker, supervision.language) == ("hello", "ann", "en")
    assert (supervision.gender, supervision.custom["age"]) == ("female", "thirties")
    assert cut.load_audio().shape == (1, 55125)


def test_clips_that_cannot_be_used_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = [("a", name, f"text {name}") for name in "abcdefg"]
    common_voice(tmp_path, {"train": [*rows, ("a", "a", "text a"), ("a", "h", " ")],
                            "dev": [("z", "z", "Text, B!")]})  # fmt: skip
    clips = tmp_path / "clips"
    (clips / "c.wav").unlink()
    (clips / "d.wav").write_bytes(b"")
    (clips / "e.wav").write_text("this is no sound\n")
    write_clip(clips / "f.wav", seconds=0)
    corpus = load_corpus(tmp_path)
    assert [cut.id for cut in corpus.cuts("train")] == ["a", "g"]
    (note,) = corpus.notes
    assert note.startswith("train: 7 of 9 clips left out (")
    for part in ("2 zero length", "1 missing file", "1 unreadable", "1 duplicate", "1 empty text",
                 "1 sentence shared with dev or test"):  # fmt: skip
        assert part in note


def test_nothing_usable(tmp_path: Path) -> None:
    common_voice(tmp_path, {"train": [("a", "a", "hi"), ("a", "b", "ho")]}, clips=False)
    with pytest.raises(LasError, match="no clip of split 'dev' can be used .1 missing file"):
        load_corpus(tmp_path).cuts("dev")


def test_unknown_split(tmp_path: Path) -> None:
    with pytest.raises(LasError, match="no split 'tset' .* only train, dev, test"):
        load_corpus(simple_common_voice(tmp_path)).cuts("tset")


@pytest.mark.parametrize("language", ["cy", "ru"])
def test_a_real_release(shared_data: Path, language: str) -> None:
    corpus = load_corpus(shared_data / "cv-corpus-6.1-sample" / language)
    assert corpus.splits == ("train", "dev", "test", "validated")
    cuts = corpus.cuts("train")
    assert len(cuts) == 70 and not corpus.notes
    assert {cut.supervisions[0].language for cut in cuts} == {language}
    for cut in list(cuts)[:5]:
        assert cut.load_audio().shape == (1, cut.num_samples)
