"""Hypotheses of a search in; those that say worse what another one says as well out.

Two hypotheses with the same last letters go on alike: speller, words and sound say nearly the same
of both from there on, so the worse one has hardly a chance and takes the place of one that differs.
It is dropped (path merging; Prabhavalkar et al. 2021, 2012.06749, section 3.2, for transducers).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

BITS = 63  # of an int64 without its sign
SPAN = 2  # letters by which one of two that are compared may be longer


class Twins(NamedTuple):
    """Which candidates are dropped, and for what, [B, K] each.

    An age is that of a length: 0 of the candidates themselves, 1 and more of those before.
    """

    dropped: Tensor  # bool
    better_age: Tensor
    better: Tensor  # place among the candidates of that age
    worse_age: Tensor  # 1 where the candidate falls with its parent, else 0
    worse: Tensor


class Recombination:
    """The last letters of all live hypotheses, each as one number: as many as fit into 63 bits.

    These are 12 letters of an alphabet of up to 32 units, 4 of some thousand word pieces.
    """

    def __init__(self, batch: int, units: int, device: torch.device) -> None:
        """The live hypotheses are one empty one for each of `batch` utterances."""
        self._bits = max(1, (units - 1).bit_length())
        self._mask = (1 << self._bits * (BITS // self._bits)) - 1
        self._keys = torch.zeros(batch, dtype=torch.int64, device=device)  # [N]
        self._scores = torch.full((batch,), torch.inf, device=device)  # [N]
        # Of the last SPAN lengths, the newest first: numbers and scores of the candidates [B, K],
        # and which of them each live hypothesis comes from [N], be it itself.
        self._past: list[tuple[Tensor, Tensor, Tensor]] = []

    def drop(self, parents: Tensor, letters: Tensor, scores: Tensor, live: Tensor) -> Twins:
        """What is to be dropped of the `live` candidates; the rest is gone on with. [B, K] each.

        parents: the live hypothesis of each, as a row of all; letters: behind it; scores: falling
        along K, -inf where there is no candidate
        A candidate is dropped where one of the same last letters has the better score, be it as
        long, up to SPAN letters shorter, or a letter longer: to that one its parent is compared.
        The first of an utterance never is, since the better one may have fallen behind since.
        """
        # The last letters of each parent and the letter behind them.
        keys = (self._keys[parents] << self._bits | letters) & self._mask
        twins = self._twins(parents, keys, scores)
        twins.dropped.logical_and_(live)[:, 0] = False
        self._advance(parents, keys, scores, live & ~twins.dropped)
        return twins

    def take(self, rows: Tensor) -> None:
        """Go on with the utterances `rows` [b] alone, the only ones with hypotheses left."""
        self._past = [(keys[rows], scores[rows], own) for keys, scores, own in self._past]

    def _twins(self, parents: Tensor, keys: Tensor, scores: Tensor) -> Twins:
        empty = scores.isinf()
        unlike = -1 - torch.arange(scores.shape[1], device=scores.device)
        keys = torch.where(empty, unlike, keys)
        places = torch.arange(scores.shape[1], device=scores.device).expand_as(keys)
        twins = Twins(
            torch.zeros_like(empty), torch.zeros_like(keys), torch.zeros_like(keys),
            torch.zeros_like(keys), places.clone(),
        )  # fmt: skip

        def drop(better: Tensor, age: int, worse: Tensor | None = None) -> None:
            """better: whether a candidate [B, K, 1] falls for another [B, 1, K'] of `age`."""
            new = better.any(-1) & ~twins.dropped
            twins.dropped.logical_or_(new)
            twins.better_age[new] = age
            twins.better[new] = better.int().argmax(-1)[new]
            if worse is not None:
                twins.worse_age[new] = 1
                twins.worse[new] = worse[new]

        drop((keys[:, :, None] == keys[:, None]).tril(-1), 0)  # the better ones come first
        for age, (past_keys, past_scores, own) in enumerate(self._past, start=1):
            same = keys[:, :, None] == past_keys[:, None]
            same.scatter_(2, own[parents][:, :, None], False)  # nothing falls for its own sake
            drop(same & (past_scores[:, None] > scores[:, :, None]), age)
        if self._past:
            same = self._keys[parents][:, :, None] == keys[:, None]
            same.diagonal(dim1=1, dim2=2).fill_(False)
            better = same & (scores[:, None] > self._scores[parents][:, :, None])
            drop(better, 0, self._past[0][2][parents])
        return twins

    def _advance(self, parents: Tensor, keys: Tensor, scores: Tensor, live: Tensor) -> None:
        past = [(older, said, own[parents[live]]) for older, said, own in self._past[: SPAN - 1]]
        own = live.nonzero()[:, 1]
        self._past = [(keys, scores.masked_fill(~live, -torch.inf), own), *past]
        self._keys, self._scores = keys[live], scores[live]
