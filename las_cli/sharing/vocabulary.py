"""The research code's table of letters in, the letters in the order of their ids out."""

from __future__ import annotations

import re
from pathlib import Path

from las_cli.errors import LasError

LARGEST = 2**20  # bytes
SPACE_NAMES = ("", "<space>", "|")  # a line that ends after its comma means the space


def read_vocabulary(path: Path) -> list[str]:
    """Letters of the ids 2, 3, … from lines `id,letter` or `id<tab>letter`; a header is skipped.

    Ids 0 and 1 (start or padding, end of sentence) may be listed. LasError for gaps and for
    entries of more than one letter, such as <UNK>, which no alphabet here can hold.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise LasError(f"{path}: too large for a vocabulary")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LasError(f"{path}: no readable vocabulary ({error})") from error
    found: dict[int, str] = {}
    for number, line in enumerate(lines, start=1):
        index, comma, letter = line.partition("\t" if "\t" in line else ",")
        if not comma or not re.fullmatch(r"\s*[0-9]{1,6}\s*", index):
            if number == 1 or not line.strip():
                continue
            raise LasError(f"{path}, line {number}: expected index,letter")
        found[int(index)] = letter if letter == " " else letter.strip()
    letters = []
    for place in range(2, max(found, default=0) + 1):
        if place not in found:
            raise LasError(f"{path}: no letter has the index {place}")
        letter = " " if found[place] in SPACE_NAMES else found[place]
        if len(letter) != 1:
            raise LasError(f"{path}: index {place} is {letter[:20]!r}, expected one letter")
        letters.append(letter)
    if not letters:
        raise LasError(f"{path}: holds no lines `index,letter`")
    return letters
