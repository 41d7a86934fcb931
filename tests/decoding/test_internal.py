"""The language that the speller has learned: measured without sound, taken away in the search."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from las_cli.decoding.decode import search
from las_cli.decoding.decoder import Decoder
from las_cli.decoding.heard import listen
from las_cli.decoding.options import DecodingOptions
from las_cli.decoding.rescoring import spelled_unheard
from las_cli.network.las import LAS

from .conftest import ALPHABET, speech
from .test_searches import tiny_lm

EOS = 1
OPTIONS = DecodingOptions(
    beam=4, nbest=4, ctc_weight=0.4, lm_weight=0.6, internal_weight=0.3, word_times=False,
    precision="float32",
)


@torch.inference_mode()
def unheard(model: LAS, units: tuple[int, ...]) -> list[float]:
    """log p of each unit by a speller whose context is zero, by hand."""
    speller = model.speller
    state = speller.start(speller.remember(torch.zeros(1, 1, 24), torch.tensor([1])), 1)
    found = []
    for before, unit in zip((EOS, *units), units):  # noqa: B905 the end is not asked for
        logits, state, _ = speller.step(torch.tensor([[before]]), state, None)
        likely = logits[0, 0].clone()
        likely[EOS] = -torch.inf
        found.append(float(torch.log_softmax(likely, -1)[unit]))
    return found


@torch.inference_mode()
def test_sound_does_not_matter_where_nothing_is_heard(model: LAS) -> None:
    letters = torch.tensor([[EOS, 3, 4, 5]])
    loud, quiet = (
        spelled_unheard(
            model.speller,
            model.speller.remember(scale * torch.randn(1, 9, 24), torch.tensor([9])),
            letters,
        )
        for scale in (5.0, 0.1)
    )
    assert torch.equal(loud, quiet) and loud.shape == (1, 4, model.config.units)
    assert torch.equal(loud[..., EOS], torch.zeros(1, 4))  # the end costs nothing
    own = [float(loud[0, place, unit]) for place, unit in enumerate((3, 4, 5))]
    assert own == pytest.approx(unheard(model, (3, 4, 5)), abs=1e-4)
    shares = loud.exp().sum(-1) - 1  # of the letters alone
    assert shares.tolist()[0] == pytest.approx([1.0] * 4, abs=1e-3)


@pytest.mark.parametrize("kind", ["beam", "greedy", "rescore"])
@torch.inference_mode()
def test_the_search_takes_it_away(kind: str, model: LAS) -> None:
    options = dataclasses.replace(OPTIONS, search=kind, nbest=1)
    heard = listen(model, *speech(1.1, 0.7))
    best = [one[0] for one in search(Decoder(model, ALPHABET, options, tiny_lm()), heard)]
    for found in best:
        assert found.units
        own = sum(unheard(model, found.units))
        assert found.scores["internal"] == pytest.approx(own, abs=1e-2)
        weighed = (
            0.6 * found.scores["attention"] + 0.4 * found.scores["ctc"]
            + 0.6 * found.scores["lm"] - 0.3 * own
        )  # fmt: skip
        assert found.score == pytest.approx(weighed, abs=1e-2)


@torch.inference_mode()
def test_it_does_not_hang_on_the_batch(model: LAS) -> None:
    decoder = Decoder(model, ALPHABET, OPTIONS, tiny_lm())
    waveforms, lengths = speech(1.1, 0.7)
    together = search(decoder, listen(model, waveforms, lengths))
    alone = search(decoder, listen(model, waveforms[1:, : lengths[1]], lengths[1:]))
    assert [one.text for one in together[1]] == [one.text for one in alone[0]]
    scores = [one.score for one in alone[0]]
    assert [one.score for one in together[1]] == pytest.approx(scores, abs=2e-3)


def test_without_a_language_model_it_stays() -> None:
    from .conftest import tiny_model

    decoder = Decoder(tiny_model(), ALPHABET, OPTIONS, None)
    assert "internal" not in decoder.options.weights
    assert OPTIONS.weights["internal"] == -0.3
    assert "internal" not in dataclasses.replace(OPTIONS, search="ctc").weights
