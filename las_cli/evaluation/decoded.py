"""What a model made of a corpus split in, pairs to be scored out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from las_cli.errors import LasError
from las_cli.scoring.pairing import Pair

if TYPE_CHECKING:
    from las_cli.evaluation.decode_split import DecodedSplit


@dataclass(frozen=True)
class DecodedPairs:
    """Decoded utterances with their references, normalised as the model's training text was."""

    name: str  # of the model and the split
    decoded: DecodedSplit
    unusable: int = 0  # clips of the split that were missing or no sound, so never tried
    language: str = ""  # of the model's text rules, where its capitals are others

    @property
    def title(self) -> str:
        return self.name

    @property
    def failures(self) -> int:
        return len(self.decoded.broken) + self.unusable

    @property
    def notes(self) -> list[str]:
        broken = self.failures
        return [f"{broken} clips could not be read and are not scored"] if broken else []

    def __iter__(self) -> Iterator[Pair]:
        if not self.decoded.utterances:
            raise LasError(f"{self.name}: none of {self.failures} clips could be read")
        for utterance in self.decoded.utterances:
            yield Pair(utterance.id, utterance.reference, utterance.text, utterance.labels)
