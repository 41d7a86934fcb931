"""A written sentence in, the sentence that is compared out: by a name, or by a file of rules."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from las_cli.errors import LasError
from las_cli.scoring.lines import TextSource
from las_cli.text.normalise import TextPolicy, casing_language, normalise

_WORD = re.compile(r"\S+")
NAMES = ("none", "basic", "whisper")

_POLICY = TextPolicy()
# What `normalise` makes of each ASCII character; most text is ASCII and takes this short way.
_ASCII = {
    code: normalise(f"x{chr(code)}x", _POLICY, marks=False)[1:-1] if chr(code) != "'" else "'"
    for code in range(128)
}


@dataclass(frozen=True)
class Normaliser:
    """What is done to references and hypotheses alike before they are compared."""

    name: str  # printed with every result
    apply: Callable[[str], str]


def find_normaliser(name: str | Normaliser, language: str = "") -> Normaliser:
    """The normaliser called `name`: none, basic, whisper, or the path of a file of rules.

    language: of the texts, where its capitals are others (Turkish I → ı)
    Raises LasError for a name that is neither and for a file of rules that cannot be read.
    """
    if isinstance(name, Normaliser):
        return name
    if name == "none":
        return Normaliser("none", str)
    language = casing_language(language)
    capitals = f" (capitals of {language})" if language else ""
    if name == "basic":
        return Normaliser(f"basic{capitals}", _basic_in(language) if language else basic)
    if name == "whisper":
        published = _whisper()
        if not language:
            return Normaliser("whisper", published)
        lower = _lower_in(language)
        return Normaliser(f"whisper{capitals}", lambda text: published(lower(text)))
    if Path(name).is_file():
        rules = read_rules(Path(name), language)
        return Normaliser(f"{rules.name}{capitals}", rules.apply)
    raise LasError(f"normalisation {name!r}: neither one of {', '.join(NAMES)} nor a file of rules")


def basic(text: str) -> str:
    """Lower case, no punctuation, no marks, single spaces: `las_cli.text.normalise`.

    >>> basic("Don't  stop — “Tom”, please!")
    "don't stop tom please"
    """
    if not text.isascii():
        return normalise(text, _POLICY, marks=False)
    text = text.translate(_ASCII)
    if "'" not in text:
        return " ".join(text.split())
    words = (word.strip("'") for word in text.split())
    return " ".join(word for word in words if word)


def _basic_in(language: str) -> Callable[[str], str]:
    policy = TextPolicy(language=language)
    return lambda text: normalise(text, policy, marks=False)


def _lower_in(language: str, case: str = "lower") -> Callable[[str], str]:
    """Another case and nothing else."""
    policy = TextPolicy(case=case, punctuation="keep", digits="keep", language=language)
    return lambda text: normalise(text, policy)


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


@dataclass(frozen=True)
class Rules:
    """Normalisation read from a file, carried out from its first line to its last.

    A line is one of::

        # a comment
        basic                    a normaliser by name (none, basic, whisper)
        lower                    lower case (or: upper)
        gonna => going to        words for words, whole words only
        uh =>                    words that are dropped
        /(\\d+)th\\b/ => \\1      a regular expression and what replaces each match
    """

    name: str
    steps: tuple[Callable[[str], str], ...]

    def apply(self, text: str) -> str:
        for step in self.steps:
            text = step(text)
        return text


def read_rules(path: Path, language: str = "") -> Rules:
    """Read a file of rules; LasError names the line that is none."""
    source = TextSource(str(path))
    steps: list[Callable[[str], str]] = []
    words: dict[str, str] = {}
    for line in source:
        rule = line.text.strip()
        if not rule or rule.startswith("#"):
            continue
        pattern, arrow, replacement = (part.strip() for part in rule.partition("=>"))
        is_word = arrow and not (len(pattern) > 2 and pattern[0] == pattern[-1] == "/")
        if is_word and len(pattern.split()) == 1:
            # Runs of plain words are looked up at once: a list of spellings may be thousands long.
            if not words or pattern in words:
                words = {}
                steps.append(_word_lookup(words))
            words[pattern] = replacement
            continue
        words = {}
        if arrow:
            steps.append(_substitution(source, line.number, pattern, replacement, bool(is_word)))
        elif rule in NAMES:
            steps.append(find_normaliser(rule, language).apply)
        elif rule in ("lower", "upper") and language:
            steps.append(_lower_in(language, rule))
        elif rule in ("lower", "upper"):
            steps.append(str.lower if rule == "lower" else str.upper)
        else:
            raise source.error(
                line.number,
                f"{rule!r} is no rule; expected `words => words`, `/pattern/ => text`, lower, "
                f"upper, {', '.join(NAMES)}",
            )
    if not steps:
        raise source.error(None, "no rules in it")
    return Rules(f"rules of {path.name}", tuple(steps))


def _word_lookup(words: dict[str, str]) -> Callable[[str], str]:
    def replace(text: str) -> str:
        return _WORD.sub(lambda match: words.get(match[0], match[0]), text)

    return replace


def _substitution(
    source: TextSource, number: int, pattern: str, replacement: str, is_word: bool
) -> Callable[[str], str]:
    if not pattern:
        raise source.error(number, "nothing stands before the arrow")
    if is_word:
        phrase = r"\s+".join(re.escape(word) for word in pattern.split())
        expression, literal = re.compile(rf"(?<!\S){phrase}(?!\S)"), replacement
        return lambda text: expression.sub(lambda match: literal, text)
    try:
        expression = re.compile(pattern[1:-1])
        expression.sub(replacement, "")
        re.compile(f"{expression.pattern}|").sub(replacement, "")  # group references are checked
    except re.error as error:
        raise source.error(number, f"{pattern} => {replacement}: {error}") from error
    return lambda text: expression.sub(replacement, text)
