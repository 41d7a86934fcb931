"""Lhotse's own manifests, Shar folders, and what `las prepare` wrote, read back."""

from __future__ import annotations

import gzip
import json
import pickle
from collections import Counter
from pathlib import Path

import pytest

from las_cli.benchmark.synthetic import write_synthetic
from las_cli.corpus import load_corpus, read_cut
from las_cli.corpus.detection import detect_layout
from las_cli.corpus.preparation import prepare
from las_cli.corpus.sieve import PrepareOptions
from las_cli.corpus.utterance import BadRow, Utterance
from las_cli.errors import LasError
from las_cli.text.normalise import TextPolicy
from tests.corpus.corpora import common_voice, rejected, simple_common_voice, write_clip

lhotse = pytest.importorskip("lhotse")
from lhotse import CutSet  # noqa: E402

from las_cli.corpus.shard_sound import ShardSource  # noqa: E402

KEEP = PrepareOptions(policy=TextPolicy(digits="keep"), jobs=1)


def recordings(folder: Path, count: int = 4, seconds: float = 2.0) -> list[lhotse.Recording]:
    paths = [write_clip(folder / "audio" / f"r{n}.wav", seconds) for n in range(count)]
    return [lhotse.Recording.from_file(path) for path in paths]


def supervision(recording: lhotse.Recording, name: str, start: float, seconds: float) -> object:
    return lhotse.SupervisionSegment(
        id=name, recording_id=recording.id, start=start, duration=seconds,
        text=f"text of {name}", speaker=f"speaker {name}",
    )  # fmt: skip


def test_cut_manifests_are_read_as_they_are(tmp_path: Path) -> None:
    cuts = []
    for one in recordings(tmp_path, 8):
        cut = one.to_cut()
        cut.supervisions = [supervision(one, one.id, 0.0, 2.0)]
        cuts.append(cut)
    lhotse.CutSet.from_cuts(cuts[:6]).to_file(tmp_path / "mini_cuts_train.jsonl.gz")
    lhotse.CutSet.from_cuts(cuts[6:]).to_file(tmp_path / "mini_cuts_dev.jsonl.gz")
    corpus = load_corpus(tmp_path)
    assert (corpus.kind, corpus.splits) == ("lhotse cuts", ("train", "dev"))
    train = corpus.cuts("train")
    assert train.is_lazy and [cut.to_dict() for cut in train] == [cut.to_dict() for cut in cuts[:6]]
    assert list(corpus.texts("dev")) == ["text of r6", "text of r7"]
    single = load_corpus(tmp_path / "mini_cuts_train.jsonl.gz")
    assert single.splits == ("train", "dev")  # set aside
    assert len(list(single.cuts("train"))) + len(list(single.cuts("dev"))) == 6
    assert {*single.texts("train")}.isdisjoint(single.texts("dev"))
    assert any("no dev split" in note for note in single.notes)


@pytest.mark.parametrize("layout", ["cuts", "recordings and supervisions"])
def test_several_supervisions_become_several_cuts(tmp_path: Path, layout: str) -> None:
    found = recordings(tmp_path, 4, 3.0)
    supervisions = [
        supervision(one, f"{one.id}-{part}", start, seconds)
        for one in found
        for part, (start, seconds) in enumerate([(0.0, 1.0), (1.5, 1.25)])
    ]
    records, parts = (
        lhotse.RecordingSet.from_recordings(found),
        lhotse.SupervisionSet.from_segments(supervisions),
    )
    if layout == "cuts":
        lhotse.CutSet.from_manifests(records, parts).to_file(tmp_path / "cuts_train.jsonl.gz")
    else:
        records.to_file(tmp_path / "x_recordings_train.jsonl.gz")
        parts.to_file(tmp_path / "x_supervisions_train.jsonl.gz")
    corpus = load_corpus(tmp_path)
    assert corpus.kind == f"lhotse {layout}"
    cuts = {cut.supervisions[0].text: cut for name in ("train", "dev") for cut in corpus.cuts(name)}
    assert len(cuts) == 8 and all(len(cut.supervisions) == 1 for cut in cuts.values())
    cut = cuts["text of r2-1"]
    assert (cut.start, cut.duration) == (1.5, 1.25)
    assert cut.load_audio().shape == (1, 20000)
    report = prepare(detect_layout(tmp_path), tmp_path / "out", KEEP)
    assert {name: split.kept.clips for name, split in report.splits.items()} == {
        "train": len(list(corpus.cuts("train"))), "dev": len(list(corpus.cuts("dev"))),
    }  # fmt: skip
    assert report.splits["train"].longest == 1.25
    prepared = load_corpus(tmp_path / "out")
    again = {
        cut.supervisions[0].text: cut for name in ("train", "dev") for cut in prepared.cuts(name)
    }
    assert again.keys() == cuts.keys()
    assert (again["text of r2-1"].load_audio() == cut.load_audio()).all()


