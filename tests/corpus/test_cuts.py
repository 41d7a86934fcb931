"""Cuts as lhotse sees them, and lhotse reading through soundfile."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from las_cli.corpus import load_corpus, use_soundfile
from las_cli.corpus.cuts import cut_record, make_cut, read_cut
from las_cli.corpus.headers import AudioHeader, read_header
from las_cli.corpus.utterance import Utterance
from las_cli.errors import LasError
from tests.corpus.corpora import common_voice, write_clip


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("piece", [(0.0, None), (0.25, 0.5), (0.25, None), (0.9, 5.0)])
def test_records_are_what_lhotse_would_write(
    tmp_path: Path, channels: int, piece: tuple[float, float | None]
) -> None:
    path = write_clip(tmp_path / "a.wav", channels=channels)
    utterance = Utterance("a", str(path), "hé", "t:2", "ann", "en", "female", {"age": "teens"},
                          start=piece[0], seconds=piece[1])  # fmt: skip
    header = read_header(str(path))
    assert isinstance(header, AudioHeader)
    cut = make_cut(utterance, header)
    assert cut.to_dict() == cut_record(utterance, header)
    cut.recording.load_audio()
    audio = cut.load_audio()
    assert audio.shape == (channels, cut.num_samples)
    from lhotse.qa import validate

    validate(cut)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda path: path.unlink(), "No such file or directory"),
        (lambda path: path.write_bytes(b"words" * 99), "Format not recognised"),
    ],
    ids=["missing", "no sound"],
)
def test_why_a_cut_cannot_be_read(tmp_path: Path, change: Any, reason: str) -> None:
    use_soundfile()
    path = write_clip(tmp_path / "a.wav")
    header = read_header(str(path))
    assert isinstance(header, AudioHeader)
    cut = make_cut(Utterance("a", str(path), "hi", "t:2"), header)
    change(path)
    with pytest.raises(LasError) as error:
        read_cut(cut)
    assert str(error.value) == f"{path}: cannot be read ({reason})"


class _Lengths(torch.utils.data.Dataset[Any]):
    def __init__(self, cuts: list[Any]) -> None:
        self.cuts = cuts

    def __len__(self) -> int:
        return len(self.cuts)

    def __getitem__(self, index: int) -> tuple[int, str]:
        from lhotse.audio.backend import get_current_audio_backend

        frames = self.cuts[index].load_audio().shape[1]
        return frames, type(get_current_audio_backend()).__name__


@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_workers_read_through_soundfile(tmp_path: Path, method: str) -> None:
    from torch.utils.data import DataLoader

    rows = [("a", "x", "hi"), ("a", "y", "ho")]
    common_voice(tmp_path, {"train": rows, "dev": [("b", "z", "he")]}, suffix=".opus")
    cuts = list(load_corpus(tmp_path).cuts("train"))
    loader = DataLoader(_Lengths(cuts), 2, num_workers=1, multiprocessing_context=method)
    ((frames, backends),) = loader
    assert frames.tolist() == [16000, 16000]
    assert set(backends) == {"LibsndfileBackend"}


def test_use_soundfile_names_the_backend_for_new_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LHOTSE_AUDIO_BACKEND", "default")
    use_soundfile()
    assert os.environ["LHOTSE_AUDIO_BACKEND"] == "LibsndfileBackend"
