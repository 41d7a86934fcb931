"""A transcript that leaves words open in, the reading that fits another text best out.

sclite's marks in STM and trn files (NIST, sclite's infmts): `{ i've / i have }` is one or the
other, `@` in it nothing at all, `(uh)` a word that may be left out. Alternatives may hold others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# A brace, a bar by itself, a word that may lack (also several: `(you know)`), or a word.
_TOKEN = re.compile(r"[{}]|(?<!\S)\([^(){}]*\)(?=\s|[{}]|$)|[^\s{}]+")
NOTHING = "@"

# Errors so far, units of this text so far (fewer is worse), and its words in reverse, linked.
_State = tuple[int, int, "tuple[str, object] | None"]


@dataclass(frozen=True, slots=True)
class Choice:
    """Readings of which one was said, each a sequence of texts and further choices."""

    readings: tuple[tuple[str | Choice, ...], ...]


@dataclass(frozen=True, slots=True)
class Choices:
    """A transcript with at least one choice in it."""

    parts: tuple[str | Choice, ...]

    @property
    def first(self) -> str:
        """The reading in which everything open is said, and of alternatives the first one."""
        return " ".join(_first(self.parts))

    def closest(self, other: str, apply: Callable[[str], str] = str) -> str:
        """The reading with the fewest word errors against `other`; with as few, the longest one.

        apply: what is done to texts before they are compared. The dynamic programme of
        Levenshtein, with a column an alternative where there are several; words² steps.
        """
        words = apply(other).split()
        start: list[_State] = [(place, 0, None) for place in range(len(words) + 1)]
        _, _, chain = _through(self.parts, start, words, apply)[-1]
        said: list[str] = []
        while chain is not None:
            said.append(chain[0])
            chain = chain[1]  # type: ignore[assignment]
        return " ".join(reversed(said))


def parse_choices(text: str) -> Choices | None:
    """The choices in a transcript, None where it leaves nothing open.

    Raises ValueError for braces that do not belong together.
    """
    if not any(mark in text for mark in "{}("):
        return None
    tokens = _TOKEN.findall(text)
    parts, at, _ = _parse(tokens, 0, inside=False)
    if at < len(tokens):
        raise ValueError("a } without its {")
    return Choices(parts) if any(isinstance(part, Choice) for part in parts) else None


def _parse(
    tokens: Sequence[str], at: int, inside: bool
) -> tuple[tuple[str | Choice, ...], int, tuple[tuple[str | Choice, ...], ...]]:
    """Parts from token `at` on to the end, or to the } of a choice; its readings before."""
    readings: list[tuple[str | Choice, ...]] = []
    parts: list[str | Choice] = []
    words: list[str] = []

    def flush() -> None:
        if words:
            parts.append(" ".join(words))
            words.clear()

    while at < len(tokens):
        token = tokens[at]
        if token == "}":
            break
        at += 1
        if token == "{":
            flush()
            last, at, before = _parse(tokens, at, inside=True)
            if at >= len(tokens):
                raise ValueError("a { that is not closed")
            at += 1
            if before:
                parts.append(Choice((*before, last)))
            else:
                parts += _split(last)  # {breath}, or {this/that}
        elif token == "/" and inside:
            flush()
            readings.append(tuple(parts))
            parts = []
        elif token == NOTHING and inside:
            continue
        elif token[0] == "(" and token[-1] == ")" and token[1:-1].strip():
            flush()
            parts.append(Choice(((token[1:-1].strip(),), ())))
        else:
            words.append(token)
    flush()
    return tuple(parts), at, tuple(readings)


def _split(parts: tuple[str | Choice, ...]) -> tuple[str | Choice, ...]:
    if len(parts) == 1 and isinstance(parts[0], str) and "/" in parts[0].strip("/"):
        return (Choice(tuple((word,) for word in parts[0].split("/"))),)
    return parts


def _first(parts: Sequence[str | Choice]) -> list[str]:
    said: list[str] = []
    for part in parts:
        said += [part] if isinstance(part, str) else _first(part.readings[0])
    return said


def _through(
    parts: Sequence[str | Choice],
    before: list[_State],
    words: Sequence[str],
    apply: Callable[[str], str],
) -> list[_State]:
    """The cheapest way to each place of `words`, [W + 1], behind `parts`."""
    for part in parts:
        if isinstance(part, Choice):
            ways = [_through(reading, before, words, apply) for reading in part.readings]
            before = [min(column, key=_rank) for column in zip(*ways, strict=True)]
            continue
        said = apply(part).split()
        before = _along(said, before, words)
        # Kept as it is written: normalised as a whole it may read otherwise.
        before = [(errors, count, (part, chain)) for errors, count, chain in before]
    return before


def _along(said: Sequence[str], before: list[_State], words: Sequence[str]) -> list[_State]:
    for unit in said:
        after: list[_State] = []
        for place in range(len(before)):
            errors, count, chain = before[place]
            ways = [(errors + 1, count + 1, chain)]
            if place:
                errors, count, chain = before[place - 1]
                ways.append((errors + (unit != words[place - 1]), count + 1, chain))
                errors, count, chain = after[place - 1]
                ways.append((errors + 1, count, chain))
            after.append(min(ways, key=_rank))
        before = after
    return before


def _rank(state: _State) -> tuple[int, int]:
    return state[0], -state[1]
