"""A split and a model in, the options that recognise it best and calibrated confidences out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from las_cli.decoding.calibration import (
    Calibration,
    Evidence,
    calibration_error,
    fit_calibration,
)
from las_cli.decoding.decoder import Heard, listen, search
from las_cli.decoding.hypothesis import Hypothesis
from las_cli.decoding.joint import LanguageModel
from las_cli.decoding.options import DecodingOptions
from las_cli.decoding.split import BATCH_SECONDS, batches, pad, read_cut
from las_cli.decoding.word_confidence import weigh_words
from las_cli.errors import LasError
from las_cli.text import normalise

if TYPE_CHECKING:
    from lhotse.cut import Cut

    from las_cli.hub import LoadedModel

# Values that hill climbing walks over, one option at a time.
GRIDS: dict[str, tuple[float, ...]] = {
    "lm_weight": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8),
    "ctc_weight": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8),
    "length_bonus": (-0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0),
}
ROUNDS = 2  # over all options; the second seldom moves
WORTH = 0.002  # a wider beam must lower the rate by this share of it for each doubling


@dataclass(frozen=True)
class HeardBatch:
    """What the listener made of some clips; every trial searches it again."""

    heard: Heard
    references: tuple[str, ...]


@dataclass(frozen=True)
class Trial:
    """One set of options and how it did."""

    options: DecodingOptions
    rate: float  # what is tuned: word or letter error rate, 0 …


# (references, hypotheses) → error rate; scoring is downstream of decoding, so it is handed in.
Rate = Callable[[Sequence[str], Sequence[str]], float]
# (words of the reference, of the hypothesis) → which of the hypothesis are right
RightWords = Callable[[Sequence[str], Sequence[str]], Sequence[bool]]


def hear(
    loaded: LoadedModel, cuts: Iterable[Cut], precision: str, batch_seconds: float = BATCH_SECONDS
) -> list[HeardBatch]:
    """Run the listener over `cuts` once. Clips that cannot be read are left out."""
    import torch

    listed = list(cuts)
    rate = loaded.model.config.features.sample_rate
    device = next(loaded.model.parameters()).device
    batched: list[HeardBatch] = []
    for batch in batches([cut.duration for cut in listed], batch_seconds):
        waveforms: list[torch.Tensor] = []
        references: list[str] = []
        for index in batch:
            try:
                waveforms.append(read_cut(listed[index], rate))
            except Exception:  # as in decode_split; tuning does without the clip
                continue
            text = listed[index].supervisions[0].text or ""
            references.append(normalise(text, loaded.policy))
        if waveforms:
            padded, lengths = pad(waveforms)
            heard = listen(loaded.model, padded.to(device), lengths.to(device), precision)
            batched.append(HeardBatch(heard, tuple(references)))
    if not batched:
        raise LasError("tuning: no clip of the split can be read; run `las prepare` to see why")
    return batched


class Tuner:
    """Tries options on a split that was heard once; remembers what it tried."""

    def __init__(
        self,
        loaded: LoadedModel,
        batched: Sequence[HeardBatch],
        lm: LanguageModel | None,
        rate: Rate,
        report: Callable[[Trial], None] | None = None,
    ) -> None:
        """report: called after each trial."""
        self.loaded, self.batched, self.lm = loaded, batched, lm
        self.references = [text for batch in batched for text in batch.references]
        self._rate, self._report = rate, report
        self.trials: dict[DecodingOptions, Trial] = {}

    def search(self, options: DecodingOptions) -> list[list[Hypothesis]]:
        """The hypotheses of all clips, in the order of `references`."""
        model, alphabet = self.loaded.model, self.loaded.alphabet
        return [
            hypotheses
            for batch in self.batched
            for hypotheses in search(model, alphabet, batch.heard, options, self.lm)
        ]

    def attempt(self, options: DecodingOptions) -> Trial:
        """How `options` do; each is searched once only."""
        options = dataclasses.replace(options, word_times=False, calibration=Calibration())
        if options not in self.trials:
            texts = [hypotheses[0].text for hypotheses in self.search(options)]
            self.trials[options] = Trial(options, self._rate(self.references, texts))
            if self._report:
                self._report(self.trials[options])
        return self.trials[options]

    def climb(self, options: DecodingOptions) -> DecodingOptions:
        """The best options in reach: each grid is climbed from where `options` stand."""
        best = self.attempt(options)
        for _ in range(ROUNDS):
            before = best
            for name in GRIDS:
                if self._matters(name, options):
                    best = self._climb_one(name, best)
            if best is before:
                break
        return _with(options, best.options)

    def widen(self, options: DecodingOptions, beams: Sequence[int]) -> DecodingOptions:
        """`options` with the narrowest of `beams` that a wider one does not beat by its cost."""
        narrowest, *wider = sorted(set(beams))
        best = self.attempt(dataclasses.replace(options, beam=narrowest, nbest=1))
        for beam in wider:
            trial = self.attempt(dataclasses.replace(options, beam=beam, nbest=1))
            if trial.rate < best.rate * (1 - WORTH * (beam / best.options.beam) / 2):
                best = trial
        return _with(options, best.options)

    def calibrate(
        self, options: DecodingOptions, right_words: RightWords
    ) -> tuple[Calibration, float]:
        """Confidences fitted to which words are right, and the utterances' calibration error.

        The latter compares an utterance's confidence with its share of right words.
        """
        plain = dataclasses.replace(options, word_times=False, calibration=Calibration(), nbest=1)
        evidence: list[list[Evidence]] = []
        truth: list[list[bool]] = []
        for batch in self.batched:
            model, alphabet = self.loaded.model, self.loaded.alphabet
            found = search(model, alphabet, batch.heard, plain, self.lm)
            for row, (reference, hypotheses) in enumerate(
                zip(batch.references, found, strict=True)
            ):
                steps = int(batch.heard.lengths[row])
                log_probs = batch.heard.log_probs
                groups, _, weighed = weigh_words(
                    hypotheses[0],
                    alphabet,
                    model,
                    batch.heard.states[row, :steps],
                    None if log_probs is None else log_probs[row, :steps],
                )
                words = [text for _, _, text in groups]
                evidence.append(weighed)
                truth.append([bool(right) for right in right_words(reference.split(), words)])
        calibration = fit_calibration(
            [one for each in evidence for one in each], [one for each in truth for one in each]
        )
        spoken = [
            (sum(map(calibration.confidence, each)) / len(each), sum(right) / len(right))
            for each, right in zip(evidence, truth, strict=True)
            if each
        ]
        error = calibration_error([sure for sure, _ in spoken], [right for _, right in spoken])
        return calibration, error

    def _matters(self, name: str, options: DecodingOptions) -> bool:
        if name == "lm_weight":
            return self.lm is not None
        if name == "ctc_weight":
            return self.loaded.model.has_ctc and options.search != "ctc"
        return True

    def _climb_one(self, name: str, best: Trial) -> Trial:
        """Walk over the grid of one option, both ways, for as long as it gets better."""
        grid = sorted({*GRIDS[name], getattr(best.options, name)})
        start = grid.index(getattr(best.options, name))
        for direction in (1, -1):
            place, misses = start + direction, 0
            # One worse value may hide a better one behind it, two seldom do.
            while 0 <= place < len(grid) and misses < 2:
                trial = self.attempt(dataclasses.replace(best.options, **{name: grid[place]}))
                misses = 0 if trial.rate < best.rate else misses + 1
                best = trial if trial.rate < best.rate else best
                place += direction
        return best


def _with(options: DecodingOptions, tuned: DecodingOptions) -> DecodingOptions:
    """`options` with the tuned values; times and calibration stay as they were."""
    return dataclasses.replace(
        tuned, word_times=options.word_times, calibration=options.calibration, nbest=options.nbest
    )
