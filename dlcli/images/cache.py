"""A cache of the images decoded last, up to a number of bytes."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future

from dlcli.engine.arrays import AnyArray


def usable_cores() -> int:
    """How many cores there are for this process: as many threads decode."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class ImageCache:
    """The latest images, at most ``limit`` bytes of them; threads may share one."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._coming: dict[Hashable, Future[AnyArray]] = {}
        self._bytes = 0
        self._held: OrderedDict[Hashable, AnyArray] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, load: Callable[[], AnyArray]) -> AnyArray:
        """The image called ``key``, from ``load`` if it isn't held; what ``load`` raises is passed on."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
            coming = self._coming.get(key)
            if coming is None:
                mine = self._coming[key] = Future()
        if coming is not None:
            return coming.result()  # of the thread that decodes it already
        try:
            pixels = load()  # outside the lock, so that threads decode side by side
        except BaseException as error:
            mine.set_exception(error)
            with self._lock:
                del self._coming[key]
            raise
        mine.set_result(pixels)
        with self._lock:
            del self._coming[key]
            if pixels.nbytes <= self.limit:
                self._held[key] = pixels
                self._bytes += pixels.nbytes
                while self._bytes > self.limit:
                    self._bytes -= self._held.popitem(last=False)[1].nbytes
        return pixels
