"""Text in, units out: normalisation rules, the alphabet and word pieces."""

from las_cli.text.alphabet import Alphabet, Units, units_from_json
from las_cli.text.normalise import TextPolicy, has_digits, normalise

__all__ = ["Alphabet", "TextPolicy", "Units", "has_digits", "normalise", "units_from_json"]
