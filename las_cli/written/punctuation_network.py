"""Words as numbers in, scores of marks and cases out: the network that restores the written form.

A word is the sum of a vector of its own, if it is frequent, and of the mean of the vectors of its
first and last letters (after Bojanowski et al. 2017, section 3.2, with affixes alone), so that any
word of any alphabetic script has one. A bidirectional LSTM reads them (Tilk & Alumäe 2016); one
head scores the mark behind each word, the other its case, given the mark before it.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from las_cli.errors import LasError
from las_cli.text.marks import CASES, MARKS

OTHER, START, END = 0, 1, 2  # ids: a word outside the vocabulary, the edges of a recording
FIRST = 3  # id of the first word of the vocabulary
AFFIXES = 4  # letters of the longest; as many at the front as at the end
NO_MARK = 0  # class of a word without a mark; MARKS follow
BEFORE_FIRST = 1 + len(MARKS)  # in place of the mark before the first word of a recording


@dataclass(frozen=True)
class PunctuationConfig:
    """Sizes of the network."""

    words: int = 30_000  # in the vocabulary, at most
    buckets: int = 2**15  # rows that all affixes share, by their hash
    embedding: int = 96  # size of a word's vector
    hidden: int = 160  # of the LSTM, each way
    inner: int = 96  # of the layer inside each head
    dropout: float = 0.1  # of the LSTM's input and output, while it is trained

    def __post_init__(self) -> None:
        for name in ("words", "buckets", "embedding", "hidden", "inner"):
            if not 1 <= getattr(self, name) <= 2**24:
                raise LasError(f"punctuation network: {name} is {getattr(self, name)}, expected "
                               "1 to 16777216")  # fmt: skip
        if not 0 <= self.dropout < 1:
            raise LasError(f"punctuation network: dropout is {self.dropout}, expected 0 to below 1")


def affix_rows(word: str, buckets: int) -> list[int]:
    """The rows of a word's affixes, 2 * AFFIXES of them: a table shared by hash (CRC-32)."""
    parts = [f"{size}<{word[:size]}" for size in range(1, AFFIXES + 1)]
    parts += [f"{size}>{word[-size:]}" for size in range(1, AFFIXES + 1)]
    return [zlib.crc32(part.encode("utf-8", "replace")) % buckets for part in parts]


class PunctuationNetwork(nn.Module):
    """Scores of the mark behind each word and of its case."""

    def __init__(self, config: PunctuationConfig) -> None:
        super().__init__()
        self.config = config
        size, hidden, inner = config.embedding, config.hidden, config.inner
        self.words = nn.Embedding(FIRST + config.words, size)
        self.affixes = nn.EmbeddingBag(config.buckets, size, mode="mean")
        self.reader = nn.LSTM(size, hidden, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(config.dropout)
        self.mark_inner = nn.Linear(2 * hidden, inner)
        self.mark = nn.Linear(inner, 1 + len(MARKS))
        self.case_inner = nn.Linear(2 * hidden + size, inner)
        self.case_before = nn.Embedding(BEFORE_FIRST + 1, inner)
        self.case = nn.Linear(inner, len(CASES))

    def vectors(self, ids: Tensor, affixes: Tensor) -> Tensor:
        """Vectors [N, D] of words: their ids [N] and the rows of their affixes [N, A]."""
        return cast(Tensor, self.words(ids) + self.affixes(affixes))

    def read(self, vectors: Tensor) -> Tensor:
        """What the reader makes of vectors [B, U, D]: [B, U, 2H]."""
        states, _ = self.reader(self.drop(vectors))
        return cast(Tensor, self.drop(states))

    def score_marks(self, states: Tensor) -> Tensor:
        """Scores before softmax of no mark and of MARKS: [B, U, 7] of states [B, U, 2H]."""
        return cast(Tensor, self.mark(torch.relu(self.mark_inner(states))))

    def score_cases(self, states: Tensor, vectors: Tensor, before: Tensor) -> Tensor:
        """Scores before softmax of CASES: [B, U, 4]; before: class of the mark before, [B, U]."""
        inner = self.case_inner(torch.cat([states, vectors], dim=-1)) + self.case_before(before)
        return cast(Tensor, self.case(torch.relu(inner)))
