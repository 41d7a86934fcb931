"""`las benchmark hotwords`: which words are counted where, and the table of it."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from las_cli.benchmark import hotword_rates as hotwords
from las_cli.benchmark.hotword_rates import (
    BiasedCounts,
    HotwordTrial,
    count_biased,
    measure_hotwords,
    rare_words,
    word_counts,
)
from las_cli.cli.benchmark_hotwords import hotword_table, parse_distractors
from las_cli.decoding.decoder import Decoder
from las_cli.decoding.heard import listen
from las_cli.decoding.options import DecodingOptions
from las_cli.errors import LasError, UsageError
from las_cli.evaluation.tuning import HeardBatch
from las_cli.recogniser import Recogniser
from las_cli.text import TextPolicy
from tests.decoding.conftest import ALPHABET, speech, tiny_model


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("see helstone now", "see helstone now", BiasedCounts(1, 1, 0, 2, 0)),
        ("see helstone now", "see hell stone now", BiasedCounts(0, 1, 1, 2, 1)),
        ("see helstone", "see", BiasedCounts(0, 1, 1, 1, 0)),
        ("see it now", "see thornton now", BiasedCounts(0, 0, 0, 3, 1)),  # the word spoken counts
        ("see it", "see it thornton", BiasedCounts(0, 0, 1, 2, 0)),  # else the inserted
        ("see it", "see it too", BiasedCounts(0, 0, 0, 2, 1)),
        ("", "", BiasedCounts()),
    ],
)  # fmt: skip
def test_words_of_the_list_and_others(
    reference: str, hypothesis: str, expected: BiasedCounts
) -> None:
    found = count_biased([reference], [hypothesis], frozenset({"helstone", "thornton"}))
    assert found == expected


def test_rates() -> None:
    counts = BiasedCounts(hits=6, spoken=8, errors=3, other_spoken=40, other_errors=4)
    assert (counts.recall, counts.biased_rate, counts.unbiased_rate) == (0.75, 0.375, 0.1)
    assert counts.rate == pytest.approx(7 / 48)
    assert counts + counts == BiasedCounts(12, 16, 6, 80, 8)


def test_rare_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hotwords, "COMMON", 2)
    counts = word_counts(["A bad cab, a bad cab", "a bad Jig; fig", "dig a hid! zoo"], TextPolicy())
    assert counts == Counter(a=4, bad=3, cab=2, jig=1, fig=1, dig=1, hid=1, zoo=1)
    expected, others = rare_words(["a bad cab", "jig zoo ace"], counts, ALPHABET)
    assert expected == ["ace", "cab", "jig"]  # no model writes zoo here
    assert sorted(others) == ["dig", "fig", "hid"]
    assert rare_words(["a bad cab", "jig zoo ace"], counts, ALPHABET)[1] == others
    with pytest.raises(LasError, match="8 different words.*beyond the 8 most frequent; give more"):
        monkeypatch.setattr(hotwords, "COMMON", 8)
        rare_words(["a bad"], counts, ALPHABET)


def test_each_list_is_searched_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hotwords, "COMMON", 1)
    model, options = tiny_model(), DecodingOptions(beam=4, lm_weight=0.0, precision="float32")
    loaded: Any = SimpleNamespace(model=model, alphabet=ALPHABET, policy=TextPolicy())
    recogniser = Recogniser.of(loaded, options)
    batched = [HeardBatch(listen(model, *speech(0.6, 0.4)), ("a cab", "a dig"))]
    asked: list[tuple[str, ...]] = []

    def spied(decoder: Decoder, heard: Any) -> Any:
        asked.append(tuple(word for word, _ in decoder.options.hotwords))
        return search(decoder, heard)

    search = hotwords.search
    monkeypatch.setattr(hotwords, "search", spied)
    counts = Counter(a=9, cab=1, hid=1, jig=1, fig=1)
    trials = measure_hotwords(recogniser, batched, counts, [0, 2])
    assert [trial.distractors for trial in trials] == [None, 0, 2]
    assert [len(words) for words in asked] == [0, 2, 4]
    assert set(asked[1]) == {"cab", "dig"} < set(asked[2]) < {"cab", "dig", "hid", "jig", "fig"}
    assert all(trial.counts.spoken == 2 and trial.counts.other_spoken == 2 for trial in trials)


def test_the_table_tells_what_of_the_missed_is_found() -> None:
    trials = [
        HotwordTrial(None, BiasedCounts(10, 20, 12, 100, 30), 2.0),
        HotwordTrial(1000, BiasedCounts(15, 20, 6, 100, 31), 2.21),
    ]
    console = Console(width=110, record=True)
    console.print(hotword_table(trials))
    text = console.export_text()
    row = next(line for line in text.splitlines() if "1,000 distractors" in line)
    assert row.replace(" %", "").split() == [
        "1,000", "distractors", "30.83", "30.00", "31.00", "75.00", "50.00", "2.2", "s",
    ]  # fmt: skip
    assert "20 spoken words of the list, 100 others" in text


@pytest.mark.parametrize("given", ["", "many", "100,-1", "1.5"])
def test_distractors_are_numbers(given: str) -> None:
    with pytest.raises(UsageError, match="--distractors .*expected numbers parted by commas"):
        parse_distractors(given)
    assert parse_distractors("0,1000") == [0, 1000]
