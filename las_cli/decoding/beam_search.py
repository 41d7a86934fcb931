"""What was heard in, the best hypotheses of every utterance out: batched joint beam search."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from las_cli.decoding.decoder import Decoder
from las_cli.decoding.heard import Heard
from las_cli.decoding.hypothesis import Scores
from las_cli.decoding.joint import Continuations, JointScorer
from las_cli.decoding.lattice import Lattice, Node
from las_cli.decoding.options import DecodingOptions
from las_cli.decoding.recombination import Recombination
from las_cli.decoding.scorers import scorers_for, take_rows
from las_cli.padding import Places
from las_cli.text.units import EOS

# End detection (Watanabe et al. 2017, eq. 34): stop when nothing that ended at the last 3 lengths,
# and nothing still open, is within 10 nats of the best.
END_LENGTHS = 3
END_MARGIN = 10.0  # nats
# No letter raises a total but for the length bonus and that of hotwords. A hypothesis can so rise
# by at most the bonus for each letter to come, however many; an open one is given up where that for
# about a word, all of it certain, would not lift it above the ended. A choice that bounds the
# search, not a measurement.
BONUS_LETTERS = 5.0
SHRINK = 0.75  # drop ended utterances from the batch once this share or less is left


@dataclass(frozen=True)
class Ended:
    """One hypothesis as the search leaves it."""

    units: tuple[int, ...]  # [U] without end of sentence
    letter_scores: tuple[float, ...]  # log p of each letter and of the end, [U + 1]
    total: float  # weighted
    scores: Scores  # of the sources that were asked
    cut_off: bool  # the length cap ended it


class Best(NamedTuple):
    """The best ended hypotheses of every utterance; a total of -inf is an empty place."""

    total: Tensor  # [B, K]
    scores: Tensor  # by source, [B, K, S]
    length: Tensor  # letters, [B, K] int64
    row: Tensor  # where the lattice has it, [B, K] int64
    end: Tensor  # log p of the end of sentence alone, [B, K]
    cut_off: Tensor  # [B, K] bool

    def join(self, other: Best) -> Best:
        """The best of both, as many as there is room for here."""
        both = Best(*(torch.cat(pair, dim=1) for pair in zip(self, other, strict=True)))
        index = both.total.topk(self.total.shape[1], dim=-1).indices
        rows = torch.arange(len(index), device=index.device)[:, None]
        return Best(*(tensor[rows, index] for tensor in both))


def joint_search(decoder: Decoder, heard: Heard) -> list[list[Ended]]:
    """Beam search by all sources that the options give weight to; greedy search is a beam of 1."""
    options = decoder.options
    scorers = scorers_for(decoder, heard)
    joint = JointScorer(
        scorers, options, len(heard.lengths), decoder.model.config.units, heard.states.device
    )
    caps = (heard.lengths * options.letters_per_step).ceil().long().clamp(min=1)
    return beam_search(joint, caps, options)


def beam_search(joint: JointScorer, caps: Tensor, options: DecodingOptions) -> list[list[Ended]]:
    """The `options.nbest` best hypotheses of each utterance, best first, at least one.

    caps: most letters each utterance may have, [B]. A hypothesis that reaches it is ended there
    and says so, but only where none ended by itself.
    """
    batch, beams, device = joint.batch, options.width, caps.device
    lattice = Lattice()
    ended = _no_ends(batch, beams, len(joint.sources), device)
    recent = torch.full((batch, END_LENGTHS), -torch.inf, device=device)
    count = torch.zeros(batch, dtype=torch.int64, device=device)
    done = torch.zeros(batch, dtype=torch.bool, device=device)
    original = torch.arange(batch, device=device)
    results: list[list[Ended]] = [[] for _ in range(batch)]
    recombination = Recombination(batch, joint.units, device) if options.recombines else None
    for length in range(int(caps.max()) + 1):
        step, places = joint.continuations(), joint.places
        at_cap = caps <= length  # [B]
        total = step.total  # [N, V]
        ending, barred = total[:, EOS], ~step.may_end
        if not joint.ends_freely:
            # The end must be one of the K best continuations.
            barred |= ending < _kth_best(places.pad(total, -torch.inf), beams)[places.owner]
        # The cap ends a hypothesis only where none ended by itself.
        late = at_cap & ended.total[:, 0].isfinite()
        barred = (barred & ~at_cap[places.owner]) | late[places.owner]
        ends = places.pad(ending.masked_fill(barred, -torch.inf), -torch.inf)  # [B, k]
        if bool((ends > ended.total[:, -1:]).any()):
            ended = ended.join(_end(step, places, ends, at_cap, length))
        count += ends.isfinite().sum(1)
        recent = torch.cat([recent[:, 1:], ends.amax(-1, keepdim=True)], dim=1)

        total[:, EOS] = -torch.inf
        padded = places.pad(total, -torch.inf).flatten(1)  # [B, k · V]
        score, place = padded.topk(min(beams, padded.shape[1]), dim=-1)
        settled = _is_done(score[:, 0], ended.total, recent, count, options, joint.ends_freely)
        done |= at_cap | settled
        open_rows = int((~done).sum())
        shrink = open_rows <= SHRINK * len(done)
        if shrink:
            for row in done.nonzero()[:, 0].tolist():
                best = Best(*(tensor[row] for tensor in ended))
                results[int(original[row])] = _read(best, lattice, options.nbest, joint.sources)
            if not open_rows:
                break
        firm = score[:, 0]  # what may be taken back drops no other hypothesis
        if step.held is not None:
            firm = (padded - places.pad(step.held).flatten(1)).amax(1)
        live = (score > _floor(firm, ended.total, options)[:, None]) & ~done[:, None]
        live[:, 0] = ~done  # however sums are rounded, an open utterance has a hypothesis
        parents = places.first[:, None] + place // total.shape[1]  # [B, K]
        parents.clamp_(max=len(total) - 1)  # empty places may point behind the last row
        following = place % total.shape[1]
        if recombination is not None:
            twins = recombination.drop(parents, following, score, live)
            live = live & ~twins.dropped
        chosen = parents[live], following[live]
        lattice.grow(*chosen, step.letter[chosen])
        if recombination is not None and options.nbest > 1:
            candidates = parents, following, step.letter[parents, following]
            said = [score, *(source[parents, following] for source in step.scores)]
            lattice.join(twins, live, candidates, torch.stack(said, dim=-1))
        grown = Places.of(live)
        joint.advance(*chosen, step, grown)
        if shrink:
            left = (~done).nonzero()[:, 0]
            joint.take(left)
            ended = take_rows(ended, left)
            lattice.take(left)
            if recombination is not None:
                recombination.take(left)
            recent, count, caps = recent[left], count[left], caps[left]
            original, done = original[left], done[left]
    return results


def _no_ends(batch: int, beams: int, sources: int, device: torch.device) -> Best:
    """Room for `beams` ended hypotheses an utterance."""
    zero = torch.zeros(batch, beams, device=device)
    return Best(
        total=torch.full_like(zero, -torch.inf),
        scores=torch.zeros(batch, beams, sources, device=device),
        length=zero.long(),
        row=zero.long(),
        end=zero,
        cut_off=zero.bool(),
    )


def _end(step: Continuations, places: Places, total: Tensor, at_cap: Tensor, length: int) -> Best:
    """The live hypotheses with the end of sentence behind them and `total` [B, k] in all."""
    scores = torch.stack([said[:, EOS] for said in step.scores], dim=-1)  # [N, S]
    rows = torch.arange(len(scores), device=total.device)
    return Best(
        total=total,
        scores=places.pad(scores),
        length=torch.full_like(total, length, dtype=torch.int64),
        row=places.pad(rows),
        end=places.pad(step.letter[:, EOS]),
        cut_off=at_cap[:, None].expand_as(total),
    )


def _kth_best(total: Tensor, beams: int) -> Tensor:
    """The least of the K best continuations of each utterance, [B, k, V] → [B]."""
    flat = total.flatten(1)
    if flat.shape[1] < beams:
        return flat.new_full((len(flat),), -torch.inf)
    return flat.topk(beams, dim=-1).values[:, -1]


def _floor(best: Tensor, ended: Tensor, options: DecodingOptions) -> Tensor:
    """What a hypothesis must surpass to live on, [B].

    best: total of the best open hypothesis [B]; ended: of the ended ones, best first [B, K]
    """
    if math.isinf(options.beam_threshold):
        return torch.full_like(best, -torch.inf)
    hopeless = ended[:, options.nbest - 1] - _room(options)
    return torch.maximum(best - options.beam_threshold, hopeless)


def _room(options: DecodingOptions) -> float:
    """By how much an open hypothesis may still rise."""
    return BONUS_LETTERS * options.rise


def _is_done(
    best_open: Tensor,
    ended: Tensor,
    recent: Tensor,
    count: Tensor,
    options: DecodingOptions,
    ends_freely: bool,
) -> Tensor:
    """Which utterances need no more letters, [B] bool.

    best_open: best total of the open hypotheses [B]; ended: totals of the ended ones, best first
    [B, K]; recent: best that ended at each of the last lengths [B, L]; count: how many ended [B].
    """
    best, last = ended[:, 0], ended[:, options.nbest - 1]
    settled = best_open + _room(options) <= last
    hopeless = torch.maximum(recent.amax(-1), best_open) < best - END_MARGIN
    if not ends_freely:
        settled |= (count >= options.width) & (best_open < best)
    return (best.isfinite() & (settled | hopeless)) | best_open.isinf()


def _read(best: Best, lattice: Lattice, nbest: int, sources: tuple[str, ...]) -> list[Ended]:
    """The hypotheses of one utterance, tensors [K, …], out of the search's tensors."""
    nodes = map(Node, best.length.tolist(), best.row.tolist())
    values = torch.cat([best.total[:, None], best.scores], dim=1).tolist()
    ends = [
        (node, tuple(said)) for node, said in zip(nodes, values, strict=True)
        if said[0] != -torch.inf
    ]  # fmt: skip
    return [
        Ended(
            units=reading.units,
            letter_scores=(*reading.letter_scores, float(best.end[place])),
            total=reading.values[0],
            scores=dict(zip(sources, reading.values[1:], strict=True)),
            cut_off=bool(best.cut_off[place]),
        )
        for place, reading in lattice.best(ends, nbest)
    ]
