"""Which rows a condition holds for, as the columns that it names are read."""

import operator
from collections.abc import Mapping
from functools import reduce

import numpy as np
import polars as pl

from dlcli.errors import DlcliError
from dlcli.tables.columns import BoolArray, Column, ReadOptions
from dlcli.tables.conditions.parse import Comparison, Condition, Not, comparisons
from dlcli.tables.formats.dates import DateFormat
from dlcli.tables.names import find_name
from dlcli.tables.readers.frames import as_text, read_cells
from dlcli.text import printable

COMPARED = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
ISO = DateFormat("ymd", "-", clock=True)
TRUTHS = {"true": True, "1": True, "false": False, "0": False}


def named_columns(condition: Condition, names: list[str], option: str) -> tuple[str, ...]:
    """The columns that a condition compares, each once. Raises DlcliError for one that there isn't."""
    return tuple(dict.fromkeys(find_name(one.column, names, option) for one in comparisons(condition)))


class RowCondition:
    """A condition on the columns of one table, whose values are read as ``columns`` say."""

    def __init__(
        self, condition: Condition, columns: Mapping[str, Column], names: list[str], options: ReadOptions, option: str
    ) -> None:
        """Raises DlcliError for a value that is none of its column's kind."""
        self._columns, self._options = dict(columns), options
        self._places = {name: str(i) for i, name in enumerate(columns)}  # names that polars takes for nothing else
        self._names, self._option = names, option
        self._expression = self._made(condition)

    def _made(self, condition: Condition) -> pl.Expr:
        if isinstance(condition, Comparison):
            name = find_name(condition.column, self._names, self._option)
            value = self._value(condition, self._columns[name])
            compared: pl.Expr = COMPARED[condition.sign](pl.col(self._places[name]), pl.lit(value))
            return compared
        if isinstance(condition, Not):
            return ~self._made(condition.part)
        parts = [self._made(part) for part in condition.parts]
        return reduce(operator.and_ if condition.by == "and" else operator.or_, parts)

    def _value(self, compared: Comparison, column: Column) -> float | str | bool:
        """What a column is compared with, in the column's own terms."""
        text = compared.value.strip()
        if column.kind == "text":
            return text
        if column.kind == "boolean":
            if compared.sign not in ("==", "!="):
                raise self._error(compared, "holds true and false", "use == or !=")
            if text.lower() not in TRUTHS:
                raise self._error(compared, f"holds true and false, and '{printable(text)}' is neither", "use true")
            return TRUTHS[text.lower()]
        if isinstance(column.format, DateFormat):
            found = self._date(text, column.format)
            if found is None:
                what = f"holds {column.format.said()}, and '{printable(text)}' is none"
                raise self._error(compared, what, "write it as 2024-12-31, or '2024-12-31 12:30'")
            return found
        number = _number(text)
        if number is None and column.format is not None:
            number = column.format.parse(pl.Series([text]))[0]
        if number is None:
            what = f"holds numbers, and '{printable(text)}' is none"
            raise self._error(compared, what, f"give a number; if it is text: {self._options.hints.text(column.name)}")
        return number

    def _date(self, text: str, form: DateFormat) -> float | None:
        for one in (form, ISO):
            if (days := one.parse(pl.Series([text]))[0]) is not None:
                return float(days)
        return None

    def _error(self, compared: Comparison, what: str, hint: str) -> DlcliError:
        column, value = printable(compared.column), printable(compared.value)
        return DlcliError(f"{self._option} {column}{compared.sign}{value}: the column {what}", hint)

    def holds(self, raw: pl.DataFrame) -> tuple[BoolArray, int]:
        """For which rows (n,) of a source's own cells it holds, and for how many that isn't known (values are missing).

        For the latter neither it nor its opposite holds.
        """
        read = []
        for name, column in self._columns.items():
            cells = raw.get_column(name)
            if column.kind == "text":
                values = as_text(cells, self._options, keeps_markers=column.keeps_markers).str.strip_chars()
            else:
                values = read_cells(cells, column, self._options)
            read.append(values.alias(self._places[name]))
        found = pl.DataFrame(read).select(self._expression.alias("holds")).to_series()
        return found.fill_null(False).to_numpy().astype(np.bool_), found.null_count()


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return None if np.isnan(number) else number
