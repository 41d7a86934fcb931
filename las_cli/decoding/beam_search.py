"""What was heard in, the best hypotheses of every utterance out: batched joint beam search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from las_cli.decoding.decoder import Decoder
from las_cli.decoding.heard import Heard
from las_cli.decoding.hypothesis import Scores
from las_cli.decoding.joint import Continuations, JointScorer
from las_cli.decoding.options import DecodingOptions
from las_cli.decoding.scorers import scorers_for, take_rows
from las_cli.text.units import EOS

# End detection (Watanabe et al. 2017, eq. 34): stop when nothing that ended at the last 3 lengths,
# and nothing still open, is within 10 nats of the best.
END_LENGTHS = 3
END_MARGIN = 10.0  # nats
# No letter raises a total but for the length bonus. A hypothesis can so rise by at most the bonus
# for each letter to come, however many; an open one is given up where that for about a word, all of
# it certain, would not lift it above the ended. A choice that bounds the search, not a measurement.
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


class Track(NamedTuple):
    """Hypotheses of every utterance; a total of -inf is an empty place."""

    total: Tensor  # [B, K]
    scores: Tensor  # by source, [B, K, N]
    length: Tensor  # letters, [B, K] int64
    cut_off: Tensor  # [B, K] bool
    units: Tensor  # [B, K, U] int64, U the longest there may be
    letter_scores: Tensor  # [B, K, U + 1]

    def pick(self, index: Tensor) -> Track:
        """The hypotheses `index` [B, K'] of each utterance."""
        rows = torch.arange(len(index), device=index.device)[:, None]
        return Track(*(tensor[rows, index] for tensor in self))

    def join(self, other: Track) -> Track:
        """The hypotheses of both."""
        return Track(*(torch.cat(pair, dim=1) for pair in zip(self, other, strict=True)))


def empty_track(
    batch: int, beams: int, sources: int, longest: int, device: torch.device
) -> Track:
    """No hypotheses, and room for `beams` of up to `longest` letters an utterance."""
    zero = torch.zeros(batch, beams, device=device)
    return Track(
        total=torch.full_like(zero, -torch.inf),
        scores=torch.zeros(batch, beams, sources, device=device),
        length=zero.long(),
        cut_off=zero.bool(),
        units=torch.zeros(batch, beams, longest, dtype=torch.int64, device=device),
        letter_scores=torch.zeros(batch, beams, longest + 1, device=device),
    )


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
    longest = int(caps.max())
    alive = empty_track(batch, beams, len(joint.sources), longest, device)
    alive.total[:, 0] = 0.0  # all beams begin with the same empty hypothesis: one is enough
    ended = empty_track(batch, beams, len(joint.sources), longest, device)
    recent = torch.full((batch, END_LENGTHS), -torch.inf, device=device)
    count = torch.zeros(batch, dtype=torch.int64, device=device)
    done = torch.zeros(batch, dtype=torch.bool, device=device)
    original = torch.arange(batch, device=device)
    results: list[list[Ended]] = [[] for _ in range(batch)]
    for length in range(longest + 1):
        step = joint.continuations()
        at_cap = caps <= length  # [B]
        total = step.total.masked_fill(alive.total.isinf()[..., None], -torch.inf)  # [B, K, V]
        ending, barred = total[..., EOS], ~step.may_end
        if not joint.ends_freely:
            # The end must be one of the K best continuations.
            barred |= ending < total.flatten(1).topk(beams, dim=-1).values[:, -1:]
        ending = ending.masked_fill(barred & ~at_cap[:, None], -torch.inf)
        # The cap ends a hypothesis only where none ended by itself.
        late = at_cap & ended.total[:, 0].isfinite()
        ending = ending.masked_fill((late | done)[:, None], -torch.inf)
        if bool((ending > ended.total[:, -1:]).any()):
            both = ended.join(_end(alive, step, ending, at_cap, length))
            ended = both.pick(both.total.topk(beams, dim=-1).indices)
        count += ending.isfinite().sum(1)
        recent = torch.cat([recent[:, 1:], ending.amax(-1, keepdim=True)], dim=1)

        total[..., EOS] = -torch.inf
        score, place = total.flatten(1).topk(beams, dim=-1)  # [B, K]
        best_open = score[:, 0]
        settled = _is_done(best_open, ended.total, recent, count, options, joint.ends_freely)
        done = done | at_cap | settled
        open_rows = int((~done).sum())
        shrink = open_rows <= SHRINK * len(done)
        if shrink:
            _collect(results, ended, original, done, options.nbest, joint.sources)
            if not open_rows:
                break
        parents, letters = place // total.shape[-1], place % total.shape[-1]
        alive = _grow(alive, step, score, parents, letters, length)
        joint.advance(parents, letters, alive.scores)
        if shrink:
            left = (~done).nonzero()[:, 0]
            joint.take(left)
            alive, ended = take_rows(alive, left), take_rows(ended, left)
            recent, count, caps = recent[left], count[left], caps[left]
            original, done = original[left], done[left]
    return results


def _end(alive: Track, step: Continuations, total: Tensor, at_cap: Tensor, length: int) -> Track:
    """The hypotheses `alive` with the end of sentence behind them and `total` [B, K] in all."""
    scores = alive.letter_scores.clone()
    scores[..., length] = step.letter[..., EOS]
    return alive._replace(
        total=total,
        scores=step.scores[..., EOS, :],
        cut_off=at_cap[:, None].expand_as(total),
        letter_scores=scores,
    )


def _grow(
    alive: Track, step: Continuations, total: Tensor, parents: Tensor, letters: Tensor, length: int
) -> Track:
    """The hypotheses `parents` [B, K] with `letters` [B, K] behind them and `total` in all."""
    rows = torch.arange(len(parents), device=parents.device)[:, None]
    grown = alive.pick(parents)
    if length < grown.units.shape[2]:  # else no utterance takes another letter
        grown.units[..., length] = letters
    grown.letter_scores[..., length] = step.letter[rows, parents, letters]
    return grown._replace(
        total=total,
        scores=step.scores[rows, parents, letters],
        length=grown.length + 1,
    )


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
    room = BONUS_LETTERS * max(0.0, options.length_bonus)
    settled = best_open + room <= last
    hopeless = torch.maximum(recent.amax(-1), best_open) < best - END_MARGIN
    if not ends_freely:
        settled |= (count >= options.width) & (best_open < best)
    return (best.isfinite() & (settled | hopeless)) | best_open.isinf()


def _collect(
    results: list[list[Ended]],
    ended: Track,
    original: Tensor,
    done: Tensor,
    nbest: int,
    sources: tuple[str, ...],
) -> None:
    """Write the hypotheses of the utterances that are done into `results`."""
    for row in done.nonzero()[:, 0].tolist():
        track = Track(*(tensor[row] for tensor in ended))
        results[int(original[row])] = read_track(track, nbest, sources)


def read_track(track: Track, nbest: int, sources: tuple[str, ...]) -> list[Ended]:
    """The hypotheses of one utterance, tensors [K, …], out of the search's tensors."""
    entries: list[Ended] = []
    lengths = track.length.tolist()
    for place, total in enumerate(track.total.tolist()[:nbest]):
        if total == -torch.inf:
            break
        units = track.units[place, : lengths[place]].tolist()
        entries.append(
            Ended(
                units=tuple(units),
                letter_scores=tuple(track.letter_scores[place, : lengths[place] + 1].tolist()),
                total=total,
                scores=dict(zip(sources, track.scores[place].tolist(), strict=True)),
                cut_off=bool(track.cut_off[place]),
            )
        )
    return entries
