"""A recognised corpus folder in, its splits as lhotse cuts out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from las_cli.corpus.headers import AudioFault, read_headers
from las_cli.corpus.utterance import BadRow, Utterance
from las_cli.errors import LasError

if TYPE_CHECKING:
    from lhotse import CutSet


class Layout(Protocol):
    """A way to lay out a corpus: what a reader of one kind of folder offers."""

    kind: str  # for people: "Common Voice"
    folder: Path
    splits: tuple[str, ...]
    notes: list[str]

    def read(self, split: str) -> Iterator[Utterance | BadRow]: ...


class Corpus:
    """A corpus on disk: its splits, their cuts, and what the user should know about them."""

    def __init__(self, layout: Layout, jobs: int | None = None) -> None:
        self.kind = layout.kind
        self.folder = layout.folder
        self.splits = layout.splits
        self.notes: list[str] = list(layout.notes)
        self._layout = layout
        self._jobs = jobs
        self._cuts: dict[str, CutSet] = {}

    def cuts(self, split: str) -> CutSet:
        """One cut a clip of `split`, with one supervision; LasError when there is no such split.

        Cuts of raw corpora are built from the audio headers, and clips that cannot be used are
        left out and counted in `notes`. What `las prepare` wrote is read lazily.
        """
        if split not in self.splits:
            raise LasError(
                f"{self.folder}: no split {split!r} in this {self.kind} corpus, "
                f"only {', '.join(self.splits)}"
            )
        if split not in self._cuts:
            self._cuts[split] = self._build(split)
        return self._cuts[split]

    def _build(self, split: str) -> CutSet:
        from lhotse import CutSet

        from las_cli.corpus.cuts import make_cut, use_soundfile

        use_soundfile()
        left_out: Counter[str] = Counter()
        utterances: dict[str, Utterance] = {}
        for row in self._layout.read(split):
            if isinstance(row, BadRow):
                left_out["unreadable row"] += 1
            elif row.id in utterances:
                left_out["duplicate"] += 1
            elif not row.text:
                left_out["empty text"] += 1
            else:
                utterances[row.id] = row
        headers = read_headers([utterance.audio for utterance in utterances.values()], self._jobs)
        cuts = []
        for utterance, header in zip(utterances.values(), headers, strict=True):
            if isinstance(header, AudioFault):
                left_out[header.reason] += 1
            else:
                cuts.append(make_cut(utterance, header))
        if left_out:
            counts = ", ".join(f"{count} {reason}" for reason, count in left_out.most_common())
            self.notes.append(
                f"{split}: {sum(left_out.values())} of {len(cuts) + sum(left_out.values())} clips "
                f"left out ({counts}); `las prepare` lists them"
            )
        if not cuts:
            raise LasError(
                f"{self.folder}: no clip of split {split!r} can be used; `las prepare "
                f"{self.folder} --output FOLDER` lists the reasons"
            )
        return CutSet.from_cuts(cuts)
