"""A user's files of text in, their sentences without mark-up out."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from las_cli.errors import LasError
from las_cli.language.text import cut, read_lines
from las_cli.text import TextPolicy, Units, has_unspelled, normalise

MARKDOWN, PAGES, SUBTITLES = (".md", ".markdown"), (".html", ".htm"), (".srt", ".vtt")
KINDS = (".txt", ".text", *MARKDOWN, *PAGES, *SUBTITLES)
PACKED = (".gz", ".zst", ".zstd")
WRAPPED = 60  # letters of a line from which on the next one may go on with its sentence

# A full stop and the like, and quotation marks or brackets that close behind it.
_END = re.compile(r"(?<=[.!?…。！？])[\"'”’»)\]]*\s+|(?<=[。！？])")
_FENCE = re.compile(r"^\s*(```|~~~)")
_LINK = re.compile(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
_ADDRESS = re.compile(r"<?\b(?:https?://|www\.|mailto:)\S+")
_LINE_MARK = re.compile(r"^\s*(?:#{1,6}\s+|>+\s?|[-*+]\s+|\d+[.)]\s+|\|)")
_RULE = re.compile(r"^[\s|:=*_-]+$")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<!--.*?-->")
_TIMES = re.compile(r"-->|^\s*\d+\s*$|^WEBVTT|^(NOTE|REGION)\b|^(Kind|Language): \S+\s*$")
_STYLES = re.compile(r"^STYLE\b.*?(?=\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)  # of vtt
_APART = ("p", "div", "br", "li", "td", "th", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "title",
          "blockquote", "pre", "dt", "dd", "section", "article", "header", "footer", "nav", "main",
          "aside", "figure", "figcaption", "caption", "option", "button", "hr")  # fmt: skip


@dataclass
class Notes:
    """The sentences of a user's texts as a model would write them."""

    sentences: list[str] = field(default_factory=list)  # normalised, at most `LONGEST` letters
    files: list[Path] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)  # reason → sentences


def read_notes(paths: Sequence[Path], alphabet: Units, policy: TextPolicy) -> Notes:
    """The usable sentences of text files, and of those in folders.

    As in training, a sentence with digits is left out: nobody knows in which words it is read.
    LasError for a file that is not there or no text, and where nothing can be used.
    """
    notes = Notes(files=[file for path in paths for file in _files(path)])
    for file in notes.files:
        for sentence in sentences_of(file):
            text = normalise(sentence, policy)
            if not text:
                continue
            if policy.digits == "reject" and has_unspelled(text):
                notes.left_out["with digits"] += 1
            elif alphabet.unknown(text):
                notes.left_out["with letters that the model does not write"] += 1
            else:
                notes.sentences += cut(text)
    if not notes.sentences:
        reasons = ", ".join(f"{count} {reason}" for reason, count in notes.left_out.most_common())
        raise LasError(
            f"{', '.join(map(str, paths))}: no sentence can be used ({reasons or 'no text'}); "
            "give text in the language of the model"
        )
    return notes


def _files(path: Path) -> list[Path]:
    """The text files in a folder, or the file itself."""
    if not path.exists():
        raise LasError(f"{path}: there is no such file or folder; name texts that are there")
    if path.is_file():
        return [path]
    inside = sorted(
        file
        for file in path.rglob("*")
        if file.is_file()
        and _kind(file) in KINDS
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    if not inside:
        raise LasError(f"{path}: holds no text ({', '.join(KINDS)}, also packed as .gz or .zst)")
    return inside


def _kind(path: Path) -> str:
    """The ending of a file's name, packed or not."""
    inner = path.with_suffix("") if path.suffix.lower() in PACKED else path
    return inner.suffix.lower()


def sentences_of(file: Path) -> Iterator[str]:
    """The sentences of a text, Markdown, HTML or subtitle file, as they are written there."""
    kind = _kind(file)
    lines: Iterable[str] = read_lines([file])
    if kind in PAGES:
        lines = page_lines("".join(lines))
    elif kind in MARKDOWN:
        lines = markdown_lines(lines)
    elif kind in SUBTITLES:
        lines = subtitle_lines("".join(lines))
    for paragraph in paragraphs_of(lines):
        for sentence in _END.split(paragraph):
            if sentence.strip():
                yield sentence.strip()


def paragraphs_of(lines: Iterable[str]) -> Iterator[str]:
    """Lines, those of a sentence that was wrapped at some width together again.

    Wrapped is a long line without an end that goes on in lower case; short ones may be a list.
    """
    held = ""
    for raw in lines:
        line = raw.strip()
        open_end = len(held) >= WRAPPED and held[-1] not in ".!?:;…"
        if held and open_end and line[:1].islower():
            last = held.split("\n")[-1]
            joint = "" if last.endswith("-") and last[-2:-1].isalpha() else " "
            held = (held[:-1] if not joint else held) + joint + line
            continue
        if held:
            yield held
        held = line
    if held:
        yield held


def markdown_lines(lines: Iterable[str]) -> Iterator[str]:
    """The lines of a Markdown text without its marks and its blocks of code."""
    inside = False
    for line in lines:
        if _FENCE.match(line):
            inside = not inside
            continue
        if inside or _RULE.match(line):
            yield ""
            continue
        line = _LINE_MARK.sub("", line)
        line = _ADDRESS.sub(" ", _LINK.sub(r"\1", line))
        line = html.unescape(_TAG.sub(" ", line))
        yield from line.replace("`", " ").replace("*", "").replace("_", " ").split("|")


def subtitle_lines(text: str) -> Iterator[str]:
    """The lines of subtitles without times, numbers, styles and tags."""
    for line in _STYLES.sub("", text).splitlines():
        if not _TIMES.search(line):
            yield html.unescape(_TAG.sub(" ", line))


class _Page(HTMLParser):
    """Collects the words of a page, a line each paragraph."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._hidden += tag in ("script", "style")
        if tag in _APART:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style") and self._hidden > 0
        if tag in _APART:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(" ".join(data.split(" ")).replace("\n", " "))


def page_lines(text: str) -> list[str]:
    """The paragraphs of an HTML page, scripts and styles left out."""
    page = _Page()
    page.feed(text)
    page.close()
    return "".join(page.parts).split("\n")
