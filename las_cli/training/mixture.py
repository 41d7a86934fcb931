"""Several corpora with shares in, batches in which each has its share of the sound out."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from las_cli.errors import UsageError
from las_cli.training.heard_length import heard_seconds, jittered_seconds
from las_cli.training.hyperparameters import TrainingConfig

if TYPE_CHECKING:
    from lhotse import CutSet
    from lhotse.cut import Cut

    from las_cli.training.text_filter import TextFilter

POOL = 50  # updates whose clips are sorted by length together
STRETCHES = 10  # from short clips to long ones in the first pass, at least
SHUFFLED = 20_000  # cuts of a corpus that is read lazily, among which the next one is drawn


@dataclass(frozen=True)
class Part:
    """One corpus, or all those without a share, in a mixture."""

    name: str
    cuts: CutSet
    seconds: float  # sound in one pass over it
    share: float  # of the sound in an update


@dataclass(frozen=True)
class Mixture:
    """What a training hears: parts whose shares add up to 1, the first with the passes."""

    parts: list[Part]
    corpora: list[str]  # names of the corpora, for losses by corpus; of one alone: empty
    clips: tuple[str, ...]  # what the clips of each corpus are, in a few words

    @property
    def seconds(self) -> float:
        """Sound in one pass, all parts together."""
        return self.parts[0].seconds / self.parts[0].share

    def alone(self) -> list[Part]:
        """The first part without the others."""
        return [replace(self.parts[0], share=1.0)]


def parse_data(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """`FOLDER` and `FOLDER=SHARE` as folders and shares; a share of 0 stands for "by its size".

    UsageError for shares that do not leave the others anything, or that are none.

    >>> parse_data(("/real", "/synthetic=0.4"))
    (('/real', '/synthetic'), (0.0, 0.4))
    """
    folders, shares = [], []
    for word in words:
        folder, mark, tail = word.rpartition("=")
        if not mark or Path(word).exists():
            folder, share = word, 0.0
        else:
            try:
                share = float(tail)
            except ValueError as error:
                raise UsageError(
                    f"--data {word}: {tail!r} is no share; write FOLDER or FOLDER=0.4"
                ) from error
            if not 0 < share < 1:
                raise UsageError(f"--data {word}: a share lies between 0 and 1")
        folders.append(str(Path(folder).absolute()))
        shares.append(share)
    if len(set(folders)) < len(folders):
        raise UsageError("--data names a folder twice; its share says how much of it is heard")
    rest = 1 - sum(shares)
    if 0.0 in shares and rest <= 1e-9:
        raise UsageError("the shares of --data leave nothing for the corpora without one")
    if 0.0 not in shares and abs(rest) > 1e-6:
        raise UsageError(
            f"the shares of --data add up to {1 - rest:g}: make them 1, or leave one out"
        )
    return tuple(folders), tuple(shares)


def names_of(folders: tuple[str, ...]) -> list[str]:
    """A short name for each folder: its own, with a number where two have the same.

    >>> names_of(("/a/en", "/b/en", "/c/synthetic"))
    ['en', 'en-2', 'synthetic']
    """
    names: list[str] = []
    for folder in folders:
        own = Path(folder).name.split(".")[0] or "data"
        name = own
        for number in itertools.count(2):
            if name not in names:
                break
            name = f"{own}-{number}"
        names.append(name)
    return names


def named(cuts: CutSet, name: str) -> CutSet:
    """`cuts` whose ids begin with the corpus' name, and which know it (`corpus_of`)."""
    renamed = cuts.map(partial(_name_cut, name=name))
    return renamed if cuts.is_lazy else renamed.to_eager()


def _name_cut(cut: Cut, name: str) -> Cut:
    cut = cut.with_id(f"{name}/{cut.id}")
    cut.custom = {**(getattr(cut, "custom", None) or {}), "data": name}
    return cut


def corpus_of(cut: Cut) -> str:
    """The name that `named` gave a cut's corpus; empty where there is only one corpus."""
    return str((getattr(cut, "custom", None) or {}).get("data", ""))


def make_parts(
    names: list[str], cuts: list[CutSet], seconds: list[float], shares: tuple[float, ...]
) -> list[Part]:
    """The parts of a mixture; the first is the one whose passes are counted.

    Corpora without a share are one part, in which each clip is heard as often as any other.
    """
    from lhotse import CutSet

    alone = [i for i, share in enumerate(shares) if not share]
    parts = [
        Part(names[i], cuts[i], seconds[i], shares[i]) for i in range(len(names)) if shares[i]
    ]
    if not alone:
        return parts
    together = [cuts[i] for i in alone]
    if any(one.is_lazy for one in together):
        # Read side by side, so that the first clips of a pass are not all of one corpus.
        joined = (
            CutSet.mux(*together, weights=[seconds[i] for i in alone], seed=0)
            if len(together) > 1
            else together[0]
        )
    else:
        joined = CutSet.from_cuts(cut for one in together for cut in one)
    name = "+".join(names[i] for i in alone)
    rest = 1 - sum(shares)
    return [Part(name, joined, sum(seconds[i] for i in alone), rest), *parts]


