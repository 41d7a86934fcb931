"""Letters written so far in, the letters that would only go on with a loop out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from las_cli.text.units import BLANK, EOS

LONGEST = 20  # letters in the longest pattern looked for: a phrase of three or four words
REPEATS = 4  # a pattern and 4 more of it is as much as people say ("no no no no no")
FEWEST = 8  # letters that repeat before anything counts, so that "www" or "hahaha" do not


def _limit(period: int) -> int:
    return max(REPEATS * period, FEWEST)


class RepeatState(NamedTuple):
    """How far each hypothesis repeats itself."""

    recent: Tensor  # the letters 1 … LONGEST back, [N, P]
    run: Tensor  # letters in a row that equal the one 1 … LONGEST back, [N, P]


class RepeatGuard:
    """Forbids a pattern that has come 5 times to come again."""

    def __init__(self, units: int, device: torch.device) -> None:
        """`units`: V."""
        self._units = units
        self._limits = torch.tensor([_limit(p) for p in range(1, LONGEST + 1)], device=device)

    def start(self, count: int) -> RepeatState:
        """`count` hypotheses that hold no letter yet."""
        empty = self._limits.new_full((count, LONGEST), BLANK)
        return RepeatState(empty, torch.zeros_like(empty))

    def forbidden(self, state: RepeatState) -> Tensor:
        """True where the letter would go on with a loop, [N, V]."""
        full = state.run >= self._limits
        looped = state.recent.masked_fill(~full, BLANK)  # the search never writes BLANK anyway
        mask = torch.zeros(len(looped), self._units, dtype=torch.bool, device=looped.device)
        return mask.scatter_(1, looped, True)

    def advance(self, state: RepeatState, parents: Tensor, letters: Tensor) -> RepeatState:
        """`parents` [N'], each continued by its letter of `letters` [N']."""
        recent, run = state.recent[parents], state.run[parents]
        run = (run + 1) * (recent == letters[:, None])
        return RepeatState(torch.cat([letters[:, None], recent[:, :-1]], dim=1), run)


def is_looped(units: Sequence[int]) -> bool:
    """Whether any pattern of up to `LONGEST` letters comes more than `REPEATS` times in a row.

    >>> is_looped([2, 3] * 3), is_looped([2, 3, 4] * 6)
    (False, True)
    """
    letters = [unit for unit in units if unit not in (BLANK, EOS)]
    for period in range(1, min(LONGEST, len(letters) - 1) + 1):
        run, limit = 0, _limit(period)
        for now, before in zip(letters[period:], letters, strict=False):
            run = run + 1 if now == before else 0
            if run >= limit:
                return True
    return False
