"""Every layout is recognised and read; what is none gets one clear sentence."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from las_cli.corpus import load_corpus, load_split
from las_cli.corpus.detection import detect_layout
from las_cli.corpus.layout import Layout, split_of
from las_cli.corpus.preparation import prepare
from las_cli.corpus.sieve import PrepareOptions
from las_cli.corpus.utterance import Utterance, name_of
from las_cli.errors import LasError
from tests.corpus.corpora import (
    common_voice,
    libri_speech,
    lj_speech,
    nemo,
    simple_common_voice,
    table,
    write_clip,
)

Build = Callable[[Path], Path]

# builder, kind, splits (dev of the layout itself), first of train: id, text, speaker
LAYOUTS: dict[str, tuple[Build, str, tuple[str, ...], tuple[str, str, str | None]]] = {
    "common voice": (
        simple_common_voice, "Common Voice", ("train", "dev", "test"), ("t0", "the red one", "s0"),
    ),
    "mini librispeech": (
        libri_speech, "LibriSpeech", ("train", "dev", "dev-clean-2", "train-clean-5"),
        ("19-198-0000", "TRA 8-0000", "19"),
    ),
    "librispeech in a folder of its name": (
        lambda folder: libri_speech(folder / "LibriSpeech").parent, "LibriSpeech",
        ("train", "dev", "dev-clean-2", "train-clean-5"),
        ("19-198-0000", "TRA 8-0000", "19"),
    ),
    "one part of librispeech": (
        lambda folder: libri_speech(folder) / "train-clean-5", "LibriSpeech",
        ("train", "train-clean-5"), ("19-198-0000", "TRA 8-0000", "19"),
    ),
    "ljspeech": (lj_speech, "LJSpeech", ("train",), ("LJ001-0000", "he said red", None)),
    "ljspeech of two columns": (
        lambda folder: lj_speech(folder, 2), "LJSpeech", ("train",),
        ("LJ001-0000", 'He said "0 red', None),
    ),
    "nemo": (nemo, "NeMo manifest", ("train", "dev"), ("audio-train0", "train red", "train0")),
    "one nemo manifest": (
        lambda folder: nemo(folder) / "train_manifest.json", "NeMo manifest", ("train",),
        ("audio-train0", "train red", "train0"),
    ),
    "tsv": (
        lambda folder: table(folder, "train.tsv", "path text speaker", "\t", quote='"'), "table",
        ("train",), ("c0", '"the red one, two"', "s0"),
    ),
    "csv": (
        lambda folder: table(folder, "train.csv", "file_name transcription", ",", quote='"'),
        "table", ("train",), ("c0", "the red one, two", None),
    ),
    "csv with semicolons": (
        lambda folder: table(folder, "all.csv", "wav_filename transcript spk", ";"), "table",
        ("train",), ("c0", "the red one, two", "s0"),
    ),
    "one table": (
        lambda folder: table(folder, "list.tsv", "audio sentence client_id", "\t") / "list.tsv",
        "table", ("train",), ("c0", "the red one, two", "s0"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("build", "kind", "splits", "first"), LAYOUTS.values(), ids=LAYOUTS)
def test_layouts(
    tmp_path: Path,
    build: Build,
    kind: str,
    splits: tuple[str, ...],
    first: tuple[str, str, str | None],
) -> None:
    path = build(tmp_path)
    layout = detect_layout(path)
    assert (layout.kind, layout.splits) == (kind, splits)
    rows = list(layout.read("train"))
    row = rows[0]
    assert isinstance(row, Utterance)
    assert (row.id, row.text, row.speaker) == first
    assert all(isinstance(one, Utterance) and Path(one.audio).is_file() for one in rows)
    corpus = load_corpus(path)
    assert "dev" in corpus.splits
    train, dev = list(corpus.cuts("train")), list(corpus.cuts("dev"))
    assert train and dev and not {cut.id for cut in train} & {cut.id for cut in dev}
    assert train[0].load_audio().shape == (1, 16000)
    assert {cut.supervisions[0].text for cut in train} <= set(corpus.texts("train"))


def test_gender_of_librispeech_speakers(tmp_path: Path) -> None:
    layout = detect_layout(libri_speech(tmp_path))
    genders = {row.speaker: row.gender for row in layout.read("train")}
    assert genders == {"19": "female", "26": None}


def table_of(folder: Path, names: list[str]) -> Path:
    for name in names:
        write_clip(folder / f"{name}.wav")
    path = folder / "clips.tsv"
    rows = "".join(f"{name}.wav\tnumber {name}\n" for name in names)
    path.write_text("path\tsentence\n" + rows)
    return path


def test_a_table_without_splits_is_recognised_whole(tmp_path: Path) -> None:
    path = table_of(tmp_path, [f"c{number}" for number in range(30)])
    corpus, split = load_split(path, None, "test")
    assert len(corpus.cuts(split)) == 30 and corpus.notes == []
    trained = load_corpus(path)  # a part is still set aside where the table is trained on
    assert 0 < len(trained.cuts("dev")) < len(trained.cuts("train")) < 30
    named, split = load_split(path, "dev", "test")
    assert split == "dev" and len(named.cuts("dev")) == len(trained.cuts("dev"))


def test_a_line_feed_in_a_sentence_is_two_rows_refused_by_number(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_clip(tmp_path / f"{name}.wav")
    path = tmp_path / "clips.tsv"
    path.write_text("path\tsentence\tlocale\na.wav\twe went\nto the sea\ten\nb.wav\tall well\ten\n")
    rows = list(detect_layout(path).read("train"))
    assert [getattr(row, "text", None) or row.where for row in rows] == [
        "clips.tsv:2", "clips.tsv:3", "all well",
    ]  # fmt: skip
    assert getattr(rows[0], "detail", "") == "2 columns where the header has 3"


def test_a_corpus_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Detecting its layout reads tables and lists folders."""
    from las_cli.corpus import detection

    seen: list[Path] = []

    def detect(path: Path) -> Layout:
        seen.append(path)
        return layout(path)

    layout = detection.detect_layout
    monkeypatch.setattr(detection, "detect_layout", detect)
    path = table_of(tmp_path, ["a", "b"])
    load_split(path, None, "test")
    assert seen == [path]


