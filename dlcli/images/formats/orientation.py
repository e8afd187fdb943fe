"""Pixels turned as EXIF says that they are to be shown."""

import numpy as np

from dlcli.engine.arrays import AnyArray


def upright(values: AnyArray, orientation: int) -> AnyArray:
    """(H, W, ...) turned and mirrored as ``orientation`` (1 to 8) asks for, native and in memory of its own."""
    if orientation == 1 and _own(values):
        return values  # a copy of a large image would take as much again
    if orientation >= 5:
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return np.array(values, values.dtype.newbyteorder("="), order="C")


def _own(values: AnyArray) -> bool:
    """Whether they are native, in order, and all of an array in memory: not mapped, and not a part of another."""
    flags, whole = values.flags, values if values.base is None else values.base
    mine = type(whole) is np.ndarray and whole.flags.owndata and whole.nbytes == values.nbytes
    return bool(mine and flags.c_contiguous and flags.writeable and values.dtype.isnative)
