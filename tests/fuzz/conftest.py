"""Room for a case, and tiny files to damage."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from las_cli.language.letter_lm import LetterLM, LetterLMConfig
from las_cli.language.mixed_lm import MixedLM
from las_cli.language.store import save_language_model
from las_cli.language.word_lm import WordLM
from las_cli.language.word_ngrams import count_ngrams
from las_cli.saved_model.folder import save_model
from las_cli.text import TextPolicy
from tests.fuzz.cases import bounded
from tests.sharing.conftest import LETTERS, tiny_model


@pytest.fixture(autouse=True)
def little_room() -> Iterator[None]:
    with bounded():
        yield


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of models, each with a language model, by the speller's form; one counts words."""
    root = tmp_path_factory.mktemp("fuzz")
    forms = {
        "parallel": ("parallel", "content", "conv"),
        "feeding": ("feeding", "location", "none"),
    }
    for name, form in forms.items():
        save_model(
            root / name, tiny_model(*form), LETTERS, TextPolicy(), decoding={"beam": 2},
            facts={"dev_ler": 0.5, "data": "x"},
        )  # fmt: skip
        torch.manual_seed(1)
        config = LetterLMConfig(units=len(LETTERS), embedding=2, hidden=3, layers=1)
        letters = LetterLM(config)
        lm: LetterLM | MixedLM = letters
        if name == "feeding":
            space = LETTERS.encode(" ")[0]
            lines = [LETTERS.encode(text) for text in ("a cab", "b", "cab a b", "a cab b'a")]
            lm = MixedLM(letters, WordLM(count_ngrams(lines, space), len(LETTERS), space), 0.5)
        save_language_model(root / name, lm, LETTERS, {"words": 3})
    return root


class Files(dict[str, bytes]):
    """Contents by name, short in a report of a failure."""

    def __repr__(self) -> str:
        return f"Files({sorted(self)})"


@pytest.fixture(scope="session")
def sounds() -> Files:
    """A tenth of a second in each format that libsndfile writes here."""
    import numpy as np
    import soundfile

    tone = (np.sin(np.arange(1600) / 5) * 0.3).astype(np.float32)
    kinds = {
        "wav": ("WAV", "PCM_16"), "float.wav": ("WAV", "FLOAT"), "ex.wav": ("WAVEX", "PCM_24"),
        "rf64": ("RF64", "PCM_16"), "w64": ("W64", "PCM_16"), "aiff": ("AIFF", "PCM_16"),
        "au": ("AU", "ULAW"), "caf": ("CAF", "PCM_16"), "flac": ("FLAC", "PCM_16"),
        "ogg": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS"), "mp3": ("MP3", "MPEG_LAYER_III"),
        "gsm.wav": ("WAV", "GSM610"), "adpcm.wav": ("WAV", "IMA_ADPCM"),
    }  # fmt: skip
    found = Files()
    for name, (container, coding) in kinds.items():
        out = io.BytesIO()
        try:
            soundfile.write(out, np.stack([tone, tone], axis=1) if name == "flac" else tone,
                            16_000 if "gsm" not in name else 8_000, format=container,
                            subtype=coding)  # fmt: skip
        except (soundfile.SoundFileError, ValueError):
            continue  # this libsndfile cannot write it
        found[name] = out.getvalue()
    assert len(found) >= 6
    return found


@pytest.fixture(autouse=True)
def denormal_numbers() -> None:
    """A training in the same process flushes them to zero, on which hypothesis refuses to work."""
    torch.set_flush_denormal(False)
