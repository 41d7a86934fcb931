"""Waveforms in, hypotheses out: the network listens, the chosen search writes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from las_cli.decoding.beam_search import Ended, beam_search
from las_cli.decoding.ctc_search import greedy_ctc, greedy_search
from las_cli.decoding.heard import Heard, listen
from las_cli.decoding.hypothesis import CUT_OFF, LOOPED, TOO_SHORT, Hypothesis, Scores
from las_cli.decoding.joint import JointScorer, LanguageModel, Sources
from las_cli.decoding.lanes import lanes, side_by_side
from las_cli.decoding.options import DecodingOptions
from las_cli.decoding.precision import searching
from las_cli.decoding.prefix_score import CTCPrefixScorer
from las_cli.decoding.repeats import is_looped
from las_cli.decoding.rescoring import rescore
from las_cli.decoding.word_confidence import describe_words
from las_cli.errors import LasError
from las_cli.text.units import Units

if TYPE_CHECKING:
    from las_cli.network.attention import Memory
    from las_cli.network.las import LAS


def options_for(
    model: LAS, options: DecodingOptions, lm: LanguageModel | None
) -> tuple[DecodingOptions, list[str]]:
    """`options` as far as `model` and `lm` can follow them, and a sentence on each fallback.

    LasError where there is no fallback: CTC searches need a CTC head.
    """
    notes: list[str] = []
    if not model.has_ctc and options.search in ("ctc", "rescore"):
        raise LasError(
            f"the model has no CTC head, which --search {options.search} needs; use --search beam"
        )
    if not model.has_ctc and options.ctc_weight:
        notes.append("the model has no CTC head: the speller alone is asked (--ctc-weight 0)")
        options = dataclasses.replace(options, ctc_weight=0.0)
    if lm is None and options.lm_weight:
        options = dataclasses.replace(options, lm_weight=0.0)
    return options, notes


def decode(
    model: LAS,
    alphabet: Units,
    waveforms: Tensor,
    lengths: Tensor,
    options: DecodingOptions,
    lm: LanguageModel | None = None,
) -> list[list[Hypothesis]]:
    """The `options.nbest` best hypotheses of each utterance, best first, at least one each.

    waveforms [B, S] float32 at 16 kHz, lengths [B] samples. An utterance shorter than one listener
    step gives the empty hypothesis with the flag TOO_SHORT. What a batch holds beside an utterance
    never changes its hypotheses (exactly so in float32). LasError for a CTC search without a head.
    """
    options, _ = options_for(model, options, lm)
    lengths = lengths.to(waveforms.device)

    def decoded(rows: Tensor) -> list[list[Hypothesis]]:
        own = lengths[rows]
        part = waveforms[rows, : int(own.max())]
        return search(model, alphabet, listen(model, part, own, options.precision), options, lm)

    # Each lane gets utterances of every length, so that all end at about the same time.
    order = lengths.argsort(descending=True)
    count = min(len(order), lanes(waveforms.device))
    shares = [order[lane::count] for lane in range(count)]
    results: list[list[Hypothesis]] = [[] for _ in lengths]
    for place, found in side_by_side(decoded, shares, waveforms.device):
        for row, hypotheses in zip(shares[place].tolist(), found, strict=True):
            results[row] = hypotheses
    return results


@torch.inference_mode()
def search(
    model: LAS,
    alphabet: Units,
    heard: Heard,
    options: DecodingOptions,
    lm: LanguageModel | None = None,
) -> list[list[Hypothesis]]:
    """`decode` from what was heard already."""
    options, _ = options_for(model, options, lm)
    if not options.lm_weight:
        lm = None
    if len(alphabet) != model.config.units:
        raise LasError(
            f"the alphabet has {len(alphabet)} units, the model {model.config.units}; "
            "they are not of one model folder"
        )
    results = [[_nothing()] for _ in heard.seconds]
    long_enough = (heard.lengths > 0).nonzero()[:, 0]
    if not len(long_enough):
        return results
    with searching(heard.states.device, options.precision):
        found = _find(model, _take(heard, long_enough), options, lm)
    for row, entries in zip(long_enough.tolist(), found, strict=True):
        steps = int(heard.lengths[row])
        log_probs = None if heard.log_probs is None else heard.log_probs[row, :steps]
        results[row] = [
            describe_words(
                _hypothesis(entry, alphabet),
                alphabet,
                model,
                heard.states[row, :steps],
                log_probs,
                heard.seconds[row],
                options,
                with_times=options.word_times and place == 0,
            )
            for place, entry in enumerate(entries)
        ] or [_nothing(CUT_OFF)]
    return results


def _find(
    model: LAS, heard: Heard, options: DecodingOptions, lm: LanguageModel | None
) -> list[list[Ended]]:
    """Run the search that the options name over utterances of at least one listener step."""
    if options.search == "ctc" and options.beam == 1 and lm is None:
        assert heard.log_probs is not None  # options_for has seen to it
        return _best_path(heard.log_probs, heard.lengths)
    caps = (heard.lengths * options.letters_per_step).ceil().long().clamp(min=1)
    joint = JointScorer(_sources(model, heard, options, lm), options)
    if options.search == "greedy":
        return greedy_search(joint, caps, options)
    wanted = options.beam if options.search == "rescore" else options.nbest
    found = beam_search(joint, caps, dataclasses.replace(options, nbest=wanted))
    if options.search == "rescore":
        memory = remember(model, heard.states, heard.lengths)
        found = rescore(model.speller, memory, found, options, lm is not None)
        found = [entries[: options.nbest] for entries in found]
    return found


def _sources(
    model: LAS, heard: Heard, options: DecodingOptions, lm: LanguageModel | None
) -> Sources:
    by_ctc = options.search in ("ctc", "rescore")
    prefix = None
    if heard.log_probs is not None and (by_ctc or options.ctc_weight):
        prefix = CTCPrefixScorer(heard.log_probs, heard.lengths)
        by_ctc |= options.ctc_weight == 1.0  # the speller would be asked in vain
    return Sources(
        speller=None if by_ctc else model.speller,
        memory=None if by_ctc else remember(model, heard.states, heard.lengths),
        prefix=prefix,
        lm=lm,
        batch=len(heard.lengths),
        units=model.config.units,
        device=heard.states.device,
    )


def remember(model: LAS, states: Tensor, lengths: Tensor) -> Memory:
    """What the speller attends to, laid out so that no step has to copy it."""
    memory = model.speller.remember(states, lengths)
    return type(memory)(*(tensor.contiguous() for tensor in memory))


def _best_path(log_probs: Tensor, lengths: Tensor) -> list[list[Ended]]:
    """Greedy CTC in the form of a search's result; scored by the path, not by all alignments."""
    results = []
    best = log_probs.amax(-1)
    for row, units in enumerate(greedy_ctc(log_probs, lengths)):
        score = float(best[row, : int(lengths[row])].sum())
        letters = (score / max(1, len(units)),) * len(units)
        results.append([Ended(units, (*letters, 0.0), score, 0.0, score, 0.0, False)])
    return results


def _take(heard: Heard, rows: Tensor) -> Heard:
    """The utterances `rows` alone; all of them is the common case and copies nothing."""
    if len(rows) == len(heard.seconds):
        return heard
    return Heard(
        heard.states[rows],
        heard.lengths[rows],
        None if heard.log_probs is None else heard.log_probs[rows],
        tuple(heard.seconds[row] for row in rows.tolist()),
    )


def _hypothesis(entry: Ended, alphabet: Units) -> Hypothesis:
    flags = ((CUT_OFF,) if entry.cut_off else ()) + ((LOOPED,) if is_looped(entry.units) else ())
    return Hypothesis(
        units=entry.units,
        text=" ".join(alphabet.decode(entry.units).split()),
        score=entry.total,
        scores=Scores(entry.attention, entry.ctc, entry.lm, len(entry.units)),
        flags=flags,
        letter_scores=entry.letter_scores,
    )


def _nothing(flag: str = TOO_SHORT) -> Hypothesis:
    return Hypothesis((), "", 0.0, Scores(), (flag,), confidence=0.0)


def texts_of(results: Sequence[Sequence[Hypothesis]]) -> list[str]:
    """The best text of each utterance."""
    return [hypotheses[0].text for hypotheses in results]