class MixedBatches:
    """The batches of one pass for one process; each part has its share of every update.

    A pass is over the first part; the others go on where the pass before left them and begin anew
    when they are through. Clips of `POOL` updates are sorted together by the length at which they
    are heard, each part by itself, so that an update's clips are about equally long whatever corpus
    they come from. In the first pass these pools go from short clips to long ones. The order hangs
    on seed, pass and sound alone: a resumed run leaves out `skip` updates of it.
    """

    def __init__(
        self,
        parts: list[Part],
        accept: TextFilter,
        config: TrainingConfig,
        *,
        epoch: int,
        rank: int,
        world: int,
        skip: int = 0,
    ) -> None:
        """parts: shares add up to 1; skip: updates of this pass done before a resume."""
        self.parts, self.accept, self.config = parts, accept, config
        self.epoch, self.skip = epoch, skip
        self.rank, self.batches = rank, world * config.accumulate  # micro-batches an update

    def __iter__(self) -> Iterator[CutSet]:
        from lhotse import CutSet

        first = self.rank * self.config.accumulate
        for number, update in enumerate(self._updates()):
            if number >= self.skip:
                for cuts in update[first : first + self.config.accumulate]:
                    yield CutSet.from_cuts(cuts)

    def _updates(self) -> Iterator[list[list[Cut]]]:
        """The clips of each update, dealt out to its micro-batches."""
        main = self.parts[0]
        update_seconds = self.config.batch_seconds * self.batches
        updates = max(1.0, main.seconds / (update_seconds * main.share))
        sort_all = self.epoch == 0 and self.config.short_first and not main.cuts.is_lazy
        pools = 1 if sort_all else math.ceil(updates / POOL)  # taken from the corpora at once
        rest = self._pass(main, self.epoch)
        others = [(part, self._endless(part)) for part in self.parts[1:]]
        for pool in range(pools):
            last = pool == pools - 1
            own = _take(rest, math.inf if last else main.seconds / pools)
            if not own:
                return
            heard = sum(cut.duration for cut in own)
            count = max(1, round(heard / (update_seconds * main.share)))
            taken = [own]
            for part, cuts in others:
                taken.append(_take(cuts, heard * part.share / main.share))
            if not sort_all:
                yield from self._pool(taken, count, pool)
                continue
            stretches = max(math.ceil(count / POOL), min(count, STRETCHES))
            ordered = [_slices(sorted(cuts, key=self._jittered), stretches) for cuts in taken]
            for stretch in range(stretches):
                updates_in = (stretch + 1) * count // stretches - stretch * count // stretches
                yield from self._pool([cuts[stretch] for cuts in ordered], updates_in, stretch)

    def _pool(self, taken: list[list[Cut]], count: int, pool: int) -> Iterator[list[list[Cut]]]:
        """`count` updates of the clips taken from each part, in an order drawn for this pool."""
        sliced = [_slices(sorted(cuts, key=self._heard), count) for cuts in taken]
        order = list(range(count))
        random.Random(f"{self.config.seed} {self.epoch} {pool}").shuffle(order)
        for number in order:
            clips = [slices[number] for slices in sliced]
            if any(clips):  # clips longer than an update leave the next one without any
                yield _deal(clips, self.batches)

    def _pass(self, part: Part, number: int) -> Iterator[Cut]:
        """The cuts of a part in the order of its pass `number`, those that can be trained on."""
        draw = random.Random(f"{self.config.seed} {part.name} {number}")
        if part.cuts.is_lazy:
            yield from filter(self.accept, part.cuts.shuffle(draw, buffer_size=SHUFFLED))
            return
        cuts = list(part.cuts)
        draw.shuffle(cuts)
        yield from filter(self.accept, cuts)

    def _endless(self, part: Part) -> Iterator[Cut]:
        """The cuts of a part from where the passes before this one left it."""
        main = self.parts[0]
        heard = self.epoch * main.seconds * part.share / main.share
        number, begin = divmod(heard, part.seconds)
        number = int(number)
        place = 0.0
        for cut in self._pass(part, number):
            if place >= begin:
                yield cut
            place += cut.duration
        while True:
            number += 1
            yield from self._pass(part, number)

    def _heard(self, cut: Cut) -> float:
        return heard_seconds(self.config, self.epoch, cut.id, cut.duration)

    def _jittered(self, cut: Cut) -> float:
        return jittered_seconds(self.config, cut.id, cut.duration)


def _take(cuts: Iterator[Cut], seconds: float) -> list[Cut]:
    """The next cuts of about so much sound; never a part of one."""
    taken: list[Cut] = []
    total = 0.0
    while total < seconds:
        cut = next(cuts, None)
        if cut is None:
            break
        taken.append(cut)
        total += cut.duration
    return taken


def _slices(cuts: list[Cut], count: int) -> list[list[Cut]]:
    """`cuts` in their order as `count` stretches of about the same length in seconds."""
    total = sum(cut.duration for cut in cuts)
    slices: list[list[Cut]] = [[] for _ in range(count)]
    place = 0.0
    for cut in cuts:
        middle = place + cut.duration / 2
        slices[min(count - 1, int(middle / total * count))].append(cut)
        place += cut.duration
    return slices


def _deal(groups: list[list[Cut]], batches: int) -> list[list[Cut]]:
    """The clips of an update as `batches` micro-batches of about the same length in seconds.

    Each gets one clip at least: where there are too few, some are heard twice.
    """
    dealt: list[list[Cut]] = [[] for _ in range(batches)]
    filled = [0.0] * batches
    clips = [cut for group in groups for cut in group]
    for cut in sorted(clips, key=lambda c: -c.duration):  # the longest first part them best
        least = min(range(batches), key=filled.__getitem__)
        dealt[least].append(cut)
        filled[least] += cut.duration
    for batch in dealt:
        if not batch:
            batch.append(clips[0])
    return dealt
