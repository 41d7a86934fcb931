"""Plain words become the sentences that were learned, in one piece or in many."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from las_cli.transcript import Segment, Transcript, Word
from las_cli.written.pauses import PauseTable
from las_cli.written.punctuation_making import MadePunctuator
from las_cli.written.punctuator import RIGHT, Punctuator, WrittenStream
from tests.written.conftest import SENTENCES

PLAIN = {
    "where are you my friend": SENTENCES[0],
    "i am in london": SENTENCES[1],
    "mr brown saw o'brien on bbc television": SENTENCES[2],
    "stop it": SENTENCES[3],
    "we have three animals a dog a cat and a parrot": SENTENCES[4],
    "it rained nobody came": SENTENCES[5],
}
TALK = list(PLAIN) * 4


def timed(text: str, start: float, pause: float = 0.0) -> Segment:
    """A segment whose words last 0.2 s, with `pause` between them."""
    words, at = [], start
    for word in text.split():
        words.append(Word(word, at, at + 0.2, 0.9))
        at += 0.2 + pause
    return Segment(start, words[-1].end, text, tuple(words), 0.9)


@pytest.mark.parametrize("plain", PLAIN)
def test_sentences_are_learned(learned: Punctuator, plain: str) -> None:
    assert learned.text(plain) == PLAIN[plain]


def test_a_text_of_several(learned: Punctuator) -> None:
    assert learned.text(" ".join(TALK)) == " ".join(PLAIN[plain] for plain in TALK)


@pytest.mark.parametrize("words", [1, 3, 7, 40])
def test_segments_cut_anywhere_give_the_same_text(learned: Punctuator, words: int) -> None:
    spoken = " ".join(TALK).split()
    parts = [spoken[place : place + words] for place in range(0, len(spoken), words)]
    segments = [timed(" ".join(part), float(place)) for place, part in enumerate(parts)]
    found = learned.transcript(Transcript("a", 99.0, tuple(segments), "tiny"))
    assert found.written == " ".join(PLAIN[plain] for plain in TALK)
    assert found.text == " ".join(TALK)
    for before, after in zip(segments, found.segments, strict=True):
        assert after.written == " ".join(word.written or "" for word in after.words)
        bare = replace(
            after, written=None, words=tuple(replace(word, written=None) for word in after.words)
        )
        assert bare == before  # nothing else is touched


def test_segments_wait_for_the_words_behind_them(learned: Punctuator) -> None:
    stream = WrittenStream(learned)
    ready = [stream.push(timed(plain, 0.0)) for plain in TALK[:8]]
    counts = [len(plain.split()) for plain in TALK[:8]]
    done = 0
    for place, found in enumerate(ready):
        done += len(found)
        behind = sum(counts[done : place + 1])
        # As many as may: the next one would have too few words behind it.
        assert done == 0 or behind >= RIGHT
        assert sum(counts[done + 1 : place + 1]) < RIGHT
    assert done > 0
    assert len(stream.finish()) == 8 - done and stream.finish() == []


def test_live_segments_do_not_wait(learned: Punctuator) -> None:
    stream = WrittenStream(learned)
    for plain in TALK[:6]:
        (found,) = stream.push(timed(plain, 0.0), live=True)
        assert found.text == plain and found.written
    assert stream.finish() == []


def test_decided_marks_are_kept_and_the_next_word_follows_them(learned: Punctuator) -> None:
    words = "i am in london stop it".split()
    silent = [math.nan] * len(words)
    free, _ = learned.classes(words, silent, [], True, True)
    assert free == [0, 0, 0, 1, 0, 4]
    for decided in ([0, 0, 0, 0], [2, 0, 0, 3]):
        marks, _ = learned.classes(words, silent, decided, True, True)
        assert marks == [*decided, 0, 4]
    states, vectors = torch.zeros(1, 1, 32), torch.zeros(1, 1, 16)
    first, inside = (
        learned.network.score_cases(states, vectors, torch.tensor([[before]])) for before in (1, 0)
    )
    # Whatever the word: behind a full stop a capital is likelier than in the middle.
    assert first[0, 0, 1] - first[0, 0, 0] > inside[0, 0, 1] - inside[0, 0, 0] + 1


def test_pauses_weigh_in(learned: Punctuator) -> None:
    """A table under which only a long pause may end a sentence."""
    scores = [(0.0, 0.0)] * 7
    scores[1] = (-50.0, 0.0)
    strict = Punctuator(learned.network, learned.vocabulary, PauseTable((0.5,), tuple(scores)))
    text = "i am in london it rained nobody came"
    hasty, slow = timed(text, 0.0), timed(text, 0.0, pause=0.6)
    assert "London." not in strict.transcript(Transcript("a", 9.0, (hasty,), "m")).shown
    assert "London. It" in strict.transcript(Transcript("a", 9.0, (slow,), "m")).shown
    # Without times nothing is known of pauses.
    assert "London. It" in strict.text(text)


def test_pauses_between_segments_count_where_words_have_no_times(learned: Punctuator) -> None:
    scores = [(0.0, 0.0)] * 7
    scores[1] = (-50.0, 0.0)
    strict = Punctuator(learned.network, learned.vocabulary, PauseTable((0.5,), tuple(scores)))
    for gap, stop in ((0.1, False), (2.0, True)):
        pieces = (Segment(0, 1, "i am in london"), Segment(1 + gap, 3, "it rained nobody came"))
        found = strict.transcript(Transcript("a", 9.0, pieces, "m"))
        assert ("London." in found.shown) is stop


def test_words_that_are_no_words_stay(learned: Punctuator) -> None:
    assert learned.text("") == ""
    assert learned.text("stop -- it") == "Stop -- it!"
    found = learned.transcript(Transcript("a", 9.0, (Segment(0, 1, "..."),), "m"))
    assert found.written == "..."
    assert "unheard" in learned.text("unheard of").lower()


def test_a_model_that_writes_its_own_capitals_is_not_written_twice(learned: Punctuator) -> None:
    assert learned.text("STOP It,") == "Stop it!"


@pytest.mark.parametrize(
    ("word", "mark", "case", "written"),
    [
        ("mr", 1, 1, "Mr."), ("mr", 2, 0, "Mr.,"), ("mr", 0, 0, "Mr."), ("london", 1, 1, "London."),
        ("o'brien", 3, 3, "O'Brien?"), ("o'brien", 0, 1, "O'Brien"), ("o'brien", 0, 0, "o'brien"),
        ("bbc", 0, 2, "BBC"), ("unheard", 0, 3, "Unheard"),
    ],
)  # fmt: skip
def test_one_word(
    learned: Punctuator, word: str, mark: int, case: int, written: str
) -> None:
    assert learned.written(word, mark, case) == written


def test_words_are_told_from_their_affixes(learned: Punctuator) -> None:
    known = learned.vectors(["london"], False, False)
    assert torch.equal(known, learned.vectors(["london"], False, False))
    one, other = learned.vectors(["londoner", "berliner"], False, False)
    assert not torch.equal(one, other)  # neither is in the vocabulary


def test_what_is_said_of_it(made: tuple[object, MadePunctuator]) -> None:
    counts = made[1]
    assert counts.held_out and counts.lines.marks["."].f1 == 1.0
    assert counts.together.all_marks.f1 > 0.98 and counts.lines.case_accuracy == 1.0
