"""`las prepare`: what is kept, what is left out and why, and what a second run reuses."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sqlite3
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import numpy
import pytest
import soundfile
from click.testing import CliRunner, Result

from las_cli.cli.main import cli
from las_cli.corpus import load_corpus
from las_cli.corpus.checks import REASONS, Limits
from las_cli.corpus.detection import detect_layout
from las_cli.corpus.manifest_writer import ManifestWriter
from las_cli.corpus.preparation import prepare
from las_cli.corpus.sieve import PrepareOptions
from las_cli.errors import LasError
from las_cli.text.normalise import TextPolicy
from tests.corpus.corpora import (
    RATE,
    common_voice,
    libri_speech,
    lj_speech,
    nemo,
    rejected,
    simple_common_voice,
    tone,
    write_clip,
)


def bad_corpus(folder: Path) -> Path:
    """One clip for every reason to leave one out, three good ones in train, two in dev."""
    train = [
        ("s1", "good1", "red green"), ("s2", "good2", "blue"), ("s3", "good3", "yellow"),
        ("s1", "gone", "missing"), ("s1", "text", "unreadable"), ("s1", "empty", "zero"),
        ("s1", "good1", "red green"), ("s1", "marks", "?! ..."), ("s1", "digits", "room 5"),
        ("s1", "short", "hi"), ("s1", "long", "very long"),
        ("s1", "dense", "far more letters than a second of speech can hold by any means"),
        ("s1", "leak", "The SHARED sentence!"), ("d1", "speaker", "of another"),
        ("s1", "nan", "not a number"), ("s1", "silent", "silence"), ("s1", "cut", "cut off"),
        ("s1", "copy", "the same sound"),
    ]  # fmt: skip
    dev = [("d1", "dev1", "the shared sentence"), ("d2", "dev2", "zebra x"), ("d2", "dev3", "7")]
    common_voice(folder, {"train": train, "dev": dev})
    clips = folder / "clips"
    (clips / "gone.wav").unlink()
    (clips / "text.wav").write_text("words\n")
    (clips / "empty.wav").write_bytes(b"")
    write_clip(clips / "short.wav", 0.1)
    write_clip(clips / "long.wav", 31)
    wave = tone(pitch=333)
    wave[5] = numpy.nan
    soundfile.write(clips / "nan.wav", wave, RATE, subtype="FLOAT")
    soundfile.write(clips / "silent.wav", wave * 0, RATE)
    data = (clips / "cut.wav").read_bytes()
    (clips / "cut.wav").write_bytes(data[: len(data) // 2])
    soundfile.write(clips / "silent.wav", tone() * 0, RATE)
    shutil.copy(clips / "good2.wav", clips / "copy.wav")
    with open(folder / "train.tsv", "a") as lines:
        lines.write("torn\n")
    return folder


REASON_OF = {
    "gone": "missing file", "text": "unreadable", "empty": "zero length", "good1": "duplicate",
    "marks": "empty text", "digits": "digits in the text", "short": "too short",
    "long": "too long", "dense": "fewer frames than letters need", "leak": "sentence shared",
    "speaker": "speaker shared", "": "unreadable row", "dev3": "digits in the text",
}  # fmt: skip
BY_DECODING = {"nan": "NaN samples", "silent": "silent", "cut": "truncated", "copy": "duplicate"}


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("check_audio", [False, True])
def test_every_reason(tmp_path: Path, jobs: int, check_audio: bool) -> None:
    layout = detect_layout(bad_corpus(tmp_path / "cv"))
    output = tmp_path / "out"
    report = prepare(layout, output, PrepareOptions(jobs=jobs, check_audio=check_audio))
    expected = {**REASON_OF, **(BY_DECODING if check_audio else {})}
    rows = rejected(output)
    assert {row["id"]: row["reason"] for row in rows} == expected
    assert set(expected.values()) <= set(REASONS)
    details = {row["id"]: row["detail"] for row in rows}
    assert details["long"] == "31.0 s, more than 20 s"
    assert details[""] == "1 columns where the header has 10"
    assert all(detail for detail in details.values())
    kept = {"good1", "good2", "good3"} | (set() if check_audio else set(BY_DECODING))
    corpus = load_corpus(output)
    assert {cut.id for cut in corpus.cuts("train")} == kept
    assert {cut.id for cut in corpus.cuts("dev")} == {"dev1", "dev2"}
    train = report.splits["train"]
    assert train.kept.clips == len(kept)
    assert train.rejected["too long"].seconds == 31
    assert sum(amount.clips for amount in train.rejected.values()) == len(expected) - 1
    saved = json.loads((output / "report.json").read_text())
    assert saved == report.to_json()
    assert saved["splits"]["train"]["rejected"]["duplicate"]["clips"] == (2 if check_audio else 1)
    assert {"x": 1, "z": 1}.items() <= saved["unseen_letters"]["dev"].items()


def test_a_second_run_reuses_what_has_not_changed(tmp_path: Path) -> None:
    folder = bad_corpus(tmp_path / "cv")
    output = tmp_path / "out"

    def run(**options: Any) -> tuple[dict[str, Any], bytes, str]:
        report = prepare(detect_layout(folder), output, PrepareOptions(jobs=1, **options)).to_json()
        report.pop("seconds_taken")
        manifest = load_corpus(output).cuts("train")
        return report, str([cut.to_dict() for cut in manifest]).encode(), str(rejected(output))

    first, cuts, rows = run()
    second, cuts_again, rows_again = run()
    assert first.pop("files_reused") in (0, 1)  # the file listed twice may be known by then
    assert second.pop("files_reused") == 19  # all but the missing and the unreadable one
    assert (second, cuts_again, rows_again) == (first, cuts, rows)
    write_clip(folder / "clips" / "good2.wav", 2.0)
    write_clip(folder / "clips" / "gone.wav")
    third, _, _ = run()
    assert third["files_reused"] == 18
    assert (
        third["splits"]["train"]["kept"]["clips"] == first["splits"]["train"]["kept"]["clips"] + 1
    )
    decoded, _, _ = run(check_audio=True)  # samples were never looked at
    assert decoded["files_reused"] < 4  # those whose header cannot be read
    assert run(check_audio=True)[0]["files_reused"] == 20
    assert run(check_audio=True)[0]["splits"] == decoded["splits"]


LAYOUTS = {"librispeech": libri_speech, "ljspeech": lj_speech, "nemo": nemo}


@pytest.mark.parametrize("build", LAYOUTS.values(), ids=LAYOUTS)
def test_other_layouts(tmp_path: Path, build: Any) -> None:
    path = build(tmp_path / "in")
    report = prepare(
        detect_layout(path), tmp_path / "out", PrepareOptions(TextPolicy(digits="keep"), jobs=1)
    )
    raw, prepared = load_corpus(path), load_corpus(tmp_path / "out")
    assert list(report.splits) == ["train", "dev"]
    for split in report.splits:
        assert not report.splits[split].rejected
        ids = {cut.id for cut in raw.cuts(split)}
        assert {cut.id for cut in prepared.cuts(split)} == ids and ids


def leaky(folder: Path, shared: int, total: int = 10) -> Path:
    train = [
        (f"s{n}", f"t{n}", "in both" if n < shared else f"only {'abcdefghij'[n]}")
        for n in range(total)
    ]
    return common_voice(folder, {"train": train, "dev": [("d", "d0", "In both.")]})


@pytest.mark.parametrize(
    ("shared", "wish", "kept", "noted"),
    [(3, "auto", 7, False), (3, "keep", 10, True), (8, "auto", 10, True), (8, "drop", 2, False)],
)
def test_shared_sentences(tmp_path: Path, shared: int, wish: str, kept: int, noted: bool) -> None:
    layout = detect_layout(leaky(tmp_path / "cv", shared))
    report = prepare(layout, tmp_path / "out", PrepareOptions(shared_sentences=wish, jobs=1))
    assert report.splits["train"].kept.clips == kept
    assert any("share their sentence" in note for note in report.notes) == noted
    if wish == "auto":
        corpus = load_corpus(tmp_path / "cv")
        assert len(corpus.cuts("train")) == kept
        assert any("share their sentence" in note for note in corpus.notes) == noted


@pytest.mark.parametrize(
    ("shared", "wish", "kept"), [(3, "auto", 7), (3, "keep", 10), (8, "auto", 10), (8, "drop", 2)]
)
def test_shared_speakers(tmp_path: Path, shared: int, wish: str, kept: int) -> None:
    train = [
        ("d" if n < shared else f"s{n}", f"t{n}", f"only {'abcdefghij'[n]}") for n in range(10)
    ]
    folder = common_voice(tmp_path / "cv", {"train": train, "dev": [("d", "d0", "in dev")]})
    options = PrepareOptions(shared_speakers=wish, jobs=1)
    report = prepare(detect_layout(folder), tmp_path / "out", options)
    assert report.splits["train"].kept.clips == kept
    assert any("share their speaker" in note for note in report.notes) == (kept == 10)


SCRIPTS = {
    "Cyrillic": ("Ёлка, «и» йод!", "ёлка и йод"),
    "Devanagari": ("नमस्ते, दुनिया।", "नमस्ते दुनिया"),
    "Arabic": ("مرحبا، كيف؟", "مرحبا كيف"),
    "Chinese": ("你好，世界。", "你好 世界"),
    "Welsh, decomposed": ("Ŵyn y tŷ", "ŵyn y tŷ"),
    "Turkish": ("İstanbul'da", "istanbul'da"),
}


@pytest.mark.parametrize(("text", "letters"), SCRIPTS.values(), ids=SCRIPTS)
def test_any_script(tmp_path: Path, text: str, letters: str) -> None:
    rows = {"train": [("a", "t", text)], "dev": [("b", "d", text + text)]}
    output = tmp_path / "out"
    prepare(detect_layout(common_voice(tmp_path / "cv", rows)), output, PrepareOptions(jobs=1))
    saved = json.loads((output / "report.json").read_text(encoding="utf-8"))
    assert saved["splits"]["train"]["letters"] == dict(sorted(Counter(letters).items()))
    (cut,) = load_corpus(output).cuts("train")
    assert cut.supervisions[0].text == unicodedata.normalize("NFC", text)  # as it was written


def test_train_on_validated(tmp_path: Path) -> None:
    folder = simple_common_voice(tmp_path / "cv")
    rows = [("d", "d0", "quite another"), ("e", "e0", "something else"), ("f", "new", "all new"),
            ("s0", "t0", "the red one")]  # fmt: skip
    common_voice(folder, {"validated": rows})
    options = PrepareOptions(train_split="validated", jobs=1)
    report = prepare(detect_layout(folder), tmp_path / "out", options)
    assert {cut.id for cut in load_corpus(tmp_path / "out").cuts("train")} == {"new", "t0"}
    assert report.splits["train"].rejected["duplicate"].clips == 2
    with pytest.raises(LasError, match="no split 'best' .* only train, dev, test, validated"):
        prepare(detect_layout(folder), tmp_path / "out", PrepareOptions(train_split="best"))


def test_letters(tmp_path: Path) -> None:
    texts = ["abc", "cab", "bca ł", "aß", "ab"]
    rows = [(f"s{n}", f"t{n}", text) for n, text in enumerate(texts)]
    dev = [("d", "d0", "abc q"), ("e", "d1", "ca q")]
    layout = detect_layout(common_voice(tmp_path / "cv", {"train": rows, "dev": dev}))

    def run(**options: Any) -> tuple[int, dict[str, int], dict[str, int]]:
        report = prepare(layout, tmp_path / "out", PrepareOptions(jobs=1, **options))
        gone = report.splits["train"].rejected.get("letters outside the alphabet")
        assert report.splits["dev"].kept.clips == 2  # dev is not made easier
        return gone.clips if gone else 0, report.rare, report.unseen["dev"]

    assert run() == (0, {" ": 1, "b": 4, "c": 3, "ß": 1, "ł": 1}, {"q": 2})
    # The only space of train is in a clip that is left out.
    assert run(rare_share=0.1) == (2, {"a": 3, "b": 3, "c": 2}, {" ": 2, "q": 2})
    assert run(alphabet="ABCß") == (1, {"a": 4, "b": 3, "c": 2, "ß": 1}, {" ": 2, "q": 2})


def test_limits(tmp_path: Path) -> None:
    layout = detect_layout(simple_common_voice(tmp_path / "cv"))
    report = prepare(
        layout, tmp_path / "out", PrepareOptions(limits=Limits(min_seconds=1.5), jobs=1)
    )
    assert report.splits["train"].rejected["too short"].clips == 8
    assert report.splits["dev"].kept.clips == 1  # scored whole
    assert not (tmp_path / "out" / "cuts_train.jsonl.gz").exists()
    assert any("train: no clip is left" in note for note in report.notes)


def test_the_order_of_train_is_random_but_fixed(tmp_path: Path) -> None:
    ids = [f"clip{n:03d}" for n in range(200)]
    orders = []
    for name, sequence in (("a", ids), ("b", ids[::-1])):
        with ManifestWriter(tmp_path / f"{name}.jsonl.gz", shuffle=True) as manifest:
            for one in sequence:
                manifest.write({"id": one})
        with gzip.open(tmp_path / f"{name}.jsonl.gz", "rt") as lines:
            orders.append([json.loads(line)["id"] for line in lines])
    assert orders[0] == orders[1] != ids and sorted(orders[0]) == ids
    assert {path.name for path in tmp_path.iterdir()} == {"a.jsonl.gz", "b.jsonl.gz"}


def test_an_interrupted_run_leaves_the_old_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = detect_layout(simple_common_voice(tmp_path / "cv"))
    output = tmp_path / "out"
    prepare(layout, output, PrepareOptions(jobs=1))
    before = {path.name: path.read_bytes() for path in output.glob("*.jsonl.gz")}

    write = ManifestWriter.write

    def full(self: ManifestWriter, record: dict[str, Any]) -> None:
        if record["id"] == "t3":  # dev and test are written by then
            raise OSError(28, "No space left on device", str(output / "cuts_train.jsonl.gz"))
        write(self, record)

    monkeypatch.setattr(ManifestWriter, "write", full)
    write_clip(tmp_path / "cv" / "clips" / "d0.wav", 2.0)
    with pytest.raises(LasError, match="No space left on device.*is as it was"):
        prepare(layout, output, PrepareOptions(jobs=1))
    assert {path.name: path.read_bytes() for path in output.glob("*.jsonl.gz")} == before
    assert not list(output.glob("*.partial"))


@pytest.mark.parametrize("name", ["cuts_test.jsonl.gz", "rejected.tsv", "shards/mine/x.txt"])
def test_files_of_others_stay(tmp_path: Path, name: str) -> None:
    layout = detect_layout(simple_common_voice(tmp_path / "cv"))
    mine = tmp_path / "out" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    found = name.partition("/")[0]
    with pytest.raises(LasError, match=f"holds a {found} that is not from `las prepare`"):
        prepare(layout, tmp_path / "out", PrepareOptions(jobs=1))
    assert mine.read_text() == "mine" and len(list((tmp_path / "out").iterdir())) == 1


def test_a_first_run_that_was_killed_is_no_hindrance(tmp_path: Path) -> None:
    layout, output = detect_layout(simple_common_voice(tmp_path / "cv")), tmp_path / "out"
    prepare(layout, output, PrepareOptions(jobs=1))
    (output / "report.json").unlink()
    (output / "prepare.partial").mkdir()
    prepare(layout, output, PrepareOptions(jobs=1))
    assert {path.name for path in output.iterdir()} == {
        *(f"cuts_{split}.jsonl.gz" for split in ("train", "dev", "test")),
        *("rejected.tsv", "report.json", "findings.sqlite"),
    }


def test_half_of_a_character(tmp_path: Path) -> None:
    lines = []
    for number, text in enumerate(("red cat", "cat \\ud83d dog", "cat \\ud83d\\ude00 sun", "fish")):
        write_clip(tmp_path / "in" / f"{number}.wav")
        lines.append(f'{{"audio_filepath": "{number}.wav", "text": "{text}"}}\n')
    (tmp_path / "in" / "train.json").write_text("".join(lines))
    prepare(detect_layout(tmp_path / "in"), tmp_path / "out", PrepareOptions(jobs=1))
    (row,) = rejected(tmp_path / "out")
    assert (row["where"], row["reason"]) == ("train.json:2", "unreadable row")
    assert "a lone surrogate" in row["detail"]
    assert len(list(load_corpus(tmp_path / "in").cuts("train"))) == 2


def test_shards_of_pieces_that_cannot_be_decoded(tmp_path: Path) -> None:
    table = "path,text,start,duration\n"
    for name in ("a", "b"):
        noise = numpy.random.default_rng(0).standard_normal(4 * RATE) * 0.1
        (tmp_path / "in").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "in" / f"{name}.flac", noise, RATE)
        table += f"{name}.flac,the {name} one,0.5,3\n"
    (tmp_path / "in" / "train.csv").write_text(table)
    path = tmp_path / "in" / "b.flac"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    layout, output = detect_layout(tmp_path / "in"), tmp_path / "out"
    with pytest.raises(LasError, match="b.flac: cannot be read .*; with --check-audio"):
        prepare(layout, output, PrepareOptions(shards=True, jobs=1))
    assert [file.name for file in output.iterdir()] == ["findings.sqlite"]
    prepare(layout, output, PrepareOptions(shards=True, check_audio=True, jobs=1))
    assert [row["reason"] for row in rejected(output)] == ["truncated"]


def test_a_file_that_crashes_the_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from las_cli.corpus import inspection

    read = inspection.read_header

    def crash(path: str) -> Any:
        if path.endswith("t3.wav"):
            os._exit(9)
        return read(path)

    monkeypatch.setattr(inspection, "read_header", crash)
    monkeypatch.setattr("las_cli.corpus.findings.BATCH", 2)
    layout = detect_layout(simple_common_voice(tmp_path / "cv"))
    report = prepare(layout, tmp_path / "out", PrepareOptions(jobs=2))
    assert report.splits["train"].kept.clips == 7
    (row,) = rejected(tmp_path / "out")
    assert (row["id"], row["detail"]) == ("t3", "the decoder crashed on this file")


def test_two_runs_at_once_do_without_the_store(tmp_path: Path) -> None:
    layout = detect_layout(simple_common_voice(tmp_path / "cv"))
    prepare(layout, tmp_path / "out", PrepareOptions(jobs=1))
    with sqlite3.connect(tmp_path / "out" / "findings.sqlite") as other:
        other.execute("BEGIN EXCLUSIVE")
        report = prepare(layout, tmp_path / "out", PrepareOptions(jobs=1))
    assert report.files_reused == 0 and report.splits["train"].kept.clips == 8


def las(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["prepare", *map(str, arguments)])


def test_the_command(tmp_path: Path) -> None:
    result = las(bad_corpus(tmp_path / "cv"), "--output", tmp_path / "out", "--jobs", 1)
    assert result.exit_code == 0, result.output
    for part in (
        *("Common Voice", "missing file", "sentence shared", "text rules:", "lower case"),
        *("clips with digits left out", "in dev but never in train", "las train --data"),
    ):
        assert part in result.output
    result = las(tmp_path / "cv", "-o", tmp_path / "out", "--json-only", "--check-audio")
    assert json.loads(result.stdout)["splits"]["train"]["kept"]["clips"] == 3


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["gone", "-o", "out"], 1, "there is no such file or folder"),
        (["empty", "-o", "out"], 1, "no corpus (the folder is empty)"),
        (["cv"], 2, "Missing option"),
        (["cv", "-o", "cv"], 1, "must be another folder than the corpus"),
        (["cv", "-o", "cv/train.tsv"], 2, "is a file"),
        (["cv/train.tsv", "-o", "cv"], 1, "another folder than that of train.tsv"),
        (["cv", "-o", "other"], 1, "a report.json that is not from `las prepare`"),
        (["cv", "-o", "out", "--train-split", "best"], 1, "no split 'best'"),
        (["cv", "-o", "out", "--min-seconds", "9", "--max-seconds", "2"], 2, "no clip could be"),
        (["cv", "-o", "out", "--processes", "0"], 2, "--processes"),
        (["hopeless", "-o", "out"], 1, "not one clip can be used"),
        (["cv", "-o", "cv/train.tsv/out"], 1, "cannot be written"),
    ],
)
def test_wrong_calls(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    simple_common_voice(tmp_path / "cv")
    common_voice(tmp_path / "hopeless", {"train": [("a", "a", "a"), ("b", "b", "b")]}, clips=False)
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "report.json").write_text('{"of": "something else"}')
    result = las(*arguments)
    assert result.exit_code == code, result.output
    assert message in result.output
    assert "Traceback" not in result.output


def test_help_states_the_text_rules() -> None:
    result = las("--help")
    assert result.exit_code == 0
    words = " ".join(result.output.split())
    for part in ("Unicode NFC", "lower case", "punctuation", "digits", "Nothing is transliterated"):
        assert part in words
