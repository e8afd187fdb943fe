"""A table read once or twice, and what training needs of it gathered on the way."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from dlcli.engine.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dlcli.engine.ranks import Ranks
from dlcli.errors import DlcliError
from dlcli.linear.data.gaps import KnownSums, fill_gaps
from dlcli.linear.data.keeper import RowKeeper
from dlcli.linear.data.scale import LARGE, SMALL, PowersOfTwo, check_target, powers_of
from dlcli.linear.data.split import VALIDATION, Assigned, Split, dealt, dealt_by_rows, dealt_shares
from dlcli.linear.data.stored import StoredTable
from dlcli.linear.data.table_data import Block, ChunkSource, RereadRows, TableData, row_blocks
from dlcli.linear.objectives.moments import Gram, Moments
from dlcli.linear.shared.share import Share
from dlcli.linear.shared.sums import largest_of, same_exponents, shared_moments
from dlcli.tables.categories import UnsettledError
from dlcli.tables.sharing import UnsharedError, joined
from dlcli.tables.table import Chunk, Schema


@dataclass(frozen=True)
class _How:
    """What is to be gathered of a table: see ``gather``."""

    split: Split
    classes: bool
    keep_rows: bool
    fill_means: bool
    gram: Gram
    most: int | None
    ranks: Ranks

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


def gather(
    table: ChunkSource, split: Split, *, classes: bool, keep_rows: bool, gram: Gram, most: int | None = None
) -> Share:
    """Read ``table`` and return its moments, and its rows if kept: then it is read once, else twice to fill means.

    Rows of more than ``most`` bytes are kept in a file (None: never). With ``classes`` the rows must be kept: groups
    are then stratified. Of several processes that read the table each has the moments of all rows, and its share of
    the rows. Raises DlcliError for bad data, and WideError where several processes read a table of more columns than
    rows.
    """

    def training(stay: BoolArray, codes: FloatArray | None) -> BoolArray:
        train = np.asarray(split.of_kept(stay, codes if classes else None) != VALIDATION, dtype=np.bool_)
        if not train.any() and len(train):
            raise DlcliError(f"{split.option} leaves no row to train on", "hold out fewer rows")
        return train

    table.settle(training if split.validation else None)
    powers: IntArray | None = None
    while True:
        try:
            return _gathered(table, _How(split, classes, keep_rows, table.has_gaps, gram, most, table.ranks), powers)
        except UnsettledError:
            table.settle(training if split.validation else None, wholly=True)
        except UnsharedError:
            continue
        except _UnevenScalesError as error:
            powers = error.exponents


class _UnevenScalesError(Exception):
    """Processes scale columns otherwise than each other: all are to scale by ``exponents`` (w,), from the start."""

    def __init__(self, exponents: IntArray) -> None:
        super().__init__()
        self.exponents = exponents


def _check_scales(powers: PowersOfTwo, ranks: Ranks) -> None:
    if ranks.count > 1 and (exponents := same_exponents(powers.exponents, ranks)) is not None:
        raise _UnevenScalesError(exponents)


def _gathered(table: ChunkSource, how: _How, exponents: IntArray | None) -> Share:
    split = how.split
    powers = PowersOfTwo(exponents)
    known = _means_first(table, how, powers) if how.fill_means and not how.keep_rows else KnownSums()
    moments: dict[int, Moments] = {}
    keeper = RowKeeper(how.most)
    rows = 0
    places: list[IntArray] = []
    for chunk, groups in how.deal(table.chunks(), how.while_read):
        rows = how.counted(chunk, rows, places)
        if not how.classes:
            powers.scale(chunk.X, groups != VALIDATION)
            check_target(chunk.y)
        if not how.later:
            _add_chunk(moments, (chunk.X, chunk.y, groups), known, how)
        if how.keep_rows:
            keeper.add(chunk.X, chunk.y, groups)
    _check_scales(powers, how.ranks)
    numbers = np.concatenate(places) if places else np.zeros(0, dtype=np.int64)
    if any(how.ranks.gather(keeper.is_stored)):  # by all, who then go the same way
        keeper.store()
    if stored := keeper.stored(dealt=how.while_read.deals):
        data, every = _with_stored(table, stored, moments, powers, (how, numbers, rows))
        return Share(data, numbers, every, how.ranks)
    if how.keep_rows:
        data, every = _with_rows(table, keeper.parts, moments, powers, (how, numbers, rows))
        return Share(data, numbers, every, how.ranks)
    data = _finished(table, shared_moments(moments, how.ranks), rows, known, by_fold=bool(split.folds))

    def again() -> Iterator[Block]:
        for chunk, groups in how.deal(table.chunks(), split):
            powers.scale(chunk.X, groups != VALIDATION)
            yield chunk.X, chunk.y, groups

    return Share(replace(data, exponents=powers.exponents, reread=RereadRows(again)), numbers, None, how.ranks)


def _groups_of(
    how: _How, numbers: IntArray, rows: int, y: Callable[[], FloatArray], own: IntArray | None
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


def _every_class(how: _How, numbers: IntArray, rows: int, y: Callable[[], FloatArray]) -> FloatArray:
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


def _means_first(table: ChunkSource, how: _How, powers: PowersOfTwo) -> KnownSums:
    """A pass for what stands in for missing values."""
    known = KnownSums()
    for chunk, groups in how.deal(table.chunks(), how.split):
        powers.scale(chunk.X, groups != VALIDATION)
        known.add(chunk.X, groups)
    _check_scales(powers, how.ranks)
    known.finish(table.anchors(), how.ranks)
    return known


def _add_chunk(moments: dict[int, Moments], chunk: Block, known: KnownSums, how: _How) -> None:
    """Add a chunk to the moments while the table is read, its gaps filled or marked."""
    X, y, groups = chunk
    if len(known.marks) and how.split.folds:
        X = known.marked(X, groups)
    elif len(known.marks):
        fill_gaps(X, known.fill)
    _add(moments, (X, y, groups), how)


def _finished(
    table: ChunkSource, moments: dict[int, Moments], rows: int, known: KnownSums, *, by_fold: bool
) -> TableData:
    """The moments of a table whose rows are not kept, its gaps filled."""
    schema, width = table.schema, len(table.anchors())
    marks = len(known.marks) if by_fold else 0
    means = _trained(moments).mean[1 : 1 + width]
    fill = known.fill_with(means) if known.rows else means
    gaps = known.gaps(np.arange(width), moments) if marks else None
    if gaps:
        moments = gaps.filled(fill)
    return TableData(schema, moments, fill, rows, schema.encoded_names, _level_of(schema), gaps=gaps)


def _with_rows(
    table: ChunkSource, parts: list[Block], moments: dict[int, Moments], powers: PowersOfTwo,
    here: tuple[_How, IntArray, int],
) -> tuple[TableData, IntArray | None]:  # fmt: skip
    """The rows joined, and their moments where those could not be taken while reading; and the groups of all rows.

    ``here``: how, the numbers of the rows here among all of them, and how many those are.
    """
    how, numbers, rows = here
    y = np.concatenate([y for _, y, _ in parts])
    schema = table.schema
    groups = np.concatenate([g for _, _, g in parts])
    every = _groups_of(how, numbers, rows, lambda: y, groups)
    if how.classes and every is not None:
        groups = every if how.ranks.count == 1 else every[numbers]
    ones_X = _joined(parts)
    parts.clear()
    if how.classes:
        largest = np.fmax.reduce(np.abs(ones_X[groups != VALIDATION, 1:]), axis=0, initial=0.0)
        powers = powers_of(largest_of(largest, how.ranks))
        powers.scale(ones_X[:, 1:], groups != VALIDATION)
    known = KnownSums()
    if how.fill_means:
        known = _known_sums(ones_X, groups, table.anchors(), by_fold=bool(how.split.folds), ranks=how.ranks)
    by_fold = bool(how.split.folds and len(known.marks))
    if how.later:
        for block in row_blocks(len(y)):
            X = ones_X[block, 1:]
            X = known.marked(X, groups[block]) if by_fold else X
            _add(moments, (X, y[block], groups[block]), how)
    moments = shared_moments(moments or _no_rows(ones_X.shape[1] + len(known.marks) * by_fold), how.ranks)
    gaps = known.gaps(np.arange(ones_X.shape[1] - 1), moments) if by_fold else None
    if gaps:
        moments = gaps.filled(known.fill)
    means = _trained(moments).mean[1 : ones_X.shape[1]]
    fill = known.fill_with(means) if how.fill_means else means
    names, level_of = schema.encoded_names, _level_of(schema)
    return TableData(schema, moments, fill, rows, names, level_of, ones_X, y, groups, gaps, powers.exponents), every


def _no_rows(width: int) -> dict[int, Moments]:
    """The moments of a process that has no rows, of so many columns."""
    return {0: Moments.empty(width)}


def _with_stored(
    table: ChunkSource, stored: StoredTable, moments: dict[int, Moments], powers: PowersOfTwo,
    here: tuple[_How, IntArray, int],
) -> tuple[TableData, IntArray | None]:  # fmt: skip
    """The same of rows in a file, which are passed over again where their moments are still to be taken."""
    how, numbers, rows = here
    every = _groups_of(how, numbers, rows, stored.targets, stored.groups)
    if how.classes and every is not None:
        groups = every if how.ranks.count == 1 else every[numbers]
        stored = replace(stored, groups=groups.astype(np.int32))
    data = _passed(table, stored, moments, how, rows)
    if how.classes and not _have_room(_trained(data.moments)):
        powers = stored.powers(how.ranks)
        stored = replace(stored, exponents=powers.exponents)
        data = _passed(table, stored, {}, how, rows)
    exponents = powers.exponents if len(powers.exponents) else np.zeros(stored.X.width, dtype=np.int64)
    return replace(data, exponents=exponents, groups=stored.groups, reread=stored), every


def _passed(
    table: ChunkSource, stored: StoredTable, moments: dict[int, Moments], how: _How, rows: int
) -> TableData:  # fmt: skip
    known = KnownSums()
    if how.fill_means:
        for X, _, groups in stored.blocks():
            known.add(X, groups)
        known.finish(table.anchors(), how.ranks)
    if how.later:
        for block in stored.blocks():
            _add_chunk(moments, block, known, how)
    width = 1 + stored.X.width + len(known.marks) * bool(how.split.folds)
    moments = shared_moments(moments or _no_rows(width), how.ranks)
    return _finished(table, moments, rows, known, by_fold=bool(how.split.folds))


def _have_room(moments: Moments) -> bool:
    """Whether no column (y is column 0) can hold values that ``PowersOfTwo`` would scale."""
    with np.errstate(over="ignore", invalid="ignore"):
        size = np.sqrt(moments.mean**2 + moments.diagonal / max(moments.count, 1))[1:]
        return bool(np.all((size >= SMALL) & (size * np.sqrt(moments.count) <= LARGE)))


def _known_sums(
    ones_X: FloatArray, groups: IntArray, anchors: IntArray, *, by_fold: bool, ranks: Ranks
) -> KnownSums:  # fmt: skip
    """Sums of the values that are there; the gaps are filled with their means, unless each fold has its own."""
    known = KnownSums()
    for block in row_blocks(len(groups)):
        known.add(ones_X[block, 1:], groups[block])
    known.finish(anchors, ranks)
    if len(known.marks) and not by_fold:
        for block in row_blocks(len(groups)):
            fill_gaps(ones_X[block, 1:], known.fill)
    return known


def _trained(moments: dict[int, Moments]) -> Moments:
    total = Moments.empty(len(next(iter(moments.values())).mean))
    for group, m in moments.items():
        if group != VALIDATION:
            total = total.merged(m)
    return total


def _level_of(schema: Schema) -> IntArray:
    """For each encoded column, the number of the text feature whose level it is, or -1."""
    if schema.design is not None:
        return np.full(len(schema.encoded_names), -1, dtype=np.int64)
    every = [[i if f.kind == "text" else -1] * len(f.encoded_names) for i, f in enumerate(schema.features)]
    return np.array([number for numbers in every for number in numbers], dtype=np.int64)


def _add(moments: dict[int, Moments], rows: Block, how: _How) -> None:
    """Add rows X (n, w), y and groups (n,).

    A product's rounding depends on what other columns there are: those that only other groups have must not count.
    """
    X, y, groups = rows
    present = [0] if not groups.any() else np.unique(groups).tolist()
    for group in present:
        part = X if len(present) == 1 else X[groups == group]
        columns: IntArray | slice = np.flatnonzero(np.any(part, axis=0)) if how.split.deals else slice(None)
        width = X.shape[1] if isinstance(columns, slice) else len(columns)
        Z = np.empty((len(part), width + 1), order="F")
        Z[:, 0] = y if len(present) == 1 else y[groups == group]
        Z[:, 1:] = part[:, columns]
        with np.errstate(over="ignore", invalid="ignore"):  # refused later, by name
            new = Moments.of(Z, how.gram)
        if not isinstance(columns, slice):
            new = new.spread(np.concatenate([[0], columns + 1]), X.shape[1] + 1)
        moments[int(group)] = moments[int(group)].merged(new) if int(group) in moments else new


def _joined(parts: list[Block]) -> FloatArray:
    """The rows (n, 1 + d) after a column of ones."""
    rows = sum(len(y) for _, y, _ in parts)
    ones_X = np.empty((rows, 1 + parts[0][0].shape[1]))
    ones_X[:, 0] = 1.0
    start = 0
    for part, _, _ in parts:
        ones_X[start : start + len(part), 1:] = part
        start += len(part)
    return ones_X
