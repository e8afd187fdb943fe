"""A table read once or twice, and what training needs of it gathered on the way."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from dlcli.engine.arrays import BoolArray, FloatArray, IntArray
from dlcli.linear.data.gaps import KnownSums, fill_gaps
from dlcli.linear.data.keeper import RowKeeper
from dlcli.linear.data.scale import LARGE, SMALL, PowersOfTwo, check_target
from dlcli.linear.data.split import VALIDATION, Split, dealt
from dlcli.linear.data.stored import StoredTable
from dlcli.linear.data.table_data import Block, ChunkSource, RereadRows, TableData, row_blocks
from dlcli.linear.objectives.moments import Gram, Moments
from dlcli.tables.categories import UnsettledError
from dlcli.tables.table import Schema


@dataclass(frozen=True)
class _How:
    """What is to be gathered of a table: see ``gather``."""

    split: Split
    classes: bool
    keep_rows: bool
    fill_means: bool
    gram: Gram
    most: int | None

    @property
    def later(self) -> bool:
        """Whether moments have to wait for all rows."""
        return self.keep_rows and (self.classes or self.fill_means)


def gather(
    table: ChunkSource, split: Split, *, classes: bool, keep_rows: bool, gram: Gram, most: int | None = None
) -> TableData:
    """Read ``table`` and return its moments, and its rows if kept: then it is read once, else twice to fill means.

    Rows of more than ``most`` bytes are kept in a file (None: never). With ``classes`` the rows must be kept: groups
    are then stratified. Raises DlcliError for bad data.
    """

    def training(rows: int, codes: FloatArray | None) -> BoolArray:
        groups = split.groups(rows) if codes is None or not classes else split.stratified(codes)
        return np.asarray(groups != VALIDATION, dtype=np.bool_)

    table.settle(training if split.validation else None)
    try:
        return _gathered(table, _How(split, classes, keep_rows, table.has_gaps, gram, most))
    except UnsettledError:
        table.settle(training if split.validation else None, wholly=True)
        return _gathered(table, _How(split, classes, keep_rows, table.has_gaps, gram, most))


def _gathered(table: ChunkSource, how: _How) -> TableData:
    split = how.split
    powers = PowersOfTwo()
    known = _means_first(table, split, powers) if how.fill_means and not how.keep_rows else KnownSums()
    moments: dict[int, Moments] = {}
    keeper = RowKeeper(how.most)
    rows = 0
    for chunk, groups in dealt(table.chunks(), Split(0, 0, 0) if how.classes else split):
        rows += len(chunk.y)
        if not how.classes:
            powers.scale(chunk.X, groups != VALIDATION)
            check_target(chunk.y)
        if not how.later:
            _add_chunk(moments, (chunk.X, chunk.y, groups), known, how)
        if how.keep_rows:
            keeper.add(chunk.X, chunk.y, groups)
    if stored := keeper.stored(dealt=split.deals and not how.classes):
        return _with_stored(table, stored, moments, powers, how)
    if how.keep_rows:
        return _with_rows(table, keeper.parts, moments, powers, how)
    data = _finished(table, moments, rows, known, by_fold=bool(split.folds))

    def again() -> Iterator[Block]:
        for chunk, groups in dealt(table.chunks(), split):
            powers.scale(chunk.X, groups != VALIDATION)
            yield chunk.X, chunk.y, groups

    return replace(data, exponents=powers.exponents, reread=RereadRows(again))


def _means_first(table: ChunkSource, split: Split, powers: PowersOfTwo) -> KnownSums:
    """A pass for what stands in for missing values."""
    known = KnownSums()
    for chunk, groups in dealt(table.chunks(), split):
        powers.scale(chunk.X, groups != VALIDATION)
        known.add(chunk.X, groups)
    known.finish(table.anchors())
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
    table: ChunkSource, parts: list[Block], moments: dict[int, Moments], powers: PowersOfTwo, how: _How
) -> TableData:
    """The rows joined, and their moments where those could not be taken while reading."""
    y = np.concatenate([y for _, y, _ in parts])
    schema = table.schema
    groups = how.split.stratified(y) if how.classes else np.concatenate([g for _, _, g in parts])
    ones_X = _joined(parts)
    parts.clear()
    if how.classes:
        powers.scale(ones_X[:, 1:], groups != VALIDATION)
    known = KnownSums()
    if how.fill_means:
        known = _known_sums(ones_X, groups, table.anchors(), by_fold=bool(how.split.folds))
    by_fold = bool(how.split.folds and len(known.marks))
    if how.later:
        for block in row_blocks(len(y)):
            X = ones_X[block, 1:]
            X = known.marked(X, groups[block]) if by_fold else X
            _add(moments, (X, y[block], groups[block]), how)
    gaps = known.gaps(np.arange(ones_X.shape[1] - 1), moments) if by_fold else None
    if gaps:
        moments = gaps.filled(known.fill)
    means = _trained(moments).mean[1 : ones_X.shape[1]]
    fill = known.fill_with(means) if how.fill_means else means
    names, level_of = schema.encoded_names, _level_of(schema)
    return TableData(schema, moments, fill, len(y), names, level_of, ones_X, y, groups, gaps, powers.exponents)


def _with_stored(
    table: ChunkSource, stored: StoredTable, moments: dict[int, Moments], powers: PowersOfTwo, how: _How
) -> TableData:
    """The same of rows in a file, which are passed over again where their moments are still to be taken."""
    if how.classes and how.split.deals:
        stored = replace(stored, groups=how.split.stratified(stored.targets()).astype(np.int32))
    data = _passed(table, stored, moments, how)
    if how.classes and not _have_room(_trained(data.moments)):
        powers = stored.powers()
        stored = replace(stored, exponents=powers.exponents)
        data = _passed(table, stored, {}, how)
    exponents = powers.exponents if len(powers.exponents) else np.zeros(stored.X.width, dtype=np.int64)
    return replace(data, exponents=exponents, groups=stored.groups, reread=stored)


def _passed(table: ChunkSource, stored: StoredTable, moments: dict[int, Moments], how: _How) -> TableData:
    known = KnownSums()
    if how.fill_means:
        for X, _, groups in stored.blocks():
            known.add(X, groups)
        known.finish(table.anchors())
    if how.later:
        for block in stored.blocks():
            _add_chunk(moments, block, known, how)
    return _finished(table, moments, len(stored.y), known, by_fold=bool(how.split.folds))


def _have_room(moments: Moments) -> bool:
    """Whether no column (y is column 0) can hold values that ``PowersOfTwo`` would scale."""
    with np.errstate(over="ignore", invalid="ignore"):
        size = np.sqrt(moments.mean**2 + moments.diagonal / max(moments.count, 1))[1:]
        return bool(np.all((size >= SMALL) & (size * np.sqrt(moments.count) <= LARGE)))


def _known_sums(ones_X: FloatArray, groups: IntArray, anchors: IntArray, *, by_fold: bool) -> KnownSums:
    """Sums of the values that are there; the gaps are filled with their means, unless each fold has its own."""
    known = KnownSums()
    for block in row_blocks(len(groups)):
        known.add(ones_X[block, 1:], groups[block])
    known.finish(anchors)
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
