"""The levels of one column as codes."""

from dataclasses import dataclass
from typing import TypeAlias

import polars as pl

from dlcli.errors import DlcliError
from dlcli.tables.columns import Column, IntArray, ReadOptions
from dlcli.tables.readers.frames import Frame
from dlcli.text import listed, printable

Level: TypeAlias = str | float | bool


class UnsettledError(Exception):
    """A table holds something that the first look at it did not show, so that all of its rows must be looked at."""


@dataclass(frozen=True)
class Rules:
    """How to encode: by a look at all of a table's rows or (not ``settled``) at some of them.

    ``unseen``: what a text does that no training row has, where there is no pool: "error", or "baseline", which is
    the first level.
    """

    settled: bool = True
    unseen: str = "error"


class CategoryEncoder:
    """Codes 0, 1, ... for the levels of ``column``, in their order; texts of no level are in the pool, if any."""

    def __init__(self, column: Column, options: ReadOptions, rules: Rules) -> None:
        self._column, self._hints, self._rules = column, options.hints, rules
        self._codes: dict[Level, int] = {self._value(level): code for code, level in enumerate(column.levels)}
        self._gap = column.levels.index(column.gap) if column.gap else -1
        self.unseen: dict[Level, int] = {}  # texts of no level, and in how many rows they were

    def _value(self, level: str) -> Level:
        if self._column.kind == "boolean":
            return level == "True"
        return float(level) if self._column.kind == "number" else level

    def encode(self, frame: Frame, rows: IntArray) -> IntArray:
        """The codes (n,) of the frame's column, -1 where missing.

        ``rows`` (n,) are the rows' numbers in their source, for the DlcliError that is raised for a level that the
        model doesn't know. Raises UnsettledError for one where not all rows have been looked at.
        """
        column = frame.data.get_column(self._column.name)
        counts = column.drop_nulls().value_counts()
        new = [(v, n) for v, n in counts.iter_rows() if v not in self._codes]
        if new and not self._rules.settled:
            raise UnsettledError
        if new and self._column.pool is None and self._rules.unseen == "error":
            first = {value for value, _ in new}
            place = int(column.is_in(list(first)).arg_max() or 0)
            raise self._unknown(frame, column[place], int(rows[place]))
        known = dict(self._codes)
        instead = self._column.levels.index(self._column.pool) if self._column.pool else 0
        for value, count in new:
            known[value] = instead
            self.unseen[value] = self.unseen.get(value, 0) + count
        codes = column.replace_strict(list(known), list(known.values()), default=None, return_dtype=pl.Int64)
        return codes.fill_null(self._gap).to_numpy()

    def _unknown(self, frame: Frame, value: Level, row: int) -> DlcliError:
        where = f"{frame.label}: column '{printable(self._column.name)}', row {row}"
        known = listed(shown_level(level) for level in self._codes)
        message = f"{where}: the model does not know '{printable(shown_level(value))}', only {known}"
        if self._hints.choosing:
            message = f"{where}: no row that is trained on has '{printable(shown_level(value))}' of the target"
            return DlcliError(message, "hold out other rows, or leave these out of the data")
        hint = "fix or leave out the row, or train again with such rows among the data"
        if not self._column.is_class or self._column.kind == "text":
            hint = f"{hint}; --unseen baseline takes it as '{printable(self._column.levels[0])}'"
        return DlcliError(message, hint)


def shown_level(level: object) -> str:
    """A level as text: whole numbers without a fraction."""
    if isinstance(level, float) and level.is_integer() and abs(level) < 1e15:
        return str(int(level))
    return str(level) if not isinstance(level, float) else repr(level)
