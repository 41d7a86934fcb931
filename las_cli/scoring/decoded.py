"""A model and a corpus split in, its references and the model's hypotheses as pairs out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from las_cli.scoring.pairing import Pair

if TYPE_CHECKING:
    from las_cli.decoding.split import BrokenClip


@dataclass
class DecodedPairs:
    """Pairs that are recognised when they are asked for. Imports torch then, never before."""

    model: str  # name or folder
    data: str  # corpus folder
    split: str
    device: str = "auto"
    notes: list[str] = field(default_factory=list)  # known once all pairs are read
    failures: int = 0  # clips that could not be read and are in no pair

    @property
    def name(self) -> str:
        return f"{self.model} on {self.split} of {self.data}"

    def __iter__(self) -> Iterator[Pair]:
        """References as the corpus writes them: the score's own normalisation is theirs too."""
        from rich.console import Console
        from rich.progress import Progress

        from las_cli.corpus import load_corpus
        from las_cli.decoding import DecodingOptions, options_for
        from las_cli.decoding.split import decode_split
        from las_cli.hub import load_model

        loaded = load_model(self.model, self.device)
        corpus = load_corpus(self.data)
        cuts = list(corpus.cuts(self.split))
        self.notes.extend(corpus.notes)
        options, fallbacks = options_for(
            loaded.model, DecodingOptions.from_config(loaded.decoding, word_times=False), None
        )
        self.notes.extend(fallbacks)
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("recognising", total=sum(cut.duration for cut in cuts))
            decoded = decode_split(
                loaded,
                cuts,
                options,
                progress=lambda clips, seconds: progress.advance(task, seconds),
                on_broken=_tell,
            )
        self.failures = len(decoded.broken)
        if self.failures:
            self.notes.append(f"{self.failures} clips could not be read and are not scored")
        texts = {cut.id: cut.supervisions[0].text or "" for cut in cuts if cut.supervisions}
        for utterance in decoded.utterances:
            yield Pair(utterance.id, texts[utterance.id], utterance.text, utterance.labels)


def _tell(clip: BrokenClip) -> None:
    print(f"las: {clip.reason}", file=sys.stderr)
