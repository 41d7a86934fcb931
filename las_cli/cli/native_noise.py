"""Keeps what C libraries print on standard error (libmpg123 on damaged mp3s) off the terminal."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def native_noise_hidden() -> Iterator[None]:
    """Python's own messages go on to the real standard error, the libraries' to nowhere.

    Does nothing where `sys.stderr` is not the process's standard error, as in tests.
    """
    try:
        real = sys.stderr is not None and sys.stderr.fileno() == 2
    except (OSError, ValueError, io.UnsupportedOperation):
        real = False
    if not real:
        yield
        return
    python_stderr = sys.stderr
    python_stderr.flush()
    kept = os.dup(2)
    silence = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silence, 2)
        sys.stderr = open(  # noqa: SIM115 - closed below
            kept, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False
        )
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        sys.stderr = python_stderr
        os.dup2(kept, 2)
        os.close(kept)
        os.close(silence)
