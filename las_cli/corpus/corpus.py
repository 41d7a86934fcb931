"""A recognised corpus in, its splits as lhotse cuts out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from las_cli.corpus.headers import AudioFault, read_headers
from las_cli.corpus.held_out import HeldOut, choose
from las_cli.corpus.layout import Layout
from las_cli.corpus.preparation_report import Amount, slow_note
from las_cli.corpus.prepared import Prepared
from las_cli.corpus.survey import Survey, survey
from las_cli.corpus.utterance import BadRow, Utterance, free_id
from las_cli.errors import LasError
from las_cli.text.normalise import TextPolicy

if TYPE_CHECKING:
    from lhotse import CutSet

# A table of more rows than this is read much faster, and in bounded memory, once prepared.
LARGE = 200_000


class Corpus:
    """A corpus on disk: its splits, their cuts, and what the user should know about them."""

    def __init__(
        self, layout: Layout, jobs: int | None = None, *, derive_dev: bool = True
    ) -> None:
        self.kind = layout.kind
        self.folder = layout.folder
        self.notes: list[str] = list(layout.notes)  # sentences for the user; grows with `cuts`
        self._layout = layout
        self._jobs = jobs
        self._cuts: dict[str, CutSet] = {}
        # Sentences on sound files that `cuts` could not use, by split; in the corpus' order.
        self.faults: dict[str, list[str]] = {}
        lacks_dev = "train" in layout.splits and "dev" not in layout.splits
        self._derives_dev = derive_dev and lacks_dev
        splits = list(layout.splits)
        if self._derives_dev:
            splits.insert(splits.index("train") + 1, "dev")
        self.splits: tuple[str, ...] = tuple(splits)

    def undivided(self) -> Corpus:
        """The same corpus, of which nothing is set aside as a dev split."""
        return Corpus(self._layout, self._jobs, derive_dev=False)

    def cuts(self, split: str) -> CutSet:
        """One cut a clip of `split`, with one supervision; LasError when there is no such split.

        Cuts of tables and transcripts are built from the audio headers; clips that cannot be used
        are left out and counted in `notes`, and train goes without the sentences that dev and
        test hold. Manifests and what `las prepare` wrote are read lazily.
        """
        if split not in self.splits:
            raise LasError(
                f"{self.folder}: no split {split!r} in this {self.kind} corpus, "
                f"only {', '.join(self.splits) or 'empty ones'}"
            )
        if split not in self._cuts:
            from las_cli.corpus.cuts import use_soundfile

            use_soundfile()
            lazy = self._lazy(split)
            self._cuts[split] = self._build(split) if lazy is None else lazy
            if isinstance(self._layout, Prepared) and (gone := self._layout.rejected(split)):
                self._tell_left_out(split, gone, self._layout.amount(split).clips, "rejected.tsv")
        return self._cuts[split]

    def texts(self, split: str) -> Iterator[str]:
        """The texts of a split as the corpus writes them; no sound file is looked at."""
        for row in self._rows(split):
            if isinstance(row, Utterance) and row.text:
                yield row.text

    def amount(self, split: str) -> Amount | None:
        """Clips and seconds of a split where they are known without reading it all: after
        `las prepare`, or once the cuts are built."""
        if isinstance(self._layout, Prepared):
            return self._layout.amount(split)
        cuts = self._cuts.get(split)
        if cuts is None or cuts.is_lazy:
            return None
        return Amount(len(cuts), sum(cut.duration for cut in cuts))

    def counted_within(self, shortest: float, longest: float) -> bool:
        """Whether `amount` counts no clip of less or more seconds, as `las prepare` knows."""
        if not isinstance(self._layout, Prepared):
            return False
        limits = self._layout.report.get("limits") or {}
        least, most = limits.get("min_seconds", 0.0), limits.get("max_seconds", math.inf)
        return bool(shortest <= least and most <= longest)

    def has_own(self, split: str) -> bool:
        """Whether the corpus came with `split`, rather than having it set aside of train."""
        return split in self._layout.splits

    @property
    def policy(self) -> TextPolicy | None:
        """The text rules that `las prepare` checked by; None for a corpus it did not write."""
        if not isinstance(self._layout, Prepared):
            return None
        rules = dict(self._layout.report.get("text_rules", {}))
        rules.pop("in_words", None)
        return TextPolicy(**rules)

    @cached_property
    def casing_language(self) -> str:
        """The language of the corpus, if its capitals are others: "tr", "az"; else ""."""
        return self._layout.casing_language()

    @property
    def _own_policy(self) -> TextPolicy:
        return TextPolicy(language=self.casing_language)

    def letters(self, policy: TextPolicy, split: str = "train") -> Counter[str] | None:
        """How often each letter occurs in a split under `policy`, from the report of
        `las prepare`; None where that does not say (count them in `texts` then)."""
        if not isinstance(self._layout, Prepared) or policy != self.policy:
            return None
        return Counter(self._layout.letters(split))

    @cached_property
    def _survey(self) -> Survey:
        found = survey(
            self._layout, self._own_policy, shared_speakers="keep", derive_dev=self._derives_dev
        )
        # That speakers are shared is nothing that loading could change.
        self.notes += [note for note in found.notes if "their speaker" not in note]
        return found

    @cached_property
    def _held_out(self) -> HeldOut | None:
        """Of a corpus that is read lazily."""
        held_out = choose(self._layout.read("train"))
        if held_out:
            self.notes.append(held_out.note)
        return held_out

    def _rows(self, split: str) -> Iterator[Utterance | BadRow]:
        held = self._derives_dev and split in ("train", "dev")
        if self._layout.lazy:
            rows = self._layout.read("train" if held else split)
            if held and self._held_out is not None:
                on_side = _OnSide(self._held_out, split == "dev")
                return (row for row in rows if isinstance(row, Utterance) and on_side.row(row))
            return rows
        if held or split == "train":
            return self._survey.read(split)
        return self._layout.read(split)

    def _lazy(self, split: str) -> CutSet | None:
        held = split if self._derives_dev and split in ("train", "dev") else None
        cuts = self._layout.lazy_cuts("train" if held else split)
        if cuts is None or held is None:
            return cuts
        if self._held_out is None:
            if split == "train":
                return cuts
            raise LasError(f"{self.folder}: too few clips to set a dev split aside")
        return cuts.filter(_OnSide(self._held_out, split == "dev"))

    def _build(self, split: str) -> CutSet:
        from lhotse import CutSet

        from las_cli.corpus.cuts import make_cut
        from las_cli.text.normalise import normalise

        policy = self._own_policy
        left_out: Counter[str] = Counter()
        utterances: dict[str, Utterance] = {}
        seen: set[tuple[object, ...]] = set()
        for row in self._rows(split):
            if isinstance(row, BadRow):
                left_out["unreadable row"] += 1
            elif row.piece in seen:
                left_out["duplicate"] += 1
            elif not row.text:
                left_out["empty text"] += 1
            elif split == "train" and self._survey.shares_sentence(normalise(row.text, policy)):
                left_out["sentence shared with dev or test"] += 1
            else:
                seen.add(row.piece)
                if row.id in utterances:
                    row = replace(row, id=free_id(row, utterances.__contains__))
                utterances[row.id] = row
        headers = read_headers([one.audio for one in utterances.values()], self._jobs)
        cuts, slow = [], 0
        for utterance, header in zip(utterances.values(), headers, strict=True):
            if isinstance(header, AudioFault):
                left_out[header.reason] += 1
                self.faults.setdefault(split, []).append(
                    f"{utterance.audio}: {header.reason} ({header.detail})"
                )
            elif header.seconds <= utterance.start:
                left_out["zero length"] += 1
            else:
                cuts.append(make_cut(utterance, header))
                slow += header.slow
        if slow:
            self.notes.append(f"{split}: {slow_note(slow)}")
        total = len(cuts) + sum(left_out.values())
        self._tell_left_out(split, left_out, len(cuts), "`las prepare`")
        if total > LARGE:
            self.notes.append(
                f"{split} has {total:,} clips: `las prepare` once, and training starts at once "
                "and in bounded memory"
            )
        if not cuts:
            raise LasError(
                f"{self.folder}: no clip of split {split!r} can be used "
                f"({_listed(left_out)}); `las prepare {self.folder} --output FOLDER` lists why"
            )
        return CutSet.from_cuts(cuts)

    def _tell_left_out(self, split: str, reasons: Counter[str], kept: int, where: str) -> None:
        """A note on what a split goes without, and what lists it."""
        if reasons:
            gone = reasons.total()
            self.notes.append(
                f"{split}: {gone} of {kept + gone} clips left out ({_listed(reasons)}); "
                f"{where} lists them"
            )


class _OnSide:
    """Whether a cut is held out of train (or not); an object, so that workers can pickle it."""

    def __init__(self, held_out: HeldOut, dev: bool) -> None:
        self._held_out, self._dev = held_out, dev

    def __call__(self, cut: Any) -> bool:
        one = cut.supervisions[0]
        text = one.text or ""
        return self.row(Utterance(id=cut.id, audio="", text=text, where="", speaker=one.speaker))

    def row(self, row: Utterance) -> bool:
        """The same for an utterance."""
        return (row in self._held_out) == self._dev


def _listed(left_out: Counter[str]) -> str:
    counts = (f"{count} {reason}" for reason, count in left_out.most_common())
    return ", ".join(counts) or "it is empty"
