"""What each source says of the next letter in, one score of every continuation out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from las_cli.decoding.options import DecodingOptions
from las_cli.decoding.repeats import RepeatGuard
from las_cli.decoding.scorers import LEAST, HotwordScorer, SourceScorer
from las_cli.padding import Places
from las_cli.text.units import EOS

# nats; CTC agrees to an end where it gives it at least this probability, once it is there. A
# speller that has lost its way would otherwise loop on, or drop the rest of the sentence.
END_BY_CTC = -3.0


class Continuations(NamedTuple):
    """Every hypothesis with every letter behind it; the column EOS is the ended hypothesis."""

    total: Tensor  # weighted sum, -inf where the letter is not tried, [N, V]
    scores: tuple[Tensor, ...]  # log p by each of S sources, [N, V]
    letter: Tensor  # log p of this letter alone, by the speller (or by LM and CTC), [N, V]
    held: Tensor | None  # of the total, what may yet be taken back, [N, V]; None: nothing
    may_end: Tensor  # whether speller (EOS threshold) or CTC would end here at all, [N]


class JointScorer:
    """Scores of all live hypotheses and their continuations [N, V] (Watanabe et al. 2017).

    `DecodingOptions` gives the formula. CTC sums over all alignments of the whole hypothesis, the
    other sources add up letter by letter.
    """

    def __init__(
        self,
        scorers: Mapping[str, SourceScorer],
        options: DecodingOptions,
        batch: int,
        units: int,
        device: torch.device,
    ) -> None:
        """scorers: by source, at least one of speller and CTC; batch: B; units: V."""
        self.batch, self.units, self.options = batch, units, options
        self.sources = tuple(scorers)
        self._scorers = scorers
        # CTC makes a transcript that leaves speech unwritten so unlikely that ends of any length
        # may be weighed against each other. The speller alone would prefer the shortest: there an
        # end must be among the best continuations.
        self.ends_freely = "ctc" in scorers
        self.places = Places.single(batch, device)
        self._scores = tuple(torch.zeros(batch, device=device) for _ in scorers)
        self._length = 0
        self._letters = torch.ones(units, dtype=torch.bool, device=device)
        self._letters[: EOS + 1] = False  # neither the blank nor the end is one
        self._previous = torch.full((batch,), EOS, dtype=torch.int64, device=device)
        self._guard = RepeatGuard(units, device)
        self._repeats = self._guard.start(batch) if options.repeat_guard else None

    def continuations(self) -> Continuations:
        """Scores of every hypothesis with every letter; call once a letter, before `advance`."""
        said = {
            name: scorer.score(self._previous, before, self.places)
            for (name, scorer), before in zip(self._scorers.items(), self._scores, strict=True)
        }
        letter = {name: alone for name, (alone, _) in said.items()}
        whole = {name: together for name, (_, together) in said.items()}
        total = self.options.total(whole, self._letters + self._length)
        allowed = self._letters.expand(total.shape).clone()
        if self._repeats is not None:
            allowed &= ~self._guard.forbidden(self._repeats)
        if "ctc" in whole:
            allowed &= whole["ctc"] > LEAST  # the sound has no room for more letters
        if "attention" in letter:
            self._prune(allowed, {name: letter[name] for name in letter if name != "ctc"})
        allowed[:, EOS] = True
        return Continuations(
            total.masked_fill(~allowed, -torch.inf),
            tuple(whole.values()),
            letter["attention" if "attention" in letter else "ctc"],
            self._held(total.device),
            self._may_end(letter),
        )

    def advance(self, parents: Tensor, letters: Tensor, step: Continuations, at: Places) -> None:
        """Go on with hypotheses `parents` [N'], new letters [N'], of `step`, in places `at`."""
        self._scores = tuple(said[parents, letters] for said in step.scores)
        self._previous, self.places = letters, at
        self._length += 1
        for scorer in self._scorers.values():
            scorer.advance(parents, letters, at)
        if self._repeats is not None:
            self._repeats = self._guard.advance(self._repeats, parents, letters)

    def take(self, rows: Tensor) -> None:
        """Go on with the utterances `rows` [b] alone, the only ones with hypotheses left."""
        self.batch = len(rows)
        self.places = self.places.take(rows)
        for scorer in self._scorers.values():
            scorer.take(rows)

    def _held(self, device: torch.device) -> Tensor | None:
        """The bonus of words that are not yet whole, weighted."""
        hotwords = self._scorers.get("hotwords")
        if not isinstance(hotwords, HotwordScorer):
            return None
        return self.options.hotword_weight * hotwords.held().to(device)

    def _prune(self, allowed: Tensor, letter: Mapping[str, Tensor]) -> None:
        """Leave in `allowed` the best letters of each hypothesis by all sources but CTC."""
        tried = self.options.tried
        if tried >= self.units - 2:
            return
        scores = self.options.total(letter, 0).masked_fill(~allowed, -torch.inf)
        best = scores.topk(tried, dim=-1).indices
        allowed &= torch.zeros_like(allowed).scatter_(1, best, True)

    def _may_end(self, letter: Mapping[str, Tensor]) -> Tensor:
        """Which hypotheses speller or CTC would end, [N]; CTC alone weighs every end."""
        if "attention" not in letter:
            return torch.ones_like(self._previous, dtype=torch.bool)
        spelled = letter["attention"]
        best = spelled[:, EOS + 1 :].amax(-1)  # of the letters
        may_end = spelled[:, EOS] >= self.options.eos_threshold * best
        if "ctc" in letter:
            may_end |= letter["ctc"][:, EOS] >= END_BY_CTC
        return may_end
