"""Text of a made-up language, and what its words should be worth, counted the slow way."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import torch

from las_cli.decoding.decoder import LanguageModel
from las_cli.language import LetterLM, LetterLMConfig, MixedLM
from las_cli.language.word_lm import WordLM
from las_cli.language.word_ngrams import WordNgrams, count_ngrams
from las_cli.text import Alphabet
from las_cli.text.units import EOS

ALPHABET = Alphabet(" abcdefghij")
SPACE = ALPHABET.encode(" ")[0]
BEGIN, END = "<", ">"
FALLBACK = (0.5, 0.75, 0.9)  # discounts of a text too small to tell

SMALL = ["a bad cab", "a bad bed", "bad", "he did a bad deed", "a cab", "a bad cab he did", "ab a"]

Gram = tuple[str, ...]


def zipf(lines: int = 150, seed: int = 3) -> list[str]:
    """Sentences of words of which few are frequent: enough to tell all discounts."""
    draw = random.Random(seed)
    words = sorted({"".join(draw.choices("abcdefghij", k=draw.randint(1, 5))) for _ in range(60)})
    weights = [1 / (rank + 1) for rank in range(len(words))]
    draw.shuffle(words)
    return [" ".join(draw.choices(words, weights, k=draw.randint(1, 7))) for _ in range(lines)]


def encoded(texts: Sequence[str]) -> list[list[int]]:
    return [ALPHABET.encode(text) for text in texts]


def words_of(ngrams: WordNgrams) -> list[str]:
    """The vocabulary."""
    letters = iter(ngrams.letters.tolist())
    return [ALPHABET.decode([next(letters) for _ in range(n)]) for n in ngrams.lengths.tolist()]


def grams_of(ngrams: WordNgrams) -> list[dict[Gram, float]]:
    """N-gram → log of its discounted probability, a table for each order from 1 on."""
    names = [*words_of(ngrams), END, BEGIN]
    ones = ((name,) for name in names)
    tables: list[dict[Gram, float]] = [dict(zip(ones, ngrams.logs.tolist(), strict=False))]
    contexts: list[Gram] = [(name,) for name in names]
    for order in ngrams.orders:
        assert len(order.followers) == len(contexts)
        befores = [c for c, n in zip(contexts, order.followers, strict=True) for _ in range(n)]
        contexts = [(*c, names[w]) for c, w in zip(befores, order.words, strict=True)]
        tables.append(dict(zip(contexts, order.logs.tolist(), strict=True)))
    return tables


class BruteForce:
    """Interpolated modified Kneser–Ney (Chen and Goodman 1999) in dictionaries.

    kept: of a model that holds no others, longer n-grams hand down all that they were counted
    """

    def __init__(
        self,
        texts: Sequence[str],
        vocabulary: Sequence[str],
        order: int,
        kept: set[Gram] | None = None,
    ) -> None:
        self.next = [*vocabulary, END]
        seen: list[Counter[Gram]] = [Counter() for _ in range(order)]
        before: list[dict[Gram, set[str]]] = [{} for _ in range(order)]
        for text in texts:
            words = [BEGIN, *(w if w in vocabulary else "" for w in text.split()), END]
            for n in range(1, order + 1):
                for start in range(len(words) - n + 1):
                    gram = tuple(words[start : start + n])
                    if "" not in gram:
                        seen[n - 1][gram] += 1
                        if start and words[start - 1]:
                            before[n - 1].setdefault(gram, set()).add(words[start - 1])
        self.own: list[dict[Gram, float]] = []
        self.discounts: list[tuple[float, ...]] = []
        above: dict[Gram, int] = {}
        for n, times in reversed(list(enumerate(seen))):
            counts, needed = dict(times), dict(times)  # as if all were kept, and as it is
            for gram in times if n < order - 1 else ():
                if gram[0] != BEGIN:
                    longer = [(word, *gram) for word in before[n].get(gram, ())]
                    counts[gram] = max(1, len(longer))
                    each = [1 if kept is None or one in kept else above[one] for one in longer]
                    needed[gram] = max(1, sum(each))
            if n == 0:
                del counts[BEGIN,], needed[BEGIN,]
            self.discounts.insert(0, discounts(Counter(counts.values())))
            totals: Counter[Gram] = Counter()
            for gram, count in needed.items():
                totals[gram[:-1]] += count
            self.own.insert(
                0,
                {
                    gram: (count - self.discounts[0][min(count, 3) - 1]) / totals[gram[:-1]]
                    for gram, count in needed.items()
                },
            )
            above = needed

    def probability(self, context: Gram, word: str) -> float:
        return interpolated(self.own, context, word, self.next)


def discounts(of: Counter[int]) -> tuple[float, ...]:
    """D1, D2, D3+ from how many n-grams were counted once, twice, …"""
    if not all(of[c] for c in (1, 2, 3, 4)):
        return FALLBACK
    y = of[1] / (of[1] + 2 * of[2])
    found = tuple(c - (c + 1) * y * of[c + 1] / of[c] for c in (1, 2, 3))
    return found if all(0 < d < c for c, d in enumerate(found, 1)) else FALLBACK


def interpolated(
    own: Sequence[dict[Gram, float]], context: Gram, word: str, following: Sequence[str]
) -> float:
    """p of `word` after `context`, from discounted probabilities and the shorter contexts."""
    if not context:
        left = 1 - sum(own[0].values())
        return own[0][word,] + left / len(following)
    below = interpolated(own, context[1:], word, following)
    table = own[len(context)] if len(context) < len(own) else {}
    left = 1 - sum(table.get((*context, name), 0.0) for name in following)
    return table.get((*context, word), 0.0) + left * below


def make_words(texts: Sequence[str] = SMALL, order: int = 3, most_words: int = 99) -> WordLM:
    ngrams = count_ngrams(encoded(texts), SPACE, order, most_words)
    return WordLM(ngrams, len(ALPHABET), SPACE)


def make_letters(seed: int = 5) -> LetterLM:
    torch.manual_seed(seed)
    return LetterLM(LetterLMConfig(units=len(ALPHABET), embedding=6, hidden=8, layers=2)).eval()


def make_mixed(share: float = 0.4, texts: Sequence[str] = SMALL, order: int = 3) -> MixedLM:
    return MixedLM(make_letters(), make_words(texts, order), share).eval()


@torch.inference_mode()
def scored(model: LanguageModel, text: str) -> torch.Tensor:
    """log p of each next letter before and after every letter of `text`, [U + 1, V]."""
    state = model.start(1, 1)
    found = []
    for letter in (EOS, *ALPHABET.encode(text)):
        scores, state = model.step(torch.tensor([[letter]]), state)
        found.append(scores[0, 0])
    return torch.stack(found)
