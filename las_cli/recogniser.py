"""A model's name and options of the command line in, everything a search needs out, checked."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from las_cli.decoding.decoder import Decoder, LanguageModel
from las_cli.decoding.hotwords import normalised
from las_cli.decoding.options import MAX_BEAM, DecodingOptions
from las_cli.errors import UsageError
from las_cli.language import ExpectingLM, LetterLM, MixedLM, expect_words
from las_cli.language.store import load_language_model
from las_cli.saved_model.names import LM_CONFIG
from las_cli.sharing.find import load_model

if TYPE_CHECKING:
    import torch

    from las_cli.saved_model.folder import LoadedModel

NO_LM = "none"  # what --lm takes to leave the model's own language model out


@dataclass(frozen=True)
class Recogniser:
    """A model folder, and a decoder made of it: model, alphabet, options and language model."""

    loaded: LoadedModel
    decoder: Decoder

    @classmethod
    def of(
        cls, loaded: LoadedModel, options: DecodingOptions, lm: LanguageModel | None = None
    ) -> Recogniser:
        """`loaded` to be searched with `options`; LasError where it cannot.

        lm: it is made to expect the hotwords of `options`, and no others
        """
        if isinstance(lm, ExpectingLM):
            lm = lm.base
        if options.hotwords:
            words = normalised(options.hotwords, loaded.policy)
            options = dataclasses.replace(options, hotwords=words)
            if isinstance(lm, LetterLM | MixedLM):
                lm = expect_words(lm, dict(words), loaded.alphabet)
        return cls(loaded, Decoder(loaded.model, loaded.alphabet, options, lm))

    @property
    def options(self) -> DecodingOptions:
        return self.decoder.options

    @property
    def lm(self) -> LanguageModel | None:
        return self.decoder.lm

    @property
    def device(self) -> torch.device:
        return next(self.loaded.model.parameters()).device


def load_recogniser(
    model: str,
    *,
    device: str = "auto",
    lm: str | None = None,
    threads: int | None = None,
    **overrides: Any,
) -> Recogniser:
    """Load `model` and its language model; options are those of its config.json under `overrides`.

    lm: a folder with lm.json, "none", or None for the one in the model's folder, if it has one
    threads: of the CPU, in one operation; None leaves torch's choice
    overrides: fields of DecodingOptions; None is no override
    LasError for a model or language model that does not load or fit, UsageError for bad options.
    """
    import torch

    if threads is not None:
        if not 1 <= threads <= 1024:
            raise UsageError(f"threads {threads}: choose 1 to 1024")
        torch.set_num_threads(threads)
    # Checked before the model is loaded: a typing error should not cost the user seconds. The
    # model's own beam is not known yet; whatever it is, it is no wider than this.
    DecodingOptions.from_config({"beam": MAX_BEAM}, **overrides)
    loaded = load_model(model, device)
    options = DecodingOptions.from_config(loaded.decoding, **overrides)
    if lm not in (None, NO_LM) and not options.lm_weight:
        if overrides.get("lm_weight") is not None:
            raise UsageError(f"language model {lm}: of no use with a weight of 0")
        # The model was tuned without one; a language model that is asked for is meant to be used.
        options = dataclasses.replace(options, lm_weight=DecodingOptions().lm_weight)
    language_model = find_language_model(loaded, lm) if options.lm_weight else None
    return Recogniser.of(loaded, options, language_model)


def with_language_model(recogniser: Recogniser, name: str | None) -> Recogniser:
    """`recogniser` with the language model `name`, even where it has no weight so far."""
    if recogniser.lm is not None:
        return recogniser
    lm = find_language_model(recogniser.loaded, name)
    return Recogniser.of(recogniser.loaded, recogniser.options, lm)


def find_language_model(loaded: LoadedModel, name: str | None) -> LetterLM | MixedLM | None:
    """The language model `name` (see `load_recogniser`); LasError if it does not fit."""
    if name == NO_LM:
        return None
    folder = loaded.folder if name is None else Path(name).expanduser()
    if name is None and not (folder / LM_CONFIG).is_file():
        return None
    if folder.is_file():  # lm.json or lm.safetensors itself
        folder = folder.parent
    device = next(loaded.model.parameters()).device
    return load_language_model(folder, loaded.alphabet, device)
