"""Whatever a file holds: a result or one sentence; never another exception, a hang, much memory.

A few hundred cases as they are; 10,500 with LAS_FUZZ_CASES=1500.
"""

from __future__ import annotations

import io
import json
import math
import shutil
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from safetensors.torch import load, save

from las_cli.audio.reader import AudioReader, audio_info
from las_cli.corpus.common_voice import CommonVoice
from las_cli.corpus.file_lists import NeMo, Tables
from las_cli.corpus.layout import Layout
from las_cli.corpus.ljspeech import LJSpeech
from las_cli.corpus.manifests import CutManifests
from las_cli.corpus.shards import Shards
from las_cli.corpus.utterance import BadRow, Utterance
from las_cli.decoding.options import DecodingOptions
from las_cli.language import LetterLM, MixedLM
from las_cli.language.store import load_language_model
from las_cli.sharing.cache import parse_hub_name
from las_cli.sharing.card import make_card, measurements, thinned
from las_cli.sharing.find import load_model
from las_cli.sharing.remote_files import FILES, choose_files
from las_cli.sharing.research import read_checkpoint, read_vocabulary
from las_cli.sharing.upload import without_paths
from tests.fuzz.cases import damaged, edits, ends_well, quick
from tests.fuzz.conftest import Files
from tests.sharing.conftest import LETTERS

MOST = 2**22  # samples that a file of some kilobytes may claim before we stop reading


@quick
@given(which=st.integers(0, 99), changes=edits, noise=st.binary(max_size=400), alone=st.booleans())
@example(which=7, changes=[(0.5, "flip", b"\0")], noise=b"", alone=False)  # GSM: cannot seek
def test_sound(
    tmp_path_factory: pytest.TempPathFactory, sounds: Files, which: int,
    changes: list[Any], noise: bytes, alone: bool,
) -> None:  # fmt: skip
    name, data = sorted(sounds.items())[which % len(sounds)]
    path = tmp_path_factory.getbasetemp() / f"sound.{name}"
    path.write_bytes(noise if alone and which % 10 == 0 else damaged(data, changes))

    def read() -> None:
        audio_info(path)
        got = 0
        for block in AudioReader(path).blocks():
            assert block.dtype == torch.float32 and block.ndim == 1
            assert bool(torch.isfinite(block).all())
            got += block.numel()
            if got > MOST:
                break

    # ffmpeg costs a process each time, so it is there for some of the cases only.
    program = shutil.which("ffmpeg") if which % 8 == 0 else None
    with mock.patch("las_cli.audio.reader.ffmpeg_program", return_value=program):
        ends_well(read)


TABLES = {
    "train.tsv": (CommonVoice, "client_id\tpath\tsentence\tup_votes\tage\nx\ta.mp3\tWie \"geht's\"?"
                  "\t2\ttwenties\ny\tb.mp3\thi\t1\t\n"),
    "train.csv": (Tables, 'path,sentence,duration\na.wav,"hi, you",1.5\nb.wav,ho,2\n'),
    "metadata.csv": (LJSpeech, "LJ001-0001|Hi, 2 you|Hi, two you\nLJ001-0002|ho|ho\n"),
    "train.json": (NeMo, '{"audio_filepath": "a.wav", "text": "hi", "duration": 1.5}\n' * 3),
    "cuts_train.jsonl": (CutManifests, json.dumps({
        "id": "a", "start": 0, "duration": 1.0, "channel": 0, "type": "MonoCut",
        "supervisions": [{"id": "a", "recording_id": "r", "start": 0, "duration": 1.0,
                          "channel": 0, "text": "hi", "speaker": "s", "language": "en"}],
        "recording": {"id": "r", "sampling_rate": 16000, "num_samples": 16000, "duration": 1.0,
                      "channel_ids": [0], "sources": [
                          {"type": "file", "channels": [0], "source": "a.wav"}]}}) + "\n"),
    "cuts.000000.jsonl": (Shards, '{"id": "a", "supervisions": [{"text": "hi"}]}\n'),
}  # fmt: skip


