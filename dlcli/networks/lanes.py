"""Threads that each take a whole piece of work, as a part of a batch or an image, and compute it alone.

Threads that share every operation wait for each other in every operation. Where other programs want the cores too,
one of them is always away, and some of oneDNN's kernels spin until it is back.
"""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import lru_cache
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST = 4  # Python runs in one thread at a time: beyond, lanes of several threads each
AHEAD = 2  # pieces for each lane that are begun before the first of them is asked for


def lanes_for(pieces: int | None, device: str) -> int:
    """How many lanes take so many pieces of work (None: any number) on ``device``; 1: it is not worth its while."""
    lanes = min(torch.get_num_threads(), MOST) if device == "cpu" else 1
    return lanes if pieces is None or pieces >= AHEAD * lanes else 1


@lru_cache(1)
def lane_pool(lanes: int, threads: int) -> ThreadPoolExecutor:
    """So many lanes of so many threads each."""
    return ThreadPoolExecutor(lanes, "dlcli-lane", _begin, (threads,))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lane_pool.cache_clear)  # a forked process has none of its parent's threads


def _begin(threads: int) -> None:
    """What a lane sets for itself; each is a thread's own."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)


def in_lanes(function: Callable[[Item], Result], items: Iterable[Item], lanes: int) -> Generator[Result, None, None]:
    """``function`` of each item, in order; by this thread for one lane, else AHEAD of what is asked for.

    The first error ends it. What has begun is waited for, so that no file is left half written.
    """
    if lanes == 1:
        yield from map(function, items)
        return
    pool = lane_pool(lanes, torch.get_num_threads() // lanes)
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) == AHEAD * lanes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        wait([one for one in waiting if not one.cancel()])
