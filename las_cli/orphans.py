"""A process that works for another one in; its end out, as soon as the other one is gone.

A killed parent (kill -9, the memory killer) tells nobody. What stays open until then is a pipe
whose other end it alone holds, and which ends with it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable


def end_with_parent() -> None:
    """In a process of multiprocessing: end at once when the process that started it has ended."""
    import multiprocessing
    from multiprocessing.connection import wait

    parent = multiprocessing.parent_process()
    if parent is None:  # this process is nobody's
        return
    sentinel = parent.sentinel

    def watch() -> None:
        wait([sentinel])
        _end()

    threading.Thread(target=watch, daemon=True, name="end with parent").start()


def watch_pipe(descriptor: int, gone: Callable[[], None]) -> None:
    """Call `gone`, in a thread, when nobody holds the other end of a pipe any more."""

    def watch() -> None:
        while True:
            try:
                if not os.read(descriptor, 1):
                    break
            except OSError:
                break
        gone()

    threading.Thread(target=watch, daemon=True, name="end with launcher").start()


def _end() -> None:
    # Not os._exit, which waits for nothing either but lets a library's own handlers run.
    if hasattr(signal, "SIGKILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(1)
