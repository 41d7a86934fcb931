"""The best letter at each step and never back: greedy search, jointly or with CTC alone."""

from __future__ import annotations

import torch
from torch import Tensor

from las_cli.decoding.beam_search import Ended
from las_cli.decoding.joint import JointScorer, Parts
from las_cli.text.alphabet import BLANK, EOS


def greedy_search(joint: JointScorer, caps: Tensor) -> list[list[Ended]]:
    """One hypothesis an utterance: at each step the letter that scores best; equals a beam of 1.

    caps: most letters each utterance may have, [B].
    """
    batch, device = joint.sources.batch, caps.device
    rows, first = torch.arange(batch, device=device), torch.zeros(batch, 1, dtype=torch.int64)
    first = first.to(device)
    letters: list[Tensor] = []
    scores: list[Tensor] = []
    totals = torch.zeros(4, batch, device=device)  # total, attention, CTC, LM
    lengths = torch.full((batch,), -1, device=device)
    for length in range(int(caps.max()) + 1):
        step = joint.continuations()
        total = step.total[:, 0]  # [B, V]
        at_cap = caps <= length
        ending = total[:, EOS].masked_fill(~(step.may_end[:, 0] | at_cap), -torch.inf)
        total = total.masked_fill(at_cap[:, None], -torch.inf)
        total[:, EOS] = ending
        letter = total.argmax(-1)
        parts = Parts(*(part[rows, 0, letter] for part in step.parts))
        ends = (letter == EOS) & (lengths < 0)
        letters.append(letter)
        scores.append(step.letter[rows, 0, letter])
        totals = torch.where(ends, torch.stack([total[rows, letter], *parts]), totals)
        lengths = torch.where(ends, length, lengths)
        if bool((lengths >= 0).all()):
            break
        # Utterances that have ended go on unread, so that the batch keeps its shape.
        joint.advance(first, letter[:, None], Parts(*(part[:, None] for part in parts)))
    spelled = torch.stack(letters, dim=1).tolist()
    likely = torch.stack(scores, dim=1).tolist()
    results = []
    for row, length in enumerate(lengths.tolist()):
        score, attention, ctc, lm = totals[:, row].tolist()
        units, letter_scores = spelled[row][:length], likely[row][: length + 1]
        cut_off = length >= int(caps[row])
        results.append(
            [Ended(tuple(units), tuple(letter_scores), score, attention, ctc, lm, cut_off)]
        )
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
