"""Punctuated text in, a trained punctuation network and its vocabulary out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from las_cli.errors import LasError
from las_cli.language.lm_training import schedule
from las_cli.text.marks import CASES, MARKS
from las_cli.written.punctuated_text import UNKNOWN, PunctuatedText, recordings
from las_cli.written.punctuation_network import (
    BEFORE_FIRST,
    END,
    FIRST,
    OTHER,
    START,
    PunctuationConfig,
    PunctuationNetwork,
    affix_rows,
)

CONTEXTS = 400  # frequent words whose nearness says what kind of word another is
ROW_WORDS = 64  # words in each stretch of a batch
COUNTED = 5.0  # sights of a word by which its first vector counts half
SPREAD = 0.3  # standard deviation of the numbers in first vectors
CASE_WEIGHT = 0.5  # of the loss of cases beside that of marks
FORGOTTEN = 0.03  # share of words whose own vector is left out, so that affixes learn to do alone


@dataclass(frozen=True)
class PunctuationTraining:
    """How the network is trained."""

    epochs: float = 2.0  # passes over the text
    max_minutes: float | None = None  # the schedule ends within them
    rows: int = 64  # stretches of text in a batch
    row_words: int = ROW_WORDS
    learning_rate: float = 4e-3  # peak of Adam's
    clip: float = 1.0  # largest norm of the gradient
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("epochs", "max_minutes", "rows", "row_words", "learning_rate", "clip"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise LasError(f"punctuation training: {name} must be more than 0")


@dataclass
class PunctuationProgress:
    """How far a training is."""

    step: int = 0
    words: int = 0  # learned from, repeats counted
    seconds: float = 0.0
    mark_loss: float = math.nan  # nats a word, moving averages
    case_loss: float = math.nan


class TrainingWords:
    """A text and its vocabulary, as tensors that batches are looked up in."""

    def __init__(self, text: PunctuatedText, config: PunctuationConfig) -> None:
        self.text = text
        times = np.bincount(text.words, minlength=len(text.types))
        most = np.argsort(-times, kind="stable")[: config.words]
        self.vocabulary = [text.types[place] for place in most]
        ids = np.zeros(len(text.types) + 2, np.int64)  # two more types: the edges
        ids[most] = np.arange(FIRST, FIRST + len(most))
        self.start, self.end = len(text.types), len(text.types) + 1
        ids[self.start], ids[self.end] = START, END
        rows = [affix_rows(word, config.buckets) for word in [*text.types, "<start>", "<end>"]]
        self.ids, self.affixes = torch.from_numpy(ids), torch.tensor(rows)

    def stream(self, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Types, marks, cases and marks before of the whole text, cut into recordings."""
        text = self.text
        spans = [(int(text.starts[a]), int(text.starts[b])) for a, b in recordings(text, seed)]
        total = len(text.words) + 2 * len(spans)
        begins = np.array([a for a, _ in spans]) + 2 * np.arange(len(spans))
        ends = np.array([b for _, b in spans]) + 2 * np.arange(len(spans)) + 1
        inner = np.ones(total, bool)
        inner[begins] = inner[ends] = False
        words = np.empty(total, np.int32)
        marks, cases = np.full(total, UNKNOWN, np.int8), np.full(total, UNKNOWN, np.int8)
        words[begins], words[ends] = self.start, self.end
        words[inner], marks[inner], cases[inner] = text.words, text.marks, text.cases
        before = np.empty(total, np.int8)
        before[1:] = np.maximum(marks[:-1], 0)
        before[begins[1:]], before[begins + 1], before[0] = 0, BEFORE_FIRST, 0
        return words, marks, cases, before

    def batches(self, seed: int, rows: int, row_words: int) -> Iterator[list[Tensor]]:
        """Types, marks, cases and marks before, each [B, U], of one pass in random order."""
        draws = np.random.default_rng(seed)
        arrays = self.stream(seed)
        offset = int(draws.integers(row_words))
        if offset + row_words > len(arrays[0]):  # a text of a few lines
            arrays = tuple(  # type: ignore[assignment]
                np.concatenate([one, np.full(row_words, fill, one.dtype)])
                for one, fill in zip(arrays, (self.end, UNKNOWN, UNKNOWN, 0), strict=True)
            )
            offset = 0
        count = (len(arrays[0]) - offset) // row_words
        table = [one[offset : offset + count * row_words].reshape(count, -1) for one in arrays]
        order = draws.permutation(count)
        for first in range(0, count, rows):
            chosen = order[first : first + rows]
            yield [torch.from_numpy(one[chosen].astype(np.int64)) for one in table]


def new_network(config: PunctuationConfig, words: TrainingWords, seed: int) -> PunctuationNetwork:
    """A network to train: vectors of words from their neighbours, the rest random."""
    torch.manual_seed(seed)
    network = PunctuationNetwork(config)
    with torch.no_grad():
        nn.init.normal_(network.words.weight, std=SPREAD)
        nn.init.normal_(network.affixes.weight, std=SPREAD / 3)
        first = first_vectors(words, config.embedding)
        network.words.weight[FIRST : FIRST + len(first), : first.shape[1]] = first
    return network


