"""Expected words in, the bonus of every letter behind every hypothesis out."""

from __future__ import annotations

import threading
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from las_cli.decoding.hotwords import Hotword
from las_cli.text.units import EOS, FIRST, Units

ELSEWHERE, START = 0, 1  # states: within some other word; where a word may begin
# Scripts that are written without spaces: a word may begin and end at any letter.
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO", "THAI", "LAO", "KHMER", "MYANMAR")


class Lines(NamedTuple):
    """What letters change, of several hypotheses."""

    bonus: Tensor  # nats, [N, V]
    held: Tensor  # of all nats up to and with the letter, what may yet be taken back, [N, V]
    following: Tensor  # the states behind the letters, [N, V]


class HotwordTree:
    """A prefix tree of expected words that knows where it stands (Aho and Corasick 1975).

    A hypothesis whose last letters begin an expected word has a bonus for each of them. It loses
    all of it with the first letter that leaves the word, and keeps it where the word ends: a word
    counts only as a whole. States are walked by characters, so that it does not matter in which
    pieces a model writes a word. Lines of the table are made when a search first comes by.
    """

    def __init__(self, words: Iterable[Hotword], units: Units) -> None:
        """words: as the model writes them, of its letters alone."""
        self._children: list[dict[str, int]] = [{}, {}]
        self._last = ["", ""]
        self._bonus = [0.0, 0.0]  # of all letters matched so far
        self._gain = [0.0, 0.0]  # of the best word that may end here
        self._words: dict[int, str] = {}  # by the state they end in
        for text, weight in words:
            self._add(text, weight)
        self._fail = [ELSEWHERE, ELSEWHERE]
        self._link()
        self._units = [unit.replace("▁", " ") for unit in units.units]
        self._by_first = defaultdict[str, list[int]](list)
        for index, unit in enumerate(self._units):
            self._by_first[unit[:1]].append(index)
        # 1 of units that a word may end before, whatever letter it ends in, [V]
        parting = [0.0] * FIRST + [float(not _inside(unit[:1])) for unit in self._units]
        self._parting = torch.tensor(parting)
        self._rows: dict[int, int] = {}  # of states in the table
        self._size = FIRST + len(self._units)
        self._delta = torch.zeros(0, self._size)
        self._held = torch.zeros(0, self._size)
        self._next = torch.zeros(0, self._size, dtype=torch.int64)
        self._busy = threading.Lock()  # several lanes search at a time

    def lines(self, states: Sequence[int]) -> Lines:
        """What each letter changes for hypotheses in `states`, [N, V] each."""
        with self._busy:
            for state in set(states) - self._rows.keys():
                self._make(state)
            rows = torch.tensor([self._rows[state] for state in states])
            return Lines(self._delta[rows], self._held[rows], self._next[rows])

    def score(self, text: str) -> float:
        """The bonus of a whole text, once it has ended."""
        state, total = START, 0.0
        for letter in text:
            state, more = self._go(state, letter)
            total += more
        return total + self._gain[state] - self._bonus[state]

    def spot(self, text: str) -> tuple[str, ...]:
        """The expected words in a text, each once, in the order in which they end."""
        found: dict[str, None] = {}
        state = START
        for letter in (*text, " "):
            ended = state if _part(self._last[state], letter) else ELSEWHERE
            while ended not in (ELSEWHERE, START):
                if ended in self._words:
                    found[self._words[ended]] = None
                ended = self._fail[ended]
            state = self._target(state, letter)
        return tuple(found)

    def _add(self, text: str, weight: float) -> None:
        state = START
        for depth, letter in enumerate(text, 1):
            below = self._children[state]
            if letter not in below:
                below[letter] = len(self._children)
                self._children.append({})
                self._last.append(letter)
                self._bonus.append(0.0)
                self._gain.append(0.0)
            state = below[letter]
            self._bonus[state] = max(self._bonus[state], weight * depth)
        self._gain[state] = max(self._gain[state], weight * len(text))
        self._words[state] = text

    def _link(self) -> None:
        """Where each state goes on from when no child fits; and what is paid along the way.

        A word within a longer one (New York, New York City) is paid when it ends, and what the
        longer one is worth beyond it when that ends.
        """
        self._fail += [ELSEWHERE] * (len(self._children) - 2)
        paid = [0.0] * len(self._children)
        layer = [START]
        while layer:
            following = []
            for state in layer:
                for letter, child in self._children[state].items():
                    if state == START:
                        self._fail[child] = _rest(letter)
                    else:
                        self._fail[child] = self._target(self._fail[state], letter)
                    if _part(self._last[state], letter):
                        paid[child] = paid[state] + self._gain[state]
                    else:
                        paid[child] = paid[state]
                    self._bonus[child] = max(0.0, self._bonus[child] - paid[child])
                    own = max(0.0, self._gain[child] - paid[child])
                    self._gain[child] = max(own, self._gain[self._fail[child]])
                    following.append(child)
            layer = following

    def _target(self, state: int, letter: str) -> int:
        """The state behind `letter`."""
        while state not in (ELSEWHERE, START):
            if letter in self._children[state]:
                return self._children[state][letter]
            state = self._fail[state]
        if state == START or not _inside(letter):
            return self._children[START].get(letter, _rest(letter))
        return ELSEWHERE

    def _go(self, state: int, letter: str) -> tuple[int, float]:
        """The state behind `letter`, and what it changes."""
        target = self._target(state, letter)
        kept = self._gain[state] if _part(self._last[state], letter) else 0.0
        return target, kept + self._bonus[target] - self._bonus[state]

    def _make(self, state: int) -> None:
        """The line of `state` in the table."""
        row = len(self._rows)
        if row == len(self._delta):
            grown = max(64, row)
            self._delta = torch.cat([self._delta, torch.zeros(grown, self._size)])
            self._held = torch.cat([self._held, torch.zeros(grown, self._size)])
            self._next = torch.cat([self._next, self._next.new_zeros(grown, self._size)])
        self._rows[state] = row
        letters, base = set[str](), state
        while base not in (ELSEWHERE, START):
            letters |= self._children[base].keys()
            base = self._fail[base]
        if base == state:
            own: Iterable[int] = range(len(self._units))
        else:  # all units but few do what they do where no word has begun
            if base not in self._rows:
                self._make(base)
            like, leaves = self._rows[base], self._bonus[state]
            parting = self._parting if _inside(self._last[state]) else torch.ones(self._size)
            self._next[row], self._held[row] = self._next[like], self._held[like]
            self._delta[row] = self._delta[like] - leaves + parting * self._gain[state]
            own = (index for letter in letters for index in self._by_first[letter])
        for index in own:
            now, total = state, 0.0
            for letter in self._units[index]:
                now, more = self._go(now, letter)
                total += more
            self._next[row, FIRST + index] = now
            self._delta[row, FIRST + index] = total
            self._held[row, FIRST + index] = self._bonus[now]
        self._delta[row, EOS] = self._gain[state] - self._bonus[state]


@lru_cache(maxsize=8192)
def _inside(letter: str) -> bool:
    """Whether `letter` goes on with a word that it stands next to, in scripts with spaces."""
    if letter in ("'", "\u200c", "\u200d"):
        return True
    if unicodedata.category(letter)[0] not in "LMN":
        return False
    return not unicodedata.name(letter, "").startswith(_UNSPACED)


def _part(before: str, letter: str) -> bool:
    """Whether a word may end between two letters."""
    return not (before and _inside(before) and _inside(letter))


def _rest(letter: str) -> int:
    """The state behind a letter that begins nothing."""
    return ELSEWHERE if _inside(letter) else START
