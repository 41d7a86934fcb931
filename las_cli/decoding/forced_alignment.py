"""A hypothesis and what the network heard in, the place of each letter and word out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from las_cli.network.device import where_ctc_runs
from las_cli.text.units import BLANK, FIRST, Units, steps_needed


@dataclass(frozen=True)
class Span:
    """Where a letter was heard."""

    start: int  # first listener step
    end: int  # step behind the last, > start
    score: float  # mean log p of the letter over these steps


def align_ctc(log_probs: Tensor, units: Sequence[int]) -> list[Span] | None:
    """The likeliest place of each letter by CTC (Kürzinger et al. 2020, section 2.1).

    log_probs [T, V], units [U] → U spans in order; None where they do not fit into T steps.
    """
    from torchaudio.functional import forced_align

    log_probs = where_ctc_runs(log_probs)
    if not units or steps_needed(units) > len(log_probs):
        return None
    targets = torch.tensor([list(units)], dtype=torch.int32, device=log_probs.device)
    path, scores = forced_align(log_probs[None].float().contiguous(), targets, blank=BLANK)
    return _spans(path[0].tolist(), scores[0].tolist())


def _spans(path: list[int], scores: list[float]) -> list[Span]:
    """Runs of one letter on a CTC path [T]."""
    spans: list[Span] = []
    start = 0
    for step in range(1, len(path) + 1):
        if step == len(path) or path[step] != path[start]:
            if path[start] != BLANK:
                spans.append(Span(start, step, sum(scores[start:step]) / (step - start)))
            start = step
    return spans


def align_attention(weights: Tensor, scores: Sequence[float]) -> list[Span]:
    """The place of each letter by the speller's attention, for models without a CTC head.

    weights [U, T] of U letters, scores [U] their log p. The path of most weight that never goes
    back is taken (dynamic programming); several letters may share a step.
    """
    count, steps = weights.shape
    gain = weights.float().clamp(min=1e-6).log()
    best, back = gain[0], []
    for letter in gain[1:]:
        reached, origin = torch.cummax(best, dim=0)
        back.append(origin)
        best = reached + letter
    place = int(best.argmax())
    places = [place]
    for origin in reversed(back):
        place = int(origin[place])
        places.append(place)
    return [Span(p, p + 1, s) for p, s in zip(reversed(places), scores, strict=True)]


def spread_evenly(scores: Sequence[float], steps: int) -> list[Span]:
    """Letters at even distances over `steps`: where more letters than steps were written."""
    count = len(scores)
    return [
        Span(
            min(steps - 1, i * steps // count),
            min(steps, max(i * steps // count + 1, (i + 1) * steps // count)),
            score,
        )
        for i, score in enumerate(scores)
    ]


@dataclass(frozen=True)
class WordPlace:
    """A word of a hypothesis: its letters, and its place in the sound."""

    text: str
    first: int  # index of its first unit
    last: int  # index behind its last unit
    start: float  # seconds from the start of the utterance
    end: float  # seconds, > start


def place_words(
    units: Sequence[int],
    spans: Sequence[Span],
    alphabet: Units,
    step_seconds: float,
    duration: float,
) -> list[WordPlace]:
    """The words of `units` [U] with times from the spans of their letters.

    CTC letters are spikes of a step or two, so a word is given half a step to either side where the
    neighbours leave it. Times rise, lie in 0 … `duration` seconds, and words do not overlap.
    """
    groups = group_words(units, alphabet)
    bounds: list[tuple[float, float]] = []
    for first, last, _ in groups:
        start, end = spans[first].start - 0.5, spans[last - 1].end + 0.5
        bounds.append((max(0.0, start * step_seconds), min(duration, end * step_seconds)))
    places: list[WordPlace] = []
    floor = 0.0
    for index, (first, last, text) in enumerate(groups):
        start, end = bounds[index]
        if index + 1 < len(groups) and end > bounds[index + 1][0]:
            end = (end + bounds[index + 1][0]) / 2
        start = min(max(start, floor), duration)
        end = min(max(end, start), duration)
        places.append(WordPlace(text, first, last, round(start, 3), round(end, 3)))
        floor = end
    return _parted(places)


def _parted(places: list[WordPlace]) -> list[WordPlace]:
    """Words that were left no time share that of the words they touch, each a like part."""
    parted = list(places)
    for index, place in enumerate(places):
        if parted[index].end > parted[index].start:
            continue
        first = last = index
        while first > 0 and parted[first - 1].end >= place.start:
            first -= 1
            if parted[first].end > parted[first].start:
                break
        while last + 1 < len(places) and parted[last + 1].start <= parted[last].end:
            last += 1
            if parted[last].end > parted[last].start:
                break
        start, end = parted[first].start, parted[last].end
        share = (end - start) / (last - first + 1)
        for at in range(first, last + 1):
            begin = start + (at - first) * share
            parted[at] = replace(parted[at], start=round(begin, 3), end=round(begin + share, 3))
    return parted


def group_words(units: Sequence[int], alphabet: Units) -> list[tuple[int, int, str]]:
    """Words of `units` [U] as (first, behind last, text); spaces belong to no word.

    Word pieces begin a word with "▁" or follow their word without a space.
    """
    names = alphabet.units
    groups: list[tuple[int, int, str]] = []
    first = 0
    for index in range(len(units) + 1):
        name = names[units[index] - FIRST] if index < len(units) else " "
        if name.isspace() or name.startswith("▁"):
            if text := alphabet.decode(units[first:index]).strip():
                groups.append((first, index, text))
            first = index + 1 if name.isspace() else index
    return groups
