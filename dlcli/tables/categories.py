"""The levels of one column: learned as they come, or those that a model knows."""

from typing import TypeAlias

import numpy as np
import polars as pl

from dlcli.errors import DlcliError
from dlcli.tables.columns import BOOLEAN_LEVELS, Column, IntArray, ReadOptions
from dlcli.tables.readers.frames import Frame
from dlcli.text import listed, printable

Level: TypeAlias = str | float | bool


class CategoryEncoder:
    """Codes 0, 1, ... for the levels of ``column`` in the order in which they are found.

    A column that already has levels (a model's, or a boolean's) keeps to them, in their order; with
    ``unseen_levels`` any other counts as the first of them.
    """

    def __init__(self, column: Column, options: ReadOptions) -> None:
        self._column = column
        self._limit, self._unseen, self._hints = options.max_categories, options.unseen_levels, options.hints
        self._fixed = bool(column.levels) or column.kind == "boolean"
        known = column.levels or (BOOLEAN_LEVELS if column.kind == "boolean" else ())
        self._codes: dict[Level, int] = {self._value(level): code for code, level in enumerate(known)}

    def _value(self, level: str) -> Level:
        if self._column.kind == "boolean":
            return level == "True"
        return float(level) if self._column.kind == "number" else level

    def __len__(self) -> int:
        return len(self._codes)

    def encode(self, frame: Frame, rows: IntArray) -> IntArray:
        """The codes (n,) of the frame's column, -1 where missing; new levels get the next codes.

        ``rows`` (n,) are the rows' numbers in their source, for the DlcliError that is raised for a level that
        the model doesn't know, or once there are too many levels.
        """
        column = frame.data.get_column(self._column.name)
        values = column.drop_nulls().unique(maintain_order=True).to_list()
        new = [value for value in values if value not in self._codes]
        if new and self._fixed and not self._unseen:
            raise self._unknown(frame, column, new[0], rows)
        if new and self._fixed:
            column, new = column.replace(new, next(iter(self._codes))), []
        if len(self._codes) + len(new) > self._limit and not self._fixed:
            raise self._too_many(frame, column, new[self._limit - len(self._codes)], rows)
        for value in new:
            self._codes[value] = len(self._codes)
        codes = column.replace_strict(
            list(self._codes), list(self._codes.values()), default=None, return_dtype=pl.Int64
        )
        return codes.fill_null(-1).to_numpy()

    def _place(self, frame: Frame, column: pl.Series, value: Level, rows: IntArray) -> tuple[str, int]:
        first = int((column == value).arg_max() or 0)
        return f"{frame.label}: column '{printable(self._column.name)}'", int(rows[first])

    def _unknown(self, frame: Frame, column: pl.Series, value: Level, rows: IntArray) -> DlcliError:
        where, row = self._place(frame, column, value, rows)
        known = listed(sorted(shown_level(level) for level in self._codes))
        message = f"{where}, row {row}: the model does not know '{printable(shown_level(value))}', only {known}"
        return DlcliError(message, "fix or leave out the row, or train again with such rows among the data")

    def _too_many(self, frame: Frame, column: pl.Series, value: Level, rows: IntArray) -> DlcliError:
        where, row = self._place(frame, column, value, rows)
        name, what = self._column.name, "numbers" if self._column.kind == "number" else "texts"
        message = f"{where} has more than {self._limit} different {what} (row {row}): it looks like an identifier"
        if self._column.kind == "number":
            return DlcliError(f"{message} or a measurement, not a class", f"--max-categories {4 * self._limit}")
        return DlcliError(message, f"{self._hints.drop(name)}, or --max-categories {4 * self._limit}")

    def sorted_codes(self) -> list[int]:
        """The codes in the order of their sorted levels."""
        if self._fixed:
            return list(range(len(self._codes)))
        return [self._codes[level] for level in sorted(self._codes)]

    def name(self, code: int) -> str:
        """The level of a code, as text."""
        return shown_level(list(self._codes)[code])

    def column(self) -> Column:
        """The column with its levels, sorted."""
        if self._fixed:
            return Column(self._column.name, self._column.kind, tuple(shown_level(level) for level in self._codes))
        levels = tuple(shown_level(level) for level in sorted(self._codes))
        return Column(self._column.name, self._column.kind, levels)

    def code_map(self) -> IntArray:
        """For each code as handed out, its place among the sorted levels."""
        places = np.empty(len(self._codes), dtype=np.int64)
        places[self.sorted_codes()] = np.arange(len(self._codes))
        return places


def shown_level(level: Level) -> str:
    """A level as text: whole numbers without a fraction."""
    if isinstance(level, float) and level.is_integer() and abs(level) < 1e15:
        return str(int(level))
    return str(level) if not isinstance(level, float) else repr(level)