def first_vectors(words: TrainingWords, size: int) -> Tensor:
    """Vectors of the vocabulary [V, D], D at most `size`, from counts.

    Which frequent words, marks and cases stand beside a word, as pointwise mutual information,
    brought down to `size` numbers (Levy & Goldberg 2014, section 3; Halko et al. 2011). A single
    pass over a text teaches a rare word's vector little; this gives it its kind from the start.
    """
    text = words.text
    ids = words.ids.numpy()[text.words]
    rows = FIRST + len(words.vocabulary)
    near = min(CONTEXTS, len(words.vocabulary))
    known = (ids >= FIRST) & (ids < FIRST + near)
    marks = np.maximum(text.marks, 0)
    parts = [
        (ids[:-1][known[1:]], ids[1:][known[1:]] - FIRST, near),  # the word after
        (ids[1:][known[:-1]], ids[:-1][known[:-1]] - FIRST, near),  # the word before
        (ids, marks, 1 + len(MARKS)),
        (ids[1:], marks[:-1], 1 + len(MARKS)),
        (ids, text.cases, len(CASES)),
    ]
    counts = np.concatenate(
        [
            np.bincount(own.astype(np.int64) * width + column, minlength=rows * width)
            .reshape(rows, width)
            .astype(np.float32)
            for own, column, width in parts
        ],
        axis=1,
    )[FIRST:]
    share = counts.sum(axis=0, keepdims=True) / max(1.0, float(counts.sum())) + 1e-9
    total = counts.sum(axis=1, keepdims=True)
    gain = np.log((counts + COUNTED * share) / ((total + COUNTED) * share))
    gain = (gain.clip(-3, 6) - gain.mean(axis=0, keepdims=True)) * np.sqrt(share)
    gain[:, 2 * near :] *= 2  # marks and cases are what the network is to tell
    rank = min(size, *gain.shape)
    left, spread, _ = torch.svd_lowrank(torch.from_numpy(gain.astype(np.float32)), q=rank, niter=3)
    found = left * spread.sqrt()
    return found * (SPREAD / found.std().clamp(min=1e-6)) if found.numel() > 1 else found


def punctuation_losses(
    network: PunctuationNetwork, words: TrainingWords, batch: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """The loss of marks and that of cases, nats a word."""
    types, marks, cases, before = batch
    unique, places = torch.unique(types, return_inverse=True)
    ids = words.ids[unique]
    if network.training:
        forgotten = (torch.rand(len(ids)) < FORGOTTEN) & (ids >= FIRST)
        ids = ids.masked_fill(forgotten, OTHER)
    vectors = network.vectors(ids, words.affixes[unique])[places]
    states = network.read(vectors)
    scores = network.score_marks(states).flatten(0, 1)
    mark_loss = nn.functional.cross_entropy(scores, marks.flatten(), ignore_index=UNKNOWN)
    scores = network.score_cases(states, vectors, before).flatten(0, 1)
    case_loss = nn.functional.cross_entropy(scores, cases.flatten(), ignore_index=UNKNOWN)
    return mark_loss, case_loss


def train_punctuation(
    network: PunctuationNetwork,
    words: TrainingWords,
    settings: PunctuationTraining,
    report: Callable[[PunctuationProgress, float], None] | None = None,
) -> PunctuationProgress:
    """Train `network` in place.

    report: called after each step with the progress and the share done, 0 … 1
    """
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate, fused=True)
    at = PunctuationProgress()
    goal = settings.epochs * len(words.text.words)
    started = time.monotonic()
    share, epoch = 0.0, 0
    torch.manual_seed(settings.seed)
    network.train()
    while share < 1.0:
        for batch in words.batches(settings.seed + epoch, settings.rows, settings.row_words):
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * schedule(at.step, share)
            mark_loss, case_loss = punctuation_losses(network, words, batch)
            optimizer.zero_grad(set_to_none=True)
            (mark_loss + CASE_WEIGHT * case_loss).backward()
            nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
            optimizer.step()
            at.mark_loss = _moving(at.mark_loss, float(mark_loss.detach()))
            at.case_loss = _moving(at.case_loss, float(case_loss.detach()))
            at.step, at.words = at.step + 1, at.words + batch[0].numel()
            at.seconds = time.monotonic() - started
            share = at.words / goal
            if settings.max_minutes is not None:
                share = max(share, at.seconds / 60 / settings.max_minutes)
            if report:
                report(at, min(1.0, share))
            if share >= 1.0:
                break
        epoch += 1
    network.eval()
    return at


def _moving(mean: float, value: float) -> float:
    return value if math.isnan(mean) else 0.98 * mean + 0.02 * value