def test_a_folder_with_splits_is_not_recognised_whole(tmp_path: Path) -> None:
    table_of(tmp_path / "clips", ["a", "b"]).rename(tmp_path / "train.tsv")
    corpus, split = load_split(tmp_path, None, "test")
    assert split == "test"
    with pytest.raises(LasError, match="no split 'test'"):
        corpus.cuts(split)


def test_pieces_of_long_files(tmp_path: Path) -> None:
    write_clip(tmp_path / "long.wav", seconds=3)
    (tmp_path / "train_manifest.json").write_text(
        '{"audio_filepath": "long.wav", "offset": 0, "duration": 1.0, "text": "one"}\n'
        '{"audio_filepath": "long.wav", "offset": 1.5, "duration": 1.0, "text": "two"}\n'
        '{"audio_filepath": "long.wav", "offset": 2.5, "duration": 1.0, "text": "three"}\n'
    )
    cuts = {cut.supervisions[0].text: cut for cut in load_corpus(tmp_path).cuts("train")}
    cuts |= {cut.supervisions[0].text: cut for cut in load_corpus(tmp_path).cuts("dev")}
    assert {text: (cut.start, cut.duration) for text, cut in cuts.items()} == {
        "one": (0, 1.0), "two": (1.5, 1.0), "three": (2.5, 0.5),
    }  # fmt: skip
    assert len({cut.id for cut in cuts.values()}) == 3
    assert cuts["two"].load_audio().shape == (1, 16000)
    start = 24000
    whole = cuts["two"].recording.load_audio()
    assert (cuts["two"].load_audio() == whole[:, start : start + 16000]).all()


def test_same_names_in_two_folders(tmp_path: Path) -> None:
    lines = ["path\ttext"]
    for place in ("../a", "../b", "a", "b"):
        write_clip(tmp_path / "lists" / place / "1.wav")
        lines.append(f"{place}/1.wav\tsaid in {place}")
    (tmp_path / "lists" / "train.tsv").write_text("\n".join(lines) + "\n")
    corpus = load_corpus(tmp_path / "lists")
    ids = [cut.id for split in ("train", "dev") for cut in corpus.cuts(split)]
    assert len(ids) == len(set(ids)) == 4


