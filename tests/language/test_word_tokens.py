"""The vocabulary and the text in its ids, whether all words fit into memory or not."""

from __future__ import annotations

from collections import Counter

import pytest

from las_cli.language.spool import Spool
from las_cli.language.word_tokens import WORD_BYTES, read_words

from .words import ALPHABET, SPACE, encoded, zipf


@pytest.mark.parametrize("at_a_time", [1, 7, 1000])
@pytest.mark.parametrize("most_words", [9, 1000])
def test_words_and_text(at_a_time: int, most_words: int) -> None:
    texts = zipf()
    with Spool(at_a_time * WORD_BYTES) as spool:
        words, tokens = read_words(encoded(texts), SPACE, spool, most_words)
        found = tokens.read(0, len(tokens)).tolist()
    counted = Counter(word for text in texts for word in text.split())
    vocabulary = sorted(word for word, _ in counted.most_common(most_words))  # first seen first
    assert [ALPHABET.decode(word) for word in words] == vocabulary
    ids = {word: index for index, word in enumerate(vocabulary)}
    end, expected = len(vocabulary), []
    for text in texts:
        expected += [end + 1, *(ids.get(word, -1) for word in text.split()), end]
    assert found == expected


def test_letters_of_any_alphabet() -> None:
    far = 2**15 - 1
    lines = [[3, far], [3, far + 1], [0xD800 - 64, 2, 3]]  # no word has letters behind `far`
    for memory in (1, 10**6):
        with Spool(memory) as spool:
            words, tokens = read_words(lines, 2, spool, 10)
            assert words == [[3], [3, far]]
            assert tokens.read(0, 99).tolist() == [3, 1, 2, 3, -1, 2, 3, -1, 0, 2]


@pytest.mark.parametrize("memory", [1, 10**6])
def test_of_words_as_frequent_the_first_are_kept(memory: int) -> None:
    with Spool(memory) as spool:
        words, _ = read_words(encoded(["d", "b", "a", "c b"]), SPACE, spool, 3)
    assert list(map(ALPHABET.decode, words)) == ["a", "b", "d"]
