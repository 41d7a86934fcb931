"""Two sequences of units in, their cheapest alignment out (rapidfuzz does the work)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from types import ModuleType
from typing import Literal

from las_cli.scoring.counts import ErrorCounts

Kind = Literal["hit", "substitution", "deletion", "insertion"]
MARKS: dict[Kind, str] = {"hit": "", "substitution": "S", "deletion": "D", "insertion": "I"}


@dataclass(frozen=True, slots=True)
class AlignedUnits:
    """One column of an alignment: a reference unit over a hypothesis unit, "" where one lacks."""

    kind: Kind
    reference: str
    hypothesis: str


# Most records say nothing else, and to look one up takes a tenth of the time of making it.
_ONE_WRONG = ErrorCounts(substitutions=1)


@lru_cache
def _all_hits(count: int) -> ErrorCounts:
    return ErrorCounts(hits=count)


@cache  # an import statement takes as long as half an alignment
def _levenshtein() -> ModuleType:
    from rapidfuzz.distance import Levenshtein

    return Levenshtein


def count_errors(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> ErrorCounts:
    """Counts of the cheapest alignment (Levenshtein 1966: every error costs 1), as jiwer has them.

    Takes strings (letters) or lists of words. Several alignments can be equally cheap; their
    errors are equal in number, and rapidfuzz decides how they split into the three kinds.

    >>> count_errors("kitten", "sitting")
    ErrorCounts(hits=4, substitutions=2, deletions=0, insertions=1)
    """
    if reference == hypothesis:
        return _all_hits(len(reference))
    if len(reference) == len(hypothesis) == 1:
        return _ONE_WRONG
    errors = [tag for tag, _, _ in _levenshtein().editops(reference, hypothesis).as_list()]
    substitutions = errors.count("replace")
    # The others are insertions and deletions, and what is longer has more of them.
    longer = len(hypothesis) - len(reference)
    insertions = (len(errors) - substitutions + longer) // 2
    deletions = insertions - longer
    return ErrorCounts(
        hits=len(reference) - substitutions - deletions,
        substitutions=substitutions,
        deletions=deletions,
        insertions=insertions,
    )


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> list[AlignedUnits]:
    """The same alignment unit by unit, in order.

    >>> [pairing.kind for pairing in align("ab", "abc")]
    ['hit', 'hit', 'insertion']
    """
    columns: list[AlignedUnits] = []
    for op in _levenshtein().opcodes(reference, hypothesis):
        ours = reference[op.src_start : op.src_end]
        theirs = hypothesis[op.dest_start : op.dest_end]
        if op.tag == "delete":
            columns.extend(AlignedUnits("deletion", unit, "") for unit in ours)
        elif op.tag == "insert":
            columns.extend(AlignedUnits("insertion", "", unit) for unit in theirs)
        else:
            kind: Kind = "hit" if op.tag == "equal" else "substitution"
            columns.extend(AlignedUnits(kind, *units) for units in zip(ours, theirs, strict=True))
    return columns


def counts_of(columns: Sequence[AlignedUnits]) -> ErrorCounts:
    """The counts of an alignment that `align` made."""
    kinds = [column.kind for column in columns]
    return ErrorCounts(
        hits=kinds.count("hit"),
        substitutions=kinds.count("substitution"),
        deletions=kinds.count("deletion"),
        insertions=kinds.count("insertion"),
    )


def cell_width(text: str) -> int:
    """How many columns of a terminal `text` takes: two for wide letters, none for marks."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def pad_cell(text: str, width: int) -> str:
    """`text` filled up with spaces to `width` columns."""
    return text + " " * (width - cell_width(text))
