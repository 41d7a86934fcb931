"""What is learned from a text, what is left out of it, and what is kept apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from las_cli.errors import LasError
from las_cli.written.punctuated_text import UNKNOWN, read_punctuated, recordings
from las_cli.written.punctuation_network import BEFORE_FIRST, PunctuationConfig
from las_cli.written.punctuation_training import TrainingWords, first_vectors


def written(folder: Path, *lines: str) -> Path:
    path = folder / "text.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_classes_of_a_line(tmp_path: Path) -> None:
    text, held_out = read_punctuated([written(tmp_path, "Ann, I saw McRae.", "McRae saw USA?")])
    assert [text.types[place] for place in text.words] == "ann i saw mcrae mcrae saw usa".split()
    assert text.marks.tolist() == [2, 0, 0, 1, 0, 0, 3]
    assert text.cases.tolist() == [1, 1, 0, 3, 3, 0, 2]
    assert text.starts.tolist() == [0, 4, 7] and held_out == []
    assert text.spellings == {"mcrae": "McRae"}
    assert text.written(0, 9) == ["Ann, I saw McRae.", "McRae saw USA?"]


def test_lines_without_anything_to_learn_are_left_out_and_counted(tmp_path: Path) -> None:
    lines = ("Yes, he did.", "no mark at its end", "CHAPTER THE FIRST.", "---", "ALL RIGHT.")
    text, _ = read_punctuated([written(tmp_path, *lines)])
    assert len(text) == 2  # two words in capitals are no heading
    assert text.left_out == {"that end without a mark": 1, "in capitals": 1, "without words": 1}
    with pytest.raises(LasError, match="no line has punctuation to learn from .1 that end without"):
        read_punctuated([written(tmp_path, "nothing here")])


def test_abbreviations_keep_their_stop_and_join_lines(tmp_path: Path) -> None:
    """As a text that was cut into sentences carelessly has them."""
    lines = ["I saw Mr.", "Smith at dinner."] * 25 + ["We ate ham, etc., and Mr. Smith came."] * 5
    text, _ = read_punctuated([written(tmp_path, *lines)])
    assert text.spellings == {"mr": "Mr."}  # etc. is seen too rarely
    mr = text.types.index("mr")
    assert set(text.marks[text.words == mr]) == {0}
    assert len(text) == 30 and int((text.marks == 1).sum()) == 30
    text, _ = read_punctuated([written(tmp_path, *["They came."] * 30, *["Ham, etc. is it."] * 3)])
    assert text.spellings == {}


def test_blocks_of_lines_are_kept_apart(tmp_path: Path) -> None:
    lines = [f"This is line {number}." for number in range(20_000)]
    text, held_out = read_punctuated([written(tmp_path, *lines)])
    assert len(text) + len(held_out) == 20_000
    assert 50 <= len(held_out) <= 500 and len(held_out) % 50 == 0
    learned = set(text.words.tolist())
    for line in held_out:
        number = line.split()[-1].rstrip(".")
        assert number not in text.types or text.types.index(number) not in learned


def test_of_a_short_text_the_last_lines_are_kept_apart(tmp_path: Path) -> None:
    lines = [f"This is line {number}." for number in range(1000)]
    path = tmp_path / "short.txt"  # chance keeps none of its blocks apart
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    text, held_out = read_punctuated([path])
    assert held_out == lines[950:] and len(text) == 950
    assert text.written(949, 950) == [lines[949]] and len(text.words) == 4 * 950


def test_the_stream_has_edges_and_the_marks_before(tmp_path: Path) -> None:
    lines = [f"Yes, number {number}." for number in range(200)]
    text, _ = read_punctuated([written(tmp_path, *lines)])
    words = TrainingWords(text, PunctuationConfig(words=50, buckets=16, embedding=4))
    types, marks, cases, before = words.stream(seed=3)
    runs = list(recordings(text, 3))
    assert runs[0][0] == 0 and runs[-1][1] == len(text)
    assert all(a[1] == b[0] for a, b in zip(runs, runs[1:], strict=False))
    assert sum(types == words.start) == sum(types == words.end) == len(runs)
    inner = (types != words.start) & (types != words.end)
    assert (types[inner] == text.words).all() and (marks[inner] == text.marks).all()
    assert (marks[~inner] == UNKNOWN).all() and (cases[~inner] == UNKNOWN).all()
    first = np.flatnonzero(types == words.start) + 1
    assert (before[first] == BEFORE_FIRST).all()
    others = np.setdiff1d(np.flatnonzero(inner), first)
    assert (before[others] == marks[others - 1]).all()
    seen = [batch[0] for batch in words.batches(3, rows=4, row_words=16)]
    assert {tuple(one.shape)[1] for one in seen} == {16}
    assert sum(one.numel() for one in seen) >= len(types) - 31


def test_first_vectors_put_like_words_together(tmp_path: Path) -> None:
    animals, towns = ("dog", "cat", "bird"), ("London", "Vienna", "Munich")
    lines = [f"The {a} ran to {t}." for a in animals for t in towns] * 20
    text, _ = read_punctuated([written(tmp_path, *lines)])
    words = TrainingWords(text, PunctuationConfig(words=9, buckets=16, embedding=6))
    vectors = first_vectors(words, 6)
    assert vectors.shape[0] == len(words.vocabulary) and vectors.shape[1] <= 6
    own = {word: vectors[place] for place, word in enumerate(words.vocabulary)}

    def near(one: str, other: str) -> float:
        return float((own[one] - own[other]).norm())

    assert near("dog", "cat") < near("dog", "london") / 3
    assert near("vienna", "munich") < near("vienna", "bird") / 3
