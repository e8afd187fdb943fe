"""Rows in order of time: the last are held out, and each fold comes after the rows that it is trained on."""

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.errors import DlcliError
from dlcli.linear.data.split import VALIDATION, Split

MOST = 1 << 20  # different times whose rows are counted; of more, neighbors together


def ends_of(times: FloatArray, counts: IntArray, split: Split, column: str) -> FloatArray:
    """The last time of each block of rows but the last one, ascending; ``times`` (k,) have so many rows each.

    With folds there is one block more than folds, as in scikit-learn's TimeSeriesSplit: the first is only trained on,
    and has what a division leaves over; the held-out rows are a block behind. Rows of one time stay together. Raises
    DlcliError for fewer times than blocks.
    """
    blocks = split.folds + 1 + bool(split.validation)
    if len(times) < blocks:
        what = "all rows have the same time" if len(times) == 1 else f"there are only {len(times)} different times"
        raise DlcliError(
            f"--time {column}: {what}, and {blocks} are needed", "use fewer folds, or choose another column"
        )
    rows = int(counts.sum())
    free = rows - round(split.validation * rows)
    size = free // (split.folds + 1)
    wanted = [free - left * size for left in range(split.folds, 0, -1)] + [free] * bool(split.validation)
    cumulated = np.cumsum(counts)
    ends: list[int] = []
    for left, rows_before in zip(range(len(wanted), 0, -1), wanted, strict=True):
        first, last = (ends[-1] + 1 if ends else 0), len(times) - 1 - left
        nearest = int(np.argmin(np.abs(cumulated[first : last + 1] - rows_before)))
        ends.append(first + nearest)
    return np.asarray(times[ends], dtype=np.float64)


def blocks_of(times: FloatArray, ends: FloatArray, split: Split) -> IntArray:
    """The part (n,) of each row: its block from 0, or VALIDATION for the last one where rows are held out."""
    blocks = np.searchsorted(ends, times, side="left").astype(np.int64)
    if split.validation:
        blocks[blocks == len(ends)] = VALIDATION
    return blocks
