"""From a table to what training needs: moments by group of rows, and the rows themselves where a method asks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from dlcli.engine.arrays import BoolArray, FloatArray, IntArray
from dlcli.errors import DlcliError
from dlcli.linear.data.gaps import Gaps, KnownSums, fill_gaps
from dlcli.linear.data.scale import PowersOfTwo, check_target
from dlcli.linear.data.split import VALIDATION, Split, dealt
from dlcli.linear.objectives.moments import Gram, Moments
from dlcli.tables.table import Chunk, Schema

ROWS = 1 << 16  # whose moments are taken at once, where the rows are in memory


class ChunkSource(Protocol):
    """A table being read, or the built-in example."""

    @property
    def warnings(self) -> list[str]:
        """Lines for the user."""

    @property
    def dropped(self) -> int:
        """Rows left out for missing values."""

    def chunks(self) -> Iterator[Chunk]:
        """Chunks of encoded rows; can be started again, and then have all columns from the first on."""

    def places(self) -> IntArray:
        """The columns of X so far in an order that doesn't depend on that of the rows."""

    def anchors(self) -> IntArray:
        """For each column of X, the one that is NaN where its value is missing."""

    def finish(self, seen: BoolArray | None = None) -> tuple[Schema, IntArray, IntArray | None]:
        """Final schema (of the levels ``seen``), the order of the encoded columns, and the map of class codes."""


@dataclass(frozen=True)
class TableData:
    """A table in the form that training takes.

    moments: by group, y in column 0. ones_X (n, 1 + d), y (n,), groups (n,): the rows after a column of ones, for
    methods that need them.
    fill (d,): what stands in for a missing value, the mean over the training rows. ``gaps``: where each fold has its
    own; then missing values are nan in ones_X.
    order, exponents (those of the schema's columns): a column's place in the table's X, and the power of 2 that it and
    its fill are divided by, so that squares have room.
    reread: another pass over X (of the schema's columns, nan where missing), y and groups, where the rows are not kept;
    ``kept`` are the columns that are left of those.
    names (d,): those of the columns. level_of (d,): the number of the text feature whose level a column is, or -1.
    """

    schema: Schema
    moments: dict[int, Moments]
    fill: FloatArray
    rows: int
    names: tuple[str, ...]
    level_of: IntArray
    order: IntArray
    ones_X: FloatArray | None = None  # noqa: N815
    y: FloatArray | None = None
    groups: IntArray | None = None
    gaps: Gaps | None = None
    exponents: IntArray | None = None
    reread: Callable[[], Iterator[tuple[FloatArray, FloatArray, IntArray]]] | None = None
    kept: IntArray | None = None

    def merged(self, groups: Sequence[int]) -> Moments:
        """Moments of the rows in ``groups``."""
        total = Moments.empty(len(self.fill) + 1)
        for group in groups:
            total = total.merged(self.moments[group])
        return total

    def training_groups(self) -> list[int]:
        """All groups but the validation rows'."""
        return sorted(g for g in self.moments if g != VALIDATION)

    def columns(self, keep: IntArray) -> "TableData":
        """The same rows with some of the columns; the schema stays that of the whole table."""
        if len(keep) == len(self.fill):
            return self
        chosen = np.concatenate([[0], keep + 1])
        return replace(
            self,
            moments={g: m.select(chosen) for g, m in self.moments.items()},
            fill=self.fill[keep],
            names=tuple(self.names[i] for i in keep),
            kept=keep if self.kept is None else self.kept[keep],
            level_of=self.level_of[keep],
            ones_X=None if self.ones_X is None else self.ones_X[:, chosen],
            gaps=None if self.gaps is None else self.gaps.columns(keep),
        )

    def mean_square_residual(self, intercept: float, coefficients: FloatArray, groups: Sequence[int]) -> float:
        """Mean of (y - intercept - x'coefficients)^2 over the rows in ``groups``, one by one: nothing cancels.

        Reads the table once more where its rows are not kept. ``ones_X`` must be in the data's units still.
        """
        total, count = 0.0, 0
        for X, y, owners in self._passed_again():
            rows = np.isin(owners, list(groups))
            X = X[rows]
            fill_gaps(X, self.fill)
            residual = y[rows] - intercept - X @ coefficients
            total, count = total + float(residual @ residual), count + len(residual)
        return total / max(count, 1)

    def _passed_again(self) -> Iterator[tuple[FloatArray, FloatArray, IntArray]]:
        """Blocks of X (m, d), y and groups (m,)."""
        if self.reread is not None:
            for X, y, groups in self.reread():
                yield X if self.kept is None else X[:, self.kept], y, groups
            return
        assert self.ones_X is not None
        assert self.y is not None
        assert self.groups is not None
        for block in _blocks(len(self.y)):
            yield self.ones_X[block, 1:], self.y[block], self.groups[block]

    def as_seen_from(self, groups: Sequence[int]) -> "TableData":
        """The data as they would be if only the training rows in ``groups`` had been there to learn from.

        Missing values have their means; a column that doesn't vary among them is left out, and so is the first level
        of a text whose reference level they don't have.
        """
        if len(groups) == len(self.training_groups()):
            return self
        data = self
        if self.gaps is not None:
            fill = self.gaps.means(groups)
            data = replace(self, moments=self.gaps.filled(fill), fill=fill)
        seen = data.merged(groups)
        keep = np.any(seen.scatter[1:, 1:] != 0, axis=0) | (seen.mean[1:] != 0)
        for text in np.unique(self.level_of[self.level_of >= 0]):
            levels = np.flatnonzero((self.level_of == text) & keep)
            if len(levels) and 1 - seen.mean[1 + levels].sum() < 0.5 / max(seen.count, 1):
                keep[levels[0]] = False
        return data.columns(np.flatnonzero(keep))


