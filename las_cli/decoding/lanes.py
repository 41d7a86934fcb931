"""Independent pieces of work in, their results out, done side by side on the cores of the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import TypeVar

import torch

Work = TypeVar("Work")
Result = TypeVar("Result")


def lanes(device: torch.device) -> int:
    """How many batches `device` does best at a time: one a thread on the CPU, elsewhere one.

    A step of a search is made of many small operations, which two threads hardly speed up; two
    searches of a thread each run at twice the speed. 1 within a lane, so that lanes do not nest.
    """
    return torch.get_num_threads() if device.type == "cpu" else 1


def side_by_side(
    function: Callable[[Work], Result], works: Sequence[Work], device: torch.device
) -> Iterator[tuple[int, Result]]:
    """`function` of each of `works`, as (place, result) in the order in which they are done.

    Each lane is a thread that computes with one thread of torch's. What `function` raises is
    raised here, and works not begun are dropped.
    """
    threads = lanes(device)
    if threads == 1 or len(works) < 2:
        for place, work in enumerate(works):
            yield place, function(work)
        return
    # torch keeps the number per thread; the threads that come after these get what was set last.
    pool = ThreadPoolExecutor(min(threads, len(works)), "lane", lambda: torch.set_num_threads(1))
    try:
        futures: dict[Future[Result], int] = {
            pool.submit(function, work): place for place, work in enumerate(works)
        }
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


@contextmanager
def one_thread(device: torch.device) -> Iterator[None]:
    """Within it the CPU works on each operation with one thread: the search of a lone utterance.

    Its operations are so small that several threads wait for each other more than they compute; on
    a busy machine many times as long.
    """
    threads = lanes(device)
    if threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
