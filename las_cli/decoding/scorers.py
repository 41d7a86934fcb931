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
from las_cli.decoding.prefix_score import CTCPrefixScorer
from las_cli.text.units import EOS

if TYPE_CHECKING:
    from las_cli.network.attention import Memory
    from las_cli.network.las import LAS
    from las_cli.network.speller import Speller

LEAST = -1e6  # nats; stands for -inf in sums, since 0 · -inf is no number


class SourceScorer(Protocol):
    """One source of a search: what it says of all hypotheses and of every letter behind them."""

    def score(self, previous: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """log p of each letter alone, and of the whole hypothesis with it, [B, K, V] both.

        previous: last letters [B, K], the end of sentence at the start
        before: log p of the hypotheses so far [B, K]
        Called once a letter; the column of the end of sentence is the ended hypothesis.
        """
        ...

    def advance(self, parents: Tensor, letters: Tensor) -> None:
        """Go on with hypotheses `parents` [B, K], their new letters [B, K]."""
        ...

    def take(self, rows: Tensor) -> None:
        """Go on with the utterances `rows` [b] alone."""
        ...


class SpellerScorer:
    """The speller, by what it attends to."""

    def __init__(self, speller: Speller, memory: Memory, beams: int) -> None:
        self._speller, self._memory = speller, memory
        self._state = speller.start(memory, beams)

    def score(self, previous: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        logits, self._state, _ = self._speller.step(previous, self._state, self._memory)
        letter = torch.log_softmax(logits.float(), dim=-1).clamp(min=LEAST)
        return letter, before[..., None] + letter

    def advance(self, parents: Tensor, letters: Tensor) -> None:
        if parents.shape[1] > 1:  # else the only hypothesis goes on from itself
            self._state = self._speller.reorder(self._state, parents)

    def take(self, rows: Tensor) -> None:
        self._memory = take_rows(self._memory, rows)
        self._state = tuple(tensor[rows] for tensor in self._state)


class LanguageScorer:
    """A model of text alone."""

    def __init__(self, lm: LanguageModel, batch: int, beams: int) -> None:
        self._lm, self._state = lm, lm.start(batch, beams)

    def score(self, previous: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        letter, self._state = self._lm.step(previous, self._state)
        letter = letter.clamp(min=LEAST)
        return letter, before[..., None] + letter

    def advance(self, parents: Tensor, letters: Tensor) -> None:
        if parents.shape[1] > 1:
            rows = torch.arange(len(parents), device=parents.device)[:, None]
            self._state = tuple(tensor[rows, parents] for tensor in self._state)

    def take(self, rows: Tensor) -> None:
        self._state = tuple(tensor[rows] for tensor in self._state)


class CTCScorer:
    """The sum over all alignments of a hypothesis."""

    def __init__(self, prefix: CTCPrefixScorer, beams: int) -> None:
        self._prefix, self._state = prefix, prefix.start(beams)

    def score(self, previous: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        whole = self._prefix.score(self._state).float()
        whole[..., EOS] = self._state.ended
        whole = whole.clamp(min=LEAST)
        return (whole - before[..., None]).clamp(max=0.0), whole

    def advance(self, parents: Tensor, letters: Tensor) -> None:
        self._state = self._prefix.advance(self._state, parents, letters)

    def take(self, rows: Tensor) -> None:
        self._prefix, self._state = self._prefix.take(rows), take_rows(self._state, rows)


def _speller(decoder: Decoder, heard: Heard) -> SourceScorer:
    memory = remember(decoder.model, heard)
    return SpellerScorer(decoder.model.speller, memory, decoder.options.width)


def _ctc(decoder: Decoder, heard: Heard) -> SourceScorer:
    assert heard.log_probs is not None  # the decoder has seen to it
    return CTCScorer(CTCPrefixScorer(heard.log_probs, heard.lengths), decoder.options.width)


def _lm(decoder: Decoder, heard: Heard) -> SourceScorer:
    assert decoder.lm is not None
    return LanguageScorer(decoder.lm, len(heard.lengths), decoder.options.width)


SCORERS: dict[str, Callable[[Decoder, Heard], SourceScorer]] = {
    "attention": _speller,
    "ctc": _ctc,
    "lm": _lm,
}


def scorers_for(decoder: Decoder, heard: Heard) -> dict[str, SourceScorer]:
    """The scorers of all sources that have weight, for utterances of at least one step."""
    weights = decoder.options.weights
    return {name: SCORERS[name](decoder, heard) for name, weight in weights.items() if weight}


def remember(model: LAS, heard: Heard) -> Memory:
    """What the speller attends to, laid out so that no step has to copy it."""
    memory = model.speller.remember(heard.states, heard.lengths)
    return type(memory)(*(tensor.contiguous() for tensor in memory))


def take_rows(tensors: Any, rows: Tensor) -> Any:
    """A NamedTuple of tensors [B, …], its utterances `rows` [b] alone."""
    return type(tensors)(*(tensor[rows] for tensor in tensors))
