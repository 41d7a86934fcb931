"""A model and a user's texts in, its language model with their words mixed in out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy

from las_cli.adaptation.notes import Notes, read_notes
from las_cli.errors import LasError
from las_cli.language import LetterLM, MixedLM
from las_cli.language.enriching import Enrichment, enrich
from las_cli.saved_model.folder import LoadedModel
from las_cli.scoring.bootstrap import Interval, interval, resampled_sums

RESAMPLES, SEED = 1000, 1
MILLI = 1000  # the bootstrap adds whole numbers
LEAST_WORDS = 4  # of a sentence that is known again inside a longer text


@dataclass(frozen=True)
class WordsAdded:
    """A language model that knows a user's words, and what it is worth on their sentences."""

    model: MixedLM
    notes: Notes
    enrichment: Enrichment

    @property
    def summary(self) -> str:
        """A sentence for the user."""
        found = self.enrichment
        count = len(self.notes.files)
        return (
            f"{found.sentences:,} sentences of {count} file{'s' if count > 1 else ''}, "
            f"{found.words:,} words, {found.new_words:,} of them new; share in the language model "
            f"{found.share:.2f}"
        )

    @property
    def is_better(self) -> bool:
        """Whether sentences kept apart became likelier, or there were too few to say."""
        found = self.enrichment
        return not found.measured or sum(found.after) < sum(found.before)

    @property
    def gain(self) -> Interval | None:
        """95 % interval of the change in perplexity per letter, over sentences kept apart."""
        found = self.enrichment
        if len(found.held_out) < 2:
            return None
        nats = numpy.rint(MILLI * numpy.array([found.before, found.after])).astype(int)
        sums = resampled_sums(numpy.column_stack([*nats, found.held_out]), RESAMPLES, SEED)
        before, after = (numpy.exp(sums[:, place] / sums[:, 2] / MILLI) for place in (0, 1))
        return interval(after - before)


def _is_said(text: str, checked_by: frozenset[str]) -> bool:
    """Whether clips say `text`, alone or among other words; short ones anyone might say."""
    if text in checked_by or len(text.split()) < LEAST_WORDS:
        return text in checked_by
    return any(f" {text} " in f" {said} " for said in checked_by)


def add_words(
    loaded: LoadedModel,
    lm: LetterLM | MixedLM | None,
    texts: Sequence[Path],
    checked_by: frozenset[str] = frozenset(),
) -> WordsAdded:
    """`lm` with the n-grams of the sentences in `texts`.

    checked_by: sentences, normalised, that the result is checked by; they are not read
    LasError for a model without a language model, and for texts without a usable sentence.
    """
    if lm is None:
        raise LasError(
            f"{loaded.name}: has no language model that texts could be mixed into; make one first: "
            f"las train-lm --model {loaded.name} --text FILE --output FOLDER"
        )
    notes = read_notes(texts, loaded.alphabet, loaded.policy)
    kept = [text for text in notes.sentences if not _is_said(text, checked_by)]
    if left := len(notes.sentences) - len(kept):
        notes.left_out["that the result is checked by"] += left
        notes.sentences = kept
    if not kept:
        raise LasError("the texts hold nothing but the sentences that the result is checked by")
    encoded = [loaded.alphabet.encode(text) for text in notes.sentences]
    model, enrichment = enrich(lm, loaded.alphabet, encoded)
    return WordsAdded(model, notes, enrichment)
