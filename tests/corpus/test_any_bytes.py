"""Whatever bytes a table or a manifest holds: rows, bad rows or one sentence; never a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from las_cli.corpus.common_voice import CommonVoice
from las_cli.corpus.file_lists import NeMo, Tables
from las_cli.corpus.layout import Layout
from las_cli.corpus.ljspeech import LJSpeech
from las_cli.corpus.manifests import CutManifests
from las_cli.corpus.preparation import prepare
from las_cli.corpus.shards import Shards
from las_cli.corpus.sieve import PrepareOptions
from las_cli.corpus.utterance import BadRow, Utterance
from las_cli.errors import LasError
from las_cli.files import LFS, is_lfs_pointer

quick = settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # the example as it is says enough
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def check(layout: Layout) -> None:
    for split in layout.splits:
        try:
            for row in layout.read(split):
                assert isinstance(row, (Utterance, BadRow))
                assert isinstance(row, BadRow) or isinstance(row.text, str)
        except LasError as error:
            assert "\n" not in str(error)


headers = st.sampled_from([b"path\tsentence\n", b"client_id\tpath\tsentence\n", b""])
odd_text = st.text('a\t\n"\r\0|,;é\u2028', max_size=60).map(str.encode)


@quick
@given(header=headers, body=st.binary(max_size=200) | odd_text)
@example(header=b"", body=LFS)
@pytest.mark.parametrize(
    ("kind", "name"),
    [(CommonVoice, "train.tsv"), (Tables, "train.csv"), (Tables, "train.tsv"),
     (LJSpeech, "metadata.csv"), (CommonVoice, "clip_durations.tsv")],
)  # fmt: skip
def test_tables(tmp_path: Path, kind: Any, name: str, header: bytes, body: bytes) -> None:
    for folder in ("clips", "wavs"):
        (tmp_path / folder).mkdir(exist_ok=True)
    if name == "clip_durations.tsv":
        (tmp_path / "train.tsv").write_text("path\tsentence\na.wav\thi\n")
    data = header.replace(b"\t", b",") if name.endswith(".csv") else header
    (tmp_path / name).write_bytes(data + body)
    try:
        detected = kind.detects(tmp_path)
    except LasError as error:  # the one kind of bytes that no layout can be told of
        assert is_lfs_pointer(tmp_path / name) and "a Git LFS pointer" in str(error)
        assert "\n" not in str(error)
        return
    if detected:
        check(kind(tmp_path))


KEYS = ["audio_filepath", "text", "duration", "offset", "speaker", "id", "type", "start",
        "supervisions", "recording", "channel", "extra"]  # fmt: skip
records = st.dictionaries(
    st.sampled_from(KEYS), anything | st.sampled_from(["a.wav", "MonoCut", [{}], {}])
)


@quick
@given(found=st.lists(records, min_size=1, max_size=3))
@pytest.mark.parametrize(
    ("kind", "name"),
    [(NeMo, "train.json"), (CutManifests, "cuts_train.jsonl"), (Shards, "cuts.000000.jsonl")],
)
def test_manifests(tmp_path: Path, kind: Any, name: str, found: list[dict[str, Any]]) -> None:
    first = {"audio_filepath": "a.wav", "text": "hi", "supervisions": []}
    lines = [json.dumps(record) for record in (first, *found)]
    (tmp_path / name).write_text("\n".join(lines) + "\n")
    assert kind.detects(tmp_path)
    check(kind(tmp_path))


@settings(quick, max_examples=5)
@given(found=st.lists(records, min_size=1, max_size=20))
@pytest.mark.parametrize(("kind", "name"), [(NeMo, "a.json"), (CutManifests, "cuts_a.jsonl")])
def test_prepare(tmp_path: Path, kind: Any, name: str, found: list[dict[str, Any]]) -> None:
    first = {"audio_filepath": "a.wav", "text": "hi", "supervisions": []}
    lines = [json.dumps(record) for record in (first, *found)]
    (tmp_path / name).write_text("\n".join(lines) + "\n")
    report = prepare(kind(tmp_path), tmp_path / "out", PrepareOptions(jobs=1))
    assert not report.splits["train"].kept.clips
