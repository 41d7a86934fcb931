"""What `las benchmark decode` prints of what it measured."""

from __future__ import annotations

import pytest

from las_cli.cli.benchmark_decode import gain_line, speed_table
from las_cli.decoding.speed import Contender, Measured

REFERENCES = ("the cat sat", "on the mat", "and slept")


def measured(name: str, *hypotheses: str, failure: str = "") -> Measured:
    if failure:
        return Measured(Contender(name), (), (), 0.0, 0.0, 0.0, 0, 0, failure=failure)
    return Measured(
        Contender(name), REFERENCES, hypotheses, 10.0, 0.25, 1.5, 500_000_000, 22_000_000
    )


def test_what_the_beam_gains() -> None:
    results = [
        measured("greedy", "the cat sad", "on a mat", "and slept"),
        measured("beam 8, no lm", "the cat sat", "on a mat", "and slept"),
        measured("beam 8 + lm", *REFERENCES),
        measured("PocketSphinx", failure="not there"),
    ]
    line = gain_line(results, "basic")
    assert line.startswith("beam 8 + lm against greedy: WER -25.00 points (95 %: ")
    table = speed_table(results, "basic")
    assert table.row_count == 4
    assert list(table.columns[2].cells) == ["25.00 %", "12.50 %", "0.00 %", ""]


@pytest.mark.parametrize("missing", ["greedy", "beam 8 + lm"])
def test_no_gain_without_both(missing: str) -> None:
    there = {"greedy", "beam 8 + lm"} - {missing}
    results = [measured(name, *REFERENCES) for name in there]
    assert gain_line([*results, measured(missing, failure="killed")], "basic") == ""
