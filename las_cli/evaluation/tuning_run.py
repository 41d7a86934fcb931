"""A recogniser and clips in; the search options and confidences that suit them found, and kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from las_cli.decoding.options import DecodingOptions
from las_cli.errors import LasError
from las_cli.evaluation.trials import Trials
from las_cli.evaluation.tuning import Fitted, Trial, Tuner, hear
from las_cli.recogniser import Recogniser
from las_cli.saved_model.folder import write_decoding
from las_cli.scoring import align, find_normaliser, score_pairs

if TYPE_CHECKING:
    from lhotse.cut import Cut

METRICS = ("wer", "ler")  # word or letter error rate


@dataclass(frozen=True)
class Tuned:
    """What tuning found."""

    start: Trial  # the options it began with
    best: Trial  # with the confidences fitted
    fitted: Fitted  # the confidences and their errors


def tune_recogniser(
    recogniser: Recogniser,
    cuts: Sequence[Cut],
    beams: Sequence[int],
    *,
    metric: str = "wer",
    trials: Path | None = None,
    stage: Callable[[str], None] = lambda name: None,
    report: Callable[[Trial], None] | None = None,
    unread: Callable[[LasError], None] = lambda error: None,
) -> Tuned:
    """Find the best weights from the recogniser's options on, then the beam, then confidences.

    trials: file that searches are kept in, and taken from
    stage: called with what is being done; report: called after each trial; unread: called for each
    clip that cannot be read, and that tuning does without
    """

    unbiased = dataclasses.replace(recogniser.options, nbest=1, hotwords=())
    recogniser = Recogniser.of(recogniser.loaded, unbiased, recogniser.lm)
    basic = find_normaliser("basic", recogniser.loaded.policy.language)

    def count(reference: str, hypothesis: str) -> tuple[int, int]:
        score = score_pairs([reference], [hypothesis], basic)
        counts = score.counts["words" if metric == "wer" else "letters"]
        return counts.errors, counts.reference

    kept = Trials(trials, what_decides(recogniser, cuts)) if trials else None
    stage(f"listening to {len(cuts)} clips")
    tuner = Tuner(recogniser, hear(recogniser, cuts, unread=unread), count, report, kept)
    stage("searching")
    given = recogniser.options
    start = tuner.attempt(given)
    best = tuner.tune(given)
    if best.kind.has_beam:
        best = tuner.widen(best, sorted({*beams, best.beam}))
        if start.rate < tuner.attempt(best).rate:
            best = given
    fitted = tuner.calibrate(best, right_words)
    rate = tuner.attempt(best).rate
    best = dataclasses.replace(best, calibration=fitted.calibration)
    return Tuned(start, Trial(best, rate), fitted)


def keep_options(recogniser: Recogniser, best: DecodingOptions) -> Path:
    """Write `best` into the config.json of the recogniser's model; its path."""
    # The precision was this machine's and this run's; the model goes to others.
    own = DecodingOptions.from_config(recogniser.loaded.decoding)
    decoding = dataclasses.replace(
        best, precision=own.precision, nbest=min(own.nbest, best.beam), hotwords=own.hotwords
    ).to_config()
    if recogniser.lm is None:
        del decoding["lm_weight"]  # nothing is known of the one it may get some day
        decoding.pop("internal_weight", None)
    return write_decoding(recogniser.loaded.folder, decoding)


def what_decides(recogniser: Recogniser, cuts: Sequence[Cut]) -> dict[str, Any]:
    """What the searches of a tuning run depend on beside their options."""
    from hashlib import sha256

    def digest(tensors: dict[str, Any]) -> str:
        found = sha256()
        for name, tensor in sorted(tensors.items()):
            found.update(f"{name} {tuple(tensor.shape)} {tensor.double().sum():.9e}".encode())
        return found.hexdigest()[:16]

    lm: Any = recogniser.lm
    return {
        "model": digest(recogniser.loaded.model.state_dict()),
        "language model": digest(lm.tensors()) if lm is not None else None,
        "clips": sha256("\n".join(cut.id for cut in cuts).encode()).hexdigest()[:16],
        "precision": recogniser.options.precision,
    }


def right_words(reference: Sequence[str], hypothesis: Sequence[str]) -> list[bool]:
    """Which words of the hypothesis the cheapest alignment finds in the reference."""
    return [pair.kind == "hit" for pair in align(reference, hypothesis) if pair.kind != "deletion"]
