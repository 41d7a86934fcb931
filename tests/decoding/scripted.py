"""A joint scorer that says what a test has written down, whatever network there is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch

from las_cli.decoding.joint import Continuations
from las_cli.padding import Places
from las_cli.text.units import EOS

UNITS = 5  # blank, end of sentence, and the letters a, b, c
Script = Callable[[str], Mapping[str, float]]  # text so far → letter, "" for the end → log p


class Scripted:
    """What `beam_search` asks of a joint scorer, one script an utterance.

    What a script does not name is not tried. Weighted scores and the speller's are the same here.
    """

    def __init__(self, *scripts: Script, ends_freely: bool = True) -> None:
        self.batch, self.units, self.sources = len(scripts), UNITS, ("script",)
        self.ends_freely = ends_freely
        self.places = Places.single(len(scripts), torch.device("cpu"))
        self.steps = 0  # letters asked for
        self.live: list[int] = []  # hypotheses at each of them
        self._scripts = list(scripts)
        self._texts = [""] * len(scripts)
        self._totals = torch.zeros(len(scripts))

    def continuations(self) -> Continuations:
        self.steps += 1
        self.live.append(len(self._texts))
        letter = torch.full((len(self._texts), UNITS), -math.inf)
        owners = self.places.owner.tolist()
        for row, (owner, text) in enumerate(zip(owners, self._texts, strict=True)):
            for name, score in self._scripts[owner](text).items():
                letter[row, id_of(name)] = score
        total = self._totals[:, None] + letter
        may_end = torch.ones(len(letter), dtype=torch.bool)
        return Continuations(total, (total.clone(),), letter, None, may_end)

    def advance(
        self, parents: torch.Tensor, letters: torch.Tensor, step: Continuations, at: Places
    ) -> None:
        self._totals, self.places = step.scores[0][parents, letters], at
        grown = zip(parents.tolist(), letters.tolist(), strict=True)
        self._texts = [self._texts[parent] + text_of([letter]) for parent, letter in grown]

    def take(self, rows: torch.Tensor) -> None:
        self._scripts = [self._scripts[row] for row in rows.tolist()]
        self.places = self.places.take(rows)


def id_of(letter: str) -> int:
    return 2 + "abc".index(letter) if letter else EOS


def text_of(units: list[int] | tuple[int, ...]) -> str:
    return "".join("?.abc"[unit] for unit in units)


def path(*letters: float, ends: Mapping[int, float]) -> Script:
    """One text, aaa…, its letters scored as told, that may end at the lengths told."""

    def script(text: str) -> Mapping[str, float]:
        scores = {"a": letters[len(text)]} if len(text) < len(letters) else {}
        return scores | ({"": ends[len(text)]} if len(text) in ends else {})

    return script


def random_script(seed: int) -> Script:
    """Letters and ends of chance; an end is unlikely at first."""

    def script(text: str) -> Mapping[str, float]:
        generator = torch.Generator().manual_seed(seed * 1000 + hash_of(text))
        scores = torch.randn(4, generator=generator).mul(1.5).log_softmax(0).tolist()
        return dict(zip(("", "a", "b", "c"), scores, strict=True))

    return script


def hash_of(text: str) -> int:
    """A number of its own for each short text."""
    return sum((1 + "abc".index(letter)) * 4**place for place, letter in enumerate(text))
