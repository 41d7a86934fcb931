"""alphabet.json in, its letters or word pieces out."""

from __future__ import annotations

from typing import Any

from las_cli.errors import LasError
from las_cli.text.alphabet import Alphabet
from las_cli.text.units import Units


def units_from_json(data: Any) -> Units:
    """The letters or word pieces that `to_json` described; LasError if it is neither."""
    if isinstance(data, dict) and data.get("kind") == "letters":
        letters = data.get("letters")
        if isinstance(letters, list) and all(isinstance(letter, str) for letter in letters):
            return Alphabet(letters)
    if isinstance(data, dict) and data.get("kind") == "wordpieces":
        from las_cli.text.wordpieces import WordPieces

        return WordPieces.from_json(data)
    raise LasError("alphabet.json holds neither letters nor word pieces; is it a las model folder?")
