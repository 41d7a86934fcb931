"""Sentences in, the vocabulary and the text in its ids out, in bounded memory."""

from __future__ import annotations

import heapq
import itertools
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

from las_cli.errors import LasError
from las_cli.language.spool import Column, Spool

LONGEST_WORD = 40  # letters; longer ones are left to the letters
MOST_LETTERS = 2**15  # in an alphabet
BUFFER = 2**20  # words read at a time
WORD_BYTES = 400  # of memory that a word takes while words are counted
OFFSET = 64  # of a letter's code point behind its id: no word holds a tab or the end of a line
BEGIN, END = -2, -1  # of a sentence, while words are numbered by first sight


@dataclass
class _Segment:
    """Text with a numbering of words of its own: as much as has no more words than memory holds."""

    stop: int  # behind it in the text
    words: int
    file: IO[str] | None  # `word, times, number` sorted by word, None for words that are held


def split_words(line: Sequence[int], space: int) -> list[str]:
    """The words of a line of letter ids, as letters `OFFSET` behind the ids."""
    text = "".join(map(chr, [letter + OFFSET for letter in line]))
    return [word for word in text.split(chr(space + OFFSET)) if word]


def read_words(
    lines: Iterable[Sequence[int]],
    space: int,
    spool: Spool,
    most_words: int,
    most_letters: int | None = None,
) -> tuple[list[list[int]], Column]:
    """The vocabulary, words as letter ids in order, and the text in the ids of its words.

    In the text the end of sentence is W, the begin W + 1, words outside the vocabulary are -1.
    most_words: the most frequent ones; most_letters: as far as they have no more together
    LasError where there are no words.
    """
    raw = Column(spool, np.int32)
    reader = _Reader(spool, raw)
    for line in lines:
        reader.add(split_words(line, space))
    reader.close()
    if not reader.first:
        raise LasError("word n-grams: the text holds no words")
    usable = (
        (times, -first, word)
        for word, times, first in reader.counts()
        if len(word) <= LONGEST_WORD and ord(max(word)) < MOST_LETTERS + OFFSET
    )
    # Of words that are as frequent the one seen first.
    frequent = [word for *_, word in heapq.nlargest(most_words, usable)]
    if most_letters is not None:
        summed = itertools.accumulate(map(len, frequent))
        frequent = frequent[: sum(letters <= most_letters for letters in summed)]
    vocabulary = sorted(frequent)
    if not vocabulary:
        raise LasError(f"word n-grams: no word of at most {LONGEST_WORD} letters in the text")
    tokens = reader.tokens({word: index for index, word in enumerate(vocabulary)})
    raw.close()
    return [[ord(letter) - OFFSET for letter in word] for word in vocabulary], tokens


class _Reader:
    """Numbers words by first sight; when there are too many of them it starts anew."""

    def __init__(self, spool: Spool, raw: Column) -> None:
        self.first = 0  # words in the segments before
        self._spool, self._raw = spool, raw
        self._most = max(1, spool.memory // WORD_BYTES)
        self._seen: dict[str, int] = {}
        self._times: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._text = array("i")
        self._segments: list[_Segment] = []

    def add(self, words: Sequence[str]) -> None:
        """One sentence more."""
        seen, text = self._seen, self._text
        text.append(BEGIN)
        text.extend([seen.setdefault(word, len(seen)) for word in words])
        text.append(END)
        if len(seen) >= self._most:
            self._end_segment(held=False)
        elif len(text) >= BUFFER:
            self._flush()

    def close(self) -> None:
        """No sentence more."""
        self._end_segment(held=True)

    def _flush(self) -> None:
        ids = np.array(self._text, dtype=np.int32)
        self._text = array("i")
        self._raw.append(ids)
        times = np.bincount(ids[ids >= 0], minlength=len(self._seen))
        times[: len(self._times)] += self._times
        self._times = times

    def _end_segment(self, held: bool) -> None:
        self._flush()
        file = None
        if not held:
            file = self._spool.file(text=True)
            try:
                file.writelines(f"{w}\t{n}\t{i}\n" for w, n, i in self._sorted())
                file.flush()
            except OSError as error:
                raise self._spool.full(error) from error
        self._segments.append(_Segment(len(self._raw), len(self._seen), file))
        self.first += len(self._seen)
        if not held:
            self._seen, self._times = {}, np.zeros(0, dtype=np.int64)

    def _sorted(self) -> Iterator[tuple[str, int, int]]:
        times = self._times.tolist()
        return ((word, times[index], index) for word, index in sorted(self._seen.items()))

    def _rows(self, segment: _Segment) -> Iterator[tuple[str, int, int]]:
        """word, times, number; words in order."""
        if segment.file is None:
            yield from self._sorted()
            return
        segment.file.seek(0)
        for line in segment.file:
            word, times, index = line.split("\t")
            yield word, int(times), int(index)

    def counts(self) -> Iterator[tuple[str, int, int]]:
        """Each word, how often it was seen, and a number that is less the sooner it was."""

        def numbered(segment: _Segment, before: int) -> Iterator[tuple[str, int, int]]:
            return ((word, times, before + index) for word, times, index in self._rows(segment))

        befores = itertools.accumulate((s.words for s in self._segments), initial=0)
        merged = heapq.merge(*map(numbered, self._segments, befores), key=lambda row: row[0])
        for word, rows in itertools.groupby(merged, key=lambda row: row[0]):
            _, times, firsts = zip(*rows, strict=True)
            yield word, sum(times), min(firsts)

    def tokens(self, vocabulary: dict[str, int]) -> Column:
        """The text in the ids of `vocabulary`."""
        tokens = Column(self._spool, np.int32)
        start = 0
        for segment in self._segments:
            ids = np.full(segment.words + 2, -1, dtype=np.int32)
            for word, _, index in self._rows(segment):
                ids[index] = vocabulary.get(word, -1)
            ids[END], ids[BEGIN] = len(vocabulary), len(vocabulary) + 1
            for place in range(start, segment.stop, BUFFER):
                tokens.append(ids[self._raw.read(place, min(place + BUFFER, segment.stop))])
            start = segment.stop
        return tokens
