"""Models by name: shipped ones are found, the others refused with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from las_cli.errors import LasError, UsageError
from las_cli.sharing.find import find_model, load_model, shipped_models


def test_names_that_are_no_model(tmp_path: Path) -> None:
    with pytest.raises(LasError, match="no such model or folder.*shipped models"):
        find_model("klingon")
    with pytest.raises(LasError, match="no las model folder"):
        find_model(str(tmp_path))
    (tmp_path / "model.txt").write_bytes(b"")
    with pytest.raises(LasError, match="is a file, a model is a folder"):
        find_model(str(tmp_path / "model.txt"))
    (tmp_path / "model.ckpt").write_bytes(b"")
    for name in (tmp_path, tmp_path / "model.ckpt"):
        with pytest.raises(LasError, match="model.ckpt: a pickle, which can run any program"):
            find_model(str(name))
    torch.save({}, tmp_path / "odd")
    with pytest.raises(LasError, match="a pickle, which can run any program"):
        find_model(str(tmp_path / "odd"))
    for name in ("hf:alone", "hf:a/b/c", "hf:../b", "hf:a/..", "hf:a/b@../../x", "hf:a/b@/etc"):
        with pytest.raises(UsageError, match="hf:user/repo|a revision is a branch"):
            find_model(name)


def test_the_english_model_ships_and_loads() -> None:
    assert "en" in shipped_models()
    loaded = load_model("en", "cpu")
    assert loaded.alphabet.decode(loaded.alphabet.encode("it's a test")) == "it's a test"
    size = sum(path.stat().st_size for path in loaded.folder.iterdir())
    assert size <= 95e6
    assert (loaded.folder / "README.md").is_file()
