"""What speller, CTC head and language model each say of the next letter, as one score."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from las_cli.decoding.options import DecodingOptions
from las_cli.decoding.prefix_score import CTCPrefixScorer, PrefixState
from las_cli.decoding.repeats import RepeatGuard, RepeatState
from las_cli.text.units import EOS

# nats; CTC agrees to an end where it gives it at least this probability, once it is there. A
# speller that has lost its way would otherwise loop on, or drop the rest of the sentence.
END_BY_CTC = -3.0
LEAST = -1e6  # nats; stands for -inf in sums, since 0 · -inf is no number


class LanguageModel(Protocol):
    """A model of text alone, letter by letter (`las_cli.language`)."""

    def start(self, batch: int, beams: int) -> tuple[Tensor, ...]: ...
    def step(
        self, previous: Tensor, state: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]: ...


@dataclass(frozen=True)
class Sources:
    """Who is asked in a search over [B] utterances; at least one of speller and CTC."""

    speller: Any | None  # las_cli.network.speller.Speller
    memory: Any  # what it attends to; a NamedTuple of tensors [B, …]
    prefix: CTCPrefixScorer | None
    lm: LanguageModel | None
    batch: int
    units: int  # V
    device: torch.device

    def take(self, rows: Tensor) -> Sources:
        """The utterances `rows` [b] alone."""
        return replace(
            self,
            memory=None if self.memory is None else take_rows(self.memory, rows),
            prefix=None if self.prefix is None else self.prefix.take(rows),
            batch=len(rows),
        )


class Parts(NamedTuple):
    """Natural log probabilities of hypotheses by source, [B, K] or [B, K, V]; 0 where not asked."""

    attention: Tensor
    ctc: Tensor
    lm: Tensor


class Continuations(NamedTuple):
    """Every hypothesis with every letter behind it; the column EOS is the ended hypothesis."""

    total: Tensor  # weighted sum, -inf where the letter is not tried, [B, K, V]
    parts: Parts  # [B, K, V] each
    letter: Tensor  # log p of this letter alone, by the speller (or by LM and CTC), [B, K, V]
    may_end: Tensor  # whether speller (EOS threshold) or CTC would end here at all, [B, K]


class JointScorer:
    """Scores of hypotheses [B, K] and all their continuations [B, K, V] (Watanabe et al. 2017).

    `DecodingOptions` gives the formula. CTC sums over all alignments of the whole hypothesis, the
    other sources add up letter by letter.
    """

    def __init__(self, sources: Sources, options: DecodingOptions) -> None:
        beams = options.width
        self.sources, self.options = sources, options
        self._ctc_weight = options.ctc_weight if sources.prefix else 0.0
        if sources.speller is None:
            self._ctc_weight = 1.0
        self._lm_weight = options.lm_weight if sources.lm else 0.0
        # CTC makes a transcript that leaves speech unwritten so unlikely that ends of any length
        # may be weighed against each other. The speller alone would prefer the shortest: there an
        # end must be among the best continuations.
        self.ends_freely = self._ctc_weight > 0
        shape, device = (sources.batch, beams), sources.device
        zero = torch.zeros(shape, device=device)
        self._parts = Parts(zero, zero, zero)
        self._length = 0
        self._letters = torch.ones(sources.units, dtype=torch.bool, device=device)
        self._letters[: EOS + 1] = False  # neither the blank nor the end is one
        self._previous = torch.full(shape, EOS, dtype=torch.int64, device=device)
        self._speller: tuple[Tensor, ...] = ()
        self._lm: tuple[Tensor, ...] = ()
        self._prefix: PrefixState | None = None
        self._guard: RepeatGuard | None = None
        self._repeats: RepeatState | None = None
        if sources.speller is not None:
            self._speller = sources.speller.start(sources.memory, beams)
        if sources.lm is not None:
            self._lm = sources.lm.start(*shape)
        if sources.prefix is not None:
            self._prefix = sources.prefix.start(beams)
        if options.repeat_guard:
            self._guard = RepeatGuard(sources.units, device)
            self._repeats = self._guard.start(*shape)

    def continuations(self) -> Continuations:
        """Scores of every hypothesis with every letter; call once a letter, before `advance`."""
        shape = (*self._previous.shape, self.sources.units)
        nothing = torch.zeros(shape, device=self.sources.device)
        attention = lm = ctc = nothing
        if self.sources.speller is not None:
            logits, self._speller, _ = self.sources.speller.step(
                self._previous, self._speller, self.sources.memory
            )
            attention = torch.log_softmax(logits.float(), dim=-1).clamp(min=LEAST)
        if self.sources.lm is not None:
            lm, self._lm = self.sources.lm.step(self._previous, self._lm)
            lm = lm.clamp(min=LEAST)
        if self.sources.prefix is not None and self._prefix is not None:
            ctc = self.sources.prefix.score(self._prefix).float()
            ctc[..., EOS] = self._prefix.ended
            ctc = ctc.clamp(min=LEAST)
        parts = Parts(
            self._parts.attention[..., None] + attention, ctc, self._parts.lm[..., None] + lm
        )
        total = (
            (1 - self._ctc_weight) * parts.attention
            + self._ctc_weight * parts.ctc
            + self._lm_weight * parts.lm
        )
        if bonus := self.options.length_bonus:
            total = total + bonus * (self._letters + self._length)
        allowed = self._letters.expand(shape).clone()
        if self._guard is not None and self._repeats is not None:
            allowed &= ~self._guard.forbidden(self._repeats)
        if self.sources.prefix is not None:
            allowed &= ctc > LEAST  # the sound has no room for more letters
        if self.sources.speller is not None:
            self._prune(allowed, (1 - self._ctc_weight) * attention + self._lm_weight * lm)
            own = attention
        else:
            own = (ctc - self._parts.ctc[..., None]).clamp(max=0.0)
        allowed[..., EOS] = True
        may_end = torch.ones(shape[:2], dtype=torch.bool, device=total.device)
        if self.sources.speller is not None:
            best = attention[..., EOS + 1 :].amax(-1)  # of the letters
            may_end = attention[..., EOS] >= self.options.eos_threshold * best
            if self.sources.prefix is not None:
                may_end |= ctc[..., EOS] - self._parts.ctc >= END_BY_CTC
        return Continuations(total.masked_fill(~allowed, -torch.inf), parts, own, may_end)

    def advance(self, parents: Tensor, letters: Tensor, parts: Parts) -> None:
        """Go on with hypotheses `parents` [B, K], their new letters [B, K] and `parts` [B, K]."""
        self._parts, self._previous = parts, letters
        self._length += 1
        if parents.shape[1] > 1:  # else the only hypothesis goes on from itself
            rows = torch.arange(len(parents), device=parents.device)[:, None]
            if self.sources.speller is not None:
                self._speller = self.sources.speller.reorder(self._speller, parents)
            self._lm = tuple(tensor[rows, parents] for tensor in self._lm)
        if self.sources.prefix is not None and self._prefix is not None:
            self._prefix = self.sources.prefix.advance(self._prefix, parents, letters)
        if self._guard is not None and self._repeats is not None:
            self._repeats = self._guard.advance(self._repeats, parents, letters)

    def take(self, rows: Tensor) -> None:
        """Go on with the utterances `rows` [b] alone."""
        self.sources = self.sources.take(rows)
        self._parts = take_rows(self._parts, rows)
        self._previous = self._previous[rows]
        self._speller = tuple(tensor[rows] for tensor in self._speller)
        self._lm = tuple(tensor[rows] for tensor in self._lm)
        self._prefix = None if self._prefix is None else take_rows(self._prefix, rows)
        self._repeats = None if self._repeats is None else take_rows(self._repeats, rows)

    def _prune(self, allowed: Tensor, scores: Tensor) -> None:
        """Leave in `allowed` the best letters of each hypothesis by speller and language model."""
        tried = self.options.tried
        if tried >= self.sources.units - 2:
            return
        best = scores.masked_fill(~allowed, -torch.inf).topk(tried, dim=-1).indices
        allowed &= torch.zeros_like(allowed).scatter_(2, best, True)


def take_rows(tensors: Any, rows: Tensor) -> Any:
    """A NamedTuple of tensors [B, …], its utterances `rows` [b] alone."""
    return type(tensors)(*(tensor[rows] for tensor in tensors))
