"""A tiny network that has learned a few sentences by heart."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from las_cli.written.punctuation_making import MadePunctuator, PunctuationPlan, make_punctuator
from las_cli.written.punctuation_network import PunctuationConfig
from las_cli.written.punctuation_store import load_punctuator
from las_cli.written.punctuation_training import PunctuationTraining
from las_cli.written.punctuator import Punctuator
from tests.transcribe.conftest import tiny_model, write_noise

__all__ = ["tiny_model", "write_noise"]

SENTENCES = (
    "Where are you, my friend?",
    "I am in London.",
    "Mr. Brown saw O'Brien on BBC television.",
    "Stop it!",
    "We have three animals: a dog, a cat and a parrot.",
    "It rained; nobody came.",
)


def write_text(path: Path, lines: int = 3000, seed: int = 1) -> Path:
    """A file of these sentences in random order."""
    draws = random.Random(seed)
    path.write_text("".join(draws.choice(SENTENCES) + "\n" for _ in range(lines)), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MadePunctuator]:
    """The folder of the network, and what its making said of it."""
    folder = tmp_path_factory.mktemp("written")
    plan = PunctuationPlan(
        PunctuationConfig(words=30, buckets=64, embedding=16, hidden=16, inner=16, dropout=0.0),
        PunctuationTraining(epochs=6.0, rows=8, row_words=32, learning_rate=1e-2),
        language="en",
    )
    text = write_text(folder / "text.txt")
    return folder, make_punctuator(plan, [text], folder / "model")


@pytest.fixture(scope="session")
def learned(made: tuple[Path, MadePunctuator]) -> Punctuator:
    """The network, loaded from disk."""
    return load_punctuator(made[0] / "model")
