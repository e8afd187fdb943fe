"""From frames to matrices: numbers, indicator columns, class codes, missing values."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from dlcli.data.columns import (
    BOOLEAN_LEVELS,
    BoolArray,
    Chunk,
    Column,
    FloatArray,
    IntArray,
    ReadOptions,
    Schema,
)
from dlcli.data.frames import Frame, quoted
from dlcli.data.levels import Levels
from dlcli.data.names import listed, printable
from dlcli.errors import DlcliError

# 64 MB of float64: a block of short rows with many levels must not become a matrix of gigabytes.
CHUNK_CELLS = 8 << 20


class Encoder:
    """Turns frames into chunks, learning the levels of texts as they come unless a schema fixes them.

    While it learns, numbers and booleans have the first columns of X, in order, and every level of a text (also
    the reference) gets the next free column when it first occurs: X may be wider from one chunk to the next.
    """

    def __init__(
        self,
        features: Sequence[Column],
        target: Column | None,
        options: ReadOptions,
        *,
        fixed: bool,
        classes: bool,
    ) -> None:
        self.dropped = 0
        self._features = list(features)
        self._target = target
        self._options = options
        self._read_rows = 0
        limit = options.max_categories
        self._levels = {c.name: Levels(c, limit) for c in features if c.kind == "text"}
        is_class = target is not None and (classes or target.is_class)
        self._classes = Levels(target, limit) if target is not None and is_class else None
        self._plain = [column.name for column in features if column.kind != "text"]
        self._empty = {column.name for column in features}
        self._fixed = fixed
        self._width = 0
        self._plain_at: list[int] = []
        self._levels_at: dict[str, list[int]] = {name: [] for name in self._levels}
        self._place()

    def _place(self) -> None:
        """Gives columns of X to numbers and booleans or, with a schema, to all in the schema's order."""
        for column in self._features:
            if column.kind != "text":
                self._plain_at.append(self._width)
                self._width += 1
            elif self._fixed:
                indicators = range(self._width, self._width + len(column.levels) - 1)
                self._levels_at[column.name] = [-1, *indicators]
                self._width += len(indicators)

    def encode(self, frame: Frame) -> Iterator[Chunk]:
        """The frame's rows as chunks of at most 64 MB; raises DlcliError for a cell that cannot be used."""
        height = frame.data.height
        numbers = self._numbers(frame.data)
        y = self._numeric_target(frame.data)
        # One NaN or infinity makes the sum one, and a sum is much cheaper than looking at every cell.
        with np.errstate(over="ignore", invalid="ignore"):
            doubtful = not np.isfinite(numbers.sum()) or not np.isfinite(y.sum())
        if doubtful:
            self._check_finite(frame, numbers, y)
        keep = self._keep(frame, numbers if doubtful else numbers[:0], y)
        rows = np.arange(height, dtype=np.int64)
        start, self._read_rows = self._read_rows + 1, self._read_rows + height
        if keep is not None:
            frame = replace(frame, data=frame.data.filter(pl.Series(keep)))
            numbers, y, rows = numbers[keep], y[keep], rows[keep]
            self.dropped += height - len(rows)
        if len(rows):
            in_source = rows + frame.first_row
            codes = {name: levels.encode(frame, in_source) for name, levels in self._levels.items()}
            if self._classes is not None:
                y = self._classes.encode(frame, in_source).astype(np.float64)
            yield from self._chunks(numbers, codes, y, rows + start, keep is not None)

    def _numbers(self, data: pl.DataFrame) -> FloatArray:
        """The numbers and booleans as (n, p), NaN where missing."""
        if not self._plain:
            return np.empty((data.height, 0))
        part = data.select(pl.col(self._plain).cast(pl.Float64))
        return part.to_numpy(order="fortran", writable=True)

    def _numeric_target(self, data: pl.DataFrame) -> FloatArray:
        """The target (n,), NaN where missing; zeros in place of a class's texts; (0,) without a target."""
        if self._target is None:
            return np.empty(0)
        column = data.get_column(self._target.name)
        if self._target.kind == "number":
            return column.cast(pl.Float64).to_numpy(writable=True)
        return np.where(column.is_null().to_numpy(), np.nan, 0.0)

    def _check_finite(self, frame: Frame, numbers: FloatArray, y: FloatArray) -> None:
        """Raises DlcliError for the first infinite value."""
        names = list(self._plain)
        matrix = numbers
        if self._target is not None:
            names.append(self._target.name)
            matrix = np.column_stack([numbers, y])
        found = np.argwhere(np.isinf(matrix))
        if len(found):
            row, column = found[0]
            name = names[column]
            where = f"{frame.label}: column '{printable(name)}', row {row + frame.first_row}"
            hint = "mend the value; or, to take it as missing, --missing-value with its text"
            hint = hint if self._is_target(name) else f"{hint}; or --drop {quoted(name)}"
            raise DlcliError(f"{where}: the value is infinite", hint)

    def _is_target(self, name: str) -> bool:
        return self._target is not None and name == self._target.name

    def _keep(self, frame: Frame, numbers: FloatArray, y: FloatArray) -> BoolArray | None:
        """Which rows stay, (n,), or None for all; raises DlcliError for a missing cell that is not allowed."""
        data = frame.data
        missing: dict[str, BoolArray] = {}
        for i, name in enumerate(self._plain):
            if (absent := np.isnan(numbers[:, i])).any():
                missing[name] = absent
        for name in self._levels:
            if data.get_column(name).null_count():
                missing[name] = data.get_column(name).is_null().to_numpy()
        self._empty -= {c.name for c in self._features if c.name not in missing or not missing[c.name].all()}
        no_target = np.isnan(y)
        if no_target.any() and self._target is not None:
            missing[self._target.name] = no_target
        if not missing:
            return None
        if self._options.missing == "error":
            raise self._missing_cell(frame, missing)
        if self._options.missing == "drop":
            return np.asarray(~np.logical_or.reduce(list(missing.values())), dtype=np.bool_)
        return ~no_target if no_target.any() else None

    def _missing_cell(self, frame: Frame, missing: dict[str, BoolArray]) -> DlcliError:
        name, mask = min(missing.items(), key=lambda item: int(item[1].argmax()))
        where = f"{frame.label}: column '{printable(name)}', row {int(mask.argmax()) + frame.first_row}"
        if self._is_target(name):
            return DlcliError(f"{where}: the target is missing", "--missing drop leaves such rows out")
        hint = f"--missing drop, --missing mean, or --drop {quoted(name)}"
        return DlcliError(f"{where}: the value is missing", hint)

    def _chunks(
        self,
        numbers: FloatArray,
        codes: dict[str, IntArray],
        y: FloatArray,
        rows: IntArray,
        some_dropped: bool,
    ) -> Iterator[Chunk]:
        """Chunks of rows that are encoded already except for their indicator columns."""
        for name, levels in self._levels.items():
            places = self._levels_at[name]
            new = len(levels) - len(places)
            places.extend(range(self._width, self._width + new))
            self._width += new
        step = max(1, CHUNK_CELLS // max(self._width, 1))
        for low in range(0, len(rows), step):
            part = slice(low, low + step)
            X = self._matrix(numbers[part], {name: code[part] for name, code in codes.items()})
            yield Chunk(X, y[part], int(rows[low]), rows[part] if some_dropped else None)

    def _matrix(self, numbers: FloatArray, codes: dict[str, IntArray]) -> FloatArray:
        if not codes:
            return numbers
        X = np.zeros((len(numbers), self._width), order="F")
        X[:, self._plain_at] = numbers
        every = np.arange(len(numbers))
        for name, code in codes.items():
            places = np.array(self._levels_at[name], dtype=np.int64)
            own = places[places >= 0]
            column = places[code]
            shown = (code >= 0) & (column >= 0)
            X[every[shown], column[shown]] = 1.0
            if (code < 0).any():
                X[np.ix_(code < 0, own)] = np.nan
        return X

    def finish(self, label: str) -> tuple[Schema, IntArray, IntArray | None]:
        """The schema, X's column for each of its encoded names, and the sorted code for each class code.

        Raises DlcliError if no rows were left, or a column never had a value.
        """
        if self._empty and self._read_rows:
            name = next(column.name for column in self._features if column.name in self._empty)
            raise DlcliError(
                f"{label}: column '{printable(name)}' has no values at all ({listed(sorted(self._empty))})"
                if len(self._empty) > 1
                else f"{label}: column '{printable(name)}' has no values at all",
                " ".join(f"--drop {quoted(c.name)}" for c in self._features if c.name in self._empty),
            )
        if self.dropped == self._read_rows:
            reason = f": all {self.dropped} rows have missing values" if self.dropped else ""
            raise DlcliError(f"{label}: no rows are left{reason}", "--missing mean, or --drop the emptiest columns")
        features: list[Column] = []
        order: list[int] = []
        plain = dict(zip(self._plain, self._plain_at, strict=True))
        for column in self._features:
            if column.kind == "text":
                levels, places = self._levels[column.name], self._levels_at[column.name]
                features.append(levels.column())
                order.extend(places[code] for code in levels.sorted_codes()[1:])
            else:
                known = BOOLEAN_LEVELS if column.kind == "boolean" else ()
                features.append(replace(column, levels=known))
                order.append(plain[column.name])
        target, code_map = self._target, None
        if self._classes is not None:
            target, code_map = self._classes.column(), self._classes.code_map()
        return Schema(tuple(features), target), np.array(order, dtype=np.int64), code_map
