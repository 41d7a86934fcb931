"""A joint scorer in, the best hypotheses of every utterance out: batched beam search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from las_cli.decoding.joint import Continuations, JointScorer, Parts, take_rows
from las_cli.decoding.options import DecodingOptions
from las_cli.text.alphabet import EOS

# End detection (Watanabe et al. 2017, eq. 34): stop when nothing that ended at the last 3 lengths,
# and nothing still open, is within 10 nats of the best.
END_LENGTHS = 3
END_MARGIN = 10.0  # nats
SHRINK = 0.75  # drop ended utterances from the batch once this share or less is left


@dataclass(frozen=True)
class Ended:
    """One hypothesis as the search leaves it."""

    units: tuple[int, ...]  # [U] without end of sentence
    letter_scores: tuple[float, ...]  # log p of each letter and of the end, [U + 1]
    total: float  # weighted
    attention: float
    ctc: float
    lm: float
    cut_off: bool  # the length cap ended it


class Track(NamedTuple):
    """Hypotheses of every utterance; a total of -inf is an empty place."""

    total: Tensor  # [B, K]
    attention: Tensor  # [B, K]
    ctc: Tensor  # [B, K]
    lm: Tensor  # [B, K]
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


def empty_track(batch: int, beams: int, longest: int, device: torch.device) -> Track:
    """No hypotheses, and room for `beams` of up to `longest` letters an utterance."""
    zero = torch.zeros(batch, beams, device=device)
    return Track(
        total=torch.full_like(zero, -torch.inf),
        attention=zero,
        ctc=zero,
        lm=zero,
        length=zero.long(),
        cut_off=zero.bool(),
        units=torch.zeros(batch, beams, longest, dtype=torch.int64, device=device),
        letter_scores=torch.zeros(batch, beams, longest + 1, device=device),
    )


def beam_search(joint: JointScorer, caps: Tensor, options: DecodingOptions) -> list[list[Ended]]:
    """The `options.nbest` best hypotheses of each utterance, best first, at least one.

    caps: most letters each utterance may have, [B]. A hypothesis that reaches it is ended there
    and says so, but only where none ended by itself.
    """
    batch, beams, device = joint.sources.batch, options.width, caps.device
    longest = int(caps.max())
    alive = empty_track(batch, beams, longest, device)
    alive.total[:, 0] = 0.0  # all beams begin with the same empty hypothesis: one is enough
    ended = empty_track(batch, beams, longest, device)
    recent = torch.full((batch, END_LENGTHS), -torch.inf, device=device)
    count = torch.zeros(batch, dtype=torch.int64, device=device)
    done = torch.zeros(batch, dtype=torch.bool, device=device)
    original = torch.arange(batch, device=device)
    results: list[list[Ended]] = [[] for _ in range(batch)]
    for length in range(longest + 1):
        step = joint.continuations()
        at_cap = (caps <= length)[:, None]  # [B, 1]
        total = _possible(step, alive, ended, at_cap)
        score, place = total.flatten(1).topk(2 * beams, dim=-1)  # [B, 2K]
        units = total.shape[-1]
        parents, letters = place // units, place % units
        grown = _grow(alive, step, score, parents, letters, length)

        ends = (letters == EOS) & score.isfinite() & ~done[:, None]
        ends[:, beams:] &= at_cap  # an end below rank K does not count as one of the K best
        if bool(ends.any()):
            finished = grown._replace(
                total=score.masked_fill(~ends, -torch.inf),
                cut_off=at_cap.expand_as(ends),
                length=torch.full_like(grown.length, length),
            )
            both = ended.join(finished)
            ended = both.pick(both.total.topk(beams, dim=-1).indices)
            count += ends.sum(1)
        newest = score.masked_fill(~ends, -torch.inf).amax(-1, keepdim=True)
        recent = torch.cat([recent[:, 1:], newest], dim=1)

        score, best = score.masked_fill(letters == EOS, -torch.inf).topk(beams, dim=-1)
        alive = grown.pick(best)._replace(total=score)
        done = done | at_cap[:, 0] | _is_done(score[:, 0], ended.total, recent, count, options)
        open_rows = int((~done).sum())
        if open_rows <= SHRINK * len(done):
            _collect(results, ended, original, done, options.nbest)
            if not open_rows:
                break
        rows = torch.arange(len(parents), device=device)[:, None]
        joint.advance(
            parents[rows, best],
            letters[rows, best],
            Parts(alive.attention, alive.ctc, alive.lm),
        )
        if open_rows <= SHRINK * len(done):
            left = (~done).nonzero()[:, 0]
            joint.take(left)
            alive, ended = take_rows(alive, left), take_rows(ended, left)
            recent, count, caps = recent[left], count[left], caps[left]
            original, done = original[left], done[left]
    return results


def _possible(step: Continuations, alive: Track, ended: Track, at_cap: Tensor) -> Tensor:
    """Totals [B, K, V] of the continuations that the search may take."""
    dead = alive.total.isinf()
    total = step.total.masked_fill(dead[..., None], -torch.inf)
    # At the cap only ending is left, whatever the threshold says, and only if nothing ended before.
    has_ended = ended.total[:, :1].isfinite()
    barred = torch.where(at_cap, has_ended, ~step.may_end)  # [B, K]
    ending = total[..., EOS].masked_fill(barred, -torch.inf)
    total = total.masked_fill(at_cap[..., None], -torch.inf)
    total[..., EOS] = ending
    return total


def _grow(
    alive: Track, step: Continuations, score: Tensor, parents: Tensor, letters: Tensor, length: int
) -> Track:
    """Hypotheses `parents` [B, M] with `letters` [B, M] behind them and `score` [B, M] in all."""
    rows = torch.arange(len(parents), device=parents.device)[:, None]
    grown = alive.pick(parents)
    place = min(length, grown.units.shape[2] - 1)  # at the cap only the end is written, no letter
    if place == length:
        grown.units[..., length] = letters.masked_fill(letters == EOS, 0)
    grown.letter_scores[..., length] = step.letter[rows, parents, letters]
    return grown._replace(
        total=score,
        attention=step.parts.attention[rows, parents, letters],
        ctc=step.parts.ctc[rows, parents, letters],
        lm=step.parts.lm[rows, parents, letters],
        length=grown.length + 1,
    )


def _is_done(
    best_open: Tensor, ended: Tensor, recent: Tensor, count: Tensor, options: DecodingOptions
) -> Tensor:
    """Which utterances need no more letters, [B] bool.

    best_open: best total of the open hypotheses [B]; ended: totals of the ended ones, best first
    [B, K]; recent: best that ended at each of the last lengths [B, L]; count: how many ended [B].
    """
    best, last = ended[:, 0], ended[:, options.nbest - 1]
    # No letter raises a total, but for the bonus: once the open ones are below, nothing changes.
    room = 5.0 * max(0.0, options.length_bonus)
    settled = best_open + room <= last
    full = (count >= options.width) & (best_open < best)
    hopeless = torch.maximum(recent.amax(-1), best_open) < best - END_MARGIN
    return (best.isfinite() & (settled | full | hopeless)) | best_open.isinf()


def _collect(
    results: list[list[Ended]], ended: Track, original: Tensor, done: Tensor, nbest: int
) -> None:
    """Write the hypotheses of the utterances that are done into `results`."""
    for row in done.nonzero()[:, 0].tolist():
        results[int(original[row])] = read_track(Track(*(tensor[row] for tensor in ended)), nbest)


def read_track(track: Track, nbest: int) -> list[Ended]:
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
                attention=float(track.attention[place]),
                ctc=float(track.ctc[place]),
                lm=float(track.lm[place]),
                cut_off=bool(track.cut_off[place]),
            )
        )
    return entries
