"""Columns beside features and target: how much each row counts, and what its score has beside the features."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dlcli.errors import DlcliError
from dlcli.tables.columns import BoolArray, Column, FloatArray, ReadOptions
from dlcli.tables.formats.dates import DateFormat
from dlcli.tables.names import RowColumns
from dlcli.tables.planning.column_plan import Context, plan_columns
from dlcli.tables.readers.frames import Frame, Reader
from dlcli.text import printable

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Beside:
    """Of rows their ``weights`` (n,) and ``offset`` (n,), where there are such."""

    weights: FloatArray | None = None
    offset: FloatArray | None = None

    def of_rows(self, rows: slice | BoolArray) -> "Beside":
        """Those of some rows."""
        return Beside(*(None if part is None else part[rows] for part in (self.weights, self.offset)))


class BesideColumns:
    """What is read beside the features and the target, by ``RowColumns``; ``columns`` is how."""

    def __init__(self, named: RowColumns, columns: Sequence[Column]) -> None:
        """Raises DlcliError for a column that doesn't hold numbers."""
        self._named, self.columns = named, tuple(columns)
        for column in columns:
            if column.kind != "number" or isinstance(column.format, DateFormat):
                holds = {"number": "dates", "boolean": "true and false"}.get(column.kind, "texts")
                message = f"{named.option_of(column.name)}: the column holds {holds}, expected numbers"
                raise DlcliError(message, "choose another column")

    @classmethod
    def planned(cls, named: RowColumns, reader: Reader, options: ReadOptions) -> "BesideColumns":
        """Read as their first rows show."""
        if not named.names:
            return cls(named, ())
        context = Context(options, None, reader.decimal_comma)
        plans = plan_columns(reader.sample(named.names), named.names, context)
        return cls(named, [plan.column for plan in plans.values()])

    def beyond(self, columns: Sequence[Column]) -> list[Column]:
        """Those that aren't among ``columns``."""
        used = {column.name for column in columns}
        return [column for column in self.columns if column.name not in used]

    def weightless(self, data: "pl.DataFrame") -> BoolArray | None:
        """The rows (n,) of weight 0, which are as if they weren't there; None where none is."""
        if self._named.weights is None:
            return None
        none = np.asarray((data.get_column(self._named.weights) == 0).fill_null(False).to_numpy(), dtype=np.bool_)
        return none if none.any() else None

    def of(self, frame: Frame, keep: BoolArray | None) -> Beside:
        """Those of a frame's rows. Raises DlcliError for a value that can't be of a row that is kept."""
        named = self._named
        weights = offset = None
        if named.weights is not None:
            weights = _values(frame, named.weights)
            _check(frame, named.weights, keep, _Expected("weight", weights, weights >= 0, "0 or more"))
        if named.offset is not None:
            offset = _values(frame, named.offset)
            _check(frame, named.offset, keep, _Expected("offset", offset, ~np.isnan(offset), "a number"))
        if named.exposure is not None:
            exposure = _values(frame, named.exposure)
            _check(frame, named.exposure, keep, _Expected("exposure", exposure, exposure > 0, "more than 0"))
            with np.errstate(divide="ignore", invalid="ignore"):  # of rows that are left out
                offset = np.log(exposure) + (0.0 if offset is None else offset)
        return Beside(weights, offset)


@dataclass(frozen=True)
class _Expected:
    what: str
    values: FloatArray
    right: BoolArray
    expected: str


def _values(frame: Frame, name: str) -> FloatArray:
    import polars as pl

    return np.asarray(frame.data.get_column(name).cast(pl.Float64).to_numpy(), dtype=np.float64)


def _check(frame: Frame, name: str, keep: BoolArray | None, expected: _Expected) -> None:
    wrong = ~(expected.right & np.isfinite(expected.values))
    if keep is not None:
        wrong &= keep
    if not wrong.any():
        return
    place = int(wrong.argmax())
    value = expected.values[place]
    what = "missing" if np.isnan(value) else f"{value:g}"
    where = f"{frame.label}: column '{printable(name)}', row {place + frame.first_row}"
    hint = "fill it, or leave the row out of the table" if np.isnan(value) else "fix the value"
    raise DlcliError(f"{where}: the {expected.what} is {what}, expected {expected.expected}", hint)
