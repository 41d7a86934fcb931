"""A language model and a user's sentences in, the same one with their words and phrases out."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from las_cli.errors import LasError
from las_cli.language.letter_lm import LetterLM
from las_cli.language.mixed_lm import MixedLM
from las_cli.language.mixing import ROUNDS, word_log_probs
from las_cli.language.ngram_merging import merge_ngrams, words_of
from las_cli.language.word_lm import WordLM, most_letters
from las_cli.language.word_ngrams import WordNgrams, count_ngrams
from las_cli.text.units import Units, parts_words

HELD_OUT = 8  # one sentence in so many, chosen by its own letters, sets the shares
MOST_HELD_OUT = 400  # sentences
LEAST_HELD_OUT = 5  # sentences; fewer say nothing
PRIOR = 0.2  # share of the user's n-grams before anything is known
BELIEF = 50  # words that it weighs as much as
MOST_NGRAMS = 500_000  # of the user's text
LEAST, MOST = 0.01, 0.95  # shares


@dataclass(frozen=True)
class Enrichment:
    """What a user's text did to a language model."""

    sentences: int
    words: int  # of the text, different ones
    new_words: int  # that the language model did not know
    share: float  # of the user's n-grams in the mixture
    held_out: tuple[int, ...] = ()  # letters of each sentence that the rest was measured on
    before: tuple[float, ...] = ()  # nats of each of these sentences
    after: tuple[float, ...] = ()  # with the n-grams of the others mixed in

    @property
    def measured(self) -> bool:
        """Whether there were sentences to be kept apart."""
        return bool(self.held_out)

    def perplexity(self, nats: Sequence[float]) -> float:
        """Per letter, ends of sentence counted as letters; NaN where nothing was measured."""
        return math.exp(sum(nats) / sum(self.held_out)) if self.held_out else math.nan


def enrich(
    model: LetterLM | MixedLM, alphabet: Units, sentences: Sequence[Sequence[int]], order: int = 3
) -> tuple[MixedLM, Enrichment]:
    """`model` with the word n-grams of `sentences` (letter ids) mixed in, by the share that makes
    sentences kept apart likeliest; then those are counted too.

    LasError for an alphabet without spaces, or sentences without words.
    """
    if not parts_words(alphabet):
        raise LasError("words can be added only to a model that writes letters and spaces")
    space = alphabet.encode(" ")[0]
    units = len(alphabet)

    def counted(lines: Sequence[Sequence[int]]) -> WordNgrams:
        most = most_letters(units)
        return count_ngrams(lines, space, order, most_ngrams=MOST_NGRAMS, most_letters=most)

    kept, apart = _parted(sentences)
    whole = counted(sentences)
    known = set(words_of(model.words.ngrams)) if isinstance(model, MixedLM) else set()
    mine = set(words_of(whole))
    result = Enrichment(len(sentences), len(mine), len(mine - known), PRIOR)
    shares = _even_shares(model)
    if apart:
        shares, result = _measured(model, counted(kept), units, space, apart, result)
    return _mixed(model, whole, shares, units, space), replace(result, share=round(shares[2], 3))


Shares = tuple[float, float, float]  # of the letters, the model's words and the user's


def _even_shares(model: LetterLM | MixedLM) -> Shares:
    words = model.share if isinstance(model, MixedLM) else 0.0
    return ((1 - PRIOR) * (1 - words), (1 - PRIOR) * words, PRIOR)


def _parted(
    sentences: Sequence[Sequence[int]],
) -> tuple[list[Sequence[int]], list[list[int]]]:
    """Sentences to count and those kept apart, none of them in both; none apart of too few."""
    apart: dict[bytes, list[int]] = {}
    kept = []
    for sentence in sentences:
        key = bytes(str(list(sentence)), "ascii")
        if zlib.crc32(key) % HELD_OUT or (len(apart) >= MOST_HELD_OUT and key not in apart):
            kept.append(sentence)
        else:
            apart[key] = list(sentence)
    if len(apart) < LEAST_HELD_OUT or not kept:
        return list(sentences), []
    return kept, list(apart.values())


def _measured(
    model: LetterLM | MixedLM,
    ngrams: WordNgrams,
    units: int,
    space: int,
    apart: list[list[int]],
    result: Enrichment,
) -> tuple[Shares, Enrichment]:
    """The likeliest shares of the three by expectation maximisation, and what they are good for."""
    mine = WordLM(ngrams, units, space)
    letters = model.letters if isinstance(model, MixedLM) else model
    by_letters, by_mine, lines = word_log_probs(MixedLM(letters, mine, PRIOR), apart)
    nothing = torch.full_like(by_letters, -math.inf)
    by_words = word_log_probs(model, apart)[1] if isinstance(model, MixedLM) else nothing
    logs = torch.stack([by_letters, by_words, by_mine])  # [3, words]
    first = _even_shares(model)
    shares = torch.tensor(first, dtype=torch.float64)
    belief = BELIEF * shares
    for _ in range(ROUNDS):
        parts = (logs + shares.log()[:, None]).softmax(dim=0)
        shares = (parts.sum(dim=1) + belief) / (logs.shape[1] + BELIEF)
    if isinstance(model, MixedLM):
        mixed = (1 - model.share, model.share)
        before = (logs[:2] + torch.tensor(mixed).double().log()[:, None]).logsumexp(dim=0)
    else:
        before = by_letters
    letters_share, words_share, own = shares.tolist()
    own = min(MOST, max(LEAST, own))
    rest = (1 - own) / (letters_share + words_share)
    chosen = (letters_share * rest, words_share * rest, own)
    # Measured with the n-grams as they will be: merged, not beside one another.
    merged = _mixed(model, ngrams, chosen, units, space)
    one, other, _ = word_log_probs(merged, apart)
    after = torch.logaddexp(
        one + math.log(1 - merged.share), other + math.log(merged.share)
    )
    return chosen, replace(
        result,
        held_out=tuple(len(line) + 1 for line in sorted(apart, key=len)),
        before=_by_line(before, lines),
        after=_by_line(after, lines),
    )


def _by_line(logs: Tensor, lines: Tensor) -> tuple[float, ...]:
    """Nats of each sentence from log probabilities of words [words] and their sentences."""
    sums = logs.new_zeros(int(lines.max()) + 1).index_add(0, lines, logs)
    return tuple((-sums).tolist())


def _mixed(
    model: LetterLM | MixedLM, mine: WordNgrams, shares: Shares, units: int, space: int
) -> MixedLM:
    """The model with the n-grams `mine` merged into its own, where it has any."""
    device = next(model.parameters()).device
    _, base, own = shares
    if not isinstance(model, MixedLM):
        return MixedLM(model, WordLM(mine, units, space).to(device), own).eval()
    merged = merge_ngrams(model.words.ngrams, mine, own / (base + own))
    words = WordLM(merged, units, space).to(device)
    return MixedLM(model.letters, words, round(min(MOST, base + own), 3)).eval()