def test_odd_cuts(tmp_path: Path) -> None:
    (one, other) = recordings(tmp_path, 2)
    bare = one.to_cut().to_dict()
    cut = other.to_cut()
    cut.supervisions = [supervision(other, "x", 0.0, 2.0)]
    good = cut.to_dict()
    mixed = cut.mix(cut).to_dict()
    nowhere = json.loads(json.dumps(good))
    nowhere["recording"]["sources"][0]["source"] = "moved/away.wav"
    beside = json.loads(json.dumps(good))
    beside["recording"]["sources"][0]["source"] = "audio/r1.wav"
    lines = [json.dumps(item) for item in (bare, mixed, nowhere, beside)] + ["{broken", "[1]"]
    (tmp_path / "cuts_train.jsonl").write_text("\n".join(lines) + "\n")
    rows = list(detect_layout(tmp_path).read("train"))
    assert [type(row) for row in rows] == [BadRow, BadRow, Utterance, Utterance, BadRow, BadRow]
    assert isinstance(rows[3], Utterance) and rows[3].audio == str(tmp_path / "audio" / "r1.wav")
    prepare(detect_layout(tmp_path), tmp_path / "out", KEEP)
    reasons = [row["reason"] for row in rejected(tmp_path / "out")]
    assert sorted(reasons) == ["missing file"] + ["unreadable row"] * 4


def test_half_of_a_character_in_a_cut(tmp_path: Path) -> None:
    cut = recordings(tmp_path, 1)[0].to_cut()
    cut.supervisions = [supervision(cut.recording, "x", 0.0, 2.0)]
    line = json.dumps(cut.to_dict())
    (tmp_path / "cuts_train.jsonl").write_text(
        line + "\n" + line.replace("text of", "\\ud83d of") + "\n"
    )
    rows = list(detect_layout(tmp_path).read("train"))
    assert isinstance(rows[0], Utterance) and isinstance(rows[1], BadRow)
    assert "a lone surrogate" in rows[1].detail


def test_files_that_changed_since_the_manifest(tmp_path: Path) -> None:
    cuts = []
    for one in recordings(tmp_path, 4):
        cut = one.to_cut()
        cut.supervisions = [supervision(one, one.id, 0.0, 2.0)]
        cuts.append(cut)
    lhotse.CutSet.from_cuts(cuts[:3]).to_file(tmp_path / "cuts_train.jsonl.gz")
    lhotse.CutSet.from_cuts(cuts[3:]).to_file(tmp_path / "cuts_dev.jsonl.gz")
    write_clip(tmp_path / "audio" / "r0.wav", 1.0)
    write_clip(tmp_path / "audio" / "r1.wav", 2.0, rate=8000)
    prepare(detect_layout(tmp_path), tmp_path / "out", KEEP)
    reasons = {row["id"]: row["reason"] for row in rejected(tmp_path / "out")}
    assert reasons == {"r0": "truncated", "r1": "unreadable"}


