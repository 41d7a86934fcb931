"""Counts of pauses become scores, and scores survive JSON."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from las_cli.errors import LasError
from las_cli.written.pauses import PauseTable, count_pauses


def test_scores_are_log_ratios() -> None:
    """A hundred pauses: long ones are nearly always at full stops."""
    heard = [("", 0.0)] * 80 + [(".", 1.0)] * 18 + [(".", 0.0)] * 2
    table = count_pauses(heard, edges=(0.5,))
    shares = (83 / 102, 19 / 102)  # one more each
    stop = (2 + 5 * shares[0]) / 25, (18 + 5 * shares[1]) / 25
    assert table.of(0.1)[1] == pytest.approx(math.log(stop[0] / shares[0]))
    assert table.of(0.9)[1] == pytest.approx(math.log(stop[1] / shares[1]))
    assert table.of(0.9)[1] == table.of(0.9)[3]  # a question mark sounds like a full stop
    assert table.of(0.9)[2] == 0.0  # no comma was heard
    assert table.of(math.nan) == (0.0,) * 7
    assert table.of(0.9)[0] < -1 < 0 < table.of(0.1)[0]


def test_json_and_back() -> None:
    table = count_pauses([(",", 0.2), ("", 0.0)])
    back = PauseTable.from_json(json.loads(json.dumps(table.to_json())), Path("x"))
    assert back.edges == table.edges
    assert back.of(0.2) == pytest.approx(table.of(0.2), abs=1e-3)


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"edges": [0.1], "scores": [[0.0, 0.0]]},
        {"edges": [0.2, 0.1], "scores": [[0.0] * 3] * 7},
        {"edges": [0.1], "scores": [[0.0, 1e9]] * 7},
        {"edges": [0.1], "scores": [[0.0, float("nan")]] * 7},
        {"edges": ["a"], "scores": []},
    ],
)
def test_damaged_tables_are_refused(data: Any) -> None:
    with pytest.raises(LasError, match=r"^p\.json: pauses is no table of scores"):
        PauseTable.from_json(data, Path("p.json"))
