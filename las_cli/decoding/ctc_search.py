"""The best letter at each step and never back: greedy search, jointly or with CTC alone."""

from __future__ import annotations

import torch
from torch import Tensor

from las_cli.decoding.beam_search import END_LENGTHS, END_MARGIN, Ended
from las_cli.decoding.joint import JointScorer, Parts
from las_cli.decoding.options import DecodingOptions
from las_cli.text.units import BLANK, EOS


def greedy_search(joint: JointScorer, caps: Tensor, options: DecodingOptions) -> list[list[Ended]]:
    """One hypothesis an utterance: at each step the letter that scores best; equals a beam of 1.

    With CTC each place is weighed as an end, until ending earlier is better than any letter;
    without, a hypothesis ends where that scores better than any letter (and passes the threshold).
    caps: most letters each utterance may have, [B].
    """
    batch, device = joint.sources.batch, caps.device
    rows = torch.arange(batch, device=device)
    first = torch.zeros(batch, 1, dtype=torch.int64, device=device)
    letters: list[Tensor] = []
    scores: list[Tensor] = []  # of the letters
    end_scores: list[Tensor] = []
    best = torch.full((4, batch), -torch.inf, device=device)  # total, attention, CTC, LM
    lengths = torch.zeros(batch, dtype=torch.int64, device=device)
    done = torch.zeros(batch, dtype=torch.bool, device=device)
    recent = torch.full((batch, END_LENGTHS), -torch.inf, device=device)
    is_end = torch.arange(joint.sources.units, device=device) == EOS  # [V]
    room = 5.0 * max(0.0, options.length_bonus)
    for length in range(int(caps.max()) + 1):
        step = joint.continuations()
        total, ending = step.total[:, 0], step.total[:, 0, EOS]  # [B, V], [B]
        at_cap = caps <= length
        letter_total = total.masked_fill(is_end, -torch.inf)
        open_total, letter = letter_total.max(-1)
        barred = ~step.may_end[:, 0]
        if not joint.ends_freely:
            barred |= ending < open_total
        ending = ending.masked_fill(barred & ~at_cap, -torch.inf)
        ending = ending.masked_fill(done | (at_cap & best[0].isfinite()), -torch.inf)
        better = ending > best[0]
        ended = torch.stack([ending, *(part[:, 0, EOS] for part in step.parts)])
        best = torch.where(better, ended, best)
        lengths = torch.where(better, length, lengths)
        letters.append(letter)
        scores.append(step.letter[rows, 0, letter])
        end_scores.append(step.letter[:, 0, EOS])
        settled = open_total + (room if joint.ends_freely else 0.0) <= best[0]
        recent = torch.cat([recent[:, 1:], ending[:, None]], dim=1)
        hopeless = torch.maximum(open_total, recent.amax(-1)) < best[0] - END_MARGIN
        done = done | at_cap | (best[0].isfinite() & (settled | hopeless)) | open_total.isinf()
        if bool(done.all()):
            break
        # Utterances that are done go on unread, so that the batch keeps its shape.
        parts = Parts(*(part[rows, 0, letter][:, None] for part in step.parts))
        joint.advance(first, letter[:, None], parts)
    spelled, likely, ends = (
        torch.stack(column, dim=1).tolist() for column in (letters, scores, end_scores)
    )
    results = []
    for row, length in enumerate(lengths.tolist()):
        units, letter_scores = spelled[row][:length], (*likely[row][:length], ends[row][length])
        total, attention, ctc, lm = best[:, row].tolist()
        cut_off = length >= int(caps[row])
        results.append([Ended(tuple(units), letter_scores, total, attention, ctc, lm, cut_off)])
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