def test_relative_paths_hold_from_the_manifest(tmp_path: Path) -> None:
    cuts = []
    for one in recordings(tmp_path, 4):
        one.sources[0].source = f"audio/{one.id}.wav"
        cut = one.to_cut()
        cut.supervisions = [supervision(one, one.id, 0.0, 2.0)]
        cuts.append(cut)
    lhotse.CutSet.from_cuts(cuts).to_file(tmp_path / "cuts_train.jsonl.gz")
    lhotse.CutSet.from_cuts(cuts).to_file(tmp_path / "cuts_dev.jsonl.gz")
    for cut in load_corpus(tmp_path).cuts("train"):
        assert cut.load_audio().shape == (1, 32000)


def test_a_corpus_that_was_moved(tmp_path: Path) -> None:
    prepare(detect_layout(simple_common_voice(tmp_path / "cv")), tmp_path / "out", KEEP)
    (tmp_path / "cv").rename(tmp_path / "elsewhere")
    with pytest.raises(LasError, match="is not there; if the corpus was moved, run `las prepare`"):
        load_corpus(tmp_path / "out").cuts("train")


def test_a_manifest_cut_off_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "cuts_train.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"id": "a"}\n' * 1000)[:20])
    with pytest.raises(LasError, match="cannot be read to its end"):
        list(detect_layout(tmp_path).read("train"))


def test_what_prepare_wrote_is_read_lazily(tmp_path: Path) -> None:
    prepare(detect_layout(simple_common_voice(tmp_path / "cv")), tmp_path / "out", PrepareOptions())
    corpus = load_corpus(tmp_path / "out")
    raw = load_corpus(tmp_path / "cv")
    assert (corpus.kind, corpus.splits) == ("prepared by las", ("train", "dev", "test"))
    for split in corpus.splits:
        cuts = corpus.cuts(split)
        assert cuts.is_lazy
        found = sorted((cut.to_dict() for cut in cuts), key=lambda cut: cut["id"])
        expected = sorted((cut.to_dict() for cut in raw.cuts(split)), key=lambda cut: cut["id"])
        assert found == expected
        amount, same = corpus.amount(split), raw.amount(split)
        assert amount is not None and same is not None
        assert (amount.clips, amount.seconds) == (same.clips, pytest.approx(same.seconds))
    letters = Counter("".join(corpus.texts("train")))
    assert corpus.letters(TextPolicy()) == letters
    assert corpus.policy == TextPolicy() and raw.policy is None
    assert corpus.letters(TextPolicy(case="upper")) is None
    assert raw.letters(TextPolicy()) is None


def test_a_prepared_folder_of_another_version(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"written_by": "las prepare", "format": 99}')
    with pytest.raises(LasError, match="another version of las .format 99.; run `las prepare`"):
        load_corpus(tmp_path)


@pytest.mark.parametrize("suffix", [".wav", ".opus", ".mp3"])
def test_shards_hold_the_same_cuts_and_sound(tmp_path: Path, suffix: str) -> None:
    rows = {split: [(f"{split}{n}", f"{split}{n}", f"say {split} {'abcde'[n]}") for n in range(5)]
            for split in ("train", "dev")}  # fmt: skip
    common_voice(tmp_path / "cv", rows, suffix=suffix)
    options = PrepareOptions(shards=True, shard_size=2, jobs=1)
    report = prepare(detect_layout(tmp_path / "cv"), tmp_path / "out", options)
    assert report.splits["train"].shards == 3
    names = sorted(path.name for path in (tmp_path / "out" / "shards" / "train").iterdir())
    assert names == [f"{kind}.{n:06d}.{end}" for kind, end in (("cuts", "jsonl.gz"),
                     ("recording", "tar")) for n in range(3)]  # fmt: skip
    raw = {cut.id: cut for cut in load_corpus(tmp_path / "cv").cuts("train")}
    for folder in ("out", "out/shards"):
        corpus = load_corpus(tmp_path / folder)
        assert corpus.splits == ("train", "dev")
        cuts = list(corpus.cuts("train"))
        assert {cut.id for cut in cuts} == raw.keys()
        for cut in cuts:
            assert isinstance(cut.recording.sources[0], ShardSource)  # nothing read yet
            cut = pickle.loads(pickle.dumps(cut))  # as it goes to a worker
            assert (cut.load_audio() == raw[cut.id].load_audio()).all()
            assert not any(name.startswith("shard") for name in cut.custom or {})
            assert cut.supervisions[0].text == raw[cut.id].supervisions[0].text
    by_lhotse = CutSet.from_shar(in_dir=tmp_path / "out" / "shards" / "train")
    assert [cut.id for cut in by_lhotse] == [cut.id for cut in cuts]
    for cut in by_lhotse:
        assert (cut.load_audio() == raw[cut.id].load_audio()).all()
    prepare(detect_layout(tmp_path / "cv"), tmp_path / "out", KEEP)
    assert not (tmp_path / "out" / "shards").exists()  # or they would be read instead


