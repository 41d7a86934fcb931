"""What a new training takes over from another model."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from las_cli.network.config import AttentionConfig, LASConfig, ListenerConfig, SpellerConfig
from las_cli.network.las import LAS
from las_cli.saved_model.folder import load_folder, save_model
from las_cli.text import Alphabet, TextPolicy
from las_cli.training.hyperparameters import TrainingConfig
from las_cli.training.plan import Plan
from las_cli.training.setup import start_from, with_language


def made(letters: str, seed: int, hidden: int = 4) -> tuple[LAS, Alphabet]:
    torch.manual_seed(seed)
    config = LASConfig(
        units=len(letters) + 2,
        listener=ListenerConfig("none", hidden=hidden, reductions=(2,)),
        attention=AttentionConfig(heads=1, size=4),
        speller=SpellerConfig(embedding=3, hidden=5),
    )
    return LAS(config), Alphabet(letters)


def test_each_letter_keeps_its_rows_wherever_it_stands(tmp_path: Path) -> None:
    other, letters = made(" abd", seed=1)
    save_model(tmp_path / "other", other, letters, TextPolicy())
    model, units = made(" bcd", seed=2)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    notes = start_from(model, units, load_folder(tmp_path / "other", "other", "cpu"))
    theirs, after = dict(other.named_parameters()), dict(model.named_parameters())
    # blank, end and space stay; b was the 4th and is the 3rd; d is the 5th in both; c is new
    rows = {0: 0, 1: 1, 2: 2, 3: 4, 5: 5}
    by_letter = ("speller.embedding.weight", "speller.output.weight", "speller.output.bias",
                 "ctc.weight", "ctc.bias")  # fmt: skip
    for name, parameter in after.items():
        if name in by_letter:
            for mine, its in rows.items():
                assert torch.equal(parameter[mine], theirs[name][its]), (name, mine)
            assert torch.equal(parameter[4], before[name][4])
        else:
            assert torch.equal(parameter, theirs[name]), name
    assert "3 of 4 letters known" in notes[0] and "start fresh: c" in notes[1]


def test_layers_of_another_size_start_fresh(tmp_path: Path) -> None:
    other, letters = made(" ab", seed=1)
    save_model(tmp_path / "other", other, letters, TextPolicy())
    model, units = made(" ab", seed=2, hidden=6)
    before = model.listener.layers[0].forwards.weight_hh_l0.detach().clone()
    notes = start_from(model, units, load_folder(tmp_path / "other", "other", "cpu"))
    assert torch.equal(model.listener.layers[0].forwards.weight_hh_l0, before)
    assert torch.equal(model.speller.output.weight, other.speller.output.weight)
    assert "listener.layers.0.forwards.weight_hh_l0" in notes[-1]
    assert "speller.output.weight" not in notes[-1]


@pytest.mark.parametrize(
    ("asked", "init", "languages", "language"),
    [
        ("", "", ["tr"], "tr"),
        ("", "", ["az", "az"], "az"),
        ("", "", ["tr", ""], ""),
        ("", "", ["", ""], ""),
        ("en", "", ["tr"], "en"),
        ("", "other", ["tr"], ""),
    ],
)
def test_the_language_whose_capitals_are_others(
    asked: str, init: str, languages: list[str], language: str
) -> None:
    plan = Plan(
        ("x",), "train", "dev", LASConfig(), TrainingConfig(), TextPolicy(language=asked), init=init
    )
    corpora = [SimpleNamespace(casing_language=one) for one in languages]
    assert with_language(plan, corpora).text.language == language  # type: ignore[arg-type]
