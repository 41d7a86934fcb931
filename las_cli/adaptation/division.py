"""A user's clips in, a part to train on and a part to check by out, parted by time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from las_cli.errors import LasError
from las_cli.text import TextPolicy
from las_cli.training.text_filter import cut_text

if TYPE_CHECKING:
    from lhotse.cut import Cut

LEAST_SECONDS = 40.0  # of usable speech in all; less cannot be both learned from and checked by
LEAST_SENTENCES = 5  # different ones
CHECK_SHARE = 0.2  # of the sound
LEAST_CHECK, MOST_CHECK = 20.0, 180.0  # seconds
OWN_TAIL = 10  # clips of a recording from which on its own end is checked by


@dataclass(frozen=True)
class Division:
    """What to train on and what to check by; no sentence is in both."""

    train: tuple[Cut, ...]
    check: tuple[Cut, ...]
    shared: int = 0  # clips left out of training, since their sentence is checked by

    @property
    def train_seconds(self) -> float:
        return sound_seconds(self.train)

    @property
    def check_seconds(self) -> float:
        return sound_seconds(self.check)


def sound_seconds(cuts: Iterable[Cut]) -> float:
    """Sound in clips."""
    return sum(cut.duration for cut in cuts)


def divide(cuts: Sequence[Cut], policy: TextPolicy) -> Division:
    """Sets about a fifth of the sound apart, the end of each recording or of the list of clips.

    What was recorded together stays together: a clip is never checked by its neighbours. Where a
    recording holds `OWN_TAIL` clips and more, its own end is taken; else the last recordings are.
    LasError for too little sound, or hardly a different sentence in it.
    """
    total = sound_seconds(cuts)
    if total < LEAST_SECONDS:
        raise LasError(
            f"{total:.0f} s of speech with usable texts are too little to learn from and to check "
            "by: record a minute or more, five if you can"
        )
    sentences = {cut_text(cut, policy) for cut in cuts}
    if len(sentences) < LEAST_SENTENCES:
        raise LasError(
            f"{len(cuts)} clips say only {len(sentences)} different "
            f"sentence{'s' if len(sentences) > 1 else ''}: nothing but that would be learned; "
            f"record at least {LEAST_SENTENCES} different ones, better fifty"
        )
    wanted = min(MOST_CHECK, max(LEAST_CHECK, CHECK_SHARE * total)) / total
    check: list[Cut] = []
    for part in _parts(cuts):
        check += _tail(part, wanted * sound_seconds(part))
    return _without_shared(cuts, check, policy)


def given_division(train: Sequence[Cut], check: Sequence[Cut], policy: TextPolicy) -> Division:
    """The same for a corpus that came with a dev split of its own, of which it takes enough."""
    if sound_seconds(train) < LEAST_SECONDS / 2 or not check:
        return divide([*train, *check], policy)
    return _without_shared(train, _spread(check, MOST_CHECK), policy)


def _spread(cuts: Sequence[Cut], seconds: float) -> list[Cut]:
    """Every n-th clip, of at most about so many seconds: all of it would be searched for hours."""
    step = max(1, math.ceil(sound_seconds(cuts) / seconds))
    return list(cuts[::step])


def _without_shared(cuts: Sequence[Cut], check: Sequence[Cut], policy: TextPolicy) -> Division:
    ids = {id(cut) for cut in check}
    said = {cut_text(cut, policy) for cut in check}
    rest = [cut for cut in cuts if id(cut) not in ids]
    train = [cut for cut in rest if cut_text(cut, policy) not in said]
    if sound_seconds(train) < LEAST_SECONDS / 2:
        raise LasError(
            f"only {sound_seconds(train):.0f} s of speech are left to learn from, since most "
            "sentences are said again and again; record more different ones"
        )
    return Division(tuple(train), tuple(check), len(rest) - len(train))


def _parts(cuts: Sequence[Cut]) -> list[list[Cut]]:
    """Long recordings, each in the order of its time; all short ones together, as listed."""
    recordings: dict[str, list[Cut]] = {}
    for cut in cuts:
        recordings.setdefault(cut.recording.sources[0].source, []).append(cut)
    long = [sorted(one, key=lambda c: c.start) for one in recordings.values() if _is_long(one)]
    short = [cut for one in recordings.values() if not _is_long(one) for cut in one]
    return [*long, short] if short else long


def _is_long(cuts: Sequence[Cut]) -> bool:
    return len(cuts) >= OWN_TAIL


def _tail(cuts: Sequence[Cut], seconds: float) -> list[Cut]:
    """The last clips, of about so many seconds."""
    tail: list[Cut] = []
    for cut in reversed(cuts[1:]):
        if sound_seconds(tail) + cut.duration / 2 > seconds and tail:
            break
        tail.insert(0, cut)
    return tail
