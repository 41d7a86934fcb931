"""Model folders: saved, loaded, and refused with a reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from las_cli.errors import LasError
from las_cli.memory import peak_memory
from las_cli.network.config import (
    AttentionConfig,
    LASConfig,
    ListenerConfig,
    SpellerConfig,
)
from las_cli.network.las import LAS
from las_cli.saved_model.folder import save_model
from las_cli.sharing.find import load_model
from las_cli.sharing.hashes import check_hashes
from las_cli.text import Alphabet, TextPolicy

LETTERS = Alphabet.learn(["abc "])


def tiny() -> LAS:
    torch.manual_seed(1)
    return LAS(
        LASConfig(
            units=len(LETTERS),
            listener=ListenerConfig(channels=2, hidden=4, reductions=(1,)),
            attention=AttentionConfig(heads=1, size=4),
            speller=SpellerConfig(embedding=4, hidden=4),
        )
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_model(
        tmp_path / "mine", tiny(), LETTERS, TextPolicy(case="upper"), decoding={"beam": 3},
        facts={"dev_ler": 0.5},
    )  # fmt: skip
    return tmp_path / "mine"


def test_a_saved_model_is_the_same_when_loaded(folder: Path) -> None:
    loaded = load_model(str(folder), "cpu")
    assert loaded.name == "mine" and loaded.folder == folder
    assert loaded.alphabet.units == LETTERS.units and loaded.policy == TextPolicy(case="upper")
    assert loaded.decoding == {"beam": 3} and loaded.facts == {"dev_ler": 0.5}
    assert not loaded.model.training
    for (name, mine), (_, theirs) in zip(
        tiny().named_parameters(), loaded.model.named_parameters(), strict=True
    ):
        assert torch.equal(mine, theirs), name
    assert sorted(p.name for p in folder.iterdir()) == [
        "alphabet.json", "config.json", "model.safetensors",
    ]  # fmt: skip


def test_half_precision_is_half_the_size_and_nearly_the_same(tmp_path: Path) -> None:
    for half in (False, True):
        save_model(tmp_path / str(half), tiny(), LETTERS, TextPolicy(), half=half)
    whole, halved = (load_file(tmp_path / f / "model.safetensors") for f in ("False", "True"))
    assert all(t.dtype == torch.float16 for t in halved.values())
    loaded = load_model(str(tmp_path / "True"), "cpu")
    for name, parameter in loaded.model.named_parameters():
        assert parameter.dtype == torch.float32
        torch.testing.assert_close(parameter.detach(), whole[name], atol=2e-3, rtol=1e-3)


def damage(folder: Path, kind: str) -> None:
    config = json.loads((folder / "config.json").read_text())
    weights = load_file(folder / "model.safetensors")
    if kind == "no weights":
        (folder / "model.safetensors").unlink()
    elif kind == "a pickle alone":
        torch.save(weights, folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
    elif kind == "cut weights":
        data = (folder / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(data[: len(data) // 2])
    elif kind == "a pickle":
        torch.save({"a": 1}, folder / "model.safetensors")
    elif kind == "missing and unexpected":
        weights["extra"] = weights.pop("ctc.bias")
        save_file(weights, folder / "model.safetensors")
    elif kind == "misshapen":
        weights["ctc.bias"] = torch.zeros(99)
        save_file(weights, folder / "model.safetensors")
    elif kind == "no alphabet":
        (folder / "alphabet.json").unlink()
    elif kind == "other alphabet":
        (folder / "alphabet.json").write_text(json.dumps(Alphabet.learn(["abcdef"]).to_json()))
    elif kind == "broken json":
        (folder / "config.json").write_text("{")
    elif kind == "a list":
        (folder / "config.json").write_text("[]")
    elif kind == "newer":
        (folder / "config.json").write_text(json.dumps(config | {"format": 99}))
    elif kind == "unknown field":
        config["network"]["colour"] = "red"
        (folder / "config.json").write_text(json.dumps(config))
    elif kind == "integers":
        weights["ctc.bias"] = weights["ctc.bias"].to(torch.int32)
        save_file(weights, folder / "model.safetensors")
    elif kind == "a list of facts":
        (folder / "config.json").write_text(json.dumps(config | {"facts": [1]}))
    elif kind in ENORMOUS:
        part, name, value = ENORMOUS[kind]
        config["network"][part][name] = value
        (folder / "config.json").write_text(json.dumps(config))


ENORMOUS = {
    "out of range": ("listener", "hidden", 10**12),
    "larger than the memory": ("listener", "hidden", 60_000),
    "larger than its weights": ("listener", "hidden", 400),
    "more bands than frequencies": ("features", "mels", 60_000),
}


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("no weights", "model.safetensors: missing"),
        ("a pickle alone", "missing, and pytorch_model.bin is a pickle, which can run any"),
        ("cut weights", "not a readable safetensors file"),
        ("a pickle", "not a readable safetensors file .it is a pickle, which can run any program"),
        ("missing and unexpected", "missing ctc.bias; unexpected extra"),
        ("misshapen", r"ctc.bias is \[99\], config.json says \[6\]"),
        ("no alphabet", "alphabet.json: missing"),
        ("other alphabet", "8 units, but config.json says 6"),
        ("broken json", "not readable as JSON"),
        ("a list", "expected an object"),
        ("newer", "format 99, this version reads 1"),
        ("unknown field", "unknown fields colour"),
        ("integers", "ctc.bias holds I32, expected one of F16"),
        ("a list of facts", "facts is a list, expected an object"),
        ("out of range", "listener.hidden is 1000000000000"),
        ("larger than the memory", "asks for a network of .* GB, this machine has"),
        ("larger than its weights", r"forwards.weight_hh_l0 is \[16, 4\], config.json says"),
        ("more bands than frequencies", "features.mels is 60000, a window of 0.025 s has 257"),
    ],
)
def test_damaged_folders_are_refused_with_the_reason(folder: Path, kind: str, message: str) -> None:
    damage(folder, kind)
    with pytest.raises(LasError, match=message):
        load_model(str(folder), "cpu")


def test_a_config_too_large_is_refused_before_anything_is_allocated(folder: Path) -> None:
    damage(folder, "larger than its weights")
    before = peak_memory()
    config = json.loads((folder / "config.json").read_text())
    config["network"]["listener"] |= {"hidden": 12_000, "reductions": [1] * 2}  # 14 GB
    (folder / "config.json").write_text(json.dumps(config))
    # Which of the reasons comes first hangs on how much memory is free.
    with pytest.raises(LasError, match="config.json says|asks for a network|does not fit"):
        load_model(str(folder), "cpu")
    assert peak_memory() - before < 100e6


def test_files_are_saved_with_their_hashes(folder: Path) -> None:
    listed = json.loads((folder / "config.json").read_text())["hashes"]
    assert sorted(listed) == ["alphabet.json", "model.safetensors"]
    assert all(check.ok for check in check_hashes(folder, listed))
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    (folder / "alphabet.json").unlink()
    wrong = {check.name: check.note for check in check_hashes(folder, listed)}
    assert wrong == {
        "model.safetensors": "differs from the hash that its config gives",
        "alphabet.json": "is listed but missing",
    }
