"""What a user or a config.json asks of the search in, one checked record of options out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from las_cli.decoding.calibration import Calibration
from las_cli.decoding.hotwords import Hotword, read_hotwords
from las_cli.decoding.search_table import SEARCHES, Search
from las_cli.errors import UsageError
from las_cli.network.config import PRECISIONS

SEARCH_PRECISIONS = (*PRECISIONS, "int8")
TUNED = ("search", "beam", "ctc_weight", "lm_weight", "length_bonus")  # always in config.json
USUAL_WIDTH = 8  # of a wide beam with a threshold; a choice, not a measurement
LETTER_NATS = 2.0  # what the next letter costs the speller unheard in the mean, about
INFINITE = "inf"  # a threshold without end, in config.json
MAX_BEAM = 100  # more never helped anyone and memory grows with it


@dataclass(frozen=True)
class DecodingOptions:
    """How hypotheses are searched for and scored; stored in config.json under "decoding".

    The score of a hypothesis is
    `(1 - ctc_weight) · attention + ctc_weight · ctc + lm_weight · lm
    - internal_weight · internal + length_bonus · letters`,
    all of them natural log probabilities (Watanabe et al. 2017, section II-C); with hotwords,
    `hotword_weight · (letters of expected words)` more, or a language model that expects them.
    """

    search: str = "beam"  # a name of SEARCHES
    beam: int = 8  # K, hypotheses kept a letter, 1 … 100; 1 is greedy
    # Hypotheses live on that are less than this below the best of their utterance, in nats of the
    # score; the fewer, the faster. Infinity keeps `beam` of them, come what may.
    beam_threshold: float = 5.0
    # Of hypotheses whose last letters are the same only the best lives on (`Recombination`); not
    # without a threshold, where all of the beam is kept.
    recombine: bool = True
    nbest: int = 1  # hypotheses returned an utterance, at most `beam`
    ctc_weight: float = 0.3  # 0 … 1; 0 is the speller alone; ignored by a model without CTC head
    lm_weight: float = 0.3  # 0 … 1; ignored without a language model
    # 0 … 1, of the language that the speller itself has learned, which is taken away where a
    # language model has more to say (Meng et al. 2021, 2011.01991, eq. 9); ignored without either.
    internal_weight: float = 0.0
    length_bonus: float = 0.0  # nats a letter, -5 … 5; lifts long hypotheses
    # A sentence may end where log p(end) >= eos_threshold · log p(best letter) by the speller
    # (Hannun et al. 2019, 1904.02619, section 3.1.2); below it the search truncates. >= 1.
    eos_threshold: float = 1.5
    candidates: int = 0  # letters a hypothesis tries each step; 0: max(16, 2 · beam)
    letters_per_step: float = 1.0  # length cap, letters per listener step (CTC writes at most 1)
    hotwords: tuple[Hotword, ...] = ()  # words and phrases that are to be expected
    # Nats a letter of an expected word, times the word's own weight. 0: what `Decoder` finds good,
    # none where the language model expects the words.
    hotword_weight: float = 0.0
    repeat_guard: bool = True  # forbid a pattern of up to 20 letters to repeat more than 4 times
    word_times: bool = True  # align the words of the best hypothesis to the sound
    # Of the listener, on the CPU of speller and language model too. auto: bf16 where the hardware
    # has it; else float32, but on the CPU int8 in the steps of speller and language model.
    precision: str = "auto"
    calibration: Calibration = Calibration()  # from letter posteriors to confidence, by `las tune`

    def __post_init__(self) -> None:
        if self.search not in SEARCHES:
            raise UsageError(f"search {self.search!r}: choose one of {', '.join(SEARCHES)}")
        if self.precision not in SEARCH_PRECISIONS:
            offered = ", ".join(SEARCH_PRECISIONS)
            raise UsageError(f"precision {self.precision!r}: choose one of {offered}")
        if not 1 <= self.beam <= MAX_BEAM:
            raise UsageError(f"beam {self.beam}: choose 1 to {MAX_BEAM} (8 is good, 20 better)")
        if not self.beam_threshold > 0.0:  # NaN fails too
            raise UsageError(
                f"beam-threshold {self.beam_threshold:g}: choose more than 0 nats (5 is good), "
                "or inf to keep the whole beam"
            )
        if not 1 <= self.nbest <= MAX_BEAM:
            raise UsageError(f"nbest {self.nbest}: choose 1 to {MAX_BEAM}")
        if self.nbest > 1 and not self.kind.has_beam:
            raise UsageError(
                f"nbest {self.nbest}: {self.search} gives one reading; use beam"
            )
        if self.nbest > self.width:
            raise UsageError(
                f"nbest {self.nbest}: a beam of {self.width} holds no more than {self.width}; "
                f"raise the beam to {self.nbest}"
            )
        for name in ("ctc_weight", "lm_weight", "internal_weight"):
            if not 0.0 <= getattr(self, name) <= 1.0:  # NaN fails too
                raise UsageError(f"{name.replace('_', '-')} {getattr(self, name)}: choose 0 to 1")
        if not -5.0 <= self.length_bonus <= 5.0:
            raise UsageError(f"length-bonus {self.length_bonus}: choose -5 to 5 nats a letter")
        if not self.eos_threshold >= 1.0:
            raise UsageError(f"eos-threshold {self.eos_threshold}: choose 1 or more (1.5 is good)")
        if not 0.0 <= self.hotword_weight <= 20.0:
            raise UsageError(
                f"hotword-weight {self.hotword_weight:g}: choose 0 to 20 nats a letter"
            )
        if self.candidates < 0:
            raise UsageError(f"candidates {self.candidates}: choose 1 or more, 0 for the default")
        if not 0.0 < self.letters_per_step <= 20.0:  # without a bound a search need not end
            raise UsageError(f"letters-per-step {self.letters_per_step}: choose up to 20, above 0")

    @property
    def kind(self) -> Search:
        """The search by that name."""
        return SEARCHES[self.search]

    @property
    def width(self) -> int:
        """K: the hypotheses an utterance has in the search."""
        return self.beam if self.kind.has_beam else 1

    @property
    def usual_width(self) -> int:
        """Hypotheses an utterance has most of the time: what batches are planned by."""
        return self.width if math.isinf(self.beam_threshold) else min(self.width, USUAL_WIDTH)

    @property
    def recombines(self) -> bool:
        """Whether hypotheses with the same last letters are joined to the best of them."""
        return self.recombine and self.width > 1 and not math.isinf(self.beam_threshold)

    @property
    def tried(self) -> int:
        """C: the letters each hypothesis tries a step."""
        return self.candidates or max(16, 2 * self.width)

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each source by name; what has none is not asked."""
        ctc = self.ctc_weight if self.kind.asks_speller else 1.0
        weights = {"attention": 1 - ctc, "ctc": ctc, "lm": self.lm_weight}
        if self.internal_weight and self.kind.asks_speller:
            weights["internal"] = -self.internal_weight
        if self.hotwords and self.hotword_weight:
            weights["hotwords"] = self.hotword_weight
        return weights

    @property
    def rise(self) -> float:
        """Nats by which the next letter may raise a total, about; all sources else lower it."""
        weights = self.weights
        lifted = weights.get("hotwords", 0.0) - LETTER_NATS * weights.get("internal", 0.0)
        return max(0.0, self.length_bonus) + lifted

    def total(self, scores: Mapping[str, Any], letters: Any) -> Any:
        """The score of hypotheses of `letters` by the formula above, from those of the sources.

        Floats of one hypothesis, or tensors of many; a source that was not asked is left out.
        """
        weights = self.weights.items()
        total = sum(weight * scores[name] for name, weight in weights if name in scores)
        return total + self.length_bonus * letters if self.length_bonus else total

    @classmethod
    def from_config(cls, config: Mapping[str, Any], **overrides: Any) -> DecodingOptions:
        """The "decoding" section of a config.json under `overrides`; None is no override.

        UsageError for a value out of range or a name that is no option.
        """
        fields = {field.name: field for field in dataclasses.fields(cls)}
        given = {name: value for name, value in overrides.items() if value is not None}
        values = dict(config) | given
        if unknown := sorted(values.keys() - fields.keys()):
            raise UsageError(
                f"decoding options: {', '.join(unknown)} not known; expected {', '.join(fields)}"
            )
        if isinstance(values.get("calibration"), Mapping):
            values["calibration"] = Calibration.from_json(values["calibration"])
        if values.get("hotwords") is not None and values["hotwords"] != ():
            values["hotwords"] = read_hotwords(values["hotwords"])
        for name, value in values.items():
            values[name] = _checked(name, value, fields[name].default)
        return cls(**values)

    def to_config(self) -> dict[str, Any]:
        """What `from_config` reads: the searched options, and others where they are no default."""
        default = DecodingOptions()
        values = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name in TUNED or getattr(self, field.name) != getattr(default, field.name)
        }
        if "calibration" in values:
            values["calibration"] = self.calibration.to_json()
        if math.isinf(self.beam_threshold):
            values["beam_threshold"] = INFINITE  # JSON has no number for it
        return values


def _checked(name: str, value: Any, default: Any) -> Any:
    """`value` in the type of `default`; UsageError where it has another."""
    if isinstance(default, float) and value == INFINITE:
        return math.inf
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default):
        raise UsageError(f"decoding option {name}: {value!r} is no {type(default).__name__}")
    return value


SOURCES = tuple(DecodingOptions().weights)  # in the order in which files hold their scores
