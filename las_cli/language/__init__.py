"""Text in, a language model out, for the searches of `las_cli.decoding`."""

from __future__ import annotations

from las_cli.language.expected_words import ExpectingLM, expect_words
from las_cli.language.letter_lm import LetterLM, LetterLMConfig
from las_cli.language.mixed_lm import MixedLM
from las_cli.language.store import load_language_model, save_language_model

__all__ = [
    "ExpectingLM",
    "LetterLM",
    "LetterLMConfig",
    "MixedLM",
    "expect_words",
    "load_language_model",
    "save_language_model",
]
