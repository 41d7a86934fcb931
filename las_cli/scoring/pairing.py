"""Two listings in, pairs of reference and hypothesis out; nothing is ever dropped in silence."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Protocol

from las_cli.errors import LasError
from las_cli.scoring.choices import Choices
from las_cli.scoring.lines import NO_FACTS, Entry
from las_cli.scoring.listings import Listing


@dataclass(frozen=True, slots=True)
class Pair:
    """A reference and the hypothesis for it."""

    id: str  # "" where the listings have none
    reference: str
    hypothesis: str
    facts: Mapping[str, str] = field(default_factory=lambda: NO_FACTS)  # of the reference
    # Where a side leaves words open, of which the best reading counts: that side, parsed.
    open_reference: Choices | None = None
    open_hypothesis: Choices | None = None

    def settled(self, apply: Callable[[str], str]) -> tuple[str, str]:
        """Reference and hypothesis, of what is open the reading that fits the other one best.

        apply: what is done to both before they are compared
        """
        reference, hypothesis = self.reference, self.hypothesis
        if self.open_reference is not None:
            reference = self.open_reference.closest(hypothesis, apply)
        if self.open_hypothesis is not None:
            hypothesis = self.open_hypothesis.closest(reference, apply)
        return reference, hypothesis


class PairSource(Protocol):
    """Where pairs come from: two listings, or a model that recognises a corpus."""

    @property
    def failures(self) -> int: ...  # utterances that could not be had at all
    @property
    def name(self) -> str: ...  # of the system that made the hypotheses
    @property
    def title(self) -> str: ...  # what is compared with what
    @property
    def notes(self) -> Sequence[str]: ...  # for the user, known once all pairs are read
    def __iter__(self) -> Iterator[Pair]: ...


class Pairing:
    """The pairs of two listings, read as they are asked for; afterwards what was left out.

    Without ids the n-th line belongs to the n-th line. With ids order does not matter.
    """

    def __init__(self, reference: Listing, hypothesis: Listing, partial: bool = False) -> None:
        """`partial` scores the ids that both listings have instead of raising an error."""
        self.reference = reference
        self.hypothesis = hypothesis
        self.partial = partial
        self.failures = 0
        self.by_file_name = 0  # pairs whose ids differ in folder or audio suffix
        self.without_hypothesis: list[str] = []  # ids, known once all pairs are read
        self.without_reference: list[str] = []

    @property
    def name(self) -> str:
        return self.hypothesis.name

    @property
    def title(self) -> str:
        return f"{self.hypothesis} against {self.reference}"

    def __iter__(self) -> Iterator[Pair]:
        """Raises LasError: unequal line counts, ids missing, unknown or double, ids on one side."""
        ours, theirs = self._entries()
        first, other = next(ours, None), next(theirs, None)
        if first is None and other is None:
            raise LasError(f"{self.reference.name} and {self.hypothesis.name} are both empty")
        ours = _with(first, ours)
        theirs = _with(other, theirs)
        if first is not None and other is not None and bool(first.id) != bool(other.id):
            raise self._half_named(bool(first.id))
        named = (first or other).id  # type: ignore[union-attr]
        return self._by_id(ours, theirs) if named else self._by_line(ours, theirs)

    @property
    def notes(self) -> list[str]:
        """Sentences for the user about what was left out, and how ids were matched."""
        notes = []
        if self.by_file_name:
            notes.append(f"{self.by_file_name} ids matched by file name (folder, suffix aside)")
        for ids, has, lacks in (
            (self.without_hypothesis, self.reference, self.hypothesis),
            (self.without_reference, self.hypothesis, self.reference),
        ):
            if ids:
                notes.append(
                    f"partial: {len(ids)} of {has.name} left out, not in {lacks.name}: {_some(ids)}"
                )
        return notes

    def _entries(self) -> tuple[Iterator[Entry], Iterator[Entry]]:
        formats = (self.reference.format, self.hypothesis.format)
        if formats == ("stm", "ctm"):
            from las_cli.scoring.timed import match_words

            matched = match_words(self.reference.source, self.hypothesis.source)
            return iter(matched[0]), iter(matched[1])
        if formats == ("stm", "stm"):
            from las_cli.scoring.timed import by_segment

            return by_segment(self.reference.source), by_segment(self.hypothesis.source)
        ours, theirs = self.reference.entries(), self.hypothesis.entries()
        if any(listing.is_cut_anywhere for listing in (self.reference, self.hypothesis)):
            return _as_one(self.reference, ours), _as_one(self.hypothesis, theirs)
        return iter(ours), iter(theirs)

    def _by_line(self, ours: Iterator[Entry], theirs: Iterator[Entry]) -> Iterator[Pair]:
        count = 0
        for ref, hyp in zip_longest(ours, theirs):
            if ref is None or hyp is None:
                more = 1 + sum(1 for _ in (theirs if ref is None else ours))
                counts = (count, count + more) if ref is None else (count + more, count)
                raise LasError(
                    f"{self.reference.name} has {counts[0]} lines, {self.hypothesis.name} has "
                    f"{counts[1]}: a line is missing or too many; give each utterance an id to "
                    "find out which"
                )
            count += 1
            yield Pair("", ref.text, hyp.text, ref.facts, ref.choices, hyp.choices)

    def _by_id(self, ours: Iterator[Entry], theirs: Iterator[Entry]) -> Iterator[Pair]:
        hypotheses: dict[str, Entry] = {}
        for entry in map(_in_one_form, theirs):
            self._refuse(self.hypothesis, entry, entry.id in hypotheses)
            hypotheses[entry.id] = entry
        names: dict[str, str] | None = None  # file name → id of the hypothesis
        seen: set[str] = set()
        used: set[str] = set()  # ids of hypotheses
        for entry in map(_in_one_form, ours):
            self._refuse(self.reference, entry, entry.id in seen)
            seen.add(entry.id)
            id: str | None = entry.id
            if entry.id not in hypotheses:
                names = _by_file_name(hypotheses) if names is None else names
                id = names.get(file_name(entry.id))
            if id is None or id in used:
                self.without_hypothesis.append(entry.id)
                continue
            self.by_file_name += id != entry.id
            used.add(id)
            other = hypotheses[id]
            yield Pair(
                entry.id, entry.text, other.text, entry.facts, entry.choices, other.choices
            )
        self.without_reference = [id for id in hypotheses if id not in used]
        if self.partial:
            if len(self.without_hypothesis) == len(seen):
                raise LasError(
                    f"{self.reference.name} and {self.hypothesis.name} have no id in common: "
                    f"{_some(seen)} against {_some(hypotheses)}"
                )
            return
        for ids, has, lacks in (
            (self.without_hypothesis, self.reference, self.hypothesis),
            (self.without_reference, self.hypothesis, self.reference),
        ):
            if ids:
                raise LasError(
                    f"{lacks.name} lacks {len(ids)} of the utterances of {has.name}: {_some(ids)}; "
                    "add them or score what is there with --partial"
                )

    def _refuse(self, listing: Listing, entry: Entry, double: bool) -> None:
        if double:
            raise listing.source.error(entry.line, f"utterance {entry.id!r} is there twice")
        if not entry.id:
            raise listing.source.error(entry.line, "an utterance without an id, others have one")

    def _half_named(self, reference_has: bool) -> LasError:
        has, lacks = self.reference, self.hypothesis
        if not reference_has:
            has, lacks = lacks, has
        return LasError(
            f"{has.name} has ids (read as {has.format}), {lacks.name} has none (read as "
            f"{lacks.format}); name the formats with --format or --hyp-format"
        )


def _in_one_form(entry: Entry) -> Entry:
    """With its id as typed: macOS writes é in file names as two letters, which look the same."""
    if entry.id.isascii():
        return entry
    return replace(entry, id=unicodedata.normalize("NFC", entry.id))


def _as_one(listing: Listing, entries: Iterable[Entry]) -> Iterator[Entry]:
    """All that was said in a recording as one utterance: subtitles end where a line is full.

    LasError for a listing of several recordings.
    """
    listed = list(entries)
    named = {entry.id for entry in listed if entry.id}
    if len(named) > 1 and len(named) == len(listed):
        raise LasError(
            f"{listing}: holds {len(named)} utterances with ids, subtitles are of one recording; "
            "compare them with the words of that one"
        )
    if listed:
        said = " ".join(entry.text for entry in listed)
        yield Entry("", said, listed[0].line)


_AUDIO = re.compile(r"\.(wav|flac|mp3|ogg|oga|opus|m4a|mp4|aac|aiff?|au|sph|webm|wma)$", re.I)


def file_name(id: str) -> str:
    """An id without its folder and audio suffix: recognisers name files, references utterances.

    >>> file_name("clips/common_voice_cy_1.mp3"), file_name("1272-128104-0000")
    ('common_voice_cy_1', '1272-128104-0000')
    """
    return _AUDIO.sub("", re.split(r"[/\\]", id)[-1])


def _by_file_name(ids: Iterable[str]) -> dict[str, str]:
    """File name → id, without the names that several ids share."""
    names: dict[str, str] = {}
    shared: set[str] = set()
    for id in ids:
        name = file_name(id)
        if name in names:
            shared.add(name)
        names[name] = id
    return {name: id for name, id in names.items() if name not in shared}


def _with(first: Entry | None, rest: Iterator[Entry]) -> Iterator[Entry]:
    if first is not None:
        yield first
    yield from rest


def _some(ids: Iterable[str]) -> str:
    """The first ids for a message."""
    shown: list[str] = []
    for place, id in enumerate(ids):
        if place == 3:
            return ", ".join(shown) + ", …"
        shown.append(id)
    return ", ".join(shown)
