"""A corpus without a dev split in; which of its speakers (or sentences) are set aside, out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from las_cli.corpus.utterance import BadRow, Utterance

SHARE = 0.05  # of the training clips


@dataclass(frozen=True)
class HeldOut:
    """The part of train that serves as dev: whole speakers, or single sentences."""

    note: str  # one sentence for the user
    speakers: frozenset[str] = frozenset()
    threshold: int = 0  # sentences whose hash lies below, where there are too few speakers

    def __contains__(self, utterance: Utterance) -> bool:
        if self.speakers:
            return utterance.speaker in self.speakers
        return hash_of(_folded(utterance.text)) < self.threshold


def hash_of(text: str) -> int:
    """64 bits that are the same in every run and on every machine."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def choose(rows: Iterable[Utterance | BadRow], share: float = SHARE) -> HeldOut | None:
    """What to set aside of a training split: about `share` of its clips, by a hash, so that the
    choice is the same every time and stays when clips are added. None for fewer than two clips.

    Speakers are set aside whole. Where that cannot be done (one speaker, or each has more than a
    third of the clips) sentences are chosen instead, all readings of one together.
    """
    speakers: Counter[str] = Counter()
    sentences: Counter[int] = Counter()
    total = 0
    for row in rows:
        if isinstance(row, Utterance):
            total += 1
            if row.speaker is not None:
                speakers[row.speaker] += 1
            sentences[hash_of(_folded(row.text))] += 1
    if total < 2:
        return None
    goal = max(1, round(total * share))
    chosen = _speakers(speakers, total, goal)
    if chosen:
        clips = sum(speakers[name] for name in chosen)
        return HeldOut(
            f"there is no dev split: {len(chosen)} of {len(speakers)} speakers ({clips} of "
            f"{total} clips) are set aside as dev, chosen by a hash of their names",
            speakers=frozenset(chosen),
        )
    taken, threshold = 0, 0
    for value in sorted(sentences):
        if taken and taken + sentences[value] > goal:
            break
        taken += sentences[value]
        threshold = value + 1
    if taken >= total:
        return None
    return HeldOut(
        f"there is no dev split and too few speakers to set one aside: {taken} of {total} clips "
        "are set aside as dev, chosen by a hash of their sentences",
        threshold=threshold,
    )


def _speakers(clips: Counter[str], total: int, goal: int) -> list[str]:
    if len(clips) < 2 or clips.total() < total:
        return []  # clips without a named speaker could be anyone's
    chosen: list[str] = []
    taken = 0
    for name in sorted(clips, key=hash_of):
        if taken + clips[name] <= 2 * goal:
            chosen.append(name)
            taken += clips[name]
        if taken >= goal:
            break
    if not chosen:  # every speaker has more than that: the smallest one, unless that is large too
        smallest = min(clips, key=lambda name: (clips[name], hash_of(name)))
        chosen = [smallest] if clips[smallest] * 3 <= total else []
    return chosen


def _folded(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())
