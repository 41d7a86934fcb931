"""What `las benchmark decode` prints of what it measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from las_cli.benchmark.searches import Contender, Measured
from las_cli.cli.benchmark_decode import gain_line, speed_table
from las_cli.cli.main import cli
from las_cli.errors import LasError

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


def test_a_cold_start_that_fails_leaves_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise LasError("cold start with en: failed")

    found = [measured("greedy", *REFERENCES), measured("PocketSphinx", failure="not there")]
    monkeypatch.setattr("las_cli.benchmark.searches.measure_searches", lambda *_, **__: found)
    monkeypatch.setattr("las_cli.benchmark.searches.cold_start", broken)
    result = CliRunner().invoke(cli, ["benchmark", "decode", "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "greedy" in result.stdout and "0.00 %" in result.stdout
    assert "PocketSphinx: not there" in result.stderr and "cold start with en" in result.stderr


@pytest.mark.parametrize(
    ("command", "option"),
    [("train", option) for option in ("--processes", "--clips", "--updates", "--clip-seconds")]
    + [("start", "--cuts"), ("score", "--pairs"), ("score", "--words")],
)
def test_nothing_is_measured_of_nothing(command: str, option: str) -> None:
    result = CliRunner().invoke(cli, ["benchmark", command, option, "0"])
    assert result.exit_code == 2 and option in result.stderr
