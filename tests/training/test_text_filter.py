"""Which clips may be trained on."""

from __future__ import annotations

import pytest

from las_cli.text import Alphabet, TextPolicy
from las_cli.training.hyperparameters import TrainingConfig
from las_cli.training.text_filter import TextFilter


@pytest.mark.parametrize(
    ("text", "seconds", "reason"),
    [
        ("abc", 1.0, ""), ("", 1.0, "empty text"), ("!?", 1.0, "empty text"),
        ("room 7", 1.0, "digits"), ("abx", 1.0, "outside the alphabet"),
        ("abc", 0.1, "shorter"), ("abc", 30.0, "longer"),
        ("abcde" * 5, 1.0, "more letters"), ("aaaaaaaaaaaa", 0.8, "more letters"),
    ],
)  # fmt: skip
def test_reasons_to_leave_a_clip_out(text: str, seconds: float, reason: str) -> None:
    from lhotse.testing.dummies import dummy_cut, dummy_supervision

    cut = dummy_cut(0, duration=seconds, supervisions=[dummy_supervision(0, duration=seconds)])
    cut.supervisions[0].text = text
    accept = TextFilter(Alphabet.learn(["abcde room"]), TextPolicy(), TrainingConfig(), 0.04)
    assert reason in accept.reason(cut) and bool(accept.reason(cut)) == bool(reason)
