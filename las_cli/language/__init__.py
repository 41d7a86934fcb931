"""Text in, a letter language model out, for the searches of `las_cli.decoding`."""

from __future__ import annotations

from las_cli.language.letter_lm import LetterLM, LetterLMConfig
from las_cli.language.store import load_language_model, save_language_model

__all__ = ["LetterLM", "LetterLMConfig", "load_language_model", "save_language_model"]
