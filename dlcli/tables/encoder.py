"""From frames to matrices: numbers, indicator columns, class codes, missing values."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import polars as pl

from dlcli.engine.ranks import Ranks
from dlcli.errors import DlcliError
from dlcli.tables.categories import CategoryEncoder, Rules, UnsettledError
from dlcli.tables.columns import BoolArray, Chunk, Column, FloatArray, IntArray, ReadOptions
from dlcli.tables.layout import Cells, ColumnLayout
from dlcli.tables.planning.beside import Beside, BesideColumns
from dlcli.tables.readers.frames import Frame, Misfit, Misfits
from dlcli.text import listed, printable

if TYPE_CHECKING:
    from dlcli.tables.terms.design import Design

# 64 MB of float64: a block of short rows with many levels must not become a matrix of gigabytes.
CHUNK_CELLS = 8 << 20
T = TypeVar("T")


class Encoder:
    """Turns the frames of one pass into chunks; ``dropped`` counts the rows left out, ``read_rows`` all so far.

    ``weightless`` counts the rows left out because their weight is 0.

    With ``--missing error`` or ``drop`` a missing value raises, or its row is left out; else it is nan in X, and only
    a row without a target is left out. Where the columns come from a part of the rows (``rules.settled``), whatever
    that part did not show raises UnsettledError. X has the columns of ``design``, where there is one.
    """

    def __init__(
        self, features: Sequence[Column], target: Column | None, options: ReadOptions, rules: Rules,
        beside: BesideColumns, design: "Design | None" = None,
    ) -> None:  # fmt: skip
        self.dropped = self.weightless = 0
        self.beyond: dict[str, int] = {}  # rows in which a term was of what training rows had not
        self._beside, self._design = beside, design
        self.misfits = Misfits()
        self.missing: dict[str, int] = {}  # values, by column, that are nan in X or have a level or mark of their own
        self._features = list(features)
        self._target = target
        self._options, self._rules = options, rules
        self.read_rows = 0
        self._levels = {c.name: CategoryEncoder(c, options, rules) for c in features if c.kind == "text"}
        self._may_miss = {c.name for c in features if c.indicator or c.gap}
        strict = replace(rules, unseen="error")
        self._classes = CategoryEncoder(target, options, strict) if target is not None and target.is_class else None
        self._layout = ColumnLayout(features)
        self._of_plain = [c for c in features for _ in c.plain_names]

    @property
    def anchors(self) -> IntArray:
        """For each column of X (w,), one that is nan wherever its value is missing."""
        return self._layout.anchors if self._design is None else np.arange(self.width)

    @property
    def width(self) -> int:
        """How many columns X has."""
        return self._layout.width if self._design is None else len(self._design.names)

    @property
    def unseen(self) -> dict[str, dict[str, int]]:
        """By column, the texts that no level is for, and in how many rows they were."""
        return {
            name: {str(text): rows for text, rows in levels.unseen.items()}
            for name, levels in self._levels.items()
            if levels.unseen
        }

    def join(self, ranks: Ranks) -> None:
        """Take in what all processes have counted in their rows, in each of them."""
        unseen = {name: list(levels.unseen.items()) for name, levels in self._levels.items() if levels.unseen}
        misfits = {name: asdict(misfit) for name, misfit in self.misfits.items()}
        every = ranks.gather([self.dropped, misfits, self.missing, unseen, self.weightless])
        self.dropped, self.weightless = sum(one[0] for one in every), sum(one[4] for one in every)
        self.misfits.join([one[1] for one in every])
        self.missing = _added(item for one in every for item in one[2].items())
        for name, levels in self._levels.items():
            levels.unseen = _added(pair for one in every for pair in one[3].get(name, ()))

    def no_rows(self) -> Chunk:
        """A chunk without rows."""
        return Chunk(np.empty((0, self.width), order="F"), np.empty(0), 0)

    def encode(self, frame: Frame) -> Iterator[Chunk]:
        """The frame's rows as chunks of at most 64 MB; raises DlcliError for a cell that cannot be used."""
        if (kept := self.read(frame)) is not None:
            yield from self._chunks(*kept)

    def read(self, frame: Frame) -> tuple[Cells, FloatArray, IntArray, Beside, bool] | None:
        """The frame's rows that are kept (None: there are none): their cells, targets (n,) and numbers (n,) from 1.

        And their weights and offset, and whether some were not kept. Raises DlcliError for a cell that cannot be used.
        """
        height = frame.data.height
        numbers = self._numbers(frame.data)
        y = self._numeric_target(frame.data)
        # One NaN or infinity makes the sum one, and a sum is much cheaper than looking at every cell.
        with np.errstate(over="ignore", invalid="ignore"):
            doubtful = not np.isfinite(numbers.sum()) or not np.isfinite(y.sum())
        if doubtful:
            self._take_infinite(frame, numbers, y)
        if not self._rules.settled and self.misfits:
            raise UnsettledError
        keep = self._keep(frame, numbers if doubtful else numbers[:0], y)
        keep = self._weighty(frame, keep)
        beside = self._beside.of(frame, keep)
        rows = np.arange(height, dtype=np.int64)
        start, self.read_rows = self.read_rows + 1, self.read_rows + height
        if keep is not None:
            frame = replace(frame, data=frame.data.filter(pl.Series(keep)))
            numbers, y, rows, beside = numbers[keep], y[keep], rows[keep], beside.of_rows(keep)
        if not len(rows):
            return None
        in_source = rows + frame.first_row
        codes = {name: levels.encode(frame, in_source) for name, levels in self._levels.items()}
        if self._classes is not None:
            y = self._classes.encode(frame, in_source).astype(np.float64)
        if self._options.log_target:
            y = self._logarithm(y, in_source, frame.label)
        cells = Cells(numbers, self._layout.plain, codes, in_source, frame.label)
        return cells, y, rows + start, beside, keep is not None

    def _logarithm(self, y: FloatArray, rows: IntArray, label: str) -> FloatArray:
        """That of targets (n,); raises DlcliError for one that has none."""
        if (y <= 0).any():
            place = int((y <= 0).argmax())
            name = printable(self._target.name) if self._target is not None else ""
            raise DlcliError(
                f"{label}: row {int(rows[place])}: the target '{name}' is {y[place]:.6g}, and its logarithm needs "
                "values above 0", "leave such rows out, or fit the target itself",
            )  # fmt: skip
        return np.log(y)

    def _weighty(self, frame: Frame, keep: BoolArray | None) -> BoolArray | None:
        """Which rows stay of those of ``keep`` (None: all): those of a weight; those that don't are counted."""
        self.dropped += 0 if keep is None else int(np.count_nonzero(~keep))
        weightless = self._beside.weightless(frame.data)
        if weightless is None:
            return keep
        stay = ~weightless if keep is None else keep & ~weightless
        self.weightless += int(np.count_nonzero(weightless if keep is None else keep & weightless))
        return stay

    def _numbers(self, data: pl.DataFrame) -> FloatArray:
        """The numbers and booleans as (n, p), NaN where missing."""
        if not self._layout.plain:
            return np.empty((data.height, 0))
        part = data[self._layout.plain].cast(pl.Float64)
        # Columns of one array come in C order all the same, in which sums are rounded otherwise.
        return np.asfortranarray(part.to_numpy(order="fortran", writable=True))

    def _numeric_target(self, data: pl.DataFrame) -> FloatArray:
        """The target (n,), NaN where missing; zeros in place of a class's texts; (0,) without a target."""
        if self._target is None:
            return np.empty(0)
        column = data.get_column(self._target.name)
        if self._target.kind == "number":
            return column.cast(pl.Float64).to_numpy(writable=True)
        return np.where(column.is_null().to_numpy(), np.nan, 0.0)

    def _take_infinite(self, frame: Frame, numbers: FloatArray, y: FloatArray) -> None:
        """Count infinite values as missing, in place; with ``--missing error`` the first one raises DlcliError."""
        if not self._rules.settled and (np.isinf(numbers).any() or np.isinf(y).any()):
            raise UnsettledError
        if self._options.missing == "error":
            self._refuse_infinite(frame, numbers, y)
        for place in np.flatnonzero(np.isinf(numbers).any(axis=0)):
            self._as_missing(frame, self._of_plain[place].name, numbers[:, place])
        if self._target is not None and np.isinf(y).any():
            self._as_missing(frame, self._target.name, y)

    def _as_missing(self, frame: Frame, name: str, values: FloatArray) -> None:
        places = np.flatnonzero(np.isinf(values))
        text = "inf" if values[places[0]] > 0 else "-inf"
        first = Misfit(len(places), text, frame.first_row + int(places[0]), frame.label, frame.source)
        self.misfits.add(name, len(places), first)
        values[places] = np.nan

    def _refuse_infinite(self, frame: Frame, numbers: FloatArray, y: FloatArray) -> None:
        names = [column.name for column in self._of_plain]
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
        missing = self._absent(frame, numbers, y)
        if not missing:
            return None
        if not self._rules.settled and not set(missing) <= self._may_miss:
            raise UnsettledError
        if self._options.missing == "error":
            raise self._missing_cell(frame, missing)
        for name, mask in missing.items():
            self.missing[name] = self.missing.get(name, 0) + int(mask.sum())
        if self._options.missing == "drop":
            return np.asarray(~np.logical_or.reduce(list(missing.values())), dtype=np.bool_)
        return ~missing[self._target.name] if self._target is not None and self._target.name in missing else None

    def _absent(self, frame: Frame, numbers: FloatArray, y: FloatArray) -> dict[str, BoolArray]:
        """By column, the rows (n,) without a value, of the columns that have such."""
        missing: dict[str, BoolArray] = {}
        for place, column in enumerate(self._of_plain):
            if (absent := np.isnan(numbers[:, place])).any():
                missing[column.name] = absent
        for name in self._levels:
            if frame.data.get_column(name).null_count():
                missing[name] = frame.data.get_column(name).is_null().to_numpy()
        no_target = np.isnan(y)
        if no_target.any() and self._target is not None:
            missing[self._target.name] = no_target
        return missing

    def _missing_cell(self, frame: Frame, missing: dict[str, BoolArray]) -> DlcliError:
        name, mask = min(missing.items(), key=lambda item: int(item[1].argmax()))
        where = f"{frame.label}: column '{printable(name)}', row {int(mask.argmax()) + frame.first_row}"
        if self._is_target(name):
            return DlcliError(f"{where}: the target is missing", "--missing auto leaves such rows out")
        hints = self._options.hints
        hint = f"--missing auto, drop or mean; or {hints.drop(name)}"
        if not hints.choosing:
            hint = "--missing auto fills it as in training, --missing drop leaves the row out (predict writes NA)"
        return DlcliError(f"{where}: the value is missing", hint)

    def _chunks(
        self, cells: Cells, y: FloatArray, rows: IntArray, beside: Beside, some_dropped: bool
    ) -> Iterator[Chunk]:  # fmt: skip
        """Chunks of rows that are read already."""
        step = max(1, CHUNK_CELLS // max(self.width, 1))
        for low in range(0, len(rows), step):
            part = slice(low, low + step)
            X, own = self._matrix(cells.some(part)), beside.of_rows(part)
            numbers = rows[part] if some_dropped else None
            yield Chunk(X, y[part], int(rows[low]), numbers, weights=own.weights, offset=own.offset)

    def _matrix(self, cells: Cells) -> FloatArray:
        if self._design is None:
            return self._layout.matrix(cells)
        fill = self._options.missing in ("auto", "mean") and not self._options.blanks
        return self._design.matrix(cells, self.beyond, strict=self._rules.unseen == "error", fill=fill)


def _added(pairs: Iterable[tuple[T, int]]) -> dict[T, int]:
    total: dict[T, int] = {}
    for key, count in pairs:
        total[key] = total.get(key, 0) + count
    return total


def said_unseen(unseen: dict[str, dict[str, int]], features: Sequence[Column]) -> list[str]:
    """Lines on the texts of no level: what they counted as."""
    by_name = {column.name: column for column in features}
    lines = []
    for name, texts in unseen.items():
        column = by_name[name]
        instead = printable(column.pool or column.levels[0])
        rows = sum(texts.values())
        lines.append(
            f"column '{printable(name)}': texts that no training row has count as '{instead}', in {rows:,} "
            f"row{'s' * (rows != 1)}: {listed(sorted(texts))}"
        )
    return lines
