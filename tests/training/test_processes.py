"""What another process' end is called: one sentence, and what to do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from las_cli.cli.main import cli
from las_cli.errors import LasError
from las_cli.training.processes import together
from tests.test_folder_lock import holder  # noqa: F401
from tests.training.corpora import write_corpus, write_network


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            "DataLoader worker (pid 12) is killed by signal: Killed. ",
            "a process that reads sound for the training is killed by signal: Killed, perhaps",
        ),
        (
            "DataLoader worker (pid(s) 12, 13) exited unexpectedly",
            "a process that reads sound for the training exited unexpectedly, perhaps for want",
        ),
        (
            "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you",
            "there is not enough memory for an update",
        ),
    ],
)
def test_a_reader_that_was_ended(tmp_path: Path, words: str, told: str) -> None:
    with pytest.raises(LasError, match="no checkpoint for --resume was saved yet"):
        with together(tmp_path / "run"):
            raise RuntimeError(words)
    (tmp_path / "run" / "checkpoints" / "step-0000007").mkdir(parents=True)
    (tmp_path / "run" / "checkpoints" / "step-0000007" / "state.json").touch()
    with pytest.raises(LasError) as error, together(tmp_path / "run"):
        raise RuntimeError(words)
    sentence = str(error.value)
    assert sentence.startswith(f"{tmp_path / 'run'}: {told}")
    assert f"`las train --output {tmp_path / 'run'} --resume`" in sentence
    assert "memory are free now" in sentence and "--workers" in sentence


def test_a_reader_that_is_ended_while_it_starts(tmp_path: Path) -> None:
    from multiprocessing import Pipe

    reading, writing = Pipe(duplex=False)
    reading.close()
    with pytest.raises(LasError, match="a process that reads sound for the training was ended"):
        with together(tmp_path):
            writing.send("x")
    with pytest.raises(BrokenPipeError), together(tmp_path):
        raise BrokenPipeError  # of standard output, say


def test_other_errors_are_as_they_were(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="^shapes$"), together(tmp_path):
        raise RuntimeError("shapes")


@pytest.mark.parametrize("words", [["--overwrite"], [], ["--resume"]])
def test_a_folder_in_which_another_training_writes(
    tmp_path: Path,
    holder: subprocess.Popen,  # noqa: F811
    words: list[str],
) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=4, dev=2)
    network, folder = write_network(tmp_path / "tiny.json"), tmp_path / "run"
    if words:
        (folder / "training.json").write_text("{}")
    if words != ["--resume"]:
        words = [*words, "--data", str(corpus), "--network", str(network), "--max-steps", "1"]
    result = CliRunner().invoke(cli, ["train", "--output", str(folder), *words])
    assert result.exit_code != 0
    if words != ["--resume"]:  # its plan is no plan, which is told first
        assert result.exit_code == 2
        assert f"{folder}: another training writes there (process {holder.pid} of" in result.stderr
