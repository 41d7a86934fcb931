"""The two files of a written form: small, checked, and as good as what was saved."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from las_cli.errors import LasError
from las_cli.written.pauses import count_pauses
from las_cli.written.punctuation_making import MadePunctuator
from las_cli.written.punctuation_network import PunctuationConfig, PunctuationNetwork
from las_cli.written.punctuation_store import load_punctuator, save_punctuator
from las_cli.written.punctuator import Punctuator, Vocabulary


def tiny(words: int = 3) -> Punctuator:
    torch.manual_seed(1)
    config = PunctuationConfig(words=words, buckets=8, embedding=4, hidden=4, inner=4)
    vocabulary = Vocabulary(
        tuple("abc"), {"mcrae": "McRae"}, (".", "،", "؟", "!", ":", "؛"), (0.0,) * 6 + (0.5,), "ar"
    )
    return Punctuator(PunctuationNetwork(config).eval(), vocabulary, count_pauses([(",", 0.2)]))


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    saved = tiny()
    save_punctuator(tmp_path / "new", saved, {"minutes": 1})
    loaded = load_punctuator(tmp_path / "new")
    assert loaded.vocabulary == saved.vocabulary
    assert loaded.network.config == saved.network.config
    assert loaded.pauses is not None and saved.pauses is not None
    assert loaded.pauses.of(0.2) == pytest.approx(saved.pauses.of(0.2), abs=1e-3)
    state = saved.network.state_dict()
    for name, tensor in loaded.network.state_dict().items():
        table = name in ("words.weight", "affixes.weight")
        # Whole numbers of 8 bits: half a step of a row's largest, and the scale's own rounding.
        largest = float(state[name].abs().max())
        assert float((tensor - state[name]).abs().max()) <= largest * (0.0045 if table else 5e-4)
    types = load_file(tmp_path / "new" / "punctuation.safetensors")
    assert types["words.weight"].dtype == torch.int8
    assert types["reader.weight_ih_l0"].dtype == torch.float16
    assert json.loads((tmp_path / "new" / "punctuation.json").read_text())["facts"]["minutes"] == 1


def change_json(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "punctuation.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def change_tensor(name: str, make: Callable[[torch.Tensor], torch.Tensor]) -> Callable[..., None]:
    def change(folder: Path) -> None:
        path = folder / "punctuation.safetensors"
        tensors = load_file(path)
        tensors[name] = make(tensors[name])
        save_file(tensors, path)
        change_json(hashes={})(folder)

    return change


NETWORK = {"words": 3, "buckets": 8, "embedding": 4, "hidden": 4, "inner": 4, "dropout": 0.1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "punctuation.json").unlink(), "has no written form"),
        (lambda folder: (folder / "punctuation.safetensors").unlink(), "copy both files"),
        (
            lambda folder: (folder / "punctuation.safetensors").write_bytes(b"no"),
            "not a readable safetensors file",
        ),
        (change_json(format=7), "format 7, this version reads 1"),
        (change_json(words="a b"), "2 words, its network has 3"),
        (change_json(network=NETWORK | {"hidden": 5}), "does not fit punctuation.json"),
        (change_json(network=NETWORK | {"hidden": True}), "hidden is True, expected int"),
        (change_json(network=NETWORK | {"hidden": 10**7}), "asks for a network of"),
        (change_json(network=NETWORK | {"buckets": 0}), "buckets is 0, expected"),
        (change_json(network={"words": 3}), "the network section must hold"),
        (change_json(marks=[".", ","]), "expected 6 signs"),
        (change_json(biases=[0, 0, 0, 0, 0, 0, "x"]), "expected 7 numbers"),
        (change_json(pauses={}), "pauses is no table"),
        (change_json(spellings={"a": 1}), "spellings must hold texts"),
        (change_tensor("mark.bias", lambda old: old * float("nan")), "values that are no numbers"),
        (change_tensor("words.weight.scale", lambda old: old / 0), "values that are no numbers"),
        (change_tensor("words.weight", lambda old: old.float()), "holds F32, expected one of I8"),
        (
            lambda folder: save_file(
                load_file(folder / "punctuation.safetensors") | {"mark.bias": torch.ones(7).half()},
                folder / "punctuation.safetensors",
            ),
            "not the file that punctuation.json was written with",
        ),
    ],
)
def test_damage_is_named(change: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    save_punctuator(tmp_path, tiny())
    change(tmp_path)
    with pytest.raises(LasError, match=message) as error:
        load_punctuator(tmp_path)
    assert str(tmp_path) in str(error.value) or "buckets" in message
    assert "\n" not in str(error.value)


def test_a_model_folder_with_it_can_be_shared_and_exported(
    made: tuple[Path, MadePunctuator], tiny_model: Path, tmp_path: Path
) -> None:
    from las_cli.sharing.description import describe
    from las_cli.sharing.export import export_folder
    from las_cli.sharing.find import load_model
    from las_cli.sharing.remote_files import choose_files
    from las_cli.sharing.upload import files_to_share

    names = ("punctuation.json", "punctuation.safetensors")
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    for name in names:
        shutil.copy(made[0] / "model" / name, folder / name)
    loaded = load_model(str(folder), "cpu")
    shared = files_to_share(loaded, "me/tiny")
    assert set(names) <= set(shared)
    assert json.loads(shared["punctuation.json"])["language"] == "en"  # type: ignore[arg-type]
    export_folder(loaded, tmp_path / "out", half=True)
    assert load_punctuator(tmp_path / "out").text("stop it") == "Stop it!"
    listed = [(name, 9, "0" * 40) for name in shared]
    assert set(names) <= {file.name for file in choose_files("me/tiny", listed)}
    assert {check.name for check in describe(str(folder)).checks if check.ok} >= {names[1]}
    (folder / names[1]).write_bytes(b"spoilt")
    assert not all(check.ok for check in describe(str(folder)).checks)
    with pytest.raises(LasError, match="punctuation.safetensors: differs from the hash"):
        files_to_share(loaded, "me/tiny")
