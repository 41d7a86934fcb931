"""The second pass: the speller's own probability of each hypothesis, and the joint total."""

from __future__ import annotations

import pytest
import torch

from las_cli.decoding.beam_search import Ended
from las_cli.decoding.options import DecodingOptions
from las_cli.decoding.rescoring import rescore

from .conftest import tiny_model


def ended(*units: int, ctc: float, lm: float) -> Ended:
    return Ended(units, (0.0,) * (len(units) + 1), 0.0, {"ctc": ctc, "lm": lm}, False)


@pytest.mark.parametrize("lm_weight", [0.25, 0.0])
@torch.inference_mode()
def test_hypotheses_are_ranked_by_the_joint_total(lm_weight: float) -> None:
    model = tiny_model()
    memory = model.speller.remember(torch.randn(2, 7, 24), torch.tensor([7, 4]))
    found = [
        [ended(3, 4, 5, ctc=-1.0, lm=-2.0), ended(6, ctc=-1.5, lm=-9.0), ended(ctc=-2.0, lm=-1.0)],
        [ended(7, 7, ctc=-3.0, lm=-4.0)],
    ]
    options = DecodingOptions(
        search="rescore", ctc_weight=0.4, lm_weight=lm_weight, length_bonus=0.7
    )
    ranked = rescore(model.speller, memory, found, options)
    assert [len(entries) for entries in ranked] == [3, 1]
    for row, entries in enumerate(ranked):
        assert [e.total for e in entries] == sorted((e.total for e in entries), reverse=True)
        own = type(memory)(*(tensor[row : row + 1] for tensor in memory))
        for entry in entries:
            logits, _ = model.speller(torch.tensor([[1, *entry.units]]), own)
            log_probs = torch.log_softmax(logits, -1)[0]
            scores = [float(log_probs[u, x]) for u, x in enumerate((*entry.units, 1))]
            assert entry.letter_scores == pytest.approx(scores, abs=1e-4)
            assert entry.scores["attention"] == pytest.approx(sum(scores), abs=1e-4)
            expected = 0.6 * sum(scores) + 0.4 * entry.scores["ctc"] + 0.7 * len(entry.units)
            expected += lm_weight * entry.scores["lm"]
            assert entry.total == pytest.approx(expected, abs=1e-4)


def test_nothing_found_stays_nothing() -> None:
    model = tiny_model()
    memory = model.speller.remember(torch.randn(1, 3, 24), torch.tensor([3]))
    assert rescore(model.speller, memory, [[]], DecodingOptions()) == [[]]
