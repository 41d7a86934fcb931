"""Keys in any number in; each once, sorted, with how often it came out; in temporary files."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from las_cli.errors import LasError

Array = NDArray[Any]

SAMPLES = 1024  # of each sorted run, which tell where others stand in it
# Rows are reckoned with while keys are sorted: half of the memory for each.
COUNTING = 256  # bytes of all memory for each key that is sorted
READING = 800  # bytes of all memory for each row that is reckoned with


class Spool:
    """Where columns lie: files without a name, so that nothing is left whatever ends the process.

    A context: the files are gone behind it.
    """

    def __init__(self, memory: int, folder: Path | None = None) -> None:
        """`memory`: bytes that are used at a time; `folder`: for the files, None the system's."""
        self.folder, self.memory = folder, memory
        self.keys = max(2, memory // COUNTING)  # sorted at a time
        self.rows = max(2, memory // READING)  # of a table, read at a time
        self._files: list[IO[Any]] = []

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *error: object) -> None:
        for file in self._files:
            with contextlib.suppress(OSError):  # on a full disk it says so once more
                file.close()

    def file(self, text: bool = False) -> IO[Any]:
        """A new file, for bytes or for text in lines; LasError where none can be made."""
        try:
            file: IO[Any] = (
                tempfile.TemporaryFile(
                    "w+", encoding="utf-8", errors="surrogatepass", newline="\n", dir=self.folder
                )
                if text
                else tempfile.TemporaryFile(dir=self.folder)
            )
        except OSError as error:
            raise self.full(error) from error
        self._files.append(file)
        return file

    def full(self, error: OSError) -> LasError:
        """What to say where a file cannot be written."""
        return LasError(
            f"{self.folder or tempfile.gettempdir()}: counts of words cannot be kept there "
            f"meanwhile ({error.strerror or error}); make room or choose another folder"
        )


class Column:
    """An array in a file: written at its end, read anywhere."""

    def __init__(self, spool: Spool, dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self._spool, self._file, self._length = spool, spool.file(), 0

    def __len__(self) -> int:
        return self._length

    def append(self, values: Array) -> None:
        """`values` [N] behind what is there; LasError on a full disk."""
        if not len(values):
            return
        raw = np.ascontiguousarray(values, dtype=self.dtype)
        try:
            self._file.seek(self._length * self.dtype.itemsize)
            self._file.write(raw.view(np.uint8).data)
            self._file.flush()
        except OSError as error:
            raise self._spool.full(error) from error
        self._length += len(values)

    def read(self, start: int, stop: int) -> Array:
        """Values from `start` to before `stop`, fewer at the end of the column."""
        values = np.empty(max(0, min(stop, self._length) - start), dtype=self.dtype)
        if len(values):
            self._file.seek(start * self.dtype.itemsize)
            self._file.readinto(values.view(np.uint8).data)  # type: ignore[attr-defined]
        return values

    def close(self) -> None:
        """Give the disk back."""
        self._file.close()


class Table:
    """Rows sorted by their keys, each key once; columns of values beside them."""

    def __init__(self, spool: Spool, dtype: DTypeLike) -> None:
        self.spool, self.keys = spool, Column(spool, dtype)
        self.values: dict[str, Column] = {}
        self._firsts: list[Array] = []  # key of every `spool.rows`-th row

    def __len__(self) -> int:
        return len(self.keys)

    def append(self, keys: Array, **values: Array) -> None:
        """Rows behind all others."""
        step = self.spool.rows
        self._firsts.append(keys[-len(self.keys) % step :: step])
        self.keys.append(keys)
        for name, column in values.items():
            self.add(name, column)

    def add(self, name: str, values: Array) -> None:
        """More of the column `name`, which is made where it is not there."""
        if name not in self.values:
            self.values[name] = Column(self.spool, values.dtype)
        self.values[name].append(values)

    def drop(self, *names: str) -> None:
        """Give the disk of columns back, where they are there."""
        for name in names:
            if name in self.values:
                self.values.pop(name).close()

    def close(self) -> None:
        """Give the disk back."""
        for column in (self.keys, *self.values.values()):
            column.close()

    def read(self, name: str, start: int, stop: int) -> Array:
        """A column's values from row `start` to before `stop`; the keys are "keys"."""
        column = self.keys if name == "keys" else self.values[name]
        return column.read(start, stop)

    def take(self, name: str, rows: Array) -> Array:
        """A column's values in `rows`, which ascend."""
        parts = [self.read(name, 0, 0)]
        for start in range(0, len(self), self.spool.rows):
            first, last = np.searchsorted(rows, (start, start + self.spool.rows))
            if last > first:
                own = self.read(name, start, start + self.spool.rows)
                parts.append(own[rows[first:last] - start])
        return np.concatenate(parts)

    def find(self, name: str, keys: Array, missing: float = 0) -> Array:
        """The values of `keys` [N] in the column `name`, `missing` where a key is not there."""
        column = self.values[name]
        found = np.full(len(keys), missing, dtype=column.dtype)
        if not len(keys) or not len(self):
            return found
        order = np.argsort(keys)
        wanted = keys[order]
        firsts = np.concatenate(self._firsts)
        edges = [*np.searchsorted(wanted, firsts[1:]).tolist(), len(wanted)]
        begin = 0
        for number, end in enumerate(edges):
            if end > begin:
                start = number * self.spool.rows
                own = self.keys.read(start, start + self.spool.rows)
                places = np.searchsorted(own, wanted[begin:end]).clip(max=len(own) - 1)
                known = own[places] == wanted[begin:end]
                values = column.read(start, start + self.spool.rows)
                found[order[begin:end][known]] = values[places[known]]
                begin = end
        return found


class KeyCounter:
    """Counts keys: sorted runs, each as long as memory allows, merged range by range."""

    def __init__(self, spool: Spool, dtype: DTypeLike) -> None:
        self._spool, self._dtype = spool, np.dtype(dtype)
        self._held: list[tuple[Array, Array | None]] = []
        self._length = 0
        self._keys, self._times = Column(spool, dtype), Column(spool, np.int64)
        self._runs: list[tuple[int, int, int, Array]] = []  # start, stop, step, every step-th key

    def add(self, keys: Array, times: Array | None = None) -> None:
        """`keys` [N] in any order, each `times` [N] over, once if not said."""
        most = self._spool.keys
        for start in range(0, len(keys), most):
            some = keys[start : start + most]
            often = None if times is None else times[start : start + most]
            if self._length + len(some) > most:
                self._spill()
            self._held.append((some, often))
            self._length += len(some)

    def table(self) -> Table:
        """Keys and `times`; the counter is used up."""
        self._spill()
        table = Table(self._spool, self._dtype)
        table.values["times"] = Column(self._spool, np.int64)
        places = [start for start, *_ in self._runs]
        for edge in self._edges():
            ends = [self._place(run, edge) for run in self._runs]
            parts = [
                (self._keys.read(start, stop), self._times.read(start, stop))
                for start, stop in zip(places, ends, strict=True)
                if stop > start
            ]
            if parts:
                keys, times = _merge(*zip(*parts, strict=True))
                table.append(keys, times=times)
            places = ends
        self._keys.close()
        self._times.close()
        return table

    def _spill(self) -> None:
        if not self._held:
            return
        keys, times = _merge(*zip(*self._held, strict=True))
        self._held, self._length = [], 0
        step = max(1, self._spool.keys // SAMPLES)
        start = len(self._keys)
        self._runs.append((start, start + len(keys), step, keys[::step].copy()))
        self._keys.append(keys)
        self._times.append(times)

    def _edges(self) -> Iterator[Any]:
        """Keys between which there are no more than can be sorted at a time, None for the end."""
        if len(self._runs) > 1:
            step = self._runs[0][2]
            samples = np.sort(np.concatenate([samples for *_, samples in self._runs]))
            apart = max(1, self._spool.keys // step - len(self._runs))
            yield from samples[apart::apart]
        yield None

    def _place(self, run: tuple[int, int, int, Array], edge: Any) -> int:
        """Where in the file the keys of a run from `edge` on begin."""
        start, stop, step, samples = run
        if edge is None:
            return stop
        before = max(0, int(np.searchsorted(samples, edge)) - 1)
        first = start + before * step
        return first + int(np.searchsorted(self._keys.read(first, min(first + step, stop)), edge))


def _merge(parts: Sequence[Array], times: Sequence[Array | None]) -> tuple[Array, Array]:
    """Keys sorted, each once, and the sum of its times; None: once each."""
    keys = np.concatenate(parts)
    if all(often is None for often in times):
        keys.sort()  # several times faster than with the order
        starts = _starts(keys)
        return keys[starts], np.diff(starts, append=len(keys))
    each = [
        np.ones(len(part), dtype=np.int64) if often is None else often
        for part, often in zip(parts, times, strict=True)
    ]
    order = np.argsort(keys)
    keys = keys[order]
    starts = _starts(keys)
    return keys[starts], np.add.reduceat(np.concatenate(each)[order], starts)


def _starts(keys: Array) -> Array:
    """Where in sorted keys another begins."""
    fresh = np.ones(len(keys), dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=fresh[1:])
    return np.flatnonzero(fresh)
