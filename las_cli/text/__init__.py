"""Text in, units out: normalisation rules, the alphabet and word pieces."""

from las_cli.text.alphabet import Alphabet
from las_cli.text.normalise import TextPolicy, casing_language, has_unspelled, normalise
from las_cli.text.saved import units_from_json
from las_cli.text.units import Units

__all__ = [
    "Alphabet",
    "TextPolicy",
    "Units",
    "casing_language",
    "has_unspelled",
    "normalise",
    "units_from_json",
]
