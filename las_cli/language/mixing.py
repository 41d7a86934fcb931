"""A letter network and text in, its mixture with the words of the text and perplexity out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from las_cli.language.letter_lm import LetterLM
from las_cli.language.lm_training import pad_letters
from las_cli.language.mixed_lm import MixedLM
from las_cli.language.text import Sentences
from las_cli.language.word_lm import WordLM, most_letters
from las_cli.language.word_ngrams import MEMORY, MOST_NGRAMS, MOST_WORDS, count_ngrams
from las_cli.text.units import EOS, Units

ROUNDS = 50  # of expectation maximisation
LINES = 64  # in a batch
PRIOR = 0.5  # share of words before anything is known
BELIEF = 20  # words that it weighs as much as


@dataclass(frozen=True)
class MixtureFit:
    """What held-out lines (else those of training) say of a mixture."""

    share: float  # of the word n-grams, the likeliest
    perplexity: float  # per letter, ends of sentence counted as letters
    by_letters: float  # the same of the letter network alone
    unknown: float  # share of the words that are outside the vocabulary
    counts: tuple[int, ...]  # words, bigrams, trigrams, …
    held_out: bool = True  # False: the text is too small to spare a line

    @property
    def summary(self) -> str:
        """A sentence for the user."""
        ngrams = " + ".join(f"{count:,}" for count in self.counts[1:])
        lines = "held-out lines" if self.held_out else "training lines, too few to keep any apart"
        return (
            f"{self.counts[0]:,} words, {ngrams} n-grams; on {lines}: {100 * self.unknown:.1f} % "
            f"of words unknown, perplexity per letter {self.by_letters:.3f} by letters alone, "
            f"{self.perplexity:.3f} with words (share {self.share:.2f})"
        )

    @property
    def facts(self) -> dict[str, float]:
        """What lm.json keeps of it."""
        return {
            "perplexity_per_letter": round(self.perplexity, 4),
            "perplexity_by_letters_alone": round(self.by_letters, 4),
            "unknown_words": round(self.unknown, 4),
        }


def with_words(
    letters: LetterLM,
    alphabet: Units,
    sentences: Sentences,
    order: int = 3,
    most_words: int = MOST_WORDS,
    most_ngrams: int = MOST_NGRAMS,
    memory: int = MEMORY,
    folder: Path | None = None,
) -> tuple[MixedLM, MixtureFit]:
    """`letters` mixed with the word n-grams of `sentences`, by the share that held-out lines give.

    memory, folder: see `count_ngrams`
    LasError for an alphabet without spaces (see `parts_words`) or a text without words.
    """
    space = alphabet.encode(" ")[0]
    most = most_letters(len(alphabet))
    ngrams = count_ngrams(
        sentences.lines(), space, order, most_words, most_ngrams, most, memory, folder
    )
    words = WordLM(ngrams, len(alphabet), space).to(next(letters.parameters()).device)
    # Lines that were counted would say that nothing but the words is needed.
    held_out = sentences.spares_lines()
    share = None if held_out else PRIOR
    mixture = find_share(MixedLM(letters, words, PRIOR), sentences.held_out(), share)
    return MixedLM(letters, words, mixture.share), replace(mixture, held_out=held_out)


def find_share(
    model: MixedLM, lines: Sequence[list[int]], share: float | None = None
) -> MixtureFit:
    """The share of words under which `lines` of letter ids are likeliest (Jelinek and Mercer 1980).

    Few lines say little: `BELIEF` words more are taken to be half one, half the other. With `share`
    only the perplexity is measured. The share that `model` has does not matter.
    """
    letters, words, _ = word_log_probs(model, lines)
    ngrams = model.words.ngrams
    if share is None:
        share = PRIOR
        for _ in range(ROUNDS):  # in logs: a long word may be less likely than a float can say
            found = (words - letters + math.log(share / (1 - share))).sigmoid().sum()
            share = (float(found) + PRIOR * BELIEF) / (len(words) + BELIEF)
    count = sum(len(line) + 1 for line in lines)
    mixed = torch.logaddexp(words + math.log(share), letters + math.log(1 - share))
    return MixtureFit(
        share=round(share, 3),
        perplexity=math.exp(-float(mixed.sum()) / count),
        by_letters=math.exp(-float(letters.sum()) / count),
        unknown=float(words.isneginf().double().mean()),
        counts=(ngrams.end, *(len(order.words) for order in ngrams.orders)),
    )


@torch.inference_mode()
def word_log_probs(
    model: MixedLM, lines: Sequence[list[int]]
) -> tuple[Tensor, Tensor, Tensor]:
    """log p of each word of `lines` by letters and by words, two float64 tensors [words], and the
    line that each is of, int64 [words], lines sorted from short to long."""
    device = next(model.letters.parameters()).device
    sums: list[Tensor] = []
    origins: list[Tensor] = []
    ordered = sorted(lines, key=len)
    for place in range(0, len(ordered), LINES):
        inputs, targets = pad_letters(ordered[place : place + LINES])
        state = model.start(len(inputs), 1)
        found: list[Tensor] = []
        for u in range(inputs.shape[1]):
            previous = inputs[:, u : u + 1].to(device)
            wanted = targets[:, u : u + 1].clamp(min=0).to(device)
            *scores, state = model.both(previous, state)
            parts = [part.gather(-1, wanted[..., None])[:, 0, 0] for part in scores]
            found.append(torch.stack(parts, dim=-1))
            state = (*state[:2], state[2].expand(-1, -1, model.letters.config.units), *state[3:])
        scored = torch.stack(found, dim=1).cpu().double()  # [B, U, 2]
        last = (targets == model.words.space) | (targets == EOS)
        number = (last.cumsum(1) - last.long()).flatten()  # of the word that each letter is of
        rows = torch.arange(len(targets))[:, None].expand_as(targets).flatten()
        real = targets.flatten() >= 0
        keys = (rows * (int(number.max()) + 1) + number)[real]
        kept, index = keys.unique(return_inverse=True)
        origins.append(place + kept // (int(number.max()) + 1))
        total = scored.new_zeros(int(index.max()) + 1, 2)
        sums.append(total.index_add(0, index, scored.flatten(0, 1)[real]))
    both = torch.cat(sums)
    return both[:, 0], both[:, 1], torch.cat(origins)
