"""Clips and a column of their corpus in; groups to be measured apart out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from las_cli.errors import UsageError

if TYPE_CHECKING:
    from lhotse import CutSet
    from lhotse.cut import Cut

    from las_cli.training.mixture import Part
    from las_cli.training.text_filter import TextFilter

UNNAMED = "(none)"  # group of the clips whose column is empty
LOOKED_AT = 50_000  # clips of a corpus that is read lazily, from which a sample is taken
WIDE_GAP = 2.0  # dev against training clips, LER: from here on the log says so
NAMED = ("speaker", "language", "gender")  # columns that every corpus may have


def group_of(cut: Cut, column: str) -> str:
    """What `column` says of a clip: speaker, language, gender or one of the corpus' own."""
    for supervision in cut.supervisions:
        value = getattr(supervision, column, None) if column in NAMED else None
        value = value or (supervision.custom or {}).get(column)
        if value:
            return str(value)
    return UNNAMED


def groups_of(batches: Iterable[CutSet], column: str) -> dict[str, str]:
    """The group of each clip by its id."""
    return {cut.id: group_of(cut, column) for batch in batches for cut in batch}


def dev_groups(batches: Sequence[CutSet], column: str) -> dict[str, str]:
    """The group of each clip of the dev split. UsageError where none has such a column."""
    groups = groups_of(batches, column)
    if set(groups.values()) == {UNNAMED}:
        cuts = [cut for batch in batches for cut in batch]
        known = {name for cut in cuts for s in cut.supervisions for name in s.custom or {}}
        known |= {name for name in NAMED for cut in cuts if group_of(cut, name) != UNNAMED}
        raise UsageError(
            f"--dev-by {column}: no clip of the dev split has that column; there are "
            f"{', '.join(sorted(known)) or 'none'}"
        )
    return groups


def training_sample(
    parts: Iterable[Part], accept: TextFilter, dev: Mapping[str, str], column: str
) -> list[Cut]:
    """As many training clips of each group as the dev split has, the same ones every time.

    dev: the group of each dev clip. Groups that training does not have are left out.
    """
    wanted = Counter(dev.values())
    by_group: dict[str, list[Cut]] = {group: [] for group in wanted}
    for part in parts:
        cuts = islice(part.cuts, LOOKED_AT) if part.cuts.is_lazy else part.cuts
        for cut in cuts:
            group = group_of(cut, column)
            if group in by_group:
                by_group[group].append(cut)
    sample: list[Cut] = []
    for group, cuts in by_group.items():
        # In order until there are enough: few texts are looked at.
        usable = (cut for cut in sorted(cuts, key=_place) if not accept.reason(cut))
        sample += islice(usable, wanted[group])
    return sample


def _place(cut: Cut) -> bytes:
    """A place in an order that hangs on the clip alone."""
    return hashlib.sha256(cut.id.encode()).digest()
