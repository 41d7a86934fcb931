"""Cut records in, a gzipped manifest out, in table order or in a fixed random order."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from las_cli.corpus.held_out import hash_of

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
BINS = 64  # of a shuffle: one is in memory at a time, 1/64 of the manifest


class ManifestWriter:
    """Writes `path` beside itself and moves it into place when all is well.

    With `shuffle` the lines come out in the order of a hash of their ids: tables are sorted by
    speaker, and lhotse's sampler reads a manifest in order and shuffles within a window only.
    """

    def __init__(self, path: Path, shuffle: bool) -> None:
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        self._shuffle = shuffle
        self._bins: list[IO[bytes]] = []
        self._file: IO[bytes] | None = None
        self.clips = 0

    def __enter__(self) -> ManifestWriter:
        # A manifest compresses ten times either way; level 3 is written three times as fast.
        self._file = gzip.open(self._partial, "wb", compresslevel=3)  # type: ignore[assignment]
        if self._shuffle:
            self._bins = [tempfile.TemporaryFile(dir=self._path.parent) for _ in range(BINS)]
        return self

    def write(self, record: dict[str, Any]) -> None:
        """Add one cut."""
        self.clips += 1
        # What is no Unicode is escaped as JSON escapes it.
        line = _encode(record).encode(errors="backslashreplace") + b"\n"
        if self._shuffle:
            place = hash_of(record["id"])
            # High bits choose the bin, so that the bins one after the other are in order.
            self._bins[place * BINS >> 64].write(b"%016x" % place + line)
        else:
            assert self._file is not None
            self._file.write(line)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._file is not None
        finished = False
        try:
            if kind is None:
                for line in self._shuffled():
                    self._file.write(line)
                self._file.close()
                finished = True
        finally:
            # On a full disk closing fails like the write before it, and says nothing new.
            for file in (self._file, *self._bins):
                with contextlib.suppress(OSError):
                    file.close()
            if not finished:
                self._partial.unlink(missing_ok=True)
        if finished and self.clips:
            os.replace(self._partial, self._path)
        elif finished:  # the split is empty now
            self._partial.unlink()
            self._path.unlink(missing_ok=True)

    def _shuffled(self) -> Iterator[bytes]:
        for file in self._bins:
            file.seek(0)
            for line in sorted(file):
                yield line[16:]
