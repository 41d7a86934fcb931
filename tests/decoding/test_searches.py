"""The four searches on tiny random networks: what must hold whatever the weights are."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable

import pytest
import torch

from las_cli.decoding.decode import decode, search, texts_of
from las_cli.decoding.decoder import Decoder
from las_cli.decoding.heard import Heard, listen
from las_cli.decoding.hypothesis import CUT_OFF, LOOPED, TOO_SHORT, Hypothesis
from las_cli.decoding.options import DecodingOptions
from las_cli.decoding.word_confidence import weigh_words
from las_cli.errors import LasError
from las_cli.language.letter_lm import LetterLM, LetterLMConfig
from las_cli.network.las import LAS
from las_cli.text import Alphabet

from .conftest import ALPHABET, speech, tiny_model

PLAIN = DecodingOptions(precision="float32", lm_weight=0.0)
SEARCHES = {
    "greedy": dataclasses.replace(PLAIN, search="greedy"),
    "beam": dataclasses.replace(PLAIN, beam=4, nbest=4),
    "beam with bonus": dataclasses.replace(PLAIN, beam=3, length_bonus=0.5),
    "attention": dataclasses.replace(PLAIN, beam=4, ctc_weight=0.0),
    "ctc": dataclasses.replace(PLAIN, search="ctc", beam=4, nbest=2),
    "best path": dataclasses.replace(PLAIN, search="ctc", beam=1),
    "rescore": dataclasses.replace(PLAIN, search="rescore", beam=4, nbest=2),
}


def tiny_lm(seed: int = 5) -> LetterLM:
    torch.manual_seed(seed)
    return LetterLM(LetterLMConfig(units=len(ALPHABET), embedding=6, hidden=8, layers=2)).eval()


def same(one: Hypothesis, other: Hypothesis) -> None:
    assert one.units == other.units
    assert one.flags == other.flags
    assert one.score == pytest.approx(other.score, abs=2e-3)
    assert one.letter_scores == pytest.approx(other.letter_scores, abs=2e-3)
    assert [w.text for w in one.words] == [w.text for w in other.words]
    assert [w.start for w in one.words] == pytest.approx([w.start for w in other.words])


@pytest.mark.parametrize("ctc_weight", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("bonus", [0.0, 0.7])
@pytest.mark.parametrize("lm_weight", [0.0, 0.4])
def test_a_beam_of_one_is_greedy(
    model: LAS, alphabet: Alphabet, ctc_weight: float, bonus: float, lm_weight: float
) -> None:
    waveforms, lengths = speech(1.1, 0.5, 0.8)
    options = DecodingOptions(
        precision="float32", ctc_weight=ctc_weight, length_bonus=bonus, lm_weight=lm_weight, beam=1
    )
    lm = tiny_lm()
    beam = decode(Decoder(model, alphabet, options, lm), waveforms, lengths)
    narrow = dataclasses.replace(options, search="greedy", beam=8)
    greedy = decode(Decoder(model, alphabet, narrow, lm), waveforms, lengths)
    for one, other in zip(beam, greedy, strict=True):
        same(one[0], other[0])


@pytest.mark.parametrize("name", SEARCHES)
def test_padding_never_changes_a_hypothesis(model: LAS, alphabet: Alphabet, name: str) -> None:
    waveforms, lengths = speech(0.4, 1.3, 0.02, 0.9)
    lm = tiny_lm()
    options = dataclasses.replace(SEARCHES[name], lm_weight=0.2)
    decoder = Decoder(model, alphabet, options, lm)
    together = decode(decoder, waveforms, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = decode(decoder, waveforms[row : row + 1, :length], lengths[row : row + 1])[0]
        assert len(alone) == len(together[row])
        for one, other in zip(alone, together[row], strict=True):
            same(one, other)


@pytest.mark.parametrize("name", SEARCHES)
def test_scores_add_up(model: LAS, alphabet: Alphabet, name: str) -> None:
    options = dataclasses.replace(SEARCHES[name], lm_weight=0.25)
    lm = None if name == "best path" else tiny_lm()
    attention_weight, ctc_weight = 1 - options.ctc_weight, options.ctc_weight
    if options.search == "ctc":
        attention_weight, ctc_weight = 0.0, 1.0
    for hypotheses in decode(Decoder(model, alphabet, options, lm), *speech(0.7, 1.2)):
        assert 1 <= len(hypotheses) <= options.nbest
        assert len({one.units for one in hypotheses}) == len(hypotheses)
        scores = [one.score for one in hypotheses]
        assert scores == sorted(scores, reverse=True)
        for one in hypotheses:
            parts = one.scores
            assert set(parts) == {"attention", "ctc", "lm"}
            assert one.score == pytest.approx(
                attention_weight * parts["attention"]
                + ctc_weight * parts["ctc"]
                + (0.25 * parts["lm"] if lm else 0.0)
                + options.length_bonus * len(one.units),
                abs=1e-3,
            )


@torch.inference_mode()
def test_search_scores_equal_one_pass_over_the_text(model: LAS, alphabet: Alphabet) -> None:
    """Attention by teacher forcing, CTC by torch's own loss, both of the n-best of the beam."""
    waveforms, lengths = speech(1.0)
    heard = listen(model, waveforms, lengths, "float32")
    assert heard.log_probs is not None
    options = dataclasses.replace(PLAIN, beam=5, nbest=5)
    for one in search(Decoder(model, alphabet, options), heard)[0]:
        units = torch.tensor([one.units], dtype=torch.int64)
        memory = model.speller.remember(heard.states, heard.lengths)
        logits, _ = model.speller(torch.tensor([[1, *one.units]]), memory)
        log_probs = torch.log_softmax(logits, -1)[0]
        expected = sum(float(log_probs[u, x]) for u, x in enumerate([*one.units, 1]))
        assert one.scores["attention"] == pytest.approx(expected, abs=1e-3)
        loss = torch.nn.functional.ctc_loss(
            heard.log_probs.transpose(0, 1), units, heard.lengths, torch.tensor([len(one.units)]),
            reduction="sum",
        )  # fmt: skip
        assert one.scores["ctc"] == pytest.approx(-float(loss), abs=1e-2)


