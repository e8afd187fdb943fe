"""A cache of the images decoded last, up to a number of bytes."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np
from numpy.typing import NDArray


class ImageCache:
    """The latest images, at most ``limit`` bytes of them; threads may share one."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self._held: OrderedDict[Hashable, NDArray[np.uint8]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, load: Callable[[], NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """The image called ``key``, from ``load`` if it isn't held; what ``load`` raises is passed on."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        # Outside the lock, so that threads decode side by side; two that want the same image both do.
        pixels = load()
        with self._lock:
            if key not in self._held and pixels.nbytes <= self._limit:
                self._held[key] = pixels
                self._bytes += pixels.nbytes
                while self._bytes > self._limit:
                    self._bytes -= self._held.popitem(last=False)[1].nbytes
        return pixels
