"""Fixtures for all rooms: where the shared speech is, and generated audio."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# With `-n` each process has its share of the cores: threads of torch that outnumber them spend
# their time waiting for each other. Before anything imports torch.
if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))

REPOSITORY = Path(__file__).resolve().parents[1]


SIGNALS = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """A training in this process leaves signals and the rounding of tiny numbers changed."""
    yield
    for number, handler in SIGNALS.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real speech beside the repository; tests that need it skip without it."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}")
    return folder
