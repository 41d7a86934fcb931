"""CTC posteriors in, the probability that a transcript begins with a hypothesis out."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor

from las_cli.padding import Places
from las_cli.text.units import BLANK

FLOOR = -100.0  # nats; a letter less likely than this at a step counts as this likely


class PrefixState(NamedTuple):
    """Where the paths of each hypothesis stand, and its last letter."""

    # log p of all paths over steps 0 … t-1 that spell the hypothesis. Row 0 of the second axis:
    # any path; row 1: paths that end in a blank, the only ones a doubled letter may follow.
    open: Tensor  # [N, 2, T] float64, before step t
    ended: Tensor  # [N] float64, after the utterance's last step
    last: Tensor  # [N] int64, BLANK for the empty hypothesis


class CTCPrefixScorer:
    """CTC prefix scores of a flat batch of hypotheses at once (Watanabe et al. 2017, Alg. 2).

    The recursion over steps, r_t = (r_{t-1} + φ_{t-1}) · p_t, is linear, so it is solved for all
    steps at once by a cumulative sum, and only for the hypotheses that were kept; the score
    ψ = Σ_t φ_{t-1} · p_t of all their continuations is one matrix product.
    """

    def __init__(self, log_probs: Tensor, lengths: Tensor) -> None:
        """`log_probs` [B, T, V] natural log posteriors, `lengths` [B] steps, each at least 1."""
        steps = torch.arange(log_probs.shape[1], device=log_probs.device)
        valid = (steps < lengths[:, None])[..., None]  # [B, T, 1]
        # MPS has no float64; float32 then costs about 1e-3 nats on a minute of sound.
        exact = torch.float32 if log_probs.device.type == "mps" else torch.float64
        log_probs = log_probs.to(exact).clamp(min=FLOOR) * valid  # padded steps: never read
        self._probs = (log_probs.exp() * valid).float()  # [B, T, V]
        self._log_probs = log_probs.transpose(1, 2).contiguous()  # [B, V, T]
        self._summed = self._log_probs.cumsum(-1)  # [B, V, T] Σ log p up to and with step t
        self._padding = torch.zeros_like(self._summed[:, :1])  # [B, 1, T]
        self._padding.masked_fill_(~valid.transpose(1, 2), -torch.inf)
        self._lengths = lengths

    def start(self) -> PrefixState:
        """The empty hypothesis of each utterance."""
        blank = self._summed[:, BLANK]  # [B, T]
        never = torch.full_like(blank, -torch.inf)
        last = torch.full((len(blank),), BLANK, dtype=torch.int64, device=blank.device)
        owner = torch.arange(len(blank), device=blank.device)
        return self._state(never, blank, last, owner, empty=True)

    def score(self, state: PrefixState, places: Places) -> Tensor:
        """log p(transcript begins with hypothesis + letter) [N, V] float64.

        The columns of BLANK and the end of sentence mean nothing; see `PrefixState.ended`.
        """
        any_path = state.open[:, 0]  # [N, T]
        top = any_path.amax(-1, keepdim=True).clamp(min=-1e30)
        weights = (any_path - top).exp().float()
        # In float32 after scaling: only paths e^-87 below the best are lost.
        with torch.autocast(weights.device.type, enabled=False):
            summed = places.flat(places.pad(weights) @ self._probs)  # [N, V]
        summed = summed.clamp(min=torch.finfo(torch.float32).tiny)
        scores = summed.to(top.dtype).log() + top
        # A doubled letter needs a blank before it.
        again = state.open[:, 1] + self._log_probs[places.owner, state.last]
        doubled = torch.logsumexp(again, dim=-1)
        return scores.scatter(1, state.last[:, None], doubled[:, None])

    def advance(
        self, state: PrefixState, parents: Tensor, letters: Tensor, owner: Tensor
    ) -> PrefixState:
        """The hypotheses `parents` [N'] of utterances `owner` [N'], each with its letter [N']."""
        doubled = state.last[parents] == letters
        paths = state.open[parents, doubled.long()]  # [N', T]; row 1 where the letter doubles
        nonblank = self._solve(paths, letters, owner)
        never = torch.full_like(nonblank[:, :1], -torch.inf)
        shifted = torch.cat([never, nonblank[:, :-1]], dim=1)
        blank = self._solve(shifted, torch.full_like(letters, BLANK), owner)
        return self._state(nonblank, blank, letters, owner, empty=False)

    def take(self, rows: Tensor) -> CTCPrefixScorer:
        """The scorer of the utterances `rows` [b] alone."""
        taken = copy.copy(self)
        taken._probs = self._probs[rows]
        taken._log_probs = self._log_probs[rows]
        taken._summed = self._summed[rows]
        taken._padding = self._padding[rows]
        taken._lengths = self._lengths[rows]
        return taken

    def _solve(self, paths: Tensor, letters: Tensor, owner: Tensor) -> Tensor:
        """r with r_t = (r_{t-1} + paths_t) · p_t(letter), in logs, [N, T]."""
        summed = self._summed[owner, letters]
        before = summed - self._log_probs[owner, letters]
        return summed + torch.logcumsumexp(paths - before, dim=-1)

    def _state(
        self, nonblank: Tensor, blank: Tensor, last: Tensor, owner: Tensor, empty: bool
    ) -> PrefixState:
        after = torch.stack([torch.logaddexp(nonblank, blank), blank], dim=1)  # [N, 2, T]
        first = torch.full_like(after[..., :1], 0.0 if empty else -torch.inf)
        ended = after[:, 0].gather(1, (self._lengths[owner] - 1)[:, None])[:, 0]
        before = torch.cat([first, after[..., :-1]], dim=-1) + self._padding[owner]
        return PrefixState(before, ended, last)
