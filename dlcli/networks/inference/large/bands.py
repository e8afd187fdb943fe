"""A large image in bands of rows, so that only a part of it is held as floating-point numbers at a time."""

import math
from collections.abc import Iterator
from typing import NamedTuple

VALUES = 1 << 23  # of a band: its copies in float32 and float64 take some 300 MB
HOLES = 64  # rows that what fills transparent holes goes by: beyond, it is smoother than can be seen


class Band(NamedTuple):
    """``rows`` of an image, and the rows around them that have to be ``seen``."""

    rows: slice
    seen: slice

    def inner(self, scale: int) -> slice:
        """Where the rows lie in what is seen, of an image ``scale`` times as large."""
        return slice((self.rows.start - self.seen.start) * scale, (self.rows.stop - self.seen.start) * scale)


class Bands(NamedTuple):
    """How an image is cut: into bands of ``step`` rows, which overlap by ``halo``, at most as much, on each side."""

    step: int
    halo: int

    @classmethod
    def of(cls, values: int, reach: int, multiple: int, most: int | None = None, *, holes: bool = False) -> "Bands":
        """For rows of so many ``values`` each, that depend on ``reach`` rows around them; of ``most`` values.

        Both lengths are multiples of the network's ``multiple``, so that bands are cut as the whole is.
        """
        most = VALUES if most is None else most
        if holes:
            reach, multiple = max(reach, HOLES), math.lcm(multiple, HOLES)
        halo = -(-reach // multiple) * multiple
        return cls(max(most // values // multiple * multiple, halo, multiple), halo)

    def __call__(self, height: int) -> Iterator[Band]:
        """All bands of an image, from the top down."""
        for start in range(0, height, self.step):
            stop = min(start + self.step, height)
            yield Band(slice(start, stop), slice(max(start - self.halo, 0), min(stop + self.halo, height)))
