"""What is to be gathered of a table, and how its rows are dealt out meanwhile."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import AnyArray, FloatArray, IntArray
from dlcli.engine.ranks import ALONE, Ranks
from dlcli.linear.data.split import Assigned, Split, dealt, dealt_by_rows, dealt_shares
from dlcli.linear.objectives.moments import Gram, numpy_gram
from dlcli.linear.objectives.responses import RowResponses
from dlcli.tables.sharing import joined
from dlcli.tables.table import Chunk


@dataclass(frozen=True)
class Gathering:
    """What is to be gathered of a table by its ``ranks``.

    With ``classes`` the rows must be kept (``keep_rows``): groups are then stratified. ``shifted``: the loss is one of
    the target less the offset, and so is all that is measured. Rows of more than ``most`` bytes are kept in a file
    (None: never). ``fill_means``: missing values get their columns' means.
    """

    split: Split
    classes: bool
    keep_rows: bool
    shifted: bool = True
    fill_means: bool = False
    gram: Gram = numpy_gram
    most: int | None = None
    ranks: Ranks = ALONE

    @property
    def deal(self) -> Callable[[Iterable[Chunk], Split], Iterator[tuple[Chunk, IntArray]]]:
        """What deals the rows out."""
        if isinstance(self.split, Assigned):
            return dealt_by_rows
        return dealt if self.ranks.count == 1 else dealt_shares

    def counted(self, chunk: Chunk, rows: int, places: list[IntArray]) -> int:
        """How many rows are known of with this chunk, after ``rows``; its numbers are added to ``places``."""
        if self.ranks.count == 1:
            return rows + len(chunk.y)
        places.append(np.arange(chunk.place, chunk.place + len(chunk.y)))
        return chunk.reached

    @property
    def while_read(self) -> Split:
        """How rows are dealt out while they are read: those of classes wait until all are known."""
        return Split(0, 0, 0) if self.classes and not isinstance(self.split, Assigned) else self.split

    @property
    def later(self) -> bool:
        """Whether moments have to wait for all rows."""
        return self.keep_rows and (self.classes or self.fill_means)

    def responses(self, chunk: Chunk) -> RowResponses:
        """What the rows of a chunk are to give."""
        if chunk.offset is not None and self.shifted:
            return RowResponses(chunk.y - chunk.offset, chunk.weights)
        return RowResponses(chunk.y, chunk.weights, chunk.offset)


def groups_of(
    how: Gathering, numbers: IntArray, rows: int, y: Callable[[], FloatArray], own: IntArray | None
) -> IntArray | None:
    """The groups of all rows, of which there are so many; None where all are in group 0.

    Of a table of classes ``y`` gives the targets (n,) of the rows here; ``own`` are the groups of these while reading.
    """
    if not how.split.deals:
        return None
    if isinstance(how.split, Assigned):
        assert own is not None
        if how.ranks.count == 1:
            return how.split.with_folds(own, y()) if how.classes else own
        every = joined(how.ranks, _runs(numbers, own), rows, np.int64)
        return how.split.with_folds(every, _every_class(how, numbers, rows, y)) if how.classes else every
    if not how.classes:
        return how.split.groups(rows) if how.ranks.count > 1 else None
    if how.ranks.count == 1:
        return how.split.stratified(y())
    return how.split.stratified(_every_class(how, numbers, rows, y))


def _every_class(how: Gathering, numbers: IntArray, rows: int, y: Callable[[], FloatArray]) -> FloatArray:
    """The classes of all rows, of which each process has some."""
    codes: FloatArray = joined(how.ranks, _runs(numbers, y()), rows, np.int32).astype(np.float64)
    return codes


def _runs(numbers: IntArray, values: AnyArray) -> list[tuple[int, AnyArray]]:
    """``values`` (n,) in parts whose ``numbers`` (n,) follow each other, each with its first one."""
    ends = np.flatnonzero(np.diff(numbers) != 1) + 1
    if not len(numbers):
        return []
    firsts = numbers[np.concatenate([np.zeros(1, dtype=np.int64), ends])]
    return list(zip(firsts.tolist(), np.split(values, ends), strict=True))
