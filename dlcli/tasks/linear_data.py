"""From a table to what training needs: moments by group of rows, and the rows themselves where a method asks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from dlcli.data.table import Chunk, Schema
from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.engine.moments import Gram, Moments
from dlcli.errors import DlcliError

VALIDATION = -1


class ChunkSource(Protocol):
    """A table being read, or the built-in example."""

    warnings: list[str]

    @property
    def dropped(self) -> int:
        """Rows left out for missing values."""

    def chunks(self) -> Iterator[Chunk]:
        """Chunks of encoded rows; can be started again."""

    def finish(self) -> tuple[Schema, IntArray, IntArray | None]:
        """Final schema, the order of the encoded columns, and the map of class codes."""


@dataclass(frozen=True)
class Split:
    """How rows are dealt out: a validation fraction and a number of folds (0: none)."""

    validation: float
    folds: int
    seed: int

    def groups(self, count: int, chunk: int) -> IntArray:
        """Group of each of ``count`` rows: VALIDATION, or a fold from 0; counts are exact in every chunk."""
        groups = np.zeros(count, dtype=np.int64)
        if not self.validation and not self.folds:
            return groups
        shuffled = np.random.default_rng([self.seed, chunk]).permutation(count)
        held = round(self.validation * count)
        if self.folds:
            groups[shuffled[held:]] = np.arange(count - held) % self.folds
        groups[shuffled[:held]] = VALIDATION
        return groups

    def stratified(self, y: FloatArray) -> IntArray:
        """Groups dealt out within each class of y (n,), so that every group has every class."""
        groups = np.zeros(len(y), dtype=np.int64)
        offset = 0
        for number, code in enumerate(np.unique(y)):
            rows = np.flatnonzero(y == code)
            within = Split(self.validation, 0, self.seed).groups(len(rows), number)
            groups[rows] = within
            free = rows[within != VALIDATION]
            if self.folds:
                order = np.random.default_rng([self.seed, number, 1]).permutation(len(free))
                # Starting each class at another fold keeps the folds' sizes even.
                groups[free[order]] = (np.arange(len(free)) + offset) % self.folds
                offset += len(free)
        return groups


@dataclass(frozen=True)
class Gathered:
    """A table in the form that training takes.

    moments: by group, y in column 0. ones_X (n, 1 + d), y (n,), groups (n,): the rows after a column of ones, for
    methods that need them.
    fill (d,): column means over the training rows.
    """

    schema: Schema
    moments: dict[int, Moments]
    fill: FloatArray
    rows: int
    ones_X: FloatArray | None = None  # noqa: N815
    y: FloatArray | None = None
    groups: IntArray | None = None

    def merged(self, groups: Sequence[int]) -> Moments:
        """Moments of the rows in ``groups``."""
        total = Moments.empty(len(self.fill) + 1)
        for group in groups:
            total = total.merged(self.moments[group])
        return total

    def training_groups(self) -> list[int]:
        """All groups but the validation rows'."""
        return sorted(g for g in self.moments if g != VALIDATION)

    def columns(self, keep: IntArray) -> "Gathered":
        """The same rows with some of the columns; the schema stays that of the whole table."""
        chosen = np.concatenate([[0], keep + 1])
        moments = {g: m.select(chosen) for g, m in self.moments.items()}
        every = len(keep) == len(self.fill)
        ones_X = self.ones_X if self.ones_X is None or every else self.ones_X[:, chosen]
        return replace(self, moments=moments, fill=self.fill[keep], ones_X=ones_X)


