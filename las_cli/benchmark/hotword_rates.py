"""A model, a split and a text in; what a list of expected words does to its errors out."""

from __future__ import annotations

import dataclasses
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from las_cli.decoding.decode import search
from las_cli.decoding.hotwords import Hotword
from las_cli.decoding.lanes import side_by_side
from las_cli.errors import LasError
from las_cli.recogniser import Recogniser
from las_cli.scoring.alignment import align
from las_cli.text import normalise

if TYPE_CHECKING:
    from las_cli.decoding.hypothesis import Hypothesis
    from las_cli.evaluation.tuning import HeardBatch
    from las_cli.text import TextPolicy, Units

COMMON = 5000  # most frequent words of the text, which nobody need expect
DISTRACTORS = (100, 1000, 2000)  # words in the list that nobody says, a row of the table each


@dataclass(frozen=True)
class BiasedCounts:
    """Words of the list and all others, counted apart (Le et al. 2021, 2104.02194, section 3.2).

    A substitution or deletion belongs to the word of the reference, an insertion to the word that
    was inserted.
    """

    hits: int = 0  # words of the list that were recognised
    spoken: int = 0  # words of the list in the references
    errors: int = 0  # of words of the list
    other_spoken: int = 0  # all other words in the references
    other_errors: int = 0

    def __add__(self, other: BiasedCounts) -> BiasedCounts:
        both = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return BiasedCounts(*(a + b for a, b in both))

    @property
    def recall(self) -> float:
        return self.hits / self.spoken if self.spoken else float("nan")

    @property
    def biased_rate(self) -> float:
        """B-WER."""
        return self.errors / self.spoken if self.spoken else float("nan")

    @property
    def unbiased_rate(self) -> float:
        """U-WER."""
        return self.other_errors / self.other_spoken if self.other_spoken else float("nan")

    @property
    def rate(self) -> float:
        """WER."""
        spoken = self.spoken + self.other_spoken
        return (self.errors + self.other_errors) / spoken if spoken else float("nan")


@dataclass(frozen=True)
class HotwordTrial:
    """How one list did."""

    distractors: int | None  # None: without any list
    counts: BiasedCounts
    seconds: float  # of searching; listening is done once for all


def count_biased(
    references: Iterable[str], hypotheses: Iterable[str], expected: frozenset[str]
) -> BiasedCounts:
    """Counts of the cheapest alignment of each pair."""
    total = BiasedCounts()
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        for pair in align(reference.split(), hypothesis.split()):
            wrong = int(pair.kind != "hit")
            spoken = int(pair.kind != "insertion")
            if (pair.reference if spoken else pair.hypothesis) in expected:
                total += BiasedCounts(hits=1 - wrong, spoken=spoken, errors=wrong)
            else:
                total += BiasedCounts(other_spoken=spoken, other_errors=wrong)
    return total


def word_counts(lines: Iterable[str], policy: TextPolicy) -> Counter[str]:
    """How often each word stands in a text, normalised as a model's training text was."""
    counts: Counter[str] = Counter()
    for line in lines:
        counts.update(normalise(line, policy).split())
    return counts


def rare_words(
    references: Iterable[str], counts: Counter[str], units: Units
) -> tuple[list[str], list[str]]:
    """Words of the references that are not among the `COMMON` ones, and distractors of the text.

    Both as far as the model can write them, the distractors in an order of chance, always the same.
    LasError where the text has no words beyond the common ones.
    """
    common = {word for word, _ in counts.most_common(COMMON)}
    spoken = {word for reference in references for word in reference.split()}
    expected = sorted(word for word in spoken - common if not units.unknown(word))
    others = sorted(w for w in counts.keys() - common - spoken if not units.unknown(w))
    if not others:
        raise LasError(
            f"the text has {len(counts)} different words, which leaves no rare ones beyond the "
            f"{COMMON} most frequent; give more text"
        )
    if not expected:
        raise LasError(
            f"the clips say none but the {COMMON} most frequent words of the text; take more clips"
        )
    random.Random(1).shuffle(others)
    return expected, others


def measure_hotwords(
    recogniser: Recogniser,
    batched: Sequence[HeardBatch],
    counts: Counter[str],
    distractors: Sequence[int] = DISTRACTORS,
    report: Callable[[HotwordTrial], None] | None = None,
) -> list[HotwordTrial]:
    """Search what was heard without a list, and with the rare words among so many distractors."""
    references = [text for batch in batched for text in batch.references]
    expected, others = rare_words(references, counts, recogniser.loaded.alphabet)
    trials = []
    # Not more than there are, and no number twice.
    counts_of = sorted({min(count, len(others)) for count in distractors})
    for count in (None, *counts_of):
        listed = () if count is None else (*expected, *others[:count])
        options = dataclasses.replace(
            recogniser.options,
            hotwords=tuple(Hotword(word) for word in listed),
            word_times=False,
            nbest=1,
        )
        decoder = Recogniser.of(recogniser.loaded, options, recogniser.lm).decoder

        def searched(batch: HeardBatch) -> list[list[Hypothesis]]:
            return search(decoder, batch.heard)  # noqa: B023 - called before the loop goes on

        started = time.perf_counter()
        done = dict(side_by_side(searched, batched, recogniser.device))
        seconds = time.perf_counter() - started
        texts = [hypotheses[0].text for place in sorted(done) for hypotheses in done[place]]
        biased = count_biased(references, texts, frozenset(listed) | frozenset(expected))
        trials.append(HotwordTrial(count, biased, seconds))
        if report:
            report(trials[-1])
    return trials
