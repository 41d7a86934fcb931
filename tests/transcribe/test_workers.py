"""Several processes that transcribe: each file as it is done, what becomes of one that dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from las_cli.errors import LasError
from las_cli.transcribe import workers
from las_cli.transcribe.transcriber import Finished
from tests.test_orphans import REPOSITORY

Writer = Callable[..., Path]


class Scripted:
    """A recogniser by the names of files: `dies` ends its process, others fail with their name."""

    recogniser = SimpleNamespace(decoder=SimpleNamespace(notes=("a word was left out",)))

    def follow(self, paths: Iterator[str]) -> Iterator[Finished]:
        for place, path in enumerate(paths):
            if path == "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            yield Finished(place, None, LasError(path))


class ScriptedRecipe(workers.Recipe):
    def load(self) -> Any:
        return Scripted()


class NoModel(workers.Recipe):
    def load(self) -> Any:
        raise LasError("x: no such model")


def told(paths: list[str], jobs: int) -> dict[int, str]:
    return {
        event.place: str(event.error)
        for event in workers.follow_with_workers(ScriptedRecipe(), paths, jobs)
    }


def test_each_file_once_with_its_place() -> None:
    names = [f"{number}.wav" for number in range(40)]
    assert told(names, 2) == dict(enumerate(names))


def test_what_the_model_cannot_follow_is_noted_once() -> None:
    notes: list[str] = []
    list(workers.follow_with_workers(ScriptedRecipe(), ["a", "b", "c"], 2, notes.append))
    assert notes == ["a word was left out"]  # every process says it


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills a process")
def test_a_process_that_dies_fails_its_file_and_no_other() -> None:
    answers = told(["a", "dies", "b", "c"], 2)
    assert answers[1].startswith("dies: the worker process that had it died")
    assert [answers[place] for place in (0, 2, 3)] == ["a", "b", "c"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills a process")
def test_when_all_have_died_it_is_said() -> None:
    with pytest.raises(LasError, match="all worker processes died, .*; 1 recordings are not done"):
        told(["dies"], 1)


def test_a_model_that_cannot_be_loaded_is_told_once() -> None:
    with pytest.raises(LasError, match="^x: no such model$"):
        list(workers.follow_with_workers(NoModel(), ["a", "b"], 2))


def test_order_where_it_matters() -> None:
    events = [Finished(place, None, LasError("x")) for place in (2, 0, 1, 3)]
    assert [event.place for event in workers.in_order(iter(events))] == [0, 1, 2, 3]


@pytest.mark.skipif(os.name == "nt", reason="signals of a terminal")
def test_ctrl_c_keeps_what_is_finished_and_is_no_traceback(
    tiny_model: Path, tmp_path: Path, write_noise: Writer
) -> None:
    for number in range(60):
        write_noise(tmp_path / "in" / f"{number}.wav", 25.0, seed=number)
    process = subprocess.Popen(
        [sys.executable, "-m", "las_cli", "transcribe", "in", "-o", "out", "--jobs", "2",
         "--model", str(tiny_model), "--threads", "1"],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    deadline = time.monotonic() + 200
    while not list((tmp_path / "out").glob("*.txt")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    complaint = process.communicate(timeout=100)[1]
    assert process.returncode == 130 and "Traceback" not in complaint
    written = len(list((tmp_path / "out").glob("*.txt")))
    assert 0 < written < 60
    assert f"{written} of 60 recordings are written" in complaint