def test_a_wide_ctc_search_finds_the_likeliest_transcript(make_model: Callable[..., LAS]) -> None:
    """Against the probability of every transcript of up to three letters, by torch's CTC loss."""
    model = make_model(seed=3)
    waveforms, lengths = speech(0.2)
    heard = listen(model, waveforms, lengths, "float32")
    assert heard.log_probs is not None
    steps = int(heard.lengths[0])
    best = (-math.inf, ())
    for count in range(4):
        for letters in itertools.product(range(2, len(ALPHABET)), repeat=count):
            loss = torch.nn.functional.ctc_loss(
                heard.log_probs[0, :steps], torch.tensor(letters, dtype=torch.int64),
                torch.tensor(steps), torch.tensor(count), reduction="sum",
            )  # fmt: skip
            best = max(best, (-float(loss), letters))
    options = dataclasses.replace(PLAIN, search="ctc", beam=30)
    found = search(Decoder(model, ALPHABET, options), heard)[0][0]
    assert found.score >= best[0] - 1e-3
    if len(found.units) <= 3:
        assert found.units == best[1]


def test_a_wider_beam_never_scores_worse_than_greedy_here(model: LAS, alphabet: Alphabet) -> None:
    waveforms, lengths = speech(0.6, 0.9)
    greedy = decode(Decoder(model, alphabet, SEARCHES["greedy"]), waveforms, lengths)
    options = dataclasses.replace(PLAIN, beam=30)
    wide = decode(Decoder(model, alphabet, options), waveforms, lengths)
    for narrow, broad in zip(greedy, wide, strict=True):
        assert broad[0].score >= narrow[0].score - 1e-4 or CUT_OFF in narrow[0].flags


