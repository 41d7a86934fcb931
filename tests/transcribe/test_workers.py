"""Several processes that transcribe: what is said when one dies."""

from __future__ import annotations

from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool

import pytest

from las_cli.errors import LasError
from las_cli.transcribe import workers
from las_cli.transcribe.transcriber import Finished


def test_a_process_that_dies_before_all_files_are_handed_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise BrokenProcessPool

    monkeypatch.setattr(workers.ProcessPoolExecutor, "submit", broken)
    with pytest.raises(LasError, match="a worker process died"):
        list(workers.follow_with_workers(workers.Recipe(), ["a.wav", "b.wav"], 2))


def test_places_count_over_all_that_was_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def submit(_: object, work: object, paths: list[str]) -> Future[workers.Chunk]:
        done: Future[workers.Chunk] = Future()
        events = [Finished(i, None, LasError(path)) for i, path in enumerate(paths)]
        done.set_result((("a word was left out",), events))
        return done

    monkeypatch.setattr(workers.ProcessPoolExecutor, "submit", submit)
    names = [f"{number}.wav" for number in range(40)]
    notes: list[str] = []
    told = list(workers.follow_with_workers(workers.Recipe(), names, 2, notes.append))
    assert notes == ["a word was left out"]  # every worker says it
    assert [event.place for event in told] == list(range(40))
    assert [str(event.error) for event in told] == names
