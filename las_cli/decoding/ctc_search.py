"""CTC posteriors in, the likeliest letters out: prefix search, or the best path alone."""

from __future__ import annotations

import torch
from torch import Tensor

from las_cli.decoding.beam_search import Ended, joint_search
from las_cli.decoding.decoder import Decoder
from las_cli.decoding.heard import Heard
from las_cli.text.units import BLANK, EOS


def ctc_search(decoder: Decoder, heard: Heard) -> list[list[Ended]]:
    """Joint search by CTC, language model and hotwords; 1 beam with CTC alone is its best path."""
    options = decoder.options
    if options.beam == 1 and not options.lm_weight and not options.hotwords:
        assert heard.log_probs is not None  # the decoder has seen to it
        return best_path(heard.log_probs, heard.lengths)
    return joint_search(decoder, heard)


def best_path(log_probs: Tensor, lengths: Tensor) -> list[list[Ended]]:
    """Greedy CTC in the form of a search's result; scored by the path, not by all alignments."""
    results = []
    best = log_probs.amax(-1)
    for row, units in enumerate(greedy_ctc(log_probs, lengths)):
        steps = int(lengths[row])
        score = float(best[row, :steps].sum())
        letters = (score / max(1, len(units)),) * len(units)
        # The end costs a path nothing; that nothing was said is as sure as a step is in the mean.
        end = 0.0 if units else score / max(1, steps)
        results.append([Ended(units, (*letters, end), score, {"ctc": score}, False)])
    return results


def greedy_ctc(log_probs: Tensor, lengths: Tensor) -> list[tuple[int, ...]]:
    """The likeliest CTC path of each utterance, doubled letters and blanks removed (Graves 2006).

    log_probs [B, T, V] of `lengths` [B] → letter ids of each utterance. Needs no speller.
    """
    steps = torch.arange(log_probs.shape[1], device=log_probs.device)
    path = log_probs.argmax(-1)  # [B, T]
    path = path.masked_fill(steps >= lengths[:, None], BLANK)
    before = torch.cat([torch.full_like(path[:, :1], BLANK), path[:, :-1]], dim=1)
    kept = (path != before) & (path > EOS)
    return [tuple(row[keep].tolist()) for row, keep in zip(path, kept, strict=True)]
