"""From frames to matrices: numbers, indicator columns, class codes, missing values."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from dlcli.errors import DlcliError
from dlcli.tables.categories import CategoryEncoder
from dlcli.tables.columns import (
    BOOLEAN_LEVELS,
    BoolArray,
    Chunk,
    Column,
    FloatArray,
    IntArray,
    ReadOptions,
    Schema,
)
from dlcli.tables.layout import ColumnLayout
from dlcli.tables.readers.frames import Frame
from dlcli.text import listed, printable

# 64 MB of float64: a block of short rows with many levels must not become a matrix of gigabytes.
CHUNK_CELLS = 8 << 20


class Encoder:
    """Turns frames into chunks, learning the levels of texts as they come unless a schema fixes them.

    While it learns, X may be wider from one chunk to the next (``ColumnLayout``). A missing text is NaN in the columns
    of all levels known so far; the first of them tells of those that come later (``anchors``).
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
        self.warnings: list[str] = []
        self._features = list(features)
        self._target = target
        self._options = options
        self._read_rows = 0
        self._levels = {c.name: CategoryEncoder(c, options) for c in features if c.kind == "text"}
        is_class = target is not None and (classes or target.is_class)
        self._classes = CategoryEncoder(target, options) if target is not None and is_class else None
        self._layout = ColumnLayout(features, fixed=fixed)
        self._empty = {column.name for column in features}  # no value in any row
        self._blank = set(self._layout.plain)  # numbers and booleans without a value in the rows that are kept

    def again(self) -> "Encoder":
        """An encoder for another pass over the same rows, whose X has every column from the start, in this one's
        places."""
        other = Encoder(self._features, self._target, self._options, fixed=self._layout.fixed, classes=False)
        other._levels, other._classes, other._layout = self._levels, self._classes, self._layout
        return other

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
            self._blank -= {n for n in self._blank if not np.isnan(numbers[:, self._layout.plain.index(n)]).all()}
            in_source = rows + frame.first_row
            codes = {name: levels.encode(frame, in_source) for name, levels in self._levels.items()}
            if self._classes is not None:
                y = self._classes.encode(frame, in_source).astype(np.float64)
            yield from self._chunks(numbers, codes, y, rows + start, keep is not None)

    def _numbers(self, data: pl.DataFrame) -> FloatArray:
        """The numbers and booleans as (n, p), NaN where missing."""
        if not self._layout.plain:
            return np.empty((data.height, 0))
        part = data.select(pl.col(self._layout.plain).cast(pl.Float64))
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
        names = list(self._layout.plain)
        matrix = numbers
        if self._target is not None:
            names.append(self._target.name)
            matrix = np.column_stack([numbers, y])
        found = np.argwhere(np.isinf(matrix))
        if len(found):
            row, column = found[0]
            name = names[column]
            where = f"{frame.label}: column '{printable(name)}', row {row + frame.first_row}"
            hint = "fix the value; or, to take it as missing, --missing-value with its text"
            if not self._is_target(name) and self._options.hints.choosing:
                hint = f"{hint}; or {self._options.hints.drop(name)}"
            raise DlcliError(f"{where}: the value is infinite", hint)

    def _is_target(self, name: str) -> bool:
        return self._target is not None and name == self._target.name

    def _keep(self, frame: Frame, numbers: FloatArray, y: FloatArray) -> BoolArray | None:
        """Which rows stay, (n,), or None for all; raises DlcliError for a missing cell that is not allowed."""
        data = frame.data
        missing: dict[str, BoolArray] = {}
        for i, name in enumerate(self._layout.plain):
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
        hints = self._options.hints
        hint = f"--missing drop, --missing mean, or {hints.drop(name)}"
        if not hints.choosing:
            hint = "--missing mean fills it with the mean of training, --missing drop leaves the row out"
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
        self._layout.widen(self._levels)
        step = max(1, CHUNK_CELLS // max(self._layout.width, 1))
        for low in range(0, len(rows), step):
            part = slice(low, low + step)
            X = self._layout.matrix(numbers[part], {name: code[part] for name, code in codes.items()})
            yield Chunk(X, y[part], int(rows[low]), rows[part] if some_dropped else None)

    def places(self) -> IntArray:
        """X's columns so far (w,) in an order that has nothing to do with the rows': by feature, then by level."""
        return self._layout.places(self._levels)

    def anchors(self) -> IntArray:
        """For each column of X (w,), the one that is NaN, from the first chunk on, where its value is missing."""
        return self._layout.anchors()

    def _say_unseen(self, name: str, unseen: list[str], reference: str) -> None:
        self.warnings.append(
            f"column '{printable(name)}' has levels in rows held out only, which the model can't know and which count "
            f"there as '{printable(reference)}': {listed(unseen)}"
        )

    def _without_values(self) -> list[str]:
        """The features that have no value in any row that is kept; in no row at all, where none is kept."""
        empty = set(self._empty)
        if self.dropped < self._read_rows:
            empty |= self._blank | {name for name, levels in self._levels.items() if not len(levels)}
        return [column.name for column in self._features if column.name in empty]

    def finish(self, label: str, seen: BoolArray | None = None) -> tuple[Schema, IntArray, IntArray | None]:
        """The schema, X's column for each of its encoded names, and the sorted code for each class code.

        ``seen`` (w,) says which columns of X, levels of texts among them, are to count; all by default. Raises
        DlcliError if no rows were left, or a column never had a value.
        """
        if self._read_rows and (empty := self._without_values()):
            others = f" ({listed(sorted(empty))})" if len(empty) > 1 else ""
            raise DlcliError(
                f"{label}: column '{printable(empty[0])}' has no values at all{others}",
                self._options.hints.drop(*empty),
            )
        if self.dropped == self._read_rows:
            reason = f": all {self.dropped} rows have missing values" if self.dropped else ""
            raise DlcliError(f"{label}: no rows are left{reason}", "--missing mean, or --drop the emptiest columns")
        features: list[Column] = []
        order: list[int] = []
        plain = self._layout.place_of_plain
        for column in self._features:
            if column.kind == "text":
                levels, places = self._levels[column.name], self._layout.levels_at[column.name]
                every = levels.sorted_codes()
                codes = [code for code in every if seen is None or seen[places[code]]]
                if 0 < len(codes) < len(every):
                    self._say_unseen(column.name, [levels.name(code) for code in every if code not in set(codes)],
                                     levels.name(codes[0]))  # fmt: skip
                features.append(replace(column, levels=tuple(levels.name(code) for code in codes)))
                order.extend(places[code] for code in codes[1:])
            else:
                known = BOOLEAN_LEVELS if column.kind == "boolean" else ()
                features.append(replace(column, levels=known))
                order.append(plain[column.name])
        target, code_map = self._target, None
        if self._classes is not None:
            target, code_map = self._classes.column(), self._classes.code_map()
        return Schema(tuple(features), target), np.array(order, dtype=np.int64), code_map
