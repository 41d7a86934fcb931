"""A language model and words that a user expects in, one that gives them a share out."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from las_cli.language.letter_lm import LetterLM
from las_cli.language.mixed_lm import MixedLM, WordMixture
from las_cli.language.word_lm import WordLM, most_letters
from las_cli.language.word_ngrams import WordNgrams
from las_cli.text.units import Units, parts_words

# How often a word of a short list is said: once in so many words. Of a long list all words
# together have no more than MOST_SHARE. Measured with 1,155 words (models/en/EXPERIMENTS.md).
SHARE = 1e-3
MOST_SHARE = 0.6
END = 1 / 12  # how often a sentence ends behind an expected word: sentences have a dozen words


class ExpectingLM(WordMixture):
    """A language model of which words of a list are a share, each as likely as its weight.

    p(word) = (1 - share) · p by the model + share · weight / sum of weights, whatever stands
    before it: contextual biasing as a class of words. A word that the model knows well gains
    little, one that it never read much, and nothing has to be taken back of a word that is left.
    """

    expects = True

    @property
    def base(self) -> LetterLM | MixedLM:
        """The model that expects nothing."""
        return self.other


def expect_words(
    lm: LetterLM | MixedLM | ExpectingLM, phrases: Mapping[str, float], units: Units
) -> LetterLM | MixedLM | ExpectingLM:
    """`lm` with the words of `phrases`, in place of those that it expected before.

    phrases: their weights, by the text as the model writes it; of each every word is expected.
        Words with letters that `units` lack are left out; without any, and where words cannot be
        told apart letter by letter, nothing is expected.
    """
    base = lm.base if isinstance(lm, ExpectingLM) else lm
    if not parts_words(units):
        return base
    weights: dict[tuple[int, ...], float] = {}
    for text, weight in phrases.items():
        for word in text.split():
            if not units.unknown(word):
                letters = tuple(units.encode(word))
                weights[letters] = max(weight, weights.get(letters, 0.0))
    weights = _most(weights, most_letters(len(units)))
    if not weights:
        return base
    share = min(MOST_SHARE, SHARE * sum(weights.values()))
    words = WordLM(_unigrams(weights), len(units), units.encode(" ")[0])
    return ExpectingLM(base, words.to(next(base.parameters()).device), share).eval()


def _most(weights: dict[tuple[int, ...], float], letters: int) -> dict[tuple[int, ...], float]:
    """The first entries, with `letters` letters together at most."""
    kept: dict[tuple[int, ...], float] = {}
    for word, weight in weights.items():
        letters -= len(word)
        if letters < 0:
            break
        kept[word] = weight
    return kept


def _unigrams(weights: dict[tuple[int, ...], float]) -> WordNgrams:
    """Words by letter ids, each as likely as its weight, whatever stands before."""
    words = sorted(weights)
    logs = np.log([weights[word] for word in words])
    logs += math.log1p(-END) - np.logaddexp.reduce(logs)
    return WordNgrams(
        letters=np.array([letter for word in words for letter in word], dtype=np.int64),
        lengths=np.array([len(word) for word in words], dtype=np.int64),
        logs=np.append(logs, math.log(END)),
        orders=(),
    )