def gather(
    table: ChunkSource, split: Split, *, classes: bool, keep_rows: bool, fill_means: bool, gram: Gram
) -> TableData:
    """Read ``table`` and return its moments, and its rows if kept: then it is read once, else twice to fill means.

    With ``classes`` the rows must be kept: groups are then stratified. Raises DlcliError for bad data.
    """
    known, powers = KnownSums(), PowersOfTwo()
    if fill_means and not keep_rows:
        for chunk, groups in dealt(table.chunks(), split):
            powers.scale(chunk.X, groups != VALIDATION)
            known.add(chunk.X, groups)
        _refuse_empty(table, known.rows)
        known.finish(table.anchors())
    moments: dict[int, Moments] = {}
    parts: list[tuple[FloatArray, FloatArray, IntArray]] = []
    rows = 0
    by_fold = bool(split.folds)
    later = keep_rows and (classes or fill_means)
    for chunk, groups in dealt(table.chunks(), Split(0, 0, 0) if classes else split):
        rows += len(chunk.y)
        if not classes:
            powers.scale(chunk.X, groups != VALIDATION)
            check_target(chunk.y)
        if not later:
            X = chunk.X
            if len(known.marks) and by_fold:
                X = known.marked(X, groups)
            elif len(known.marks):
                fill_gaps(X, known.fill)
            places = table.places() if split.deals else None
            if places is not None:
                places = places[places < chunk.X.shape[1]]  # the table has gone on since
            _add(moments, X, chunk.y, groups, gram, places)
        if keep_rows:
            parts.append((chunk.X, chunk.y, groups))
    _refuse_empty(table, rows)
    if keep_rows:
        return _with_rows(table, parts, split, moments, powers, classes=classes, fill_means=fill_means, gram=gram)
    data = _finished(table, moments, rows, known, by_fold=by_fold)

    def again() -> Iterator[tuple[FloatArray, FloatArray, IntArray]]:
        for chunk, groups in dealt(table.chunks(), split):
            powers.scale(chunk.X, groups != VALIDATION)
            yield chunk.X[:, data.order], chunk.y, groups

    return replace(data, exponents=powers.exponents[data.order], reread=again)


def _refuse_empty(table: ChunkSource, rows: int) -> None:
    if rows == 0:
        table.finish()  # which knows more of the reason
        raise DlcliError(
            "no rows are left after dropping those with missing values",
            "use --missing mean, or --drop the columns",
        )


