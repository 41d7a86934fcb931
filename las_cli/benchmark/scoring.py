"""A number of utterances in, how long scoring them takes out; for `las benchmark`."""

from __future__ import annotations

import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from las_cli.memory import peak_memory
from las_cli.scoring.listings import open_listing
from las_cli.scoring.pairing import Pairing
from las_cli.scoring.report import ReportOptions, make_report


@dataclass(frozen=True)
class ScoringSpeed:
    """What `las score` costs from reading two files of lines to the intervals."""

    pairs: int
    words: int  # in each reference
    seconds: float  # wall clock
    peak_memory: int  # bytes, of the whole process so far; 0 where it is unknown

    @property
    def pairs_per_second(self) -> float:
        return self.pairs / self.seconds


def measure_scoring(pairs: int = 100_000, words: int = 10, seed: int = 1) -> ScoringSpeed:
    """Write `pairs` made-up references of `words` words and garbled hypotheses, and score them.

    About one letter in twelve is wrong. Writing the files is not counted.
    """
    with tempfile.TemporaryDirectory() as folder:
        reference, hypothesis = Path(folder, "ref.txt"), Path(folder, "hyp.txt")
        _write(reference, hypothesis, pairs, words, random.Random(seed))
        started = time.perf_counter()
        listings = (open_listing(str(reference)), open_listing(str(hypothesis)))
        make_report(Pairing(*listings), ReportOptions())
        seconds = time.perf_counter() - started
    return ScoringSpeed(pairs, words, seconds, peak_memory())


def _write(
    reference: Path, hypothesis: Path, pairs: int, words: int, generator: random.Random
) -> None:
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    vocabulary = [
        "".join(generator.choice(letters) for _ in range(generator.randint(2, 8)))
        for _ in range(5000)
    ]
    with (
        open(reference, "w", encoding="utf-8") as ours,
        open(hypothesis, "w", encoding="utf-8") as theirs,
    ):
        for _ in range(pairs):
            sentence = " ".join(generator.choices(vocabulary, k=words))
            garbled = list(sentence)
            for _ in range(len(sentence) // 12):
                place = generator.randrange(len(garbled))
                garbled[place] = generator.choice(("", *letters[:8], " "))
            ours.write(f"{sentence}\n")
            theirs.write("".join(garbled) + "\n")
