"""What a search wrote letter by letter in, its hypotheses out, those it dropped on the way too."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from las_cli.decoding.recombination import SPAN, Twins


class Reading(NamedTuple):
    """A hypothesis that ended."""

    values: tuple[float, ...]  # total and scores by source
    units: tuple[int, ...]  # [U]
    letter_scores: tuple[float, ...]  # log p of each letter, [U]


class Node(NamedTuple):
    """A hypothesis: one of those of its length."""

    length: int
    row: int


class Lattice:
    """What live hypotheses have written: each letter knows the one before it, none is copied.

    Where one was dropped for a better one with the same last letters (`Recombination`), it goes on
    as that one does, at the distance that they had there (Ortmanns et al. 1997, word graphs).
    """

    def __init__(self) -> None:
        self._grown: list[tuple[Tensor, ...]] = []  # parents, letters, scores of each length, [N]
        self._lists: list[tuple[list[Any], ...]] = []  # the same, as far as `_walk` has been
        # Of the newest lengths, the newest first: row of each live candidate, -1 for others, and
        # its total and scores by source, [B, K] and [B, K, 1 + S].
        self._candidates: list[tuple[Tensor, Tensor]] = []
        self._joined: list[list[Tensor]] = []  # not in `_dropped` yet
        # For each hypothesis those that were dropped for it, and by how much its values are better.
        self._dropped: dict[Node, list[tuple[Node, tuple[float, ...]]]] = defaultdict(list)

    def grow(self, parents: Tensor, letters: Tensor, scores: Tensor) -> None:
        """A letter behind the hypotheses `parents` [N] of the length before."""
        self._grown.append((parents, letters, scores))

    def join(
        self, twins: Twins, live: Tensor, candidates: Sequence[Tensor], values: Tensor
    ) -> None:
        """Note which candidates were dropped for which; call after the `live` [B, K] have grown.

        candidates: parents, letters, scores of all, [B, K]; values: total and scores by source,
        [B, K, 1 + S]
        """
        length, count, dropped = len(self._grown), int(live.sum()), twins.dropped
        # What is dropped stands behind the live ones of its length, where nothing grows from it.
        self._grown[-1] = tuple(
            torch.cat([grown, every[dropped]])
            for grown, every in zip(self._grown[-1], candidates, strict=True)
        )
        rows = torch.full_like(live, -1, dtype=torch.int64)
        rows[live] = torch.arange(count, device=live.device)
        lost = rows.clone()
        lost[dropped] = torch.arange(count, count + int(dropped.sum()), device=live.device)
        past = self._candidates[:SPAN]
        self._candidates = [(rows, values), *past]
        better = self._find(twins.better_age, twins.better, dropped, self._candidates)
        worse = self._find(twins.worse_age, twins.worse, dropped, [(lost, values), *past])
        known = (better[0] >= 0) & (worse[0] >= 0)  # the better one may have been dropped itself
        lengths = length - twins.better_age[dropped], length - twins.worse_age[dropped]
        found = (lengths[0], better[0], lengths[1], worse[0], better[1] - worse[1])
        self._joined.append([tensor[known] for tensor in found])

    def take(self, utterances: Tensor) -> None:
        """Go on with `utterances` [b] alone."""
        self._candidates = [
            (rows[utterances], values[utterances]) for rows, values in self._candidates
        ]

    def best(
        self, ends: list[tuple[Node, tuple[float, ...]]], most: int
    ) -> list[tuple[int, Reading]]:
        """The best hypotheses of an utterance, and which of the ends each has; best first.

        ends: hypotheses that have ended, each with total and scores by source
        """
        for joined in self._joined:
            length, row, worse_length, worse_row, behind = (tensor.tolist() for tensor in joined)
            for at in range(len(row)):
                worse = Node(worse_length[at], worse_row[at])
                self._dropped[Node(length[at], row[at])].append((worse, tuple(behind[at])))
        self._joined = []
        found: list[tuple[int, Reading]] = []
        seen: set[tuple[int, ...]] = set()
        heap: list[tuple[float, int, int, Node, tuple[float, ...], tuple, tuple]] = [
            (-values[0], at, at, node, values, (), ()) for at, (node, values) in enumerate(ends)
        ]  # by total, then in the order of coming
        heapq.heapify(heap)
        pushed = len(heap)
        while heap and len(found) < most:
            _, _, end, node, values, units, scores = heapq.heappop(heap)
            for place, letter, score in self._walk(node):
                for worse, lost in self._dropped.get(place, ()):
                    other = tuple(a - b for a, b in zip(values, lost, strict=True))
                    heapq.heappush(heap, (-other[0], pushed, end, worse, other, units, scores))
                    pushed += 1
                units, scores = (letter, *units), (score, *scores)
            if units not in seen:
                seen.add(units)
                found.append((end, Reading(values, units, scores)))
        return found

    def _walk(self, node: Node) -> Iterator[tuple[Node, int, float]]:
        """A hypothesis and all that it grew from, the longest first: each with its last letter."""
        for grown in self._grown[len(self._lists) :]:
            self._lists.append(tuple(tensor.tolist() for tensor in grown))
        length, row = node
        for at in range(length, 0, -1):
            parents, letters, scores = self._lists[at - 1]
            yield Node(at, row), letters[row], scores[row]
            row = parents[row]

    @staticmethod
    def _find(
        ages: Tensor, places: Tensor, chosen: Tensor, candidates: list[tuple[Tensor, Tensor]]
    ) -> tuple[Tensor, Tensor]:
        """Rows [n] and values [n, 1 + S] of the `chosen` [B, K], each among those of its age."""
        owners = chosen.nonzero()[:, 0]
        age, place = ages[chosen], places[chosen]
        rows = torch.full_like(place, -1)
        values = candidates[0][1].new_zeros(len(place), candidates[0][1].shape[-1])
        for at, (rows_then, values_then) in enumerate(candidates):
            of = age == at
            rows[of] = rows_then[owners[of], place[of]]
            values[of] = values_then[owners[of], place[of]]
        return rows, values
