"""A written sentence in, the sentence that is compared out; every normaliser has a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from las_cli.errors import LasError
from las_cli.text.normalise import TextPolicy, normalise

NAMES = ("none", "basic", "whisper")

_POLICY = TextPolicy()
# What `normalise` makes of each ASCII character; most text is ASCII and takes this short way.
_ASCII = {
    code: (chr(code) if chr(code) == "'" else normalise(f"x{chr(code)}x", _POLICY)[1:-1])
    for code in range(128)
}


@dataclass(frozen=True)
class Normaliser:
    """What is done to references and hypotheses alike before they are compared."""

    name: str  # printed with every result
    apply: Callable[[str], str]


def find_normaliser(name: str | Normaliser) -> Normaliser:
    """The normaliser called `name`: none, basic, whisper, or the path of a file of rules.

    Raises LasError for a name that is neither and for a file of rules that cannot be read.
    """
    if isinstance(name, Normaliser):
        return name
    if name == "none":
        return Normaliser("none", str)
    if name == "basic":
        return Normaliser("basic", basic)
    if name == "whisper":
        return Normaliser("whisper", _whisper())
    if Path(name).is_file():
        from las_cli.scoring.rules import read_rules

        rules = read_rules(Path(name))
        return Normaliser(rules.name, rules.apply)
    raise LasError(f"normalisation {name!r}: neither one of {', '.join(NAMES)} nor a file of rules")


def basic(text: str) -> str:
    """Lower case, no punctuation, single spaces: `las_cli.text.normalise` with its defaults.

    >>> basic("Don't  stop — “Tom”, please!")
    "don't stop tom please"
    """
    if not text.isascii():
        return normalise(text, _POLICY)
    text = text.translate(_ASCII)
    if "'" not in text:
        return " ".join(text.split())
    words = (word.strip("'") for word in text.split())
    return " ".join(word for word in words if word)


def _whisper() -> Callable[[str], str]:
    # The published normaliser (Radford et al. 2022, appendix C) is 1,700 spellings and a grammar
    # of spoken numbers; figures compare with others' only if it is exactly that one.
    try:
        from whisper_normalizer.english import EnglishTextNormalizer
    except ImportError as error:
        raise LasError(
            "normalisation 'whisper' needs the package whisper-normalizer: "
            "pip install 'las-cli[whisper]'"
        ) from error
    normaliser: Callable[[str], str] = EnglishTextNormalizer()
    return normaliser
