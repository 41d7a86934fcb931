"""What was heard in, one scorer for each source that the options give weight to out.

To add a source, write its scorer here, name it in `SCORERS`, and give it a weight in
`DecodingOptions.weights`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from las_cli.decoding.decoder import Decoder, LanguageModel
from las_cli.decoding.heard import Heard
from las_cli.decoding.hotword_tree import START, HotwordTree
from las_cli.decoding.prefix_score import CTCPrefixScorer
from las_cli.padding import Places
from las_cli.text.units import EOS

if TYPE_CHECKING:
    from las_cli.network.attention import Memory
    from las_cli.network.las import LAS
    from las_cli.network.speller import Speller

LEAST = -1e6  # nats; stands for -inf in sums, since 0 · -inf is no number


class SourceScorer(Protocol):
    """One source of a search: what it says of all live hypotheses and every letter behind them.

    The N live hypotheses of all utterances are one flat batch; it begins with an empty one each.
    """

    def score(self, previous: Tensor, before: Tensor, places: Places) -> tuple[Tensor, Tensor]:
        """log p of each letter alone, and of the whole hypothesis with it, [N, V] both.

        previous: last letters [N], the end of sentence at the start
        before: log p of the hypotheses so far [N]
        places: which utterance each hypothesis is of
        Called once a letter; the column of the end of sentence is the ended hypothesis.
        """
        ...

    def advance(self, parents: Tensor, letters: Tensor, places: Places) -> None:
        """Go on with hypotheses `parents` [N'], their new letters [N'], in new `places`."""
        ...

    def take(self, rows: Tensor) -> None:
        """Go on with the utterances `rows` [b] alone, the only ones with hypotheses left."""
        ...


class SpellerScorer:
    """The speller, by what it attends to."""

    def __init__(self, speller: Speller, memory: Memory, both: bool = False) -> None:
        """both: find `unheard` too, for less than a second scorer would take."""
        self._speller, self._memory, self._both = speller, memory, both
        self._state = speller.start_both(memory, 1) if both else speller.start(memory, 1)
        self.unheard: Tensor | None = None  # logits of the last `score` without sound, [N, 1, V]

    def score(self, previous: Tensor, before: Tensor, places: Places) -> tuple[Tensor, Tensor]:
        letters = previous[:, None]
        if self._both:
            logits, self.unheard, self._state = self._speller.both(
                letters, self._state, self._memory, places
            )
        else:
            logits, self._state, _ = self._speller.step(letters, self._state, self._memory, places)
        letter = torch.log_softmax(logits[:, 0].float(), dim=-1).clamp(min=LEAST)
        return letter, before[:, None] + letter

    def advance(self, parents: Tensor, letters: Tensor, places: Places) -> None:
        self._state = follow(self._state, parents)

    def take(self, rows: Tensor) -> None:
        self._memory = take_rows(self._memory, rows)


class _TextScorer:
    """What knows of the letters alone, and nothing of the sound; subclasses fill in `score`."""

    _state: tuple[Tensor, ...]

    def advance(self, parents: Tensor, letters: Tensor, places: Places) -> None:
        self._state = follow(self._state, parents)

    def take(self, rows: Tensor) -> None:
        pass


class InternalScorer(_TextScorer):
    """The language that the speller has learned from its transcripts: what it writes unheard.

    The end is left out: without sound there is none, and a sentence would be lifted for ending.
    """

    def __init__(
        self, speller: Speller, memory: Memory, beside: SpellerScorer | None = None
    ) -> None:
        """memory: how many utterances there are; beside: what scores first, with `both`."""
        self._speller, self._beside = speller, beside
        self._state = speller.start(memory, 1) if beside is None else ()

    def score(self, previous: Tensor, before: Tensor, places: Places) -> tuple[Tensor, Tensor]:
        if self._beside is None:
            logits, self._state, _ = self._speller.step(previous[:, None], self._state, None)
        else:
            assert self._beside.unheard is not None
            logits = self._beside.unheard
        letter = letters_alone(logits[:, 0]).clamp(min=LEAST)
        return letter, before[:, None] + letter


class LanguageScorer(_TextScorer):
    """A model of text alone."""

    def __init__(self, lm: LanguageModel, batch: int) -> None:
        self._lm, self._state = lm, lm.start(batch, 1)

    def score(self, previous: Tensor, before: Tensor, places: Places) -> tuple[Tensor, Tensor]:
        letter, self._state = self._lm.step(previous[:, None], self._state)
        letter = letter[:, 0].clamp(min=LEAST)
        return letter, before[:, None] + letter


class CTCScorer:
    """The sum over all alignments of a hypothesis."""

    def __init__(self, prefix: CTCPrefixScorer) -> None:
        self._prefix, self._state = prefix, prefix.start()

    def score(self, previous: Tensor, before: Tensor, places: Places) -> tuple[Tensor, Tensor]:
        whole = self._prefix.score(self._state, places).float()
        whole[:, EOS] = self._state.ended
        whole = whole.clamp(min=LEAST)
        return (whole - before[:, None]).clamp(max=0.0), whole

    def advance(self, parents: Tensor, letters: Tensor, places: Places) -> None:
        self._state = self._prefix.advance(self._state, parents, letters, places.owner)

    def take(self, rows: Tensor) -> None:
        self._prefix = self._prefix.take(rows)


class HotwordScorer:
    """Words that are to be expected: a bonus for what begins one, taken back where it is left.

    Contextual biasing by shallow fusion (Zhao et al. 2019, Interspeech, section 2.2).
    """

    def __init__(self, tree: HotwordTree, batch: int) -> None:
        self._tree, self._states = tree, [START] * batch

    def score(self, previous: Tensor, before: Tensor, places: Places) -> tuple[Tensor, Tensor]:
        self._lines = self._tree.lines(self._states)
        letter = self._lines.bonus.to(before.device)
        return letter, before[:, None] + letter

    def held(self) -> Tensor:
        """What of the scores last told may yet be taken back, [N, V]."""
        return self._lines.held

    def advance(self, parents: Tensor, letters: Tensor, places: Places) -> None:
        self._states = self._lines.following[parents.cpu(), letters.cpu()].tolist()

    def take(self, rows: Tensor) -> None:
        pass  # it knows of hypotheses alone


Made = dict[str, SourceScorer]  # the scorers of the same search that were made before


def _speller(decoder: Decoder, heard: Heard, made: Made) -> SourceScorer:
    both = bool(decoder.options.weights.get("internal"))
    return SpellerScorer(decoder.model.speller, remember(decoder.model, heard), both)


def _internal(decoder: Decoder, heard: Heard, made: Made) -> SourceScorer:
    beside = made.get("attention")
    assert beside is None or isinstance(beside, SpellerScorer)
    return InternalScorer(decoder.model.speller, remember(decoder.model, heard), beside)


def _ctc(decoder: Decoder, heard: Heard, made: Made) -> SourceScorer:
    assert heard.log_probs is not None  # the decoder has seen to it
    return CTCScorer(CTCPrefixScorer(heard.log_probs, heard.lengths))


def _lm(decoder: Decoder, heard: Heard, made: Made) -> SourceScorer:
    assert decoder.lm is not None
    return LanguageScorer(decoder.lm, len(heard.lengths))


def _hotwords(decoder: Decoder, heard: Heard, made: Made) -> SourceScorer:
    assert decoder.hotwords is not None
    return HotwordScorer(decoder.hotwords, len(heard.lengths))


SCORERS: dict[str, Callable[[Decoder, Heard, Made], SourceScorer]] = {
    "attention": _speller,
    "ctc": _ctc,
    "lm": _lm,
    "internal": _internal,
    "hotwords": _hotwords,
}


def scorers_for(decoder: Decoder, heard: Heard) -> dict[str, SourceScorer]:
    """The scorers of all sources that have weight, for utterances of at least one step."""
    weights = decoder.options.weights
    made: dict[str, SourceScorer] = {}
    for name, weight in weights.items():
        if weight:
            made[name] = SCORERS[name](decoder, heard, made)
    return made


def remember(model: LAS, heard: Heard) -> Memory:
    """What the speller attends to, laid out so that no step has to copy it."""
    memory = model.speller.remember(heard.states, heard.lengths)
    return type(memory)(*(tensor.contiguous() for tensor in memory))


def letters_alone(logits: Tensor) -> Tensor:
    """Log-probabilities [..., V] of the letters as if a sentence never ended; 0 for the end."""
    logits = logits.float().clone()
    logits[..., EOS] = -torch.inf
    likely = torch.log_softmax(logits, dim=-1)
    likely[..., EOS] = 0.0
    return likely


def follow(state: tuple[Tensor, ...], parents: Tensor) -> tuple[Tensor, ...]:
    """The state [N, …] of hypotheses that go on from `parents` [N']; no copy where all go on."""
    if not state:
        return state
    if parents.device.type == "cpu" and len(parents) == len(state[0]):  # a GPU would have to wait
        if bool((parents == torch.arange(len(parents))).all()):
            return state
    return tuple(tensor[parents] for tensor in state)


def take_rows(tensors: Any, rows: Tensor) -> Any:
    """A NamedTuple of tensors [B, …], its utterances `rows` [b] alone."""
    return type(tensors)(*(tensor[rows] for tensor in tensors))
