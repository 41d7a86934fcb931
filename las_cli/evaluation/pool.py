"""The n-best lists of several searches in, the weights that rank them with fewest errors out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from las_cli.decoding.hypothesis import Scores
from las_cli.decoding.options import SOURCES, DecodingOptions

# Values tried of each weight, all with all: ranking lists anew costs next to nothing.
LM_WEIGHTS = tuple(step / 20 for step in range(21))  # 0 … 1
CTC_WEIGHTS = tuple(step / 20 for step in range(2, 19))  # 0.1 … 0.9
INTERNAL_WEIGHTS = tuple(step / 20 for step in range(13))  # 0 … 0.6
LENGTH_BONUSES = tuple(step / 8 for step in range(-4, 21))  # -0.5 … 2.5 nats a letter
EMPTY = -1e9  # score of an empty place; the weights of attention and CTC alone sum to 1

# (reference, hypothesis) → errors, units of the reference
Count = Callable[[str, str], tuple[int, int]]


@dataclass(frozen=True)
class Weights:
    """What is tuned; see `DecodingOptions` for the formula."""

    ctc: float
    lm: float
    bonus: float
    internal: float = 0.0


@dataclass(frozen=True)
class Candidate:
    """A hypothesis of a search, with what each source gives it."""

    text: str
    scores: Scores
    length: int  # letters


class Pool:
    """Every hypothesis that any search has found of some utterances.

    No source's score depends on the weights, so that the lists can be ranked by other weights than
    those they were found with (as in minimum error rate training, Och 2003).
    """

    def __init__(self, references: Sequence[str], count: Count) -> None:
        self._references, self._count = references, count
        self._found: list[dict[str, tuple[Candidate, int]]] = [{} for _ in references]
        self._units = sum(count(reference, "")[1] for reference in references)

    def add(self, found: Iterable[Sequence[Candidate]]) -> None:
        """The hypotheses of one search, of every utterance."""
        for reference, known, candidates in zip(self._references, self._found, found, strict=True):
            for candidate in candidates:
                if candidate.text not in known:
                    errors, _ = self._count(reference, candidate.text)
                    known[candidate.text] = (candidate, errors)

    def rates(
        self,
        options: DecodingOptions,
        ctc: Sequence[float],
        lm: Sequence[float],
        bonus: Sequence[float],
    ) -> Tensor:
        """Error rate by weight of CTC, of the language model and by length bonus, [C, L, N].

        options: decide what is not tried
        """
        scores, lengths, errors = self._tensors()
        table = torch.empty(len(ctc), len(lm), len(bonus))
        bonuses = torch.tensor(bonus)
        for row, own in enumerate(ctc):
            for column, weight in enumerate(lm):
                weighed = replace(options, ctc_weight=own, lm_weight=weight, length_bonus=0.0)
                ranked = weighed.total(scores, lengths)  # [B, H]
                totals = ranked[..., None] + bonuses * lengths[..., None]  # [B, H, N]
                chosen = errors.gather(1, totals.argmax(1))  # [B, N]
                table[row, column] = chosen.sum(0) / max(1, self._units)
        return table

    def best(
        self,
        options: DecodingOptions,
        with_ctc: bool = True,
        with_lm: bool = True,
        with_internal: bool = False,
    ) -> Weights:
        """The weights in the middle of the best region: a lone low rate between others is luck.

        options: decide what is not tried
        with_ctc, with_lm, with_internal: else their weights stay at that of `options`, 0 and 0
        """
        ctc = CTC_WEIGHTS if with_ctc else (options.ctc_weight,)
        lm = LM_WEIGHTS if with_lm else (0.0,)
        internal = INTERNAL_WEIGHTS if with_internal else (0.0,)
        rates = [
            self.rates(replace(options, internal_weight=weight), ctc, lm, LENGTH_BONUSES)
            for weight in internal
        ]
        smooth = _mean_of_neighbours(torch.stack(rates))
        place = torch.unravel_index(smooth.argmin(), smooth.shape)
        taken, row, column, last = map(int, place)
        return Weights(ctc[row], lm[column], LENGTH_BONUSES[last], internal[taken])

    def _tensors(self) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Scores by source, letters and errors, [B, H] each; empty places never rank first."""
        most = max((len(known) for known in self._found), default=0)
        shape = (len(self._found), max(1, most))
        scores = {name: torch.full(shape, EMPTY) for name in SOURCES}
        scores["internal"] = torch.zeros(shape)  # taken away, it must not lift an empty place
        lengths = torch.zeros(shape)
        errors = torch.zeros(shape, dtype=torch.int64)
        for row, known in enumerate(self._found):
            for place, (one, wrong) in enumerate(known.values()):
                for name, score in one.scores.items():
                    scores[name][row, place] = score
                lengths[row, place] = one.length
                errors[row, place] = wrong
        return scores, lengths, errors


def _mean_of_neighbours(table: Tensor) -> Tensor:
    """Each cell of [I, C, L, N] as the mean of itself and the cells around it."""
    functional = torch.nn.functional
    padded = functional.pad(table[:, None], (1,) * 6, mode="replicate")
    smooth = functional.avg_pool3d(padded, 3, stride=1)[:, 0]
    lines = smooth.flatten(1).T[:, None]  # [C · L · N, 1, I]
    lines = functional.avg_pool1d(functional.pad(lines, (1, 1), mode="replicate"), 3, stride=1)
    return lines[:, 0].T.reshape(table.shape)
