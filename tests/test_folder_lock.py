"""A folder is one process' at a time, until that process ends, whatever ends it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from las_cli.errors import LasError, UsageError
from las_cli.folder_lock import LOCK, FolderLock

REPOSITORY = Path(__file__).parents[1]
HOLD = (
    "import sys, time; from pathlib import Path; from las_cli.folder_lock import FolderLock;"
    "lock = FolderLock(Path(sys.argv[1]), 'training'); print('held', flush=True); time.sleep(60)"
)


@pytest.fixture
def holder(tmp_path: Path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")],
        stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_held_until_a_kill(tmp_path: Path, holder: subprocess.Popen) -> None:
    with pytest.raises(UsageError, match=rf"another training writes there \(process {holder.pid} "):
        FolderLock(tmp_path / "run", "training")
    holder.kill()
    holder.wait()
    assert (tmp_path / "run" / LOCK).is_file()  # which means nothing by itself
    FolderLock(tmp_path / "run", "training").release()


def test_this_process_may_ask_again(tmp_path: Path) -> None:
    first, second = (FolderLock(tmp_path / "run", "training") for _ in range(2))
    second.release()
    first.release()
    assert list((tmp_path / "run").iterdir()) == []


def test_a_folder_that_nothing_came_of_is_gone(tmp_path: Path) -> None:
    FolderLock(tmp_path / "runs" / "a", "training").release(clean=True)
    assert not (tmp_path / "runs").exists()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mine").touch()
    FolderLock(tmp_path / "runs", "training").release(clean=True)
    assert (tmp_path / "runs" / "mine").exists()


def test_no_folder_at_all(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LasError, match="cannot be written"):
        FolderLock(tmp_path / "file", "training")
