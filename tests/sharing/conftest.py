"""Fixtures: a hub of our own, an empty cache, a tiny model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from las_cli.audio.analysis import FeatureConfig
from las_cli.network.config import AttentionConfig, LASConfig, ListenerConfig, SpellerConfig
from las_cli.network.las import LAS
from las_cli.saved_model.folder import save_model
from las_cli.text import Alphabet, TextPolicy
from tests.sharing.hub_server import Hub, Repository, files_of, serving

LETTERS = Alphabet.learn(["abc '"])


def tiny_model(form: str = "parallel", kind: str = "content", front_end: str = "conv") -> LAS:
    torch.manual_seed(1)
    return LAS(
        LASConfig(
            units=len(LETTERS),
            features=FeatureConfig(quiet_db=30.0 if front_end == "conv" else 0.0),
            listener=ListenerConfig(front_end=front_end, channels=2, hidden=4, reductions=(1, 2)),
            attention=AttentionConfig(kind=kind, heads=2, size=4, channels=2, kernel=3),
            speller=SpellerConfig(form=form, embedding=4, hidden=4),
        )
    ).eval()


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    facts = {"preset": "tiny", "dev_ler": 0.25, "dev_wer": 0.5, "train_hours": 1.5,
             "data": "/home/somebody/corpus"}  # fmt: skip
    save_model(folder, tiny_model(), LETTERS, TextPolicy(), facts=facts)
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_folder: Path) -> Iterator[Hub]:
    """A hub with the model someone/tiny, and an empty cache; no token is known."""
    with serving() as hub:
        for variable in ("HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
            monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("HF_TOKEN", "nobody")
        monkeypatch.setattr("las_cli.sharing.hub_client.PATIENCE", 1.0)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 1)
        # Large files go by git LFS; the hub's other storage, Xet, is not played here.
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        # The client writes, and so can take up again, in pieces of this size; 10 MB by itself.
        monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 250)
        hub.repositories["someone/tiny"] = Repository()
        hub.repositories["someone/tiny"].commit(
            files_of(model_folder) | {"README.md": b"# tiny\n", "notes.txt": b"not for las"}
        )
        yield hub
