"""Waveforms in, hypotheses out: the network listens, the chosen search writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from las_cli.decoding.beam_search import Ended
from las_cli.decoding.decoder import Decoder
from las_cli.decoding.heard import Heard, listen
from las_cli.decoding.hypothesis import CUT_OFF, LOOPED, TOO_SHORT, Hypothesis
from las_cli.decoding.lanes import lanes, one_thread, side_by_side
from las_cli.decoding.options import SOURCES
from las_cli.decoding.precision import searching
from las_cli.decoding.repeats import is_looped
from las_cli.decoding.support import ctc_support
from las_cli.decoding.word_confidence import describe_words
from las_cli.text.units import Units


def decode(decoder: Decoder, waveforms: Tensor, lengths: Tensor) -> list[list[Hypothesis]]:
    """The `nbest` best hypotheses of each utterance, best first, at least one each.

    waveforms [B, S] float32 at 16 kHz, lengths [B] samples. An utterance shorter than one listener
    step gives the empty hypothesis with the flag TOO_SHORT. What a batch holds beside an utterance
    never changes its hypotheses (exactly so in float32).
    """
    lengths = lengths.to(waveforms.device)

    def decoded(rows: Tensor) -> list[list[Hypothesis]]:
        own = lengths[rows]
        part = waveforms[rows, : int(own.max())]
        return search(decoder, listen(decoder.model, part, own, decoder.options.precision))

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
def search(decoder: Decoder, heard: Heard) -> list[list[Hypothesis]]:
    """`decode` from what was heard already."""
    results = [[_nothing(TOO_SHORT)] for _ in heard.seconds]
    long_enough = (heard.lengths > 0).nonzero()[:, 0]
    if not len(long_enough):
        return results
    run = decoder.options.kind.load()
    device = heard.states.device
    with one_thread(device), searching(device, decoder.options.precision):
        found: list[list[Ended]] = run(decoder, heard.take(long_enough))
    for row, entries in zip(long_enough.tolist(), found, strict=True):
        utterance = heard.utterance(row)
        results[row] = [
            describe_words(
                _hypothesis(entry, decoder.alphabet),
                utterance,
                decoder,
                with_times=decoder.options.word_times and place == 0,
            )
            for place, entry in enumerate(entries)
        ] or [_nothing(CUT_OFF)]
        best = results[row][0]
        support = ctc_support(best.units, utterance.log_probs)
        results[row][0] = replace(best, ctc_support=support)
    return results


def _hypothesis(entry: Ended, alphabet: Units) -> Hypothesis:
    flags = ((CUT_OFF,) if entry.cut_off else ()) + ((LOOPED,) if is_looped(entry.units) else ())
    return Hypothesis(
        units=entry.units,
        text=" ".join(alphabet.decode(entry.units).split()),
        score=entry.total,
        scores=dict.fromkeys(SOURCES, 0.0) | dict(entry.scores),
        flags=flags,
        letter_scores=entry.letter_scores,
    )


def _nothing(flag: str) -> Hypothesis:
    return Hypothesis((), "", 0.0, dict.fromkeys(SOURCES, 0.0), (flag,), confidence=0.0)


def texts_of(results: Sequence[Sequence[Hypothesis]]) -> list[str]:
    """The best text of each utterance."""
    return [hypotheses[0].text for hypotheses in results]
