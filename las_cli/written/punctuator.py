"""Words with times in, as they come; their written form out, a few words later."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import torch
from torch import Tensor

from las_cli.text.marks import CASES, MARKS, bare, capitalised, plain_words
from las_cli.transcript import Segment, Transcript, Word
from las_cli.written.pauses import PauseTable
from las_cli.written.punctuation_network import (
    BEFORE_FIRST,
    END,
    FIRST,
    OTHER,
    START,
    PunctuationNetwork,
    affix_rows,
)

LEFT = 40  # words before the first undecided one that are read again
RIGHT = 24  # words that must follow a segment before it is decided, unless the recording ends


@dataclass(frozen=True)
class Vocabulary:
    """What a network's numbers mean."""

    words: tuple[str, ...]  # plain; the ids follow FIRST
    spellings: Mapping[str, str] = field(default_factory=dict)  # plain → McBride, Mr.
    marks: tuple[str, ...] = MARKS  # how this language writes MARKS
    biases: tuple[float, ...] = (0.0,) * (1 + len(MARKS))  # added to the scores of marks
    language: str = ""  # code, e.g. en; empty where it is not known


class Punctuator:
    """A trained network with its vocabulary; puts marks and capitals into words."""

    def __init__(
        self,
        network: PunctuationNetwork,
        vocabulary: Vocabulary,
        pauses: PauseTable | None = None,
    ) -> None:
        self.network, self.vocabulary, self.pauses = network, vocabulary, pauses
        self._ids = {word: FIRST + place for place, word in enumerate(vocabulary.words)}
        buckets = network.config.buckets
        self._rows = lru_cache(maxsize=2**16)(lambda word: affix_rows(word, buckets))

    def text(self, words: str) -> str:
        """The written form of a text of plain words.

        >>> punctuator.text("where are you")  # doctest: +SKIP
        'Where are you?'
        """
        stream = WrittenStream(self)
        found = [*stream.push(Segment(0.0, 0.0, words)), *stream.finish()]
        return " ".join(segment.written or "" for segment in found)

    def transcript(self, transcript: Transcript) -> Transcript:
        """The same transcript with its written form beside the plain words."""
        stream = WrittenStream(self)
        segments = [one for segment in transcript.segments for one in stream.push(segment)]
        return replace(transcript, segments=(*segments, *stream.finish()))

    def vectors(self, words: Sequence[str], start: bool, end: bool) -> Tensor:
        """Vectors [U, D] of plain words, those of the recording's edges around them if asked."""
        ids = [self._ids.get(word, OTHER) for word in words]
        rows = [self._rows(word) for word in words]
        if start:
            ids, rows = [START, *ids], [self._rows("<start>"), *rows]
        if end:
            ids, rows = [*ids, END], [*rows, self._rows("<end>")]
        return self.network.vectors(torch.tensor(ids), torch.tensor(rows))

    @torch.inference_mode()
    def classes(
        self,
        words: Sequence[str],
        pauses: Sequence[float],
        decided: Sequence[int],
        start: bool,
        end: bool,
    ) -> tuple[list[int], list[int]]:
        """Classes of the marks behind plain words and of their cases.

        pauses: seconds behind each word, NaN where they are not known
        decided: marks of the first words, which are kept
        start, end: whether the first word begins the recording, the last one ends it
        """
        vectors = self.vectors(words, start, end)
        states = self.network.read(vectors[None])[0]
        inside = slice(int(start), int(start) + len(words))
        vectors, states = vectors[inside], states[inside]
        scores = torch.log_softmax(self.network.score_marks(states), dim=-1)
        scores = scores + torch.tensor(self.vocabulary.biases)
        if self.pauses is not None:
            scores = scores + torch.tensor([self.pauses.of(pause) for pause in pauses])
        marks = [*decided, *scores[len(decided) :].argmax(dim=-1).tolist()]
        before = torch.tensor([BEFORE_FIRST if start else 0, *marks[:-1]])
        cases = self.network.score_cases(states, vectors, before).argmax(dim=-1).tolist()
        return marks, cases

    def written(self, word: str, mark: int, case: int) -> str:
        """One word as it is written, with its mark.

        word: as the recogniser wrote it; mark, case: classes as `classes` gives them
        """
        lower = word.lower()
        spelling = self.vocabulary.spellings.get(lower, "")
        if spelling and (case != CASES.index("lower") or spelling.endswith(".")):
            text = spelling
        elif CASES[case] == "upper":
            text = lower.upper()
        else:
            text = lower if CASES[case] == "lower" else capitalised(lower)
        if not mark:
            return text
        sign = self.vocabulary.marks[mark - 1]
        return text if text.endswith(".") and sign == "." else text + sign