def gather(
    table: ChunkSource, split: Split, *, classes: bool, keep_rows: bool, fill_means: bool, gram: Gram
) -> Gathered:
    """Read ``table`` once (twice with ``fill_means``) and return its moments, and its rows if kept.

    With ``classes`` the rows must be kept: groups are then stratified. Raises DlcliError for bad data.
    """
    fill = _means(table, split) if fill_means else None
    moments: dict[int, Moments] = {}
    parts: list[tuple[FloatArray, FloatArray, IntArray]] = []
    rows = 0
    for number, chunk in enumerate(table.chunks()):
        if fill is not None:
            _fill(chunk.X, fill)
        groups = split.groups(len(chunk.y), number)
        rows += len(chunk.y)
        if not classes:
            _add(moments, chunk.X, chunk.y, groups, gram)
        if keep_rows:
            parts.append((chunk.X, chunk.y, groups))
    schema, order, code_map = table.finish()
    if rows == 0:
        raise DlcliError(
            "no rows are left after dropping those with missing values",
            "use --missing mean, or --drop the columns",
        )
    ones_X = y = group_of = None
    if keep_rows:
        ones_X, y, group_of = _joined(parts, order, code_map)
        if classes:
            group_of = split.stratified(y)
            for start in range(0, rows, 1 << 16):
                stop = start + (1 << 16)
                _add(moments, ones_X[start:stop, 1:], y[start:stop], group_of[start:stop], gram)
    if keep_rows and classes:
        selected = moments
    else:
        width = max(len(m.mean) for m in moments.values())
        chosen = np.concatenate([[0], order + 1])
        selected = {g: m.grown(width).select(chosen) for g, m in moments.items()}
    trained = Moments.empty(len(order) + 1)
    for group, m in selected.items():
        if group != VALIDATION:
            trained = trained.merged(m)
    return Gathered(schema, selected, trained.mean[1:], rows, ones_X, y, group_of)


def _add(moments: dict[int, Moments], X: FloatArray, y: FloatArray, groups: IntArray, gram: Gram) -> None:
    present = [0] if not groups.any() else np.unique(groups).tolist()
    for group in present:
        rows = slice(None) if len(present) == 1 else groups == group
        count = len(y) if isinstance(rows, slice) else int(np.count_nonzero(rows))
        Z = np.empty((count, X.shape[1] + 1), order="F")
        Z[:, 0] = y[rows]
        Z[:, 1:] = X[rows]
        new = Moments.of(Z, gram)
        moments[int(group)] = moments[int(group)].merged(new) if int(group) in moments else new


def _joined(
    parts: list[tuple[FloatArray, FloatArray, IntArray]], order: IntArray, code_map: IntArray | None
) -> tuple[FloatArray, FloatArray, IntArray]:
    rows = sum(len(y) for _, y, _ in parts)
    ones_X = np.empty((rows, 1 + len(order)))
    ones_X[:, 0] = 1.0
    X = ones_X[:, 1:]
    start = 0
    for part, _, _ in parts:
        # A level first seen in a later chunk has no column in the earlier ones: it was 0 there.
        known = order < part.shape[1]
        X[start : start + len(part), known] = part[:, order[known]]
        X[start : start + len(part), ~known] = 0.0
        start += len(part)
    y = np.concatenate([y for _, y, _ in parts])
    if code_map is not None:
        y = code_map[y.astype(np.int64)].astype(np.float64)
    return ones_X, y, np.concatenate([g for _, _, g in parts])


def _means(table: ChunkSource, split: Split) -> FloatArray:
    """Means of the encoded columns over the known values of the training rows, in internal order."""
    totals, counts = np.zeros(0), np.zeros(0)
    for number, chunk in enumerate(table.chunks()):
        X = chunk.X[split.groups(len(chunk.y), number) != VALIDATION]
        known = ~np.isnan(X)
        before = counts.max(initial=0.0)
        grow = X.shape[1] - len(totals)
        totals = np.concatenate([totals, np.zeros(grow)]) + np.where(known, X, 0.0).sum(axis=0)
        # A level seen for the first time was known, as 0, in the rows before.
        counts = np.concatenate([counts, np.full(grow, before)]) + known.sum(axis=0)
    return totals / np.maximum(counts, 1)


def _fill(X: FloatArray, fill: FloatArray) -> None:
    missing = np.isnan(X)
    if missing.any():
        X[missing] = np.broadcast_to(fill[: X.shape[1]], X.shape)[missing]
