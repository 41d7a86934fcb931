"""A sentence as written in, the same sentence as the recogniser spells it out."""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass

from las_cli.errors import LasError

_MARKS = "&%‰@#°№"  # read out in words, though Unicode counts them as punctuation or signs
_ASCII_MARKS = re.compile(r"[0-9&%@#$+=]")
# Printed and typed apostrophes that mean the same letter; no other letter is ever mapped.
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'", "＇": "'"})
# Soft hyphen, zero-width space, word joiner, byte order mark; marks of writing direction; choosers
# of an emoji's looks. They say where a line may break and how it is drawn, and part no words.
_UNSEEN = re.compile(
    "[\u00ad\u200b\u2060\ufeff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufe00-\ufe0f]"
)
# Languages whose I without a dot is a letter of its own, in which it is lowered to ı, and i raised
# to İ (Unicode, SpecialCasing.txt; Gagauz and Crimean Tatar write with the same letters).
_DOTLESS = {
    **{"tr": "tr", "tur": "tr", "turkish": "tr", "türkçe": "tr"},
    **{"az": "az", "aze": "az", "azj": "az", "azb": "az", "azerbaijani": "az", "azeri": "az"},
    **{"crh": "crh", "gag": "gag"},
}
_JOINERS = re.compile("[\u200c\u200d]+")
_FIRST_JOINED = "\u0590"  # before it Latin, Greek, Cyrillic and Armenian, in which nothing joins


@dataclass(frozen=True)
class TextPolicy:
    """How written text becomes the letters a model learns; stored with the model.

    Always: Unicode NFC, runs of white space become one space, apostrophe forms become `'`, and
    what cannot be seen (soft hyphens, zero-width spaces) is dropped.
    Nothing is transliterated and no digit is read out.
    """

    case: str = "lower"  # "lower", "upper" or "keep"
    punctuation: str = "drop"  # "drop" (a space where it parts words) or "keep"
    keep: str = "'"  # punctuation that stays when the rest is dropped
    # "reject": clips with digits or marks that are read aloud are left out of training; or "keep"
    digits: str = "reject"
    # Code of a language whose capitals are others: I → ı in Turkish (tr) and Azeri (az)
    language: str = ""

    def __post_init__(self) -> None:
        for name, allowed in (
            ("case", ("lower", "upper", "keep")),
            ("punctuation", ("drop", "keep")),
            ("digits", ("reject", "keep")),
        ):
            if getattr(self, name) not in allowed:
                raise LasError(
                    f"text policy: {name} is {getattr(self, name)!r}, expected one of {allowed}"
                )


def casing_language(language: str | None) -> str:
    """The code of a language whose capitals are not those of the others, "" for all others.

    language: a code, with a country or without, or an English name

    >>> casing_language("tr-TR"), casing_language("Azerbaijani"), casing_language("en")
    ('tr', 'az', '')
    """
    return _DOTLESS.get(re.split("[-_]", (language or "").strip().lower())[0], "")


def normalise(text: str, policy: TextPolicy, marks: bool = True) -> str:
    """`text` under `policy`: what a model is trained on and what it writes.

    Marks that are read aloud (& % + ½) stay, as digits do, so that `has_unspelled` finds them;
    without `marks` they are dropped with the punctuation.

    >>> normalise("Don't  stop — “Tom”, please!", TextPolicy())
    "don't stop tom please"
    """
    text = unicodedata.normalize("NFC", text).translate(_APOSTROPHES)
    if not text.isascii():
        text = _JOINERS.sub(_joiners, _UNSEEN.sub("", text))
    if policy.language and casing_language(policy.language) and policy.case != "keep":
        if policy.case == "lower":
            text = text.replace("I", "ı").replace("İ", "i")
        else:
            text = text.replace("i", "İ").replace("ı", "I")
    if policy.case == "lower":
        # The Turkish İ becomes an i with a second dot, which is no letter of any language.
        text = text.lower().replace("i\u0307", "i")
    elif policy.case == "upper":
        text = text.upper()
    if policy.punctuation == "drop":
        text = text.translate(_spaced(policy.keep, marks))
    words = text.split()
    if policy.punctuation == "drop" and "'" in policy.keep:
        # An apostrophe at a word's edge is a quotation mark, inside a word it is a letter.
        words = [word.strip("'") for word in words]
    # Dropping what stood between a letter and its accent brings together what composes.
    return unicodedata.normalize("NFC", " ".join(word for word in words if word))


def has_unspelled(text: str) -> bool:
    """Whether something in `text` is read out in words that it does not spell: a digit of any
    script, or a mark such as & % + $ ½ ². Nobody knows in which words it was read.
    """
    return any(map(_is_read_aloud, text)) if not text.isascii() else bool(_ASCII_MARKS.search(text))


@functools.lru_cache(maxsize=4096)
def _is_read_aloud(letter: str) -> bool:
    # Nd digits, Nl and No other numbers, Sc currencies, Sm mathematics; tags are no mathematics.
    category = unicodedata.category(letter)
    return letter in _MARKS or (category in ("Nd", "Nl", "No", "Sc", "Sm") and letter not in "<>|~")


def _joiners(found: re.Match[str]) -> str:
    """Zero-width joiners where a script spells with them (Persian, Indic: after a letter or a
    vowel sign, also at the end of a word); strays, as between emoji, are nothing."""
    before = found.string[found.start() - 1 : found.start()]
    spelled = before >= _FIRST_JOINED and unicodedata.category(before)[0] in "LM"
    return found[0] if spelled else ""


class _Spaced(dict[int, str]):
    """Punctuation → space, everything else → itself; looked up once a letter, then kept."""

    def __init__(self, keep: str, marks: bool) -> None:
        self.keep, self.marks = keep, marks

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        stays = letter in self.keep or not _is_punctuation(letter)
        self[code] = letter if stays or (self.marks and _is_read_aloud(letter)) else " "
        return self[code]


@functools.lru_cache(maxsize=16)
def _spaced(keep: str, marks: bool) -> _Spaced:
    return _Spaced(keep, marks)


def _is_punctuation(letter: str) -> bool:
    # P punctuation, S symbols, C control and format characters (zero-width joiners are kept:
    # Indic scripts and Persian spell with them).
    return unicodedata.category(letter)[0] in "PSC" and letter not in "\u200c\u200d"
