"""A recogniser of one singer, with a language model and search weights, and another's songs."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from las_cli.files import read_json
from las_cli.language import LetterLM, LetterLMConfig, MixedLM
from las_cli.language.store import save_language_model
from las_cli.language.word_lm import WordLM
from las_cli.language.word_ngrams import count_ngrams
from las_cli.network.config import LASConfig
from las_cli.saved_model.folder import write_decoding
from las_cli.text import TextPolicy
from las_cli.training import setup
from las_cli.training.hyperparameters import TrainingConfig
from las_cli.training.plan import Plan
from tests.training.corpora import write_corpus, write_network

DECODING = {
    "search": "beam", "beam": 4, "ctc_weight": 0.5, "lm_weight": 0.1, "length_bonus": 0.1,
    "precision": "float32",
    "calibration": {"weights": [1.0, 2.0, 3.0, 4.0, 5.0], "error": 0.1, "plain_error": 0.2},
}  # fmt: skip


@pytest.fixture(scope="session")
def singer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder that writes what its singer sings, but hardly what another does."""
    place = tmp_path_factory.mktemp("singer")
    corpus = write_corpus(place / "corpus", train=60, dev=6)
    network = LASConfig.from_json(read_json(write_network(place / "tiny.json")))
    config: dict[str, Any] = {
        "epochs": None, "max_steps": 120, "batch_seconds": 30.0, "speeds": (1.0,),
        "spec_augment": 0.0, "learning_rate": 8e-3, "warmup_steps": 20, "label_smoothing": 0.0,
        "ema": 0.9, "checkpoint_minutes": 60.0, "short_first": False, "workers": 0,
        "device": "cpu", "precision": "float32", "validate_steps": 120,
    }  # fmt: skip
    plan = Plan(
        data=(str(corpus),), split="train", dev_split="dev", network=network,
        training=TrainingConfig(**config), text=TextPolicy(),
    )  # fmt: skip
    folder = place / "model"
    trainer = setup.start(plan, folder, overwrite=False, quiet=True)
    trainer.train()
    units = trainer.units
    torch.manual_seed(1)
    letters = LetterLM(LetterLMConfig(units=len(units), embedding=4, hidden=8, layers=1))
    draw = random.Random(2)
    words = ["".join(draw.choices("abcde", k=draw.randint(1, 4))) for _ in range(30)]
    lines = [units.encode(" ".join(draw.choices(words, k=3))) for _ in range(60)]
    space = units.encode(" ")[0]
    ngrams = count_ngrams(lines, space)
    lm = MixedLM(letters, WordLM(ngrams, len(units), space), 0.5)
    save_language_model(folder, lm, units)
    write_decoding(folder, DECODING)
    return folder


@pytest.fixture(scope="session")
def other_voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty songs of another singer, without a dev split."""
    return write_corpus(
        tmp_path_factory.mktemp("other") / "corpus", train=60, dev=0, seed=7, pitch=1.12
    )
