"""Expected words: how they are named, what a beginning of one is worth, and what a search makes
of them."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from las_cli.decoding.decode import decode
from las_cli.decoding.decoder import Decoder
from las_cli.decoding.hotword_tree import START, HotwordTree
from las_cli.decoding.hotwords import Hotword, normalised, read_hotwords, spellable
from las_cli.decoding.options import DecodingOptions
from las_cli.errors import UsageError
from las_cli.network.las import LAS
from las_cli.text import Alphabet, TextPolicy
from las_cli.text.units import EOS, FIRST

from .conftest import ALPHABET, speech, tiny_model
from .test_searches import PLAIN, same, tiny_lm


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Thornton, Helstone", [("Thornton", 1), ("Helstone", 1)]),
        ("Helstone 2", [("Helstone", 2)]),
        ("New  York 1.5,Ann", [("New York", 1.5), ("Ann", 1)]),
        ("Ann 2, Bo, Ann 3", [("Bo", 1), ("Ann", 3)]),
        ("1984", [("1984", 1)]),  # a word, for want of another
        (["Thornton", ("Helstone", 2), "Ann 3"], [("Thornton", 1), ("Helstone", 2), ("Ann", 3)]),
        ({"Thornton": 2, "Ann": 0.5}, [("Thornton", 2), ("Ann", 0.5)]),
        ((Hotword("Ann", 2.0),), [("Ann", 2)]),
    ],
)
def test_lists_are_read(given: Any, expected: list[tuple[str, float]]) -> None:
    assert list(read_hotwords(given)) == expected


def test_a_file_has_an_entry_a_line(tmp_path: Path) -> None:
    path = tmp_path / "names, all of them"
    path.write_text("\ufeffThornton\n\n# people\nNew York\t2\n東京 1,5\n", encoding="utf-8")
    expected = [("Thornton", 1.0), ("New York", 2.0), ("東京", 1.5)]
    assert list(read_hotwords(str(path))) == expected
    assert list(read_hotwords(path)) == expected


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("", "hotwords: names no word"),
        (" , ,", "hotwords: names no word"),
        ([], "hotwords: names no word"),
        ([""], "an entry is empty"),
        ("Ann\ttwo", "the weight 'two' of 'Ann' is no number"),
        ([("Ann", "two")], "the weight 'two' of 'Ann' is no number"),
        ([("Ann", None)], "the weight None of 'Ann' is no number"),
        ("Ann 0", "the weight 0 of 'Ann': choose above 0"),
        ("Ann -1", "the weight -1 of 'Ann'"),
        ([("Ann", math.nan)], "the weight nan of 'Ann'"),
        ("Ann 11", "the weight 11 of 'Ann': choose above 0, up to 10"),
        ([("Ann", 1, 2)], "is no word, nor a word and its weight"),
        ([3], "3 is no word"),
        (7, "hotwords 7: expected words"),
        ("names.txt", "hotwords names.txt: there is no such file"),
        ("lists/names", "hotwords lists/names: there is no such file"),
        ("AC/DC", "if it is a word itself put a comma behind it"),
    ],
)
def test_what_is_wrong_with_a_list_is_said_in_a_sentence(given: Any, found: str) -> None:
    with pytest.raises(UsageError) as error:
        read_hotwords(given)
    assert found in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(UsageError):
        DecodingOptions.from_config({}, hotwords=given)


@pytest.mark.parametrize(
    ("content", "found"),
    [(b"", "names no word"), (b"# none\n", "names no word"), (b"\xff\xfe\x00", "is no UTF-8 text"),
     (b"Ann\nBo\ttwo\n", ":2: the weight 'two' of 'Bo' is no number")],
)  # fmt: skip
def test_so_is_what_is_wrong_with_a_file(tmp_path: Path, content: bytes, found: str) -> None:
    path = tmp_path / "names"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="hotwords .*names") as error:
        read_hotwords(str(path))
    assert found in str(error.value)


def test_words_are_written_as_the_model_writes() -> None:
    words = normalised(read_hotwords("St. John’s, O'Neill 2, !?"), TextPolicy())
    assert words == (("st john's", 1.0), ("o'neill", 2.0), ("!?", 1.0))
    letters = Alphabet("'stjohneilzä ")
    known, left_out = spellable((*words, Hotword("zoë"), Hotword("noël")), letters)
    assert known == (("st john's", 1.0), ("o'neill", 2.0))
    assert left_out == [
        "hotwords left out, as the model has no ! ?: !?",
        "hotwords left out, as the model has no ë: zoë, noël",
    ]


LETTERS = Alphabet(" 'abcdefghijklmnopqrstuvwxyz東京都")


@pytest.mark.parametrize(
    ("words", "text", "bonus"),
    [
        (["he"], "he", 2), (["he"], "he he", 4), (["he"], "the", 0), (["he"], "hen", 0),
        (["he"], "he's", 0), (["he"], "h e", 0), (["he 3"], "so he", 6),
        # The beginning of a longer one is worth nothing, unless it is a word of the list itself.
        (["new york"], "new yor", 0), (["new york"], "new yorker", 0), (["new york"], "new", 0),
        (["new york", "new"], "new yorker", 3), (["new york", "yorker"], "new yorker", 6),
        # A word within a longer one is not paid twice.
        (["new york", "york"], "new york", 8), (["new york", "york"], "york", 4),
        (["new york", "new york city"], "new york city", 13),
        (["new york 2", "new york city"], "new york city", 16),
        (["new york", "new york city"], "new york cite", 8),
        # Another may begin where one breaks off.
        (["new york"], "new new york", 8), (["a b c", "b d"], "a b d", 3),
        # Scripts without spaces: anywhere.
        (["東京"], "東京", 2), (["東京"], "都東京都", 2), (["東京"], "a東京b", 2),
        (["東京"], "東東京", 2), (["東京"], "東都", 0), (["京都", "東京"], "東京都", 4),
    ],
)  # fmt: skip
def test_only_whole_words_have_a_bonus(words: list[str], text: str, bonus: float) -> None:
    tree = HotwordTree(read_hotwords(words), LETTERS)
    assert tree.score(text) == pytest.approx(bonus)
    assert by_table(tree, LETTERS.encode(text)) == pytest.approx(bonus)


def by_table(tree: HotwordTree, units: list[int]) -> float:
    """The bonus of units one by one, the end of sentence behind them."""
    state, total = START, 0.0
    for unit in units:
        bonus, held, following = tree.lines([state])
        state, total = int(following[0, unit]), total + float(bonus[0, unit])
        ended = total + float(tree.lines([state]).bonus[0, EOS])
        assert total - float(held[0, unit]) <= ended + 1e-5  # no more can be taken back
    return total + float(tree.lines([state]).bonus[0, EOS])


def test_letters_have_it_at_once_and_lose_it_where_the_word_is_left() -> None:
    tree = HotwordTree(read_hotwords("hex, hand 2"), LETTERS)
    totals = []
    state, total = START, 0.0
    for unit in LETTERS.encode("han hexe"):
        bonus, held, following = tree.lines([state])
        state, total = int(following[0, unit]), total + float(bonus[0, unit])
        totals.append(total)
        assert float(held[0, unit]) == total  # no word is whole
    assert totals == [2, 4, 6, 0, 2, 2, 3, 0]  # h is worth what the best word with it is


class Pieces:
    """Word pieces, as sentencepiece would name them."""

    kind = "wordpieces"
    units = ("▁", "▁th", "▁thorn", "ton", "orn", "t", "on", "▁he", "▁x", "s")


@pytest.mark.parametrize(
    ("pieces", "bonus"),
    [
        (["▁thorn", "ton"], 8), (["▁th", "orn", "t", "on"], 8), (["▁thorn", "ton", "▁x"], 8),
        (["▁x", "▁thorn", "ton"], 8), (["▁thorn", "t"], 0), (["▁thorn", "ton", "s"], 0),
        (["▁x", "ton"], 0), (["▁he", "▁he"], 4), (["▁", "▁he"], 2), (["▁thorn", "▁he"], 2),
    ],
)  # fmt: skip
def test_it_does_not_matter_in_which_pieces(pieces: list[str], bonus: float) -> None:
    tree = HotwordTree(read_hotwords("thornton, he"), Pieces())  # type: ignore[arg-type]
    units = [FIRST + Pieces.units.index(piece) for piece in pieces]
    assert by_table(tree, units) == pytest.approx(bonus)


def test_every_line_of_the_table_is_what_walking_gives() -> None:
    words = read_hotwords(["abba", "ab ba", "ba", "b", "京a", "ab 京都"])
    tree = HotwordTree(words, LETTERS)
    for text in ("", "x", "a", "ab", "abb", "ab ", "ab b", "ab ba", "京", "ab 京"):
        for letter in " abx'京都":
            assert by_table(tree, LETTERS.encode(text + letter)) == pytest.approx(
                tree.score(text + letter)
            )


def test_the_words_that_a_text_holds() -> None:
    tree = HotwordTree(read_hotwords("new york, york, he, 東京, city"), LETTERS)
    assert tree.spot("she saw new york and then he ran") == ("new york", "york", "he")
    assert tree.spot("the citys 東京都") == ("東京",)
    assert tree.spot("") == ()


OPTIONS = dataclasses.replace(
    PLAIN, beam=4, nbest=4, lm_weight=0.2, hotwords=read_hotwords("cab, ab cd 2, ij, e")
)


@pytest.mark.parametrize("name", ["beam", "ctc", "rescore", "greedy"])
def test_a_search_adds_the_bonus_of_what_it_writes(model: LAS, name: str) -> None:
    nbest = 1 if name == "greedy" else 4
    options = dataclasses.replace(OPTIONS, search=name, nbest=nbest, hotword_weight=9.0)
    decoder = Decoder(model, ALPHABET, options, tiny_lm())
    assert decoder.hotwords is not None
    written = 0.0
    for hypotheses in decode(decoder, *speech(0.7, 1.2, 0.4)):
        for one in hypotheses:
            bonus = decoder.hotwords.score(ALPHABET.decode(one.units))
            assert one.scores["hotwords"] == pytest.approx(bonus, abs=1e-4)
            assert one.score == pytest.approx(options.total(one.scores, len(one.units)), abs=1e-3)
            written += bonus
    assert written > 0 or name == "greedy"


def test_what_a_batch_holds_beside_changes_nothing(model: LAS) -> None:
    waveforms, lengths = speech(0.4, 1.3, 0.9)
    options = dataclasses.replace(OPTIONS, beam_threshold=6.0)
    decoder = Decoder(model, ALPHABET, options, tiny_lm())
    together = decode(decoder, waveforms, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = decode(decoder, waveforms[row : row + 1, :length], lengths[row : row + 1])[0]
        for one, other in zip(alone, together[row], strict=True):
            same(one, other)


def test_an_expected_word_is_found_that_was_missed() -> None:
    """CTC hears "cab" a little worse than "cad"; nothing else speaks."""
    model = tiny_model()
    log_probs = torch.full((1, 8, len(ALPHABET)), -9.0)
    log_probs[0, [0, 2, 4, 6, 7], 0] = 0.0
    for step, letters in ((1, "c"), (3, "a"), (5, "bd")):
        for place, letter in enumerate(letters):
            log_probs[0, step, ALPHABET.encode(letter)[0]] = -0.5 + 0.4 * place
    from las_cli.decoding.decode import search
    from las_cli.decoding.heard import Heard

    heard = Heard(torch.zeros(1, 8, 24), torch.tensor([8]), log_probs.log_softmax(-1), (0.3,))
    plain = DecodingOptions(search="ctc", beam=4, precision="float32")
    assert search(Decoder(model, ALPHABET, plain), heard)[0][0].text == "cad"
    asked = dataclasses.replace(plain, hotwords=read_hotwords("cab"))
    assert search(Decoder(model, ALPHABET, asked), heard)[0][0].text == "cab"
    longer = dataclasses.replace(plain, hotwords=read_hotwords("cabbie"))
    assert search(Decoder(model, ALPHABET, longer), heard)[0][0].text == "cad"
    # The beginning of a word that is left does not push what was heard out of the beam.
    heavy = dataclasses.replace(longer, hotword_weight=4.0)
    assert search(Decoder(model, ALPHABET, heavy), heard)[0][0].text == "cad"


def test_words_that_cannot_be_spelled_are_named_and_left_out() -> None:
    options = dataclasses.replace(PLAIN, hotwords=read_hotwords("cab, zoo"))
    decoder = Decoder(tiny_model(), ALPHABET, options)
    assert decoder.notes == ("hotwords left out, as the model has no o z: zoo",)
    assert decoder.options.hotwords == (("cab", 1.0),)
    options = dataclasses.replace(PLAIN, hotwords=read_hotwords("zoo"))
    decoder = Decoder(tiny_model(), ALPHABET, options)
    assert decoder.hotwords is None and decode(decoder, *speech(0.5))[0]


@pytest.mark.parametrize("weight", [-1.0, math.nan, 21.0, math.inf])
def test_a_weight_that_is_none(weight: float) -> None:
    with pytest.raises(UsageError, match="hotword-weight .*: choose 0 to 20 nats a letter"):
        DecodingOptions(hotword_weight=weight)


def test_they_are_kept_as_json_keeps_them() -> None:
    options = DecodingOptions(hotwords=read_hotwords("Ann, Bo 2"))
    again = DecodingOptions.from_config({"hotwords": [list(word) for word in options.hotwords]})
    assert again == options
