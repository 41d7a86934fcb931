"""Text files in, sentences as letter ids out, streamed: a corpus need not fit into memory."""

from __future__ import annotations

import gzip
import io
import random
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from las_cli.errors import LasError
from las_cli.text import TextPolicy, Units, has_unspelled, normalise

HELD_OUT = 100  # one line in so many, chosen by its own text, measures perplexity
MOST_HELD_OUT = 2000  # lines
LONGEST = 400  # letters; longer lines are cut at a space
BUFFER = 50_000  # lines that are shuffled together


@dataclass
class TextCount:
    """What reading the text found."""

    lines: int = 0
    letters: int = 0  # of the lines used, ends of sentence included
    left_out: Counter[str] = field(default_factory=Counter)  # reason → lines


class Sentences:
    """The usable lines of text files under a model's text policy and alphabet."""

    def __init__(self, files: Sequence[Path], alphabet: Units, policy: TextPolicy) -> None:
        """LasError at once for a file that is not there or cannot be unpacked."""
        self.files, self._alphabet, self._policy = tuple(files), alphabet, policy
        for path in self.files:
            with open_text(path):
                pass

    def count(self) -> TextCount:
        """One pass over the training lines; LasError if there is nothing to learn from."""
        count = TextCount()
        for ids in self._encoded(held_out=False, count=count):
            count.lines += 1
            count.letters += len(ids) + 1
        if not count.lines:
            reasons = ", ".join(f"{n} {reason}" for reason, n in count.left_out.most_common())
            names = ", ".join(str(path) for path in self.files)
            raise LasError(
                f"{names}: no line can be used ({reasons or 'no text'}); "
                "give text in the language of the model"
            )
        return count

    def held_out(self) -> list[list[int]]:
        """The lines that are kept from training; in a tiny text the first of the training lines."""
        lines: list[list[int]] = []
        for ids in self._encoded(held_out=True):
            lines.append(ids)
            if len(lines) == MOST_HELD_OUT:
                break
        if lines:
            return lines
        return [ids for ids, _ in zip(self._encoded(held_out=False), range(10), strict=False)]

    def spares_lines(self) -> bool:
        """Whether `held_out` gives lines that are not trained on."""
        return next(self._encoded(held_out=True), None) is not None

    def lines(self) -> Iterator[list[int]]:
        """The training lines as they stand in the files."""
        return self._encoded(held_out=False)

    def shuffled(self, seed: int) -> Iterator[list[int]]:
        """The training lines in an order that `seed` decides, `BUFFER` lines at a time."""
        order = random.Random(seed)
        buffer: list[list[int]] = []
        for ids in self._encoded(held_out=False):
            if len(buffer) < BUFFER:
                buffer.append(ids)
                continue
            place = order.randrange(BUFFER)
            buffer[place], ids = ids, buffer[place]
            yield ids
        order.shuffle(buffer)
        yield from buffer

    def _encoded(self, held_out: bool, count: TextCount | None = None) -> Iterator[list[int]]:
        count = count or TextCount()
        for line in read_lines(self.files):
            text = normalise(line, self._policy)
            if not text:
                continue
            if self._policy.digits == "reject" and has_unspelled(text):
                count.left_out["with digits"] += 1
            elif self._alphabet.unknown(text):
                count.left_out["with letters outside the alphabet"] += 1
            elif (zlib.crc32(text.encode()) % HELD_OUT == 0) == held_out:
                for piece in cut(text):
                    yield self._alphabet.encode(piece)


def cut(text: str, longest: int = LONGEST) -> Iterator[str]:
    """`text` in pieces of at most `longest` letters, parted at spaces where there are any."""
    while len(text) > longest:
        place = text.rfind(" ", 1, longest + 1)
        place = longest if place < 0 else place
        yield text[:place].strip()
        text = text[place:].strip()
    if text:
        yield text


def read_lines(files: Iterable[Path]) -> Iterator[str]:
    """The lines of plain, gzip or zstandard text files; LasError names a file that is damaged."""
    for path in files:
        with open_text(path) as file:
            try:
                yield from file
            except UnicodeDecodeError as error:
                raise LasError(f"{path}: not UTF-8 text ({error.reason}); convert it") from error
            except (OSError, EOFError, zlib.error) as error:
                raise LasError(f"{path}: damaged or cut short ({error})") from error


def open_text(path: Path) -> IO[str]:
    """`path` for reading as UTF-8, unpacked by its ending .gz or .zst."""
    try:
        raw = path.open("rb")
    except OSError as error:
        raise LasError(f"{path}: cannot be read ({error.strerror or error})") from error
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.GzipFile(fileobj=raw), encoding="utf-8")
    if path.suffix in (".zst", ".zstd"):
        try:
            import zstandard
        except ImportError as error:
            raw.close()
            raise LasError(
                f"{path}: reading .zst needs the package zstandard: pip install 'las-cli[zstd]'"
            ) from error
        unpacked = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        return io.TextIOWrapper(io.BufferedReader(unpacked), encoding="utf-8")
    return io.TextIOWrapper(raw, encoding="utf-8")