@quick
@given(which=st.integers(0, 99), changes=edits)
def test_tables_and_manifests(
    tmp_path_factory: pytest.TempPathFactory, which: int, changes: list[Any]
) -> None:
    name, (kind, text) = sorted(TABLES.items())[which % len(TABLES)]
    folder = tmp_path_factory.getbasetemp() / f"corpus-{name}"
    for below in ("clips", "wavs"):
        (folder / below).mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(damaged(text.encode(), changes))

    def read() -> None:
        if not kind.detects(folder):
            return
        layout: Layout = kind(folder)
        for split in layout.splits:
            for row in layout.read(split):
                assert isinstance(row, BadRow) or isinstance(row, Utterance)

    ends_well(read)


def spoilt(models: Path, form: str, name: str, data: bytes, root: Path) -> Path:
    """A model folder in which the file `name` holds `data`; without hashes, as a stranger writes it
    who wants his files to be read."""
    folder = root / f"spoilt-{form}"
    folder.mkdir(exist_ok=True)
    for path in (models / form).iterdir():
        whole = path.read_bytes()
        if path.suffix == ".json":
            config = json.loads(whole)
            config.pop("hashes", None)
            whole = json.dumps(config).encode()
        (folder / path.name).write_bytes(data if path.name == name else whole)
    return folder


@quick
@given(feeding=st.booleans(), which=st.integers(0, 99), changes=edits)
def test_model_files(
    tmp_path_factory: pytest.TempPathFactory, models: Path, feeding: bool, which: int,
    changes: list[Any],
) -> None:  # fmt: skip
    form = "feeding" if feeding else "parallel"
    name = ["config.json", "alphabet.json", "model.safetensors"][which % 3]
    data = damaged((models / form / name).read_bytes(), changes)
    folder = spoilt(models, form, name, data, tmp_path_factory.getbasetemp())
    loaded = ends_well(lambda: load_model(str(folder), "cpu"))
    if loaded is not None:
        ends_well(lambda: DecodingOptions.from_config(loaded.decoding))


