"""Every layout is recognised and read; what is none gets one clear sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from las_cli.corpus import load_corpus
from las_cli.corpus.layout import split_of
from las_cli.corpus.recognition import recognise
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
    layout = recognise(path)
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
    genders = {row.speaker: row.gender for row in recognise(libri_speech(tmp_path)).read("train")}
    assert genders == {"19": "female", "26": None}


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


NO_CORPUS: dict[str, tuple[Build, str]] = {
    "nothing": (lambda folder: folder / "gone", "there is no such file or folder"),
    "empty folder": (lambda folder: folder, "the folder is empty"),
    "a text file in it": (_file("notes.txt", "hello"), "it holds notes.txt"),
    "a text file": (lambda folder: _file("n.txt", "x")(folder) / "n.txt", "a file that lists no"),
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
