"""Pauses are measured where the words of punctuated clips were heard."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from las_cli.errors import LasError
from las_cli.evaluation import pause_measuring
from las_cli.evaluation.pause_measuring import measure_pauses
from las_cli.written.pauses import PauseTable, count_pauses

SENTENCES = ("The dog, a cat.", "Stop! He ran home", "No marks inside.", "Naïve, he.", "Yes, no.")


@pytest.fixture
def corpus(tmp_path: Path, write_noise: Any) -> Path:
    rows = ["client_id\tpath\tsentence"]
    for place, sentence in enumerate(SENTENCES * 3):
        write_noise(tmp_path / "cv" / "clips" / f"{place}.wav", 2.0, seed=place)
        rows.append(f"ann\t{place}.wav\t{sentence}")
    for split in ("train", "dev"):
        (tmp_path / "cv" / f"{split}.tsv").write_text("\n".join(rows if split == "train" else [
            rows[0], rows[1].replace("ann", "bob").replace("The", "Some")]) + "\n")  # fmt: skip
    return tmp_path / "cv"


def test_pauses_of_a_corpus(
    corpus: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[str, float]] = []

    def counted(pauses: list[tuple[str, float]]) -> PauseTable:
        heard.extend(pauses)
        return count_pauses(pauses)

    monkeypatch.setattr(pause_measuring, "count_pauses", counted)
    monkeypatch.setattr(pause_measuring, "FEWEST", 9)
    told: list[str] = []
    table = measure_pauses(corpus, str(tiny_model), told.append)
    # Three times each; the model has no ï, and one sentence has no mark inside.
    assert Counter(mark for mark, _ in heard) == {"": 2 * 3 + 2 * 3, ",": 3 + 3, "!": 3}
    assert all(0 <= seconds < 2 for _, seconds in heard)
    assert told == ["12 clips, 9 marks: how long pauses are"]
    assert len(table.scores) == 7


def test_too_few_marks(corpus: Path, tiny_model: Path) -> None:
    with pytest.raises(LasError, match="9 marks inside clips could be heard, at least 200"):
        measure_pauses(corpus, str(tiny_model))