TIMES: dict[str, tuple[str, list[tuple[float, float | None] | str]]] = {
    "start, end": ("start,end\n0,1.5\n1.5,3\n", [(0, 1.5), (1.5, 1.5)]),
    "start_s, end_s": ("start_s,end_s\n0.1,0.3\n", [(0.1, 0.2)]),
    "start alone": ("start,other\n1.5,x\n2.5,y\n", [(1.5, None), (2.5, None)]),
    "no end here": ("start,end\n1.5,\n", [(1.5, None)]),
    "a length": ("start,duration,end\n1.5,0.5,later\n", [(1.5, 0.5)]),
    "an end alone": ("end,other\nhappy,x\n9,y\n", [(0, None), (0, None)]),
    "no numbers": (
        "start,end\n0:01,2\n1,0:02\n2,2\n",
        ["starts at '0:01', which is no number", "ends at '0:02', which is no", "not after its"],
    ),
}


@pytest.mark.parametrize(("lines", "expected"), TIMES.values(), ids=TIMES)
def test_times_of_pieces(tmp_path: Path, lines: str, expected: list[object]) -> None:
    write_clip(tmp_path / "long.wav", seconds=4)
    header, *rows = lines.splitlines()
    rows = [f"long.wav,words,{row}" for row in rows]
    (tmp_path / "train.csv").write_text("\n".join([f"path,text,{header}", *rows]) + "\n")
    found = list(detect_layout(tmp_path).read("train"))
    assert len(found) == len(expected)
    for row, told in zip(found, expected, strict=True):
        if isinstance(row, Utterance):
            assert (row.start, row.seconds) == told
            assert row.id == ("long" if "happy" in lines else f"long-{row.start * 1000:08.0f}")
        else:
            assert isinstance(told, str) and told in row.detail


def test_pieces_that_start_in_the_same_millisecond(tmp_path: Path) -> None:
    write_clip(tmp_path / "in" / "long.wav", seconds=4)
    rows = [f"long.wav,word {'abcdef'[n]},1,{2 + n / 4}" for n in range(6)]
    (tmp_path / "in" / "train.csv").write_text("\n".join(["path,text,start,end", *rows]) + "\n")
    prepare(detect_layout(tmp_path / "in"), tmp_path / "out", PrepareOptions(jobs=1))
    for corpus in (load_corpus(tmp_path / "in"), load_corpus(tmp_path / "out")):
        cuts = [cut for split in ("train", "dev") for cut in corpus.cuts(split)]
        assert len(cuts) == 6 and len({cut.supervisions[0].text for cut in cuts}) == 6
    assert len({cut.id for cut in load_corpus(tmp_path / "out").cuts("train")}) == 5


@pytest.mark.parametrize("name", ["train.csv", "train.json"])
def test_the_first_file_of_a_listing_is_missing(tmp_path: Path, name: str) -> None:
    lines = ["path,text"] if name.endswith("csv") else []
    for number in range(4):
        path = write_clip(tmp_path / "audio" / f"c{number}.wav").name
        lines.append(
            f"{path},the {number}"
            if name.endswith("csv")
            else f'{{"audio_filepath": "{path}", "text": "the {number}"}}'
        )
    (tmp_path / "audio" / "c0.wav").unlink()
    (tmp_path / name).write_text("\n".join(lines) + "\n")
    rows = [row for row in detect_layout(tmp_path).read("train") if isinstance(row, Utterance)]
    assert [Path(row.audio).is_file() for row in rows] == [False, True, True, True]
    assert [Path(row.audio).parent.name for row in rows] == ["audio"] * 4


def test_sound_on_another_drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_clip(tmp_path / "a.wav")
    (tmp_path / "train.tsv").write_text(f"path\ttext\n{path}\thi\n")

    def relpath(*_: object) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr("os.path.relpath", relpath)
    (row,) = detect_layout(tmp_path).read("train")
    assert isinstance(row, Utterance) and row.audio == str(path)
    assert row.id == name_of(str(path))


