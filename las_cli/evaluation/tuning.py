"""A split and a model in, the options that recognise it best and calibrated confidences out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from las_cli.corpus import read_cut
from las_cli.decoding.calibration import (
    Calibration,
    Evidence,
    calibration_error,
    cross_fitted,
    fit_calibration,
)
from las_cli.decoding.decode import search
from las_cli.decoding.heard import Heard, listen
from las_cli.decoding.hypothesis import Hypothesis
from las_cli.decoding.lanes import lanes, side_by_side
from las_cli.decoding.options import DecodingOptions
from las_cli.decoding.word_confidence import weigh_words
from las_cli.errors import LasError
from las_cli.evaluation.decode_split import batches_by_length, default_budget
from las_cli.evaluation.pool import Candidate, Count, Pool, Weights
from las_cli.evaluation.trials import Trials
from las_cli.padding import pad_waveforms
from las_cli.text import normalise

if TYPE_CHECKING:
    from lhotse.cut import Cut

    from las_cli.recogniser import Recogniser

# Weights that the first searches use, beside those given: so that the lists hold short and long
# readings, and what CTC, speller and language model would each rather have.
SEEDS = (Weights(0.3, 0.3, 0.5, 0.1), Weights(0.5, 0.5, 1.0, 0.3))
ROUNDS = 4  # of ranking the lists anew and searching with what ranks them best
LEAST, MOST = 0.05, 0.95  # a source without weight is not asked, and its scores are not known
WORTH = 0.002  # a wider beam must lower the rate by this share of it for each doubling


@dataclass(frozen=True)
class HeardBatch:
    """What the listener made of some clips; every trial searches it again."""

    heard: Heard
    references: tuple[str, ...]
    corpora: tuple[str, ...] = ()  # name of the corpus each clip is of, "" where none is told


@dataclass(frozen=True)
class Trial:
    """One set of options and how it did."""

    options: DecodingOptions
    rate: float  # what is tuned: word or letter error rate, 0 …


@dataclass(frozen=True)
class Fitted:
    """Confidences fitted to which words are right, and how far off they are."""

    calibration: Calibration  # with its own errors, over all words
    utterance_error: float  # of an utterance's confidence against its share of right words
    by_corpus: dict[str, tuple[float, int]]  # error a word and words, cross-fitted


# (words of the reference, of the hypothesis) → which of the hypothesis are right
RightWords = Callable[[Sequence[str], Sequence[str]], Sequence[bool]]


def hear(
    recogniser: Recogniser,
    cuts: Iterable[Cut],
    batch_seconds: float | None = None,
    unread: Callable[[LasError], None] = lambda error: None,
) -> list[HeardBatch]:
    """Run the listener over `cuts` once; `unread` is told of clips that cannot be read."""
    listed = list(cuts)
    model, device = recogniser.loaded.model, recogniser.device
    rate = model.config.features.sample_rate
    seconds = [cut.duration for cut in listed]
    if batch_seconds is None:
        batch_seconds = default_budget(sum(seconds), 8, lanes(device))

    def heard(batch: list[int]) -> HeardBatch | None:
        waveforms: list[Tensor] = []
        references: list[str] = []
        corpora: list[str] = []
        for index in batch:
            try:
                waveforms.append(read_cut(listed[index], rate))
            except LasError as error:  # as in decode_split; tuning does without the clip
                unread(error)
                continue
            supervision = listed[index].supervisions[0]
            references.append(normalise(supervision.text or "", recogniser.loaded.policy))
            corpora.append(str((supervision.custom or {}).get("corpus") or ""))
        if not waveforms:
            return None
        padded, lengths = pad_waveforms(waveforms)
        precision = recogniser.options.precision
        found = listen(model, padded.to(device), lengths.to(device), precision)
        return HeardBatch(found, tuple(references), tuple(corpora))

    done = dict(side_by_side(heard, list(batches_by_length(seconds, batch_seconds)), device))
    batched = [batch for _, batch in sorted(done.items()) if batch is not None]
    if not batched:
        raise LasError("tuning: no clip of the split can be read; run `las prepare` to see why")
    return batched


class Tuner:
    """Searches a split that was heard once with one set of options after another."""

    def __init__(
        self,
        recogniser: Recogniser,
        batched: Sequence[HeardBatch],
        count: Count,
        report: Callable[[Trial], None] | None = None,
        trials: Trials | None = None,
    ) -> None:
        """count: errors of a hypothesis; report: called after each trial; trials: kept searches."""
        self.recogniser, self.batched = recogniser, batched
        self.references = [text for batch in batched for text in batch.references]
        self._count, self._report = count, report
        self._trials = trials or Trials()
        self._rates: dict[DecodingOptions, Trial] = {}
        self._pool = Pool(self.references, count)

    def search(self, options: DecodingOptions) -> list[list[Candidate]]:
        """The hypotheses of all clips, in the order of `references`; searched once only."""
        known = self._trials.get(options)
        if known is not None and len(known) == len(self.references):
            return known
        decoder = self.recogniser.decoder.with_options(options)

        def searched(batch: HeardBatch) -> list[list[Hypothesis]]:
            return search(decoder, batch.heard)

        done = dict(side_by_side(searched, self.batched, self.recogniser.device))
        found = [
            [_candidate(one) for one in hypotheses]
            for place in sorted(done)
            for hypotheses in done[place]
        ]
        self._trials.put(options, found)
        return found

    def attempt(self, options: DecodingOptions) -> Trial:
        """How `options` do; what was found joins the pool."""
        options = dataclasses.replace(
            options, word_times=False, calibration=Calibration(), nbest=options.width
        )
        if options not in self._rates:
            found = self.search(options)
            asked = _same_weights(options, self._weighed(options, _weights(options)))
            if asked and options.width > 1:
                self._pool.add(found)
            counts = [
                self._count(reference, candidates[0].text)
                for reference, candidates in zip(self.references, found, strict=True)
            ]
            errors, units = (sum(column) for column in zip(*counts, strict=True))
            self._rates[options] = Trial(options, errors / max(1, units))
            if self._report:
                self._report(self._rates[options])
        return self._rates[options]

    def tune(self, options: DecodingOptions) -> DecodingOptions:
        """`options` with the best weights found of CTC and language model, and length bonus.

        A few searches fill a pool of hypotheses, which all weights together are tried on; what
        ranks them best is searched with, and what that finds joins the pool, until nothing moves.
        The weights of a greedy search are those of a beam.
        """
        wide = options
        if options.width == 1:
            search = options.search if options.kind.has_beam else DecodingOptions().search
            wide = dataclasses.replace(options, search=search, beam=DecodingOptions().beam)
        # Where speller and CTC have no weight to share, there is none to tune.
        with_ctc = self.recogniser.loaded.model.has_ctc and options.kind.asks_speller
        with_lm = self.recogniser.lm is not None
        seeds = (_weights(options), *SEEDS)
        tried = [self.attempt(self._weighed(wide, weights)) for weights in seeds]
        for _ in range(ROUNDS):
            weights = self._pool.best(wide, with_ctc, with_lm, self._internal(wide))
            found = self._weighed(wide, weights)
            if any(_same_weights(found, trial.options) for trial in tried):
                break
            tried.append(self.attempt(found))
        best = min(tried, key=lambda trial: trial.rate)
        if best.options.internal_weight:  # a source more to ask has to be worth it
            without = self.attempt(dataclasses.replace(best.options, internal_weight=0.0))
            best = min(without, best, key=lambda trial: trial.rate)
        found = best.options
        tuned = dataclasses.replace(
            options,
            ctc_weight=found.ctc_weight,
            lm_weight=found.lm_weight,
            length_bonus=found.length_bonus,
            internal_weight=found.internal_weight,
        )
        return tuned if self.attempt(tuned).rate < self.attempt(options).rate else options

    def widen(self, options: DecodingOptions, beams: Sequence[int]) -> DecodingOptions:
        """`options` with the narrowest of `beams` that a wider one does not beat by its cost."""
        narrowest, *wider = sorted(set(beams))
        best = self.attempt(dataclasses.replace(options, beam=narrowest, nbest=1))
        for beam in wider:
            trial = self.attempt(dataclasses.replace(options, beam=beam, nbest=1))
            if trial.rate < best.rate * (1 - WORTH * (beam / best.options.beam) / 2):
                best = trial
        return dataclasses.replace(
            options, beam=best.options.beam, nbest=min(options.nbest, best.options.beam)
        )

    def calibrate(self, options: DecodingOptions, right_words: RightWords) -> Fitted:
        """Confidences fitted to which words are right."""
        plain = dataclasses.replace(options, word_times=False, calibration=Calibration(), nbest=1)
        decoder = self.recogniser.decoder.with_options(plain)

        def weighed(batch: HeardBatch) -> list[tuple[list[str], list[Evidence]]]:
            heard = batch.heard
            rows = []
            for row, hypotheses in enumerate(search(decoder, heard)):
                groups, _, evidence = weigh_words(hypotheses[0], heard.utterance(row), decoder)
                rows.append(([text for _, _, text in groups], evidence))
            return rows

        done = dict(side_by_side(weighed, self.batched, self.recogniser.device))
        words = [row for place in sorted(done) for row in done[place]]
        truth = [
            [bool(right) for right in right_words(reference.split(), texts)]
            for reference, (texts, _) in zip(self.references, words, strict=True)
        ]
        flat = [one for _, evidence in words for one in evidence]
        rights = [right for each in truth for right in each]
        groups = [place for place, each in enumerate(truth) for _ in each]
        calibration = fit_calibration(flat, rights, groups)
        if calibration.error >= calibration.plain_error:
            calibration = Calibration()  # the plain posteriors are nearer to the truth
        sure = cross_fitted(flat, rights, groups)
        if not calibration.weights:
            sure = [calibration.confidence(one) for one in flat]
        own_words = iter(sure)
        spoken = [
            (_by_letters([next(own_words) for _ in evidence], evidence), sum(right) / len(right))
            for (_, evidence), right in zip(words, truth, strict=True)
            if evidence
        ]
        error = calibration_error([sure for sure, _ in spoken], [right for _, right in spoken])
        corpora = [name for batch in self.batched for name in batch.corpora]
        by_corpus = {}
        if len(corpora) == len(truth) and calibration.weights:
            for name in sorted(set(corpora) - {""}):
                rows = [place for place, group in enumerate(groups) if corpora[group] == name]
                own = calibration_error([sure[at] for at in rows], [rights[at] for at in rows])
                by_corpus[name] = (own, len(rows))
        return Fitted(calibration, error, by_corpus)

    def _weighed(self, options: DecodingOptions, weights: Weights) -> DecodingOptions:
        """`options` with `weights`, every source asked that there is."""
        ctc, lm = weights.ctc, 0.0
        if self.recogniser.loaded.model.has_ctc:
            ctc = min(max(ctc, LEAST), MOST)
        if self.recogniser.lm is not None:
            lm = max(weights.lm, LEAST)
        internal = max(weights.internal, LEAST) if self._internal(options) else 0.0
        return dataclasses.replace(
            options,
            ctc_weight=ctc,
            lm_weight=lm,
            length_bonus=weights.bonus,
            internal_weight=internal,
        )

    def _internal(self, options: DecodingOptions) -> bool:
        """Whether there is an internal language model, and another one that could replace it."""
        return options.kind.asks_speller and self.recogniser.lm is not None


def _candidate(hypothesis: Hypothesis) -> Candidate:
    return Candidate(hypothesis.text, hypothesis.scores, len(hypothesis.units))


def _weights(options: DecodingOptions) -> Weights:
    return Weights(
        options.ctc_weight, options.lm_weight, options.length_bonus, options.internal_weight
    )


def _same_weights(one: DecodingOptions, other: DecodingOptions) -> bool:
    return _weights(one) == _weights(other)


def _by_letters(confidences: Sequence[float], evidence: Sequence[Evidence]) -> float:
    """An utterance's confidence as users get it: that of its words, weighted by their letters."""
    letters = sum(one.letters for one in evidence)
    return sum(c * one.letters for c, one in zip(confidences, evidence, strict=True)) / letters
