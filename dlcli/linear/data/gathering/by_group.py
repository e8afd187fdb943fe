"""Moments by group of rows, as chunks come, and what a table's are once all have."""

import numpy as np

from dlcli.engine.arrays import IntArray
from dlcli.linear.data.gaps import KnownSums, fill_gaps
from dlcli.linear.data.gathering.how import Gathering
from dlcli.linear.data.split import VALIDATION
from dlcli.linear.data.table_data import Block, ChunkSource, TableData
from dlcli.linear.objectives.moments import Moments
from dlcli.tables.table import Schema


def add_chunk(moments: dict[int, Moments], chunk: Block, known: KnownSums, how: Gathering) -> None:
    """Add a chunk to the moments while the table is read, its gaps filled or marked."""
    X, responses, groups = chunk
    if len(known.marks) and how.split.folds:
        X = known.marked(X, groups)
    elif len(known.marks):
        fill_gaps(X, known.fill)
    add(moments, (X, responses, groups), how)


def finished(
    table: ChunkSource, moments: dict[int, Moments], rows: int, known: KnownSums, *, by_fold: bool
) -> TableData:
    """The moments of a table whose rows are not kept, its gaps filled."""
    schema, width = table.schema, len(table.anchors())
    marks = len(known.marks) if by_fold else 0
    means = trained(moments).mean[1 : 1 + width]
    fill = known.fill_with(means) if known.rows else means
    gaps = known.gaps(np.arange(width), moments) if marks else None
    if gaps:
        moments = gaps.filled(fill)
    return TableData(schema, moments, fill, rows, schema.encoded_names, level_of_columns(schema), gaps=gaps)


def trained(moments: dict[int, Moments]) -> Moments:
    """Those of all rows that are trained on."""
    total = Moments.empty(len(next(iter(moments.values())).mean))
    for group, m in moments.items():
        if group != VALIDATION:
            total = total.merged(m)
    return total


def level_of_columns(schema: Schema) -> IntArray:
    """For each encoded column, the number of the text feature whose level it is, or -1."""
    if schema.design is not None:
        return np.full(len(schema.encoded_names), -1, dtype=np.int64)
    every = [[i if f.kind == "text" else -1] * len(f.encoded_names) for i, f in enumerate(schema.features)]
    return np.array([number for numbers in every for number in numbers], dtype=np.int64)


def add(moments: dict[int, Moments], rows: Block, how: Gathering) -> None:
    """Add rows X (n, w), their responses, and groups (n,).

    A product's rounding depends on what other columns there are: those that only other groups have must not count.
    """
    X, responses, groups = rows
    present = [0] if not groups.any() else np.unique(groups).tolist()
    for group in present:
        own = responses if len(present) == 1 else responses.of_rows(groups == group)
        part = X if len(present) == 1 else X[groups == group]
        columns: IntArray | slice = np.flatnonzero(np.any(part, axis=0)) if how.split.deals else slice(None)
        width = X.shape[1] if isinstance(columns, slice) else len(columns)
        Z = np.empty((len(part), width + 1), order="F")
        Z[:, 0] = own.y
        Z[:, 1:] = part[:, columns]
        with np.errstate(over="ignore", invalid="ignore"):  # refused later, by name
            new = Moments.of(Z, how.gram, own.weights)
        if not isinstance(columns, slice):
            new = new.spread(np.concatenate([[0], columns + 1]), X.shape[1] + 1)
        moments[int(group)] = moments[int(group)].merged(new) if int(group) in moments else new
