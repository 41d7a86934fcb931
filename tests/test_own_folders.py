"""Folders that a model or a decoded split is written into: las replaces only what it wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from las_cli.errors import LasError
from las_cli.evaluation.results import require_own_files
from las_cli.files import as_on_disk, require_folder
from las_cli.saved_model.folder import require_own_folder, require_own_lm_folder

MODEL = {"format": 1, "network": {}, "text": {}}
LM = {"format": 2, "network": {}, "alphabet": "x"}


@pytest.mark.parametrize(
    ("require", "name", "content", "own"),
    [
        (require_own_folder, "config.json", json.dumps(MODEL), True),
        (require_own_folder, "config.json", '{"model_type": "bert"}', False),
        (require_own_folder, "model.safetensors", "x", False),
        (require_own_folder, "notes.txt", "x", True),
        (require_own_lm_folder, "lm.json", json.dumps(LM), True),
        (require_own_lm_folder, "lm.json", "{}", False),
        (require_own_lm_folder, "config.json", "{}", True),  # it goes beside any model
    ],
)
def test_models(
    tmp_path: Path, require: Callable[[Path], None], name: str, content: str, own: bool
) -> None:
    (tmp_path / name).write_text(content)
    if own:
        require(tmp_path)
        return
    with pytest.raises(LasError, match=f"holds a {name} that las did not write"):
        require(tmp_path)


def test_a_decoded_split(tmp_path: Path) -> None:
    require_own_files(tmp_path / "new")
    (tmp_path / "pred_y.txt").write_text("mine\n")
    with pytest.raises(LasError, match=r"pred_y\.txt: is there already"):
        require_own_files(tmp_path)


def test_a_folder_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    require_folder(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(LasError, match="file is no folder; name another folder"):
        require_folder(tmp_path / "file" / "b")


@pytest.mark.parametrize(("asked", "there"), [("é/é", "é/e\u0301"), ("e\u0301/é", "é/e\u0301")])
def test_names_of_a_mac(tmp_path: Path, asked: str, there: str) -> None:
    (tmp_path / there).parent.mkdir()
    (tmp_path / there).touch()
    assert as_on_disk(f"{tmp_path}/{asked}") == f"{tmp_path}/{there}"
    assert as_on_disk(f"{tmp_path}/é/gone-é") == f"{tmp_path}/é/gone-é"
