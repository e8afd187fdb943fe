"""The rows of a table that were kept, in memory or in a file, with their moments."""

from dataclasses import replace

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.linear.data.gaps import KnownSums, fill_gaps
from dlcli.linear.data.gathering.by_group import add, add_chunk, finished, level_of_columns, trained
from dlcli.linear.data.gathering.how import Gathering, groups_of
from dlcli.linear.data.scale import LARGE, SMALL, PowersOfTwo, powers_of
from dlcli.linear.data.split import VALIDATION
from dlcli.linear.data.stored import StoredTable
from dlcli.linear.data.table_data import Block, ChunkSource, TableData, row_blocks
from dlcli.linear.objectives.moments import Moments
from dlcli.linear.objectives.responses import RowResponses
from dlcli.linear.shared.sums import largest_of, shared_moments


def with_rows(
    table: ChunkSource, parts: list[Block], moments: dict[int, Moments], powers: PowersOfTwo,
    here: tuple[Gathering, IntArray, int],
) -> tuple[TableData, IntArray | None]:  # fmt: skip
    """The rows joined, and their moments where those could not be taken while reading; and the groups of all rows.

    ``here``: how, the numbers of the rows here among all of them, and how many those are.
    """
    how, numbers, rows = here
    responses = RowResponses.joined([part for _, part, _ in parts])
    y = responses.y
    schema = table.schema
    groups = np.concatenate([g for _, _, g in parts])
    every = groups_of(how, numbers, rows, lambda: y, groups)
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
        known = _known_sums(ones_X, (responses, groups), table.anchors(), how)
    by_fold = bool(how.split.folds and len(known.marks))
    if how.later:
        for block in row_blocks(len(y)):
            X = ones_X[block, 1:]
            X = known.marked(X, groups[block]) if by_fold else X
            add(moments, (X, responses[block], groups[block]), how)
    moments = shared_moments(moments or _no_rows(ones_X.shape[1] + len(known.marks) * by_fold), how.ranks)
    gaps = known.gaps(np.arange(ones_X.shape[1] - 1), moments) if by_fold else None
    if gaps:
        moments = gaps.filled(known.fill)
    means = trained(moments).mean[1 : ones_X.shape[1]]
    fill = known.fill_with(means) if how.fill_means else means
    names, level_of = schema.encoded_names, level_of_columns(schema)
    data = TableData(schema, moments, fill, rows, names, level_of, ones_X, responses, groups, gaps, powers.exponents)
    return data, every


def _no_rows(width: int) -> dict[int, Moments]:
    """The moments of a process that has no rows, of so many columns."""
    return {0: Moments.empty(width)}


def with_stored(
    table: ChunkSource, stored: StoredTable, moments: dict[int, Moments], powers: PowersOfTwo,
    here: tuple[Gathering, IntArray, int],
) -> tuple[TableData, IntArray | None]:  # fmt: skip
    """The same of rows in a file, which are passed over again where their moments are still to be taken."""
    how, numbers, rows = here
    every = groups_of(how, numbers, rows, stored.targets, stored.groups)
    if how.classes and every is not None:
        groups = every if how.ranks.count == 1 else every[numbers]
        stored = replace(stored, groups=groups.astype(np.int32))
    data = _passed(table, stored, moments, how, rows)
    if how.classes and not _have_room(trained(data.moments)):
        powers = stored.powers(how.ranks)
        stored = replace(stored, exponents=powers.exponents)
        data = _passed(table, stored, {}, how, rows)
    exponents = powers.exponents if len(powers.exponents) else np.zeros(stored.X.width, dtype=np.int64)
    return replace(data, exponents=exponents, groups=stored.groups, reread=stored), every


def _passed(
    table: ChunkSource, stored: StoredTable, moments: dict[int, Moments], how: Gathering, rows: int
) -> TableData:  # fmt: skip
    known = KnownSums()
    if how.fill_means:
        for X, responses, groups in stored.blocks():
            known.add(X, groups, responses.weights)
        known.finish(table.anchors(), how.ranks)
    if how.later:
        for block in stored.blocks():
            add_chunk(moments, block, known, how)
    width = 1 + stored.X.width + len(known.marks) * bool(how.split.folds)
    moments = shared_moments(moments or _no_rows(width), how.ranks)
    return finished(table, moments, rows, known, by_fold=bool(how.split.folds))


def _have_room(moments: Moments) -> bool:
    """Whether no column (y is column 0) can hold values that ``PowersOfTwo`` would scale."""
    with np.errstate(over="ignore", invalid="ignore"):
        size = np.sqrt(moments.mean**2 + moments.diagonal / max(moments.count, 1))[1:]
        return bool(np.all((size >= SMALL) & (size * np.sqrt(moments.count) <= LARGE)))


def _known_sums(
    ones_X: FloatArray, rows: tuple[RowResponses, IntArray], anchors: IntArray, how: Gathering
) -> KnownSums:  # fmt: skip
    """Sums of the values that are there; the gaps are filled with their means, unless each fold has its own.

    ``rows``: their responses and groups.
    """
    known, (responses, groups) = KnownSums(), rows
    for block in row_blocks(len(groups)):
        known.add(ones_X[block, 1:], groups[block], responses[block].weights)
    known.finish(anchors, how.ranks)
    if len(known.marks) and not how.split.folds:
        for block in row_blocks(len(groups)):
            fill_gaps(ones_X[block, 1:], known.fill)
    return known


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