def sounds(kind: str) -> torch.Tensor:
    """A waveform [S] that holds no sentence, or a long one."""
    seconds = {"a minute": 60, "joined": 5}.get(kind, 2)
    time = torch.arange(16_000 * seconds) / 16_000
    if kind == "noise":
        return torch.randn(len(time), generator=torch.Generator().manual_seed(0))
    if kind == "silence":
        return torch.zeros(len(time))
    if kind == "tones":
        return torch.stack([torch.sin(2 * torch.pi * f * time) for f in (262, 330, 392)]).mean(0)
    return torch.cat([speech(1.25, seed=seed)[0][0] for seed in range(seconds * 4 // 5)])


def never_outgrows(model: LAS, alphabet: Alphabet, sound: str, options: DecodingOptions) -> None:
    waveform = sounds(sound)
    heard = listen(model, waveform[None], torch.tensor([len(waveform)]), "float32")
    assert heard.log_probs is not None
    hypothesis = search(Decoder(model, alphabet, options), heard)[0][0]
    units = hypothesis.units
    doubled = sum(one == other for one, other in zip(units, units[1:], strict=False))
    with_ctc = options.ctc_weight > 0 or options.search in ("ctc", "rescore")
    assert len(units) + (doubled if with_ctc else 0) <= int(heard.lengths[0])
    longest = max((len(list(same)) for _, same in itertools.groupby(units)), default=0)
    assert longest <= 9 or options.search == "ctc"  # the guard; CTC's best path has none


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("sound", ["noise", "silence", "tones", "joined"])
def test_it_ends_and_never_outgrows_the_sound(
    make_model: Callable[..., LAS], alphabet: Alphabet, name: str, sound: str
) -> None:
    never_outgrows(make_model(), alphabet, sound, SEARCHES[name])


@pytest.mark.parametrize("sound", ["noise", "joined"])
def test_it_ends_with_input_feeding(
    make_model: Callable[..., LAS], alphabet: Alphabet, sound: str
) -> None:
    never_outgrows(make_model("feeding"), alphabet, sound, SEARCHES["beam"])


@pytest.mark.slow
@pytest.mark.parametrize("name", SEARCHES)
def test_a_minute_of_joined_speech(model: LAS, alphabet: Alphabet, name: str) -> None:
    never_outgrows(model, alphabet, "a minute", SEARCHES[name])


def test_ctc_lets_a_speller_end_that_has_lost_its_way(
    make_model: Callable[..., LAS], alphabet: Alphabet
) -> None:
    """A speller that writes anything for ever, CTC that heard three letters: three are written."""
    model = make_model()
    with torch.no_grad():
        model.speller.output.weight.zero_()
        model.speller.output.bias.zero_()
        model.speller.output.bias[1] = -8.0  # never ends by itself
    log_probs = torch.full((1, 60, len(ALPHABET)), -12.0)
    log_probs[..., 0] = 0.0
    for step, letter in ((10, "b"), (30, "a"), (50, "d")):
        log_probs[0, step, 0], log_probs[0, step, alphabet.encode(letter)[0]] = -12.0, 0.0
    heard = Heard(torch.zeros(1, 60, 24), torch.tensor([60]), log_probs.log_softmax(-1), (2.4,))
    for name in ("greedy", "beam", "rescore"):
        hypothesis = search(Decoder(model, alphabet, SEARCHES[name]), heard)[0][0]
        assert hypothesis.text == "bad" and hypothesis.flags == ()


def test_a_speller_in_a_loop_is_stopped_and_flagged(
    make_model: Callable[..., LAS], alphabet: Alphabet
) -> None:
    """A speller that only ever wants "b" and never ends: cut off, looped, and it says so."""
    model = make_model()
    with torch.no_grad():
        model.speller.output.weight.zero_()
        model.speller.output.bias.zero_()
        model.speller.output.bias[alphabet.encode("b")[0]] = 30.0
        model.speller.output.bias[1] = -30.0
    for name in ("greedy", "attention"):
        options = dataclasses.replace(SEARCHES[name], ctc_weight=0.0)
        hypothesis = decode(Decoder(model, alphabet, options), *speech(2.0))[0][0]
        assert "b" * 9 in hypothesis.text and "b" * 10 not in hypothesis.text
        assert set(hypothesis.flags) == {CUT_OFF, LOOPED}
        assert len(hypothesis.units) == 51  # the cap: the listener's steps
        free = dataclasses.replace(options, repeat_guard=False)
        assert decode(Decoder(model, alphabet, free), *speech(2.0))[0][0].text == "b" * 51


def test_an_utterance_shorter_than_a_step_is_empty(model: LAS, alphabet: Alphabet) -> None:
    for options in SEARCHES.values():
        for waveforms, lengths in (
            (torch.zeros(1, 100), torch.tensor([100])),
            (torch.zeros(2, 0), torch.tensor([0, 0])),
        ):
            for (hypothesis,) in decode(Decoder(model, alphabet, options), waveforms, lengths):
                assert (hypothesis.text, hypothesis.flags) == ("", (TOO_SHORT,))
                assert hypothesis.words == ()


def test_without_a_ctc_head(make_model: Callable[..., LAS], alphabet: Alphabet) -> None:
    model = make_model(ctc=False)
    decoder = Decoder(model, alphabet, dataclasses.replace(PLAIN, beam=3))
    assert decoder.options.ctc_weight == 0.0 and "no CTC head" in decoder.notes[0]
    hypotheses = decode(decoder, *speech(0.8, 0.6))
    for (hypothesis,) in hypotheses:
        ends = [word.end for word in hypothesis.words]
        assert ends == sorted(ends)
    for name in ("ctc", "rescore"):
        with pytest.raises(LasError, match="no CTC head.*use beam"):
            Decoder(model, alphabet, SEARCHES[name])


def test_pruning_matters_only_where_it_prunes(model: LAS, alphabet: Alphabet) -> None:
    waveforms, lengths = speech(0.9)
    wide = dataclasses.replace(PLAIN, beam=3, candidates=11)
    everything = dataclasses.replace(PLAIN, beam=3, candidates=500)
    assert texts_of(decode(Decoder(model, alphabet, wide), waveforms, lengths)) == texts_of(
        decode(Decoder(model, alphabet, everything), waveforms, lengths)
    )
    decode(Decoder(model, alphabet, dataclasses.replace(wide, candidates=1)), waveforms, lengths)


def test_an_alphabet_of_another_model_is_refused(model: LAS) -> None:
    with pytest.raises(LasError, match="not of one model folder"):
        Decoder(model, Alphabet("ab"), PLAIN)


def test_words_are_weighed_without_a_ctc_head_and_with_gradients_on() -> None:
    network = tiny_model(ctc=False)
    heard = listen(network, torch.randn(1, 16_000), torch.tensor([16_000]), "float32")
    decoder = Decoder(network, ALPHABET, DecodingOptions(beam=2))
    hypothesis = search(decoder, heard)[0][0]
    assert torch.is_grad_enabled()  # as in `las tune`
    weigh_words(hypothesis, heard.utterance(0), decoder)
