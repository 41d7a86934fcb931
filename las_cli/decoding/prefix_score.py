"""CTC posteriors in, the probability that a transcript begins with a hypothesis out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from las_cli.text.units import BLANK

FLOOR = -100.0  # nats; a letter less likely than this at a step counts as this likely


class PrefixState(NamedTuple):
    """Where the paths of each hypothesis stand, and its last letter."""

    # log p of all paths over steps 0 … t-1 that spell the hypothesis. Row 0 of the second axis:
    # any path; row 1: paths that end in a blank, the only ones a doubled letter may follow.
    open: Tensor  # [B, 2, K, T] float64, before step t
    ended: Tensor  # [B, K] float64, after the utterance's last step
    last: Tensor  # [B, K] int64, BLANK for the empty hypothesis


class CTCPrefixScorer:
    """CTC prefix scores of [utterances × beams × letters] at once (Watanabe et al. 2017, Alg. 2).

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

    def start(self, beams: int) -> PrefixState:
        """The empty hypothesis, `beams` times an utterance."""
        batch, _, steps = self._log_probs.shape
        blank = self._summed[:, BLANK, None, :].expand(-1, beams, -1)  # [B, K, T]
        never = torch.full_like(blank, -torch.inf)
        last = torch.full((batch, beams), BLANK, dtype=torch.int64, device=blank.device)
        return self._state(never, blank, last, empty=True)

    def score(self, state: PrefixState) -> Tensor:
        """log p(transcript begins with hypothesis + letter) [B, K, V] float64.

        The columns of BLANK and the end of sentence mean nothing; see `PrefixState.ended`.
        """
        any_path = state.open[:, 0]  # [B, K, T]
        top = any_path.amax(-1, keepdim=True).clamp(min=-1e30)
        weights = (any_path - top).exp().float()
        # In float32 after scaling: only paths e^-87 below the best are lost.
        with torch.autocast(weights.device.type, enabled=False):
            summed = weights @ self._probs  # [B, K, V]
        summed = summed.clamp(min=torch.finfo(torch.float32).tiny)
        scores = summed.to(top.dtype).log() + top
        # A doubled letter needs a blank before it.
        doubled = torch.logsumexp(state.open[:, 1] + self._of(self._log_probs, state.last), dim=-1)
        return scores.scatter(2, state.last[..., None], doubled[..., None])

    def advance(self, state: PrefixState, parents: Tensor, letters: Tensor) -> PrefixState:
        """The hypotheses `parents` [B, K], each continued by its letter of `letters` [B, K]."""
        beams, steps = state.open.shape[2:]
        doubled = state.last.gather(1, parents) == letters
        row = parents + beams * doubled  # row 1 of `open` where the letter doubles
        paths = state.open.flatten(1, 2).gather(1, row[..., None].expand(-1, -1, steps))
        nonblank = self._solve(paths, letters)
        never = torch.full_like(nonblank[..., :1], -torch.inf)
        shifted = torch.cat([never, nonblank[..., :-1]], dim=-1)
        blank = self._solve(shifted, torch.full_like(letters, BLANK))
        return self._state(nonblank, blank, letters, empty=False)

    def take(self, rows: Tensor) -> CTCPrefixScorer:
        """The scorer of the utterances `rows` [b] alone."""
        taken = object.__new__(CTCPrefixScorer)
        taken._probs = self._probs[rows]
        taken._log_probs = self._log_probs[rows]
        taken._summed = self._summed[rows]
        taken._padding = self._padding[rows]
        taken._lengths = self._lengths[rows]
        return taken

    def _of(self, table: Tensor, letters: Tensor) -> Tensor:
        """Rows of `table` [B, V, T] for `letters` [B, K] → [B, K, T]."""
        batch = torch.arange(len(table), device=table.device)[:, None]
        return table[batch, letters]

    def _solve(self, paths: Tensor, letters: Tensor) -> Tensor:
        """r with r_t = (r_{t-1} + paths_t) · p_t(letter), in logs, [B, K, T]."""
        summed = self._of(self._summed, letters)
        before = summed - self._of(self._log_probs, letters)
        return summed + torch.logcumsumexp(paths - before, dim=-1)

    def _state(self, nonblank: Tensor, blank: Tensor, last: Tensor, empty: bool) -> PrefixState:
        after = torch.stack([torch.logaddexp(nonblank, blank), blank], dim=1)  # [B, 2, K, T]
        first = torch.full_like(after[..., :1], 0.0 if empty else -torch.inf)
        index = (self._lengths - 1)[:, None, None].expand(-1, after.shape[2], 1)
        ended = after[:, 0].gather(-1, index)[..., 0]
        before = torch.cat([first, after[..., :-1]], dim=-1) + self._padding[:, None]
        return PrefixState(before, ended, last)