@dataclass
class _Unit:
    """A word at work."""

    shown: str  # as the recogniser wrote it, without marks
    plain: str  # as the network knows it
    start: float  # seconds, NaN where no times are known
    end: float


class WrittenStream:
    """The written form of one recording, segment by segment.

    A sentence may cross the border of segments, so a segment is decided only when RIGHT more words
    have come, or the recording has ended.
    """

    def __init__(self, punctuator: Punctuator) -> None:
        self._punctuator = punctuator
        self._waiting: list[tuple[Segment, list[_Unit | None]]] = []
        self._before: list[_Unit] = []  # decided words that are read again
        self._marks: list[int] = []  # theirs
        self._start = True  # whether `_before` reaches back to the start of the recording

    def push(self, segment: Segment, live: bool = False) -> list[Segment]:
        """The segments that are decided now, in order; live: all, whatever may follow."""
        self._waiting.append((segment, _units(segment)))
        following, ready = 0, len(self._waiting)
        while not live and ready and following < RIGHT:
            ready -= 1
            following += sum(unit is not None for unit in self._waiting[ready][1])
        # What is decided must have RIGHT words behind it; one segment more is read than decided.
        return self._decide(ready, end=False)

    def finish(self) -> list[Segment]:
        """The segments that are left, at the end of the recording."""
        return self._decide(len(self._waiting), end=True)

    def _decide(self, count: int, end: bool) -> list[Segment]:
        if not count:
            return []
        units = [unit for _, own in self._waiting for unit in own if unit is not None]
        everything = [*self._before, *units]
        if not everything:
            done = [_with_written(one, _shown(one)) for one, _ in self._waiting[:count]]
            del self._waiting[:count]
            return done
        gaps = [
            after.start - word.end
            for word, after in zip(everything, everything[1:], strict=False)
        ]
        marks, cases = self._punctuator.classes(
            [unit.plain for unit in everything],
            [*gaps, math.nan],
            self._marks,
            self._start,
            end,
        )
        place = len(self._before)
        done = []
        for segment, own in self._waiting[:count]:
            texts = []
            for unit, shown in zip(own, _shown(segment), strict=True):
                if unit is None:
                    texts.append(shown)
                    continue
                texts.append(self._punctuator.written(unit.shown, marks[place], cases[place]))
                place += 1
            done.append(_with_written(segment, texts))
        del self._waiting[:count]
        self._start = self._start and place <= LEFT
        first = max(0, place - LEFT)
        self._before, self._marks = everything[first:place], marks[first:place]
        return done


def _shown(segment: Segment) -> list[str]:
    if segment.words and " ".join(word.text for word in segment.words) == segment.text:
        return [word.text for word in segment.words]
    return segment.text.split()


def _units(segment: Segment) -> list[_Unit | None]:
    """The words of a segment; None for one that holds no letter."""
    texts = _shown(segment)
    timed = len(segment.words) == len(texts)
    found: list[_Unit | None] = []
    for place, text in enumerate(texts):
        plain = "".join(plain_words(text))
        start = segment.words[place].start if timed else math.nan
        end = segment.words[place].end if timed else math.nan
        found.append(_Unit(bare(text), plain, start, end) if plain else None)
    if not timed and found and segment.end > segment.start:
        # The pauses between segments are known all the same.
        if found[0] is not None:
            found[0].start = segment.start
        if found[-1] is not None:
            found[-1].end = segment.end
    return found


def _with_written(segment: Segment, texts: Sequence[str]) -> Segment:
    words = segment.words
    if len(words) == len(texts):
        words = tuple(
            Word(word.text, word.start, word.end, word.confidence, text)
            for word, text in zip(words, texts, strict=True)
        )
    return replace(segment, words=words, written=" ".join(texts))
