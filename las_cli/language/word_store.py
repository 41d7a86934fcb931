"""Word n-grams in, the tensors and sizes of the language model's files out; and back, checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from torch import Tensor

from las_cli.errors import LasError
from las_cli.language.word_ngrams import Order, WordNgrams
from las_cli.language.word_tokens import LONGEST_WORD

PREFIX = "words."  # of the names of all tensors here
HIGHEST = 6  # order
MOST = 2**31  # of anything that is counted


class Sizes(TypedDict):
    """Sizes of the tensors, in lm.json; the order is one more than the counts of `ngrams`."""

    vocabulary: int  # W
    letters: int  # of all words together
    ngrams: list[int]  # bigrams, trigrams, …


def sizes_of(ngrams: WordNgrams) -> Sizes:
    """What `read_sizes` reads again."""
    return {
        "vocabulary": len(ngrams.lengths),
        "letters": len(ngrams.letters),
        "ngrams": [len(order.words) for order in ngrams.orders],
    }


def read_sizes(data: dict[str, Any]) -> Sizes:
    """Sizes from JSON; ValueError says what is wrong with them."""
    if set(data) != set(Sizes.__annotations__):
        raise ValueError(f"must hold share, {', '.join(Sizes.__annotations__)} and no more")
    ngrams = data["ngrams"]
    if not isinstance(ngrams, list) or not 1 <= len(ngrams) < HIGHEST:
        raise ValueError(f"ngrams is {ngrams!r}, expected a list of 1 to {HIGHEST - 1} counts")
    for value in (data["vocabulary"], data["letters"], *ngrams):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < MOST:
            raise ValueError(f"{value!r} is no count above 0")
    return Sizes(vocabulary=data["vocabulary"], letters=data["letters"], ngrams=ngrams)


def table_shapes(sizes: Sizes) -> dict[str, tuple[int, ...]]:
    """Name → shape of each tensor of n-grams of `sizes`."""
    words = sizes["vocabulary"]
    shapes = {"letters": (sizes["letters"],), "lengths": (words,), "logs": (words + 1,)}
    contexts = words + 2  # the end and the begin of sentence among them
    for order, count in enumerate(sizes["ngrams"], 2):
        shapes[f"{order}.followers"] = (contexts,)
        shapes[f"{order}.words"] = shapes[f"{order}.logs"] = (count,)
        contexts = count
    return {PREFIX + name: shape for name, shape in shapes.items()}


def tables_of(ngrams: WordNgrams) -> dict[str, Tensor]:
    """The tensors of `ngrams`: whole numbers as int16 or int32, log probabilities as float16."""
    arrays = {
        "letters": ngrams.letters.astype(np.int16),
        "lengths": ngrams.lengths.astype(np.int16),
        "logs": ngrams.logs.astype(np.float16),
    }
    for number, order in enumerate(ngrams.orders, 2):
        arrays[f"{number}.followers"] = order.followers.astype(np.int32)
        arrays[f"{number}.words"] = order.words.astype(np.int32)
        arrays[f"{number}.logs"] = order.logs.astype(np.float16)
    return {PREFIX + name: torch.from_numpy(array) for name, array in arrays.items()}


def ngrams_of(tensors: dict[str, Tensor], path: Path, units: int, space: int) -> WordNgrams:
    """The n-grams that `tables_of` made into tensors; LasError if they cannot be any.

    path: of the file they are from, for the message; units: V of the alphabet; space: its id
    """
    own = {name.removeprefix(PREFIX): tensor for name, tensor in tensors.items()}
    logs = {name: own[name].double().numpy() for name in own if name.endswith("logs")}
    counts = {name: own[name].long().numpy() for name in own.keys() - logs.keys()}
    orders = tuple(
        Order(counts[f"{n}.followers"], counts[f"{n}.words"], logs[f"{n}.logs"])
        for n in range(2, 2 + sum(name.endswith(".words") for name in own))
    )
    ngrams = WordNgrams(counts["letters"], counts["lengths"], logs["logs"], orders)
    if problem := _problem(ngrams, units, space):
        raise LasError(f"{path}: damaged: {problem}; copy or train the language model again")
    return ngrams


def _problem(ngrams: WordNgrams, units: int, space: int) -> str | None:
    """Why these cannot be n-grams, None if they can."""
    letters, lengths = ngrams.letters, ngrams.lengths
    if not ((letters >= 2) & (letters < units)).all():
        return "letters outside the alphabet"
    if (letters == space).any():
        return "words with a space in them"
    if not ((lengths >= 1) & (lengths <= LONGEST_WORD)).all() or lengths.sum() != len(letters):
        return "the lengths of the words do not add up"
    table = np.zeros((len(lengths), LONGEST_WORD), dtype=np.int64)
    table[np.arange(LONGEST_WORD) < lengths[:, None]] = letters
    change = np.diff(table, axis=0)
    differs = change != 0
    first = np.take_along_axis(change, differs.argmax(1)[:, None], axis=1)
    if not (first > 0).all():
        return "the words are not in order"
    for name, logs in [("words", ngrams.logs), *(("n-grams", o.logs) for o in ngrams.orders)]:
        if not (logs <= 0).all():  # NaN fails too
            return f"probabilities of {name} above 1"
    if np.exp(ngrams.logs).sum() > 1.01:
        return "probabilities of words that add up to more than 1"
    for order in ngrams.orders:
        if not (order.followers >= 0).all() or order.followers.sum() != len(order.words):
            return "the counts of n-grams do not add up"
        if not ((order.words >= 0) & (order.words <= ngrams.end)).all():
            return "n-grams of words that are none"
        contexts = np.repeat(np.arange(len(order.followers)), order.followers)
        same = np.diff(contexts) == 0
        if not (np.diff(order.words)[same] > 0).all():
            return "the n-grams are not in order"
        sums = np.bincount(contexts, weights=np.exp(order.logs))
        if (sums > 1.01).any():
            return "probabilities of n-grams that add up to more than 1"
    return None
