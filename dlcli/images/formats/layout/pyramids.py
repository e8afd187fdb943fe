"""Smaller levels of an image, as whole slides and OME-Zarr have them."""

from collections.abc import Sequence

import numpy as np

from dlcli.engine.arrays import AnyArray

ROWS = 256  # of a level that are computed at a time
EXACT = 1 << 16  # values of 16 bits whose sum 32 bits hold

Size = tuple[int, int]


def shrunk(values: AnyArray, factor: int) -> AnyArray:
    """Means over blocks of ``factor`` x ``factor`` pixels of (H, W, C); what is left at the ends is cut off."""
    return reduced(values, (values.shape[0] // factor, values.shape[1] // factor), (factor, factor))


def factors_of(whole: Size, level: Size) -> tuple[int, int] | None:
    """How many rows and columns of an image make one of a level, whose last ones may be incomplete or missing.

    None where the level is no whole fraction.

    >>> factors_of((513, 1024), (257, 512)), factors_of((513, 1024), (256, 256)), factors_of((300, 300), (200, 200))
    ((2, 2), (2, 4), None)
    """
    found = []
    for length, short in zip(whole, level, strict=True):
        near = {max(round(length / max(short, 1)), 1), max(length // max(short, 1), 1)}
        fitting = [factor for factor in sorted(near) if abs(length - short * factor) < factor]
        if not 0 < short <= length or not fitting:
            return None
        found.append(fitting[0])
    return found[0], found[1]


def levels_of(values: AnyArray, sizes: Sequence[Size]) -> list[AnyArray]:
    """Means of (H, W, C) of these ``sizes``, each made from the one before; fewer where one is no whole fraction."""
    levels: list[AnyArray] = []
    for size in sizes:
        factors = factors_of(values.shape[:2], size)
        if factors is None:
            break
        values = reduced(values, size, factors)
        levels.append(values)
    return levels


def reduced(values: AnyArray, size: Size, factors: Size) -> AnyArray:
    """Means over blocks of ``factors`` rows and columns of (H, W, C), so many of them as ``size`` says.

    The last pixels are repeated where blocks reach beyond; the others are as if they were cut off.
    """
    (height, width), (down, across) = size, factors
    result = np.empty((height, width, values.shape[2]), values.dtype)
    whole = values.dtype in (np.uint8, np.uint16) and down * across <= EXACT
    columns = np.minimum(np.arange(width * across), values.shape[1] - 1)
    for top in range(0, height, ROWS):
        stop = min(top + ROWS, height)
        rows = values[top * down : stop * down]
        if len(rows) < (stop - top) * down:
            rows = rows[np.minimum(np.arange((stop - top) * down), len(rows) - 1)]
        rows = rows[:, : width * across] if width * across <= values.shape[1] else rows[:, columns]
        total = np.zeros((stop - top, width, values.shape[2]), np.uint32 if whole else np.float64)
        for i in range(down):
            for j in range(across):
                total += rows[i::down, j::across]
        if whole:
            result[top:stop] = (total + down * across // 2) // (down * across)
        else:
            means = total / (down * across)
            result[top:stop] = means if values.dtype.kind == "f" else np.rint(means)
    return result
