"""Letters so far in, log probabilities of the next letter out, by letters and by whole words."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from las_cli.errors import LasError
from las_cli.language.letter_lm import LetterLM
from las_cli.language.word_lm import WordLM, WordState
from las_cli.language.word_store import tables_of
from las_cli.text.units import FIRST

MOST_ODDS = 30.0  # nats; beyond, one of the two is all but ruled out


class WordMixture(nn.Module):
    """A mixture, word by word, of word n-grams and a language model that can write any word.

    Each word has the probability `share · p by n-grams + (1 - share) · p by the other`. Letter by
    letter that is a mixture whose odds follow how well either has foretold the word so far.
    """

    expects = False

    def __init__(self, other: LetterLM | MixedLM, words: WordLM, share: float) -> None:
        """share: of the word n-grams, above 0 and below 1."""
        super().__init__()
        if not 0 < share < 1:
            raise LasError(f"language model: a share of words of {share}, expected 0 … 1")
        self.other, self.words, self.share = other, words, share
        self._prior = math.log(share / (1 - share))

    @property
    def units(self) -> int:
        """V of the alphabet."""
        return self.other.units

    def start(self, batch: int, beams: int) -> tuple[Tensor, ...]:
        """State of `beams` hypotheses an utterance before their first letter, [B, K, …] each."""
        other = self.other.start(batch, beams)
        device = other[0].device
        odds = torch.full((batch, beams, self.units), self._prior, device=device)
        words = (part.to(device) for part in self.words.start(batch, beams))
        return (*words, odds, *other)

    def step(
        self, previous: Tensor, state: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """One letter on. previous [B, K], at the start EOS → [B, K, V] log p, new state."""
        scores, by_words, state = self.both(previous, state)
        odds = state[2]
        mixed = torch.logaddexp(logsigmoid(odds) + by_words, logsigmoid(-odds) + scores)
        # The odds after each letter that may come next, [B, K, V]; a new word begins afresh.
        after = (odds + by_words - scores).clamp(-MOST_ODDS, MOST_ODDS)
        after[..., self.words.space] = self._prior
        return mixed, (*state[:2], after, *state[3:])

    def both(
        self, previous: Tensor, state: tuple[Tensor, ...]
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """log p by the other model and by words [B, K, V], the state with odds [B, K, 1] so far."""
        home = self.words.tree.device  # of the words; another than the other's for NO_FLOAT64
        before, now = WordState(state[0].to(home), state[1].to(home)), previous.to(home)
        begun = (now >= FIRST)[..., None]  # before the first letter `previous` is the EOS
        on = self.words.advance(before, now)
        node = torch.where(begun[..., 0], on.node, before.node)
        contexts = torch.where(begun, on.contexts, before.contexts)
        by_words = self.words.log_probs(WordState(node, contexts)).to(previous.device)
        odds = state[2].gather(-1, previous[..., None])
        scores, other = self.other.step(previous, state[3:])
        places = (node.to(previous.device), contexts.to(previous.device))
        return scores, by_words, (*places, odds, *other)


class MixedLM(WordMixture):
    """Word n-grams and a letter network, which writes what is not in their vocabulary."""

    def __init__(self, letters: LetterLM, words: WordLM, share: float) -> None:
        """share: of the word n-grams, above 0 and below 1."""
        super().__init__(letters, words, share)

    @property
    def letters(self) -> LetterLM:
        """The network."""
        assert isinstance(self.other, LetterLM)
        return self.other

    def tensors(self) -> dict[str, Tensor]:
        """All that decides what this model says, by name."""
        own = {"share": torch.tensor(self.share)} | tables_of(self.words.ngrams)
        return own | self.letters.tensors()
