"""Several processes that transcribe: what is said when one dies."""

from __future__ import annotations

from concurrent.futures.process import BrokenProcessPool

import pytest

from las_cli.errors import LasError
from las_cli.transcribe import workers


def test_a_process_that_dies_before_all_files_are_handed_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise BrokenProcessPool

    monkeypatch.setattr(workers.ProcessPoolExecutor, "submit", broken)
    with pytest.raises(LasError, match="a worker process died"):
        list(workers.follow_with_workers(workers.Recipe(), ["a.wav", "b.wav"], 2))
