"""Several processes started and watched: one exit code, each message once, Ctrl-C saves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from las_cli.training import launcher
from las_cli.training.launcher import LOST, launch
from tests.test_orphans import gone
from tests.training.corpora import write_corpus, write_network
from tests.training.test_loop import COMMON, REPOSITORY

# A message and its end in one write, as click's are: print makes two where PYTHONUNBUFFERED is set,
# and the line of the other process may come between.
SAY = (
    "import os, sys, time; rank = os.environ['RANK'];"
    "say = lambda told: sys.stderr.write(told + chr(10));"
)


def run(program: str) -> int:
    return launch(2, [sys.executable, "-c", SAY + program])


@pytest.mark.parametrize(
    ("program", "code", "messages"),
    [
        ("pass", 0, []),
        ("say('las: no such folder'); sys.exit(2)", 2, ["las: no such folder"]),
        # Only the second fails, the first loses it or waits for it in vain.
        (
            f"say('las: bad clip') if rank == '1' else time.sleep(0.3);"
            f"sys.exit(1 if rank == '1' else {LOST})",
            1,
            ["las: bad clip"],
        ),
        (
            "say('las: bad clip') if rank == '1' else time.sleep(60); sys.exit(1)",
            1,
            ["las: bad clip"],
        ),
        # The first fails, the second would wait for ever.
        (
            "say('las: disk full') if rank == '0' else time.sleep(60); sys.exit(1)",
            1,
            ["las: disk full"],
        ),
        (
            f"os.kill(os.getpid(), 9) if rank == '1' else time.sleep(0.3); sys.exit({LOST})",
            1,
            ["las: process 1 of the training was ended by SIGKILL (is there enough memory?); "
             "go on with --resume"],
        ),
        ("say('warning: clip ' + rank)", 0, ["warning: clip 0", "warning: clip 1"]),
        ("print('only the first prints')", 0, []),
    ],
)  # fmt: skip
def test_one_exit_code_and_each_message_once(
    program: str,
    code: int,
    messages: list[str],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(launcher, "GRACE", 1.0)
    assert run(program) == code
    told = capfd.readouterr()
    assert sorted(told.err.splitlines()) == messages
    assert told.out.count("only the first") == ("only the first" in program)


def test_processes_find_each_other(capfd: pytest.CaptureFixture[str]) -> None:
    names = "RANK LOCAL_RANK WORLD_SIZE MASTER_ADDR MASTER_PORT OMP_NUM_THREADS LAS_LAUNCHED"
    assert run(f"say(*[' '.join(os.environ[n] for n in '{names}'.split())])") == 0
    first, second = (line.split() for line in sorted(capfd.readouterr().err.splitlines()))
    assert first[:3] == ["0", "0", "2"] and second[:3] == ["1", "1", "2"]
    assert first[3:] == second[3:]


LAUNCHER = """
import sys
from las_cli.training.launcher import launch
sys.exit(launch(2, [sys.executable, "-c", sys.argv[1]]))
"""
CHILD = """
import os, signal, subprocess, sys, time
from las_cli.training.launcher import end_with_launcher
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # busy: it will not stop by itself
end_with_launcher(lambda: False)
reader = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
sys.stderr.write(f"pids {os.getpid()} {reader.pid}" + chr(10))  # in one write, as SAY
time.sleep(60)
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks into /proc")
@pytest.mark.parametrize("signals", [[signal.SIGKILL], [signal.SIGTERM, signal.SIGTERM]])
def test_no_process_outlives_the_launcher(signals: list[signal.Signals]) -> None:
    started = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, CHILD], stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, cwd=REPOSITORY,
    )  # fmt: skip
    assert started.stderr is not None
    pids = [int(pid) for _ in range(2) for pid in started.stderr.readline().split()[1:]]
    assert len(pids) == 4 and not any(gone(pid) for pid in pids)
    for number in signals:
        started.send_signal(number)
        time.sleep(0.3)
    started.wait(timeout=30)
    deadline = time.monotonic() + 20
    while not all(gone(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = [pid for pid in pids if not gone(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


def las_train(*words: object) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "las_cli", "train", "--processes", "2", *map(str, words)]
    return subprocess.Popen(
        [*command, *COMMON], env=environment, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY
    )


def test_a_mistake_is_told_once(tmp_path: Path) -> None:
    process = las_train("--data", tmp_path / "nowhere", "--output", tmp_path / "run")
    told = process.communicate(timeout=200)[1]
    assert process.returncode == 1
    assert told.count("las: ") == 1 and "nowhere" in told and "Traceback" not in told


def test_ctrl_c_saves_in_all_processes_and_says_so_once(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=8, dev=2)
    network, folder = write_network(tmp_path / "tiny.json"), tmp_path / "run"
    process = las_train(
        "--data", corpus, "--network", network, "--output", folder, "--max-steps", 100_000,
        "--batch-seconds", 4,
    )  # fmt: skip
    deadline = time.monotonic() + 200
    while not (folder / "metrics.jsonl").is_file():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=200)[1]
    assert process.returncode == 0, told
    assert told.count("interrupted") == 1 and "--resume" in told and "--processes 2" in told
    assert "Traceback" not in told and "Error" not in told
    assert any((folder / "checkpoints").glob("step-*/optimiser.pt"))
