"""How many cases, how files are damaged, and what a case may end in."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from las_cli.errors import LasError

# LAS_FUZZ_CASES=1500 pytest tests/fuzz    1500 cases a test, more than 10,000 together
NIGHTLY = int(os.environ.get("LAS_FUZZ_CASES", "0"))
SECONDS = 20  # a case may take; a tenth of a second is usual
ROOM = 1536 * 2**20  # bytes of address space a case may add

quick = settings(
    max_examples=NIGHTLY or 40,
    deadline=None,
    derandomize=not NIGHTLY,  # CI tries the same cases each time
    database=None,
    phases=[Phase.explicit, Phase.generate] + ([Phase.shrink] if NIGHTLY else []),
    suppress_health_check=list(HealthCheck),
)

ODD = [b"\0", b"\xff", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\x7f", b"{", b"}",
       b"\"", b"[" * 50, b"\t", b"\n", b"\r\n", b",", b"1e999", b"-1", b"99999999999999999999",
       b"NaN", b"null", b"\xed\xa0\x80", b"\\ud800", b"\xef\xbb\xbf", b"../"]  # fmt: skip

# (where, as a share of the length; what to do; with which bytes)
edits = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True) | st.floats(0, 0.02),  # headers are at the front
        st.sampled_from(["flip", "put", "insert", "cut", "drop", "double"]),
        st.sampled_from(ODD) | st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=6,
)


def damaged(data: bytes, changes: list[tuple[float, str, bytes]]) -> bytes:
    """`data` after some edits."""
    out = bytearray(data)
    for share, kind, value in changes:
        at = int(share * len(out))
        if kind == "flip" and out:
            out[at] ^= value[0] or 1
        elif kind == "put":
            out[at : at + len(value)] = value
        elif kind == "insert":
            out[at:at] = value
        elif kind == "cut":
            del out[at:]
        elif kind == "drop":
            del out[at : at + len(value)]
        elif kind == "double":
            out[at:at] = out[at : at + 64]
    return bytes(out)


class TooLong(Exception):
    """A case did not end in time."""


def _stop(*_: Any) -> None:
    raise TooLong(f"no end after {SECONDS} s")


@contextmanager
def bounded() -> Iterator[None]:
    """Little memory may be added within the block; where the system can tell."""
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as file:
            used = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (ImportError, OSError):
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def ends_well(call: Callable[[], Any]) -> Any:
    """The result of `call`, or None after a LasError of one line; anything else is a failure."""
    timed = hasattr(signal, "setitimer")
    if timed:
        before = signal.signal(signal.SIGALRM, _stop)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        return call()
    except LasError as error:
        message = str(error)
        assert message and "\n" not in message and len(message) < 3000, message[:500]
        return None
    finally:
        if timed:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
