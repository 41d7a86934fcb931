"""How this process keeps and counts its memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys


def keep_freed_memory() -> None:
    """Tells glibc to keep freed blocks for the next step instead of handing them back.

    Each step of a training frees and asks for the same gigabytes; given back to the kernel, every
    page must be faulted in again, which took a quarter of a step on the CPU. Other C libraries
    do not know these settings and are left alone.
    """
    if not sys.platform.startswith("linux"):
        return
    # Numbers from glibc's malloc.h.
    trim_threshold, top_pad, mmap_max = -1, -2, -4
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(top_pad, 64 * 2**20)


def return_freed_memory() -> None:
    """Tells glibc to hand arrays back to the kernel as soon as they are freed.

    Else arrays of up to 32 MB stay, in pieces: what counts in a fixed memory seems to grow.
    """
    if not sys.platform.startswith("linux"):
        return
    mmap_threshold = -3  # from glibc's malloc.h
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(mmap_threshold, 2**20)


def keep_few_kernels() -> None:
    """Tells oneDNN to remember the kernels of a few batch shapes only; call before the first batch.

    It keeps 1,024 by default, twice: batches of ever new shapes filled them, and a training grew
    from 2 to 7.7 GB. A new kernel takes a millisecond. What the user has set stays.
    """
    for name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(name, "64")


def peak_memory() -> int:
    """The most memory this process has held so far, in bytes; 0 where it cannot be told."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def free_memory() -> int | None:
    """Bytes that could be had without swapping, None where that cannot be told."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows
        return None