def _finished(
    table: ChunkSource, moments: dict[int, Moments], rows: int, known: KnownSums, *, by_fold: bool
) -> TableData:
    """The moments with columns in the schema's order, which are grown to as many as there are in the end."""
    marks = len(known.marks) if by_fold else 0
    width = max(len(m.mean) for m in moments.values())
    moments = {g: m.grown(width) for g, m in moments.items()}
    trained = _trained(moments)
    schema, order, _ = table.finish(trained.mean[1 : width - marks] != 0 if VALIDATION in moments else None)
    chosen = np.concatenate([[0], order + 1])
    fill = known.fill[order] if known.rows else trained.mean[chosen[1:]]
    gaps = known.gaps(order, moments) if marks else None
    selected = gaps.filled(fill) if gaps else {g: m.select(chosen) for g, m in moments.items()}
    return TableData(schema, selected, fill, rows, schema.encoded_names, _level_of(schema), order, gaps=gaps)


def _with_rows(
    table: ChunkSource,
    parts: list[tuple[FloatArray, FloatArray, IntArray]],
    split: Split,
    moments: dict[int, Moments],
    powers: PowersOfTwo,
    *,
    classes: bool,
    fill_means: bool,
    gram: Gram,
) -> TableData:
    """The rows joined, and their moments where those could not be taken while reading."""
    y = np.concatenate([y for _, y, _ in parts])
    schema, order, code_map = table.finish()
    if code_map is not None:
        y = code_map[y.astype(np.int64)].astype(np.float64)
    groups = split.stratified(y) if classes else np.concatenate([g for _, _, g in parts])
    if (groups == VALIDATION).any():
        schema, order, _ = table.finish(_seen(parts, groups))
    anchors = table.anchors()[order] if fill_means else None
    ones_X = _joined(parts, order, anchors)
    parts.clear()
    if classes:
        powers.scale(ones_X[:, 1:], groups != VALIDATION)
    known = KnownSums()
    by_fold = False
    if fill_means:
        for block in _blocks(len(y)):
            known.add(ones_X[block, 1:], groups[block])
        known.finish(np.arange(len(order)))
        by_fold = bool(split.folds and len(known.marks))
        if len(known.marks) and not by_fold:
            for block in _blocks(len(y)):
                fill_gaps(ones_X[block, 1:], known.fill)
    if classes or fill_means:
        for block in _blocks(len(y)):
            X = ones_X[block, 1:]
            X = known.marked(X, groups[block]) if by_fold else X
            _add(moments, X, y[block], groups[block], gram, np.arange(len(order)) if split.deals else None)
    else:
        width = max(len(m.mean) for m in moments.values())
        chosen = np.concatenate([[0], order + 1])
        moments = {g: m.grown(width).select(chosen) for g, m in moments.items()}
    gaps = known.gaps(np.arange(len(order)), moments) if by_fold else None
    if gaps:
        moments = gaps.filled(known.fill)
    fill = known.fill if fill_means else _trained(moments).mean[1:]
    names, level_of = schema.encoded_names, _level_of(schema)
    exponents = powers.exponents if classes else powers.exponents[order]
    return TableData(schema, moments, fill, len(y), names, level_of, order, ones_X, y, groups, gaps, exponents)


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


def _seen(parts: list[tuple[FloatArray, FloatArray, IntArray]], groups: IntArray) -> BoolArray:
    """Which columns of X, levels of texts among them, are not 0 in all training rows."""
    seen, start = np.zeros(max(X.shape[1] for X, _, _ in parts), dtype=np.bool_), 0
    for X, y, _ in parts:
        train = groups[start : start + len(y)] != VALIDATION
        seen[: X.shape[1]] |= ((X != 0) & ~np.isnan(X))[train].any(axis=0)
        start += len(y)
    return seen


def _blocks(rows: int) -> Iterator[slice]:
    return (slice(start, start + ROWS) for start in range(0, rows, ROWS))


def _add(
    moments: dict[int, Moments], X: FloatArray, y: FloatArray, groups: IntArray, gram: Gram, places: IntArray | None
) -> None:
    """Add rows X (n, w), y and groups (n,). ``places``: an order of columns, in which those of 0 are left out.

    A product's rounding depends on what other columns there are: those that only other groups have must not count.
    """
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


def _joined(
    parts: list[tuple[FloatArray, FloatArray, IntArray]], order: IntArray, anchors: IntArray | None
) -> FloatArray:
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