@pytest.mark.parametrize(("name", "seen"), [("lost+found", True), ("train-clean-5", False)])
def test_a_folder_that_may_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, seen: bool
) -> None:
    table(tmp_path, "all.csv", "path text", ",", quote='"')
    (tmp_path / name).mkdir()
    iterdir = Path.iterdir

    def locked(self: Path) -> Iterator[Path]:
        if self.name == name:
            raise PermissionError(13, "Permission denied", str(self))
        return iterdir(self)

    monkeypatch.setattr(Path, "iterdir", locked)
    if seen:
        assert detect_layout(tmp_path).kind == "table"
    else:  # a part of LibriSpeech, perhaps: it must not be left out silently
        with pytest.raises(LasError, match=f"{name}: cannot be read .Permission denied"):
            detect_layout(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text there")
def test_a_folder_whose_name_is_no_text(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path / "caf") + b"\xe9"))
    lj_speech(tmp_path / "lj").rename(folder)
    with pytest.raises(LasError, match=r"caf\\xe9: its name is not UTF-8"):
        detect_layout(folder)


def _file(name: str, content: str) -> Build:
    def build(folder: Path) -> Path:
        (folder / name).write_text(content)
        return folder

    return build


def _clips_alone(folder: Path) -> Path:
    write_clip(folder / "clips" / "a.wav")
    return folder


def _release(folder: Path) -> Path:
    common_voice(folder / "cy", {"train": [("a", "a", "a")]})
    common_voice(folder / "en", {"train": [("a", "a", "a")]})
    return folder


def _archive(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "talk-clips.zip", "w") as archive:
        archive.writestr("talk-clips/train.tsv", "path\ttext\n")
    return folder / "talk-clips.zip"


NO_CORPUS: dict[str, tuple[Build, str]] = {
    "nothing": (lambda folder: folder / "gone", "there is no such file or folder"),
    "empty folder": (lambda folder: folder, "the folder is empty"),
    "a text file in it": (_file("notes.txt", "hello"), "it holds notes.txt"),
    "a text file": (lambda folder: _file("n.txt", "x")(folder) / "n.txt", "a file that lists no"),
    "an archive": (_archive, "a zip archive; unpack it and name its folder"),
    "json of something else": (_file("config.json", '{"a": 1}'), "it holds config.json"),
    "table without a path": (_file("data.csv", "a,b\n1,2\n"), "it holds data.csv"),
    "empty table": (_file("train.csv", ""), "it holds train.csv"),
    "clips alone": (_clips_alone, "clips/ without train.tsv"),
    "tables alone": (_file("validated.tsv", "client_id\tx\n"), "tables without clips/"),
    "a release of several languages": (_release, "there is one in cy, en: name that folder"),
}


@pytest.mark.parametrize(("build", "message"), NO_CORPUS.values(), ids=NO_CORPUS)
def test_what_is_no_corpus(tmp_path: Path, build: Build, message: str) -> None:
    path = build(tmp_path)
    with pytest.raises(LasError) as error:
        load_corpus(path)
    sentence = str(error.value)
    assert str(path) in sentence and message in sentence and "\n" not in sentence
    for layout in ("Common Voice", "LibriSpeech", "LJSpeech", "NeMo", "TSV", "lhotse", "Shar"):
        assert layout in sentence


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train.tsv", "train"),
        ("valid.csv", "dev"),
        ("dev-clean-2", "dev"),
        ("test-other", "test"),
        ("librispeech_cuts_train-clean-5.jsonl.gz", "train"),
        ("eval_manifest.json", "test"),
        ("validated.tsv", None),
        ("constraints.csv", None),
    ],
)
def test_splits_by_name(name: str, split: str | None) -> None:
    assert split_of(name) == split


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.mp3", "a"),
        ("x/y/a.b.wav", "x-y-a.b"),
        ("x.y/a", "x.y-a"),
        ("../x/a.wav", "x-a"),
        (".wav", ".wav"),
    ],
)
def test_names_of_clips(path: str, name: str) -> None:
    assert name_of(path) == name
