"""A table read once or twice, and what training needs of it gathered on the way."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from dlcli.engine.arrays import BoolArray, FloatArray, IntArray
from dlcli.errors import DlcliError
from dlcli.linear.data.gaps import KnownSums, fill_gaps
from dlcli.linear.data.scale import PowersOfTwo, check_target
from dlcli.linear.data.split import VALIDATION, Split, dealt
from dlcli.linear.data.table_data import Block, ChunkSource, RereadRows, TableData, row_blocks
from dlcli.linear.objectives.moments import Gram, Moments
from dlcli.tables.table import Schema


@dataclass(frozen=True)
class _How:
    """What is to be gathered of a table: see ``gather``."""

    split: Split
    classes: bool
    keep_rows: bool
    fill_means: bool
    gram: Gram

    @property
    def later(self) -> bool:
        """Whether moments have to wait for all rows."""
        return self.keep_rows and (self.classes or self.fill_means)


def gather(
    table: ChunkSource, split: Split, *, classes: bool, keep_rows: bool, fill_means: bool, gram: Gram
) -> TableData:
    """Read ``table`` and return its moments, and its rows if kept: then it is read once, else twice to fill means.

    With ``classes`` the rows must be kept: groups are then stratified. Raises DlcliError for bad data.
    """
    how = _How(split, classes, keep_rows, fill_means, gram)
    known, powers = KnownSums(), PowersOfTwo()
    if fill_means and not keep_rows:
        for chunk, groups in dealt(table.chunks(), split):
            powers.scale(chunk.X, groups != VALIDATION)
            known.add(chunk.X, groups)
        _refuse_empty(table, known.rows)
        known.finish(table.anchors())
    moments: dict[int, Moments] = {}
    parts: list[Block] = []
    rows = 0
    for chunk, groups in dealt(table.chunks(), Split(0, 0, 0) if classes else split):
        rows += len(chunk.y)
        if not classes:
            powers.scale(chunk.X, groups != VALIDATION)
            check_target(chunk.y)
        if not how.later:
            _add_chunk(table, moments, (chunk.X, chunk.y, groups), known, how)
        if keep_rows:
            parts.append((chunk.X, chunk.y, groups))
    _refuse_empty(table, rows)
    if keep_rows:
        return _with_rows(table, parts, moments, powers, how)
    data, order = _finished(table, moments, rows, known, by_fold=bool(split.folds))

    def again() -> Iterator[Block]:
        for chunk, groups in dealt(table.chunks(), split):
            powers.scale(chunk.X, groups != VALIDATION)
            yield chunk.X[:, order], chunk.y, groups

    return replace(data, exponents=powers.exponents[order], reread=RereadRows(again))


def _add_chunk(table: ChunkSource, moments: dict[int, Moments], chunk: Block, known: KnownSums, how: _How) -> None:
    """Add a chunk to the moments while the table is read, its gaps filled or marked."""
    X, y, groups = chunk
    width = X.shape[1]
    if len(known.marks) and how.split.folds:
        X = known.marked(X, groups)
    elif len(known.marks):
        fill_gaps(X, known.fill)
    places = table.places() if how.split.deals else None
    if places is not None:
        places = places[places < width]  # the table has gone on since
    _add(moments, (X, y, groups), how.gram, places)


def _refuse_empty(table: ChunkSource, rows: int) -> None:
    if rows == 0:
        table.finish()  # which knows more of the reason
        raise DlcliError(
            "no rows are left after dropping those with missing values",
            "use --missing mean, or --drop the columns",
        )


def _finished(
    table: ChunkSource, moments: dict[int, Moments], rows: int, known: KnownSums, *, by_fold: bool
) -> tuple[TableData, IntArray]:
    """The moments with columns in the schema's order, and where the table's X has them.

    Moments of rows that came before a column are grown to as many columns as there are in the end.
    """
    marks = len(known.marks) if by_fold else 0
    width = max(len(m.mean) for m in moments.values())
    moments = {g: m.grown(width) for g, m in moments.items()}
    trained = _trained(moments)
    schema, order, _ = table.finish(trained.mean[1 : width - marks] != 0 if VALIDATION in moments else None)
    chosen = np.concatenate([[0], order + 1])
    fill = known.fill[order] if known.rows else trained.mean[chosen[1:]]
    gaps = known.gaps(order, moments) if marks else None
    selected = gaps.filled(fill) if gaps else {g: m.select(chosen) for g, m in moments.items()}
    return TableData(schema, selected, fill, rows, schema.encoded_names, _level_of(schema), gaps=gaps), order


def _with_rows(
    table: ChunkSource, parts: list[Block], moments: dict[int, Moments], powers: PowersOfTwo, how: _How
) -> TableData:
    """The rows joined, and their moments where those could not be taken while reading."""
    y = np.concatenate([y for _, y, _ in parts])
    schema, order, code_map = table.finish()
    if code_map is not None:
        y = code_map[y.astype(np.int64)].astype(np.float64)
    groups = how.split.stratified(y) if how.classes else np.concatenate([g for _, _, g in parts])
    if (groups == VALIDATION).any():
        schema, order, _ = table.finish(_seen(parts, groups))
    anchors = table.anchors()[order] if how.fill_means else None
    ones_X = _joined(parts, order, anchors)
    parts.clear()
    if how.classes:
        powers.scale(ones_X[:, 1:], groups != VALIDATION)
    known = KnownSums()
    if how.fill_means:
        known = _known_sums(ones_X, groups, by_fold=bool(how.split.folds))
    by_fold = bool(how.split.folds and len(known.marks))
    if how.later:
        places = np.arange(len(order)) if how.split.deals else None
        for block in row_blocks(len(y)):
            X = ones_X[block, 1:]
            X = known.marked(X, groups[block]) if by_fold else X
            _add(moments, (X, y[block], groups[block]), how.gram, places)
    else:
        width = max(len(m.mean) for m in moments.values())
        chosen = np.concatenate([[0], order + 1])
        moments = {g: m.grown(width).select(chosen) for g, m in moments.items()}
    gaps = known.gaps(np.arange(len(order)), moments) if by_fold else None
    if gaps:
        moments = gaps.filled(known.fill)
    fill = known.fill if how.fill_means else _trained(moments).mean[1:]
    names, level_of = schema.encoded_names, _level_of(schema)
    exponents = powers.exponents if how.classes else powers.exponents[order]
    return TableData(schema, moments, fill, len(y), names, level_of, ones_X, y, groups, gaps, exponents)


def _known_sums(ones_X: FloatArray, groups: IntArray, *, by_fold: bool) -> KnownSums:
    """Sums of the values that are there; the gaps are filled with their means, unless each fold has its own."""
    known = KnownSums()
    for block in row_blocks(len(groups)):
        known.add(ones_X[block, 1:], groups[block])
    known.finish(np.arange(ones_X.shape[1] - 1))
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


def _seen(parts: list[Block], groups: IntArray) -> BoolArray:
    """Which columns of X, levels of texts among them, are not 0 in all training rows."""
    seen, start = np.zeros(max(X.shape[1] for X, _, _ in parts), dtype=np.bool_), 0
    for X, y, _ in parts:
        train = groups[start : start + len(y)] != VALIDATION
        seen[: X.shape[1]] |= ((X != 0) & ~np.isnan(X))[train].any(axis=0)
        start += len(y)
    return seen


def _add(moments: dict[int, Moments], rows: Block, gram: Gram, places: IntArray | None) -> None:
    """Add rows X (n, w), y and groups (n,). ``places``: an order of columns, in which those of 0 are left out.

    A product's rounding depends on what other columns there are: those that only other groups have must not count.
    """
    X, y, groups = rows
    present = [0] if not groups.any() else np.unique(groups).tolist()
    for group in present:
        part = X if len(present) == 1 else X[groups == group]
        columns: IntArray | slice = slice(None)
        if places is not None:
            columns = np.concatenate([places, np.arange(len(places), X.shape[1])])
            columns = columns[np.any(part, axis=0)[columns]]
        width = X.shape[1] if isinstance(columns, slice) else len(columns)
        Z = np.empty((len(part), width + 1), order="F")
        Z[:, 0] = y if len(present) == 1 else y[groups == group]
        Z[:, 1:] = part[:, columns]
        with np.errstate(over="ignore", invalid="ignore"):  # refused later, by name
            new = Moments.of(Z, gram)
        if not isinstance(columns, slice):
            new = new.spread(np.concatenate([[0], columns + 1]), X.shape[1] + 1)
        moments[int(group)] = moments[int(group)].merged(new) if int(group) in moments else new


def _joined(parts: list[Block], order: IntArray, anchors: IntArray | None) -> FloatArray:
    """The rows (n, 1 + d) after a column of ones; nan in the levels of a missing text where ``anchors`` are given."""
    rows = sum(len(y) for _, y, _ in parts)
    ones_X = np.empty((rows, 1 + len(order)))
    ones_X[:, 0] = 1.0
    X = ones_X[:, 1:]
    start = 0
    for part, _, _ in parts:
        block = X[start : start + len(part)]
        # A level first seen in a later chunk has no column in the earlier ones: it was 0 there, if it was known.
        known = order < part.shape[1]
        block[:, known] = part[:, order[known]]
        block[:, ~known] = 0.0 if anchors is None else np.where(np.isnan(part[:, anchors[~known]]), np.nan, 0.0)
        start += len(part)
    return ones_X