values = st.recursive(
    st.none() | st.booleans() | st.text(max_size=4) | st.floats() | st.sampled_from(
        [0, 1, 2, 3, -1, 64, 65_536, 60_000, 2**31, 2**63, 10**30, "conv", "location", "feeding"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)  # fmt: skip


@quick
@given(feeding=st.booleans(), paths=st.lists(st.tuples(st.integers(0, 99), values), min_size=1,
                                             max_size=3))  # fmt: skip
def test_configs(
    tmp_path_factory: pytest.TempPathFactory, models: Path, feeding: bool,
    paths: list[tuple[int, Any]],
) -> None:  # fmt: skip
    form = "feeding" if feeding else "parallel"
    config = json.loads((models / form / "config.json").read_text())
    for which, value in paths:
        places = list(leaves(config))
        holder, key = places[which % len(places)]
        holder[key] = value
    data = json.dumps(config).encode()
    folder = spoilt(models, form, "config.json", data, tmp_path_factory.getbasetemp())
    loaded = ends_well(lambda: load_model(str(folder), "cpu"))
    if loaded is not None:
        ends_well(lambda: DecodingOptions.from_config(loaded.decoding))
        assert make_card(folder, "a/b", without_paths(loaded.facts), loaded.alphabet.units)


def leaves(data: dict[str, Any]) -> Any:
    """Each (object, key) of nested objects."""
    for key, value in data.items():
        yield data, key
        if isinstance(value, dict):
            yield from leaves(value)


def asked(lm: LetterLM | MixedLM | None) -> None:
    """Damage that was not seen may give odd probabilities of words, but probabilities."""
    if isinstance(lm, MixedLM):
        state = lm.words.start(1, 1)
        for letter in LETTERS.encode("cab a b'c"):
            scores = lm.words.log_probs(state)
            assert not bool(scores.isnan().any()) and float(scores.exp().sum()) < 1.001
            state = lm.words.advance(state, torch.tensor([[letter]]))


@quick
@given(words=st.booleans(), weights=st.booleans(), changes=edits)
def test_language_models(
    tmp_path_factory: pytest.TempPathFactory, models: Path, words: bool, weights: bool,
    changes: list[Any],
) -> None:  # fmt: skip
    form, name = "feeding" if words else "parallel", "lm.safetensors" if weights else "lm.json"
    data = damaged((models / form / name).read_bytes(), changes)
    folder = spoilt(models, form, name, data, tmp_path_factory.getbasetemp())
    asked(ends_well(lambda: load_language_model(folder, LETTERS)))


@quick
@given(paths=st.lists(st.tuples(st.integers(0, 99), values), min_size=1, max_size=3))
def test_configs_of_language_models(
    tmp_path_factory: pytest.TempPathFactory, models: Path, paths: list[tuple[int, Any]]
) -> None:
    config = json.loads((models / "feeding" / "lm.json").read_text())
    for which, value in paths:
        places = list(leaves(config))
        holder, key = places[which % len(places)]
        holder[key] = value
    data = json.dumps(config).encode()
    folder = spoilt(models, "feeding", "lm.json", data, tmp_path_factory.getbasetemp())
    asked(ends_well(lambda: load_language_model(folder, LETTERS)))


@quick
@given(
    which=st.integers(0, 99),
    places=st.lists(st.tuples(st.integers(0, 99), st.integers(-(2**31), 2**31 - 1) |
                              st.integers(-2, 9) | st.floats(-9, 1) |
                              st.just(math.nan)), min_size=1, max_size=3),
)  # fmt: skip
def test_tables_of_words(
    tmp_path_factory: pytest.TempPathFactory, models: Path, which: int,
    places: list[tuple[int, float]],
) -> None:  # fmt: skip
    """Files whole in themselves in which a few numbers of one table are others."""
    tensors = load((models / "feeding" / "lm.safetensors").read_bytes())
    tables = sorted(name for name in tensors if name.startswith("words."))
    table = tensors[tables[which % len(tables)]]
    for place, value in places:
        table[place % len(table)] = torch.tensor(value).to(table.dtype)
    data = save(tensors)
    folder = spoilt(models, "feeding", "lm.safetensors", data, tmp_path_factory.getbasetemp())
    asked(ends_well(lambda: load_language_model(folder, LETTERS)))


@pytest.fixture(scope="module")
def checkpoint() -> bytes:
    out = io.BytesIO()
    torch.save({"state_dict": {"a": torch.zeros(3)}, "epoch": 1}, out)
    return out.getvalue()


@quick
@given(table=st.booleans(), changes=edits)
def test_checkpoints_of_the_research_code(
    tmp_path_factory: pytest.TempPathFactory, checkpoint: bytes, table: bool, changes: list[Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / ("vocab.csv" if table else "old.pt")
    path.write_bytes(damaged(b"0,<sos>\n1,<eos>\n2,a\n3, \n" if table else checkpoint, changes))
    ends_well(lambda: (read_vocabulary if table else read_checkpoint)(path))


@quick
@given(
    names=st.lists(st.sampled_from([*FILES, "../x", "a/b.bin", "C:\\x"]) | st.text(max_size=9)),
    size=st.integers(-5, 2**40) | st.none() | st.text(max_size=2),
    digest=st.text("0123456789abcdefg", max_size=70) | st.just("a" * 64) | st.none(),
    name=st.text("hf:/@.-ab", max_size=20),
    metrics=st.binary(max_size=60) | st.just(b'{"dev_ler": 1, "step": "x"}\n{"dev_ler": null}\n'),
)
def test_what_a_hub_says(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], size: Any, digest: Any, name: str,
    metrics: bytes,
) -> None:  # fmt: skip
    chosen = ends_well(lambda: choose_files("hf:a/b", [(n, size, digest) for n in names]))
    assert chosen is None or {file.name for file in chosen} <= set(FILES)
    found = ends_well(lambda: parse_hub_name(name))
    assert found is None or ".." not in str(found.folder.name)
    folder = tmp_path_factory.getbasetemp() / "metrics"
    folder.mkdir(exist_ok=True)
    (folder / "metrics.jsonl").write_bytes(metrics)
    assert len(thinned(measurements(folder))) <= 8