def test_a_tar_that_is_gone_is_named(tmp_path: Path) -> None:
    prepare(detect_layout(simple_common_voice(tmp_path / "cv")), tmp_path / "out",
            PrepareOptions(shards=True, jobs=1))  # fmt: skip
    cut = next(iter(load_corpus(tmp_path / "out").cuts("train")))
    (tmp_path / "out" / "shards" / "train" / "recording.000000.tar").unlink()
    with pytest.raises(LasError, match=f"{cut.id}: cannot be read .*recording.000000.tar"):
        read_cut(cut)


def test_shards_of_pieces_and_stereo(tmp_path: Path) -> None:
    write_clip(tmp_path / "in" / "long.wav", 3, channels=2)
    write_clip(tmp_path / "in" / "dev.wav", 1)
    (tmp_path / "in" / "train.json").write_text(
        '{"audio_filepath": "long.wav", "offset": 0.5, "duration": 1.0, "text": "one"}\n'
        '{"audio_filepath": "long.wav", "offset": 1.5, "duration": 1.0, "text": "two"}\n'
    )
    (tmp_path / "in" / "dev.json").write_text('{"audio_filepath": "dev.wav", "text": "three"}\n')
    prepare(detect_layout(tmp_path / "in"), tmp_path / "out", PrepareOptions(shards=True, jobs=1))
    plain = {cut.id: cut for cut in load_corpus(tmp_path / "in").cuts("train")}
    cuts = list(load_corpus(tmp_path / "out").cuts("train"))
    assert {cut.id for cut in cuts} == plain.keys()
    for cut in cuts:
        sound = cut.load_audio()
        assert sound.shape == (2, 16000)
        assert abs(sound - plain[cut.id].load_audio()).max() < 1e-4


def test_shar_written_by_lhotse(tmp_path: Path) -> None:
    cuts = load_corpus(simple_common_voice(tmp_path / "cv")).cuts("train")
    (tmp_path / "shar" / "train").mkdir(parents=True)
    cuts.to_shar(tmp_path / "shar" / "train", fields={"recording": "flac"}, shard_size=3)
    corpus = load_corpus(tmp_path / "shar")
    assert (corpus.kind, corpus.splits) == ("lhotse Shar", ("train", "dev"))
    both = [cut for split in corpus.splits for cut in corpus.cuts(split)]
    assert {cut.id for cut in both} == {cut.id for cut in cuts} and len(both) == 8
    assert load_corpus(tmp_path / "shar" / "train").splits == ("train", "dev")
    with pytest.raises(LasError, match="needs no preparation"):
        prepare(detect_layout(tmp_path / "shar"), tmp_path / "out")


def test_synthetic_corpora(tmp_path: Path) -> None:
    write_synthetic(tmp_path, 500)
    corpus = load_corpus(tmp_path)
    amount = corpus.amount("train")
    assert amount is not None and amount.clips == 500
    cut = next(iter(corpus.cuts("train")))
    assert cut.load_audio().shape == (1, cut.num_samples)
    assert set(cut.supervisions[0].text) <= set(corpus.letters(TextPolicy()) or ())
