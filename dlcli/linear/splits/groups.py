"""Groups of rows that stay together: which are held out, and which fold each other one is in."""

import heapq

import numpy as np

from dlcli.engine.arrays import AnyArray, IntArray
from dlcli.errors import DlcliError
from dlcli.linear.data.split import VALIDATION, Split
from dlcli.linear.splits.tally import scattered

MOST = 1 << 20  # groups whose rows are counted; more of them are dealt out evenly by chance
HOLDING, TIES, FOLDS = 11, 12, 13  # what is drawn


def parts_of(keys: AnyArray, counts: IntArray, split: Split) -> IntArray:
    """The part (k,) of each group, of which there are so many rows: VALIDATION, or its fold from 0.

    Groups are held out in random order as long as that brings the held-out rows nearer to their share; the largest
    of the others goes first, to the fold with the fewest rows, as in scikit-learn's GroupKFold.
    """
    parts = np.zeros(len(keys), dtype=np.int64)
    order = np.argsort(scattered(keys, split.seed, HOLDING), kind="stable")
    if split.validation:
        parts[_held(order, counts, split.validation * float(counts.sum()))] = VALIDATION
    free = np.flatnonzero(parts != VALIDATION)
    if split.folds:
        ties = scattered(keys[free], split.seed, TIES)
        heap = [(0, fold) for fold in range(split.folds)]
        for group in free[np.lexsort((ties, -counts[free]))].tolist():
            rows, fold = heap[0]
            parts[group] = fold
            heapq.heapreplace(heap, (rows + int(counts[group]), fold))
    return parts


def _held(order: IntArray, counts: IntArray, wanted: float) -> list[int]:
    """The groups, in this ``order``, that have nearly so many rows: one at least, and not all."""
    held: list[int] = []
    rows = 0
    for group in order.tolist():
        size = int(counts[group])
        if size < 2 * (wanted - rows) and len(held) < len(order) - 1:
            held.append(group)
            rows += size
    return held or [int(order[np.argmin(counts[order])])]


def parts_by_chance(keys: AnyArray, split: Split) -> IntArray:
    """The part (n,) of each row by the key of its group, where groups are too many to be counted."""
    parts = np.zeros(len(keys), dtype=np.int64)
    if split.folds:
        parts = (scattered(keys, split.seed, FOLDS) * split.folds).astype(np.int64)
    parts[scattered(keys, split.seed, HOLDING) < split.validation] = VALIDATION
    return parts


def check_groups(column: str, count: int, split: Split) -> None:
    """Raise DlcliError for fewer groups than parts."""
    if count < 2:
        raise DlcliError(
            f"--group {column}: all rows have the same value, so none can be apart from the others",
            "choose another column",
        )
    least = split.folds + bool(split.validation)
    if count < least:
        parts = f"{split.folds} folds" + " and the rows held out" * bool(split.validation)
        raise DlcliError(f"--group {column}: {count} groups are too few for {parts}", "use fewer folds")
