"""A network, its alphabet, options and a language model in, what fits together out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol

from torch import Tensor

from las_cli.decoding.hotword_tree import HotwordTree
from las_cli.decoding.hotwords import spellable
from las_cli.decoding.options import DecodingOptions
from las_cli.errors import LasError
from las_cli.text.units import Units

if TYPE_CHECKING:
    from las_cli.network.las import LAS


HOTWORD_WEIGHT = 0.5  # nats a letter of a word that the language model does not expect


class LanguageModel(Protocol):
    """A model of text alone, letter by letter (`las_cli.language`)."""

    expects: bool  # the words of `DecodingOptions.hotwords`

    def start(self, batch: int, beams: int) -> tuple[Tensor, ...]: ...
    def step(
        self, previous: Tensor, state: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]: ...


class Decoder:
    """Everything that a search needs beside sound, checked once."""

    def __init__(
        self,
        model: LAS,
        alphabet: Units,
        options: DecodingOptions,
        lm: LanguageModel | None = None,
    ) -> None:
        """`self.options` are `options` as far as the rest can follow them; `notes` say where not.

        LasError where there is no fallback: a CTC search without a CTC head, or an alphabet of
        another model.
        """
        if len(alphabet) != model.config.units:
            raise LasError(
                f"the alphabet has {len(alphabet)} units, the model {model.config.units}; "
                "they are not of one model folder"
            )
        notes: list[str] = []
        if not model.has_ctc and options.kind.needs_ctc:
            raise LasError(
                f"the model has no CTC head, which the search {options.search} needs; "
                "use beam"
            )
        if not model.has_ctc and options.ctc_weight:
            notes.append("the model has no CTC head: the speller alone is asked (CTC weight 0)")
            options = dataclasses.replace(options, ctc_weight=0.0)
        if lm is None or not options.lm_weight:  # nothing takes the internal one's place
            options = dataclasses.replace(options, lm_weight=0.0, internal_weight=0.0)
        self.hotwords: HotwordTree | None = None  # what `options.hotwords` ask for
        if options.hotwords:
            known, left_out = spellable(options.hotwords, alphabet)
            notes += left_out
            options = dataclasses.replace(options, hotwords=known)
            self.hotwords = HotwordTree(known, alphabet) if known else None
            expects = lm is not None and bool(options.lm_weight) and lm.expects
            if not options.hotword_weight and not expects:
                options = dataclasses.replace(options, hotword_weight=HOTWORD_WEIGHT)
        self.model = model
        self.alphabet = alphabet
        self.options = options
        self.lm = lm  # asked only where `options.lm_weight` is not 0
        self.notes = tuple(notes)  # sentences, for the user

    def with_options(self, options: DecodingOptions) -> Decoder:
        """The same with other options."""
        return Decoder(self.model, self.alphabet, options, self.lm)
