"""Weights that are not what the config says: exchanged, damaged, or a pointer to them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from las_cli.errors import LasError
from las_cli.saved_model.folder import load_folder
from las_cli.saved_model.weights import check_hash
from tests.saved_model.test_folder import folder as folder  # a saved model

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"


def without_hashes(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    del config["hashes"]
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(folder: Path, value: float) -> None:
    without_hashes(folder)
    weights = load_file(folder / "model.safetensors")
    weights["ctc.bias"][1] = value
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(LasError, match="model.safetensors: ctc.bias holds values that are no num"):
        load_folder(folder, "mine", "cpu")


def test_a_pointer_of_git_lfs_is_named(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(POINTER)
    with pytest.raises(LasError, match="model.safetensors: a Git LFS pointer.*git lfs pull"):
        load_folder(folder, "mine", "cpu")


def test_another_file_than_the_one_saved_is_refused(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["ctc.bias"] += torch.ones_like(weights["ctc.bias"])
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(LasError, match="not the file that config.json was written with"):
        load_folder(folder, "mine", "cpu")
    without_hashes(folder)  # an older model, which lists none
    load_folder(folder, "mine", "cpu")


def test_only_what_is_listed_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"abc")
    check_hash(path, {}, "config.json")
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    check_hash(path, {"model.safetensors": abc}, "config.json")
    with pytest.raises(LasError, match="another SHA-256"):
        check_hash(path, {"model.safetensors": abc[::-1]}, "config.json")
