"""Keys and columns in temporary files: against a count in memory, whatever memory there is."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from las_cli.language.spool import COUNTING, Column, KeyCounter, Spool, Table


@pytest.mark.parametrize("at_a_time", [7, 300, 5000])
@pytest.mark.parametrize("dtype", [np.dtype(np.int64), np.dtype("S8")])
def test_keys_are_counted(at_a_time: int, dtype: np.dtype) -> None:
    drawn = np.random.default_rng(4).zipf(1.3, 600) % 200
    keys = drawn.astype(">u8").view("S8") if dtype.kind == "S" else drawn
    with Spool(at_a_time * COUNTING) as spool:
        counter = KeyCounter(spool, dtype)
        for start in range(0, 400, 111):
            counter.add(keys[start : min(start + 111, 400)])
        counter.add(keys[400:], np.arange(200))
        table = counter.table()
        found, times = (table.read(name, 0, len(table)) for name in ("keys", "times"))
    expected = Counter(keys[:400].tolist())
    for key, often in zip(keys[400:].tolist(), range(200), strict=True):
        expected[key] += often
    assert list(zip(found.tolist(), times.tolist(), strict=True)) == sorted(expected.items())


def test_nothing_to_count() -> None:
    with Spool(1000) as spool:
        table = KeyCounter(spool, np.int64).table()
        assert len(table) == 0
        assert table.find("times", np.array([3])).tolist() == [0]


def test_merging_keeps_to_its_memory() -> None:
    draw = np.random.default_rng(1)
    expected: Counter[int] = Counter()
    with Spool(4000 * COUNTING) as spool:
        counter = KeyCounter(spool, np.int64)
        for _ in range(20):  # runs of different keys
            keys = draw.choice(30_000, 4000, replace=False)
            counter.add(keys)
            expected.update(keys.tolist())
        merged: list[int] = []
        append = Table.append

        def watched(table: Table, keys: np.ndarray, times: np.ndarray) -> None:
            merged.append(int(times.sum()))
            append(table, keys, times=times)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Table, "append", watched)
            table = counter.table()
        found, times = (table.read(name, 0, len(table)) for name in ("keys", "times"))
    assert list(zip(found.tolist(), times.tolist(), strict=True)) == sorted(expected.items())
    assert max(merged) <= 4000 and len(merged) >= 20


def test_rows_are_found_again() -> None:
    with Spool(1) as spool:  # two rows at a time
        table = Table(spool, np.int64)
        for start in range(0, 40, 8):
            keys = np.arange(start, start + 8) * 3
            table.append(keys, half=keys / 2)
        wanted = np.array([117, -5, 0, 4, 300, 60, 60, 3])
        found = table.find("half", wanted, missing=-1)
        assert found.tolist() == [58.5, -1, 0, -1, -1, 30, 30, 1.5]
        assert table.take("half", np.array([0, 1, 2, 9, 39])).tolist() == [0, 1.5, 3, 13.5, 58.5]
        assert table.take("keys", np.array([], dtype=int)).tolist() == []


def test_a_column_is_read_anywhere() -> None:
    with Spool(1) as spool:
        column = Column(spool, np.int32)
        column.append(np.array([], dtype=np.int32))
        column.append(np.array([5, 6]))
        assert column.read(1, 9).tolist() == [6]
        column.append(np.array([7]))
        assert len(column) == 3 and column.read(0, 3).tolist() == [5, 6, 7]
        assert column.read(3, 5).tolist() == []
