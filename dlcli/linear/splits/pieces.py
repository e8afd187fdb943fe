"""A pass over the columns that decide which rows are held out and which are in one fold."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dlcli.engine.arrays import AnyArray, BoolArray
from dlcli.errors import DlcliError
from dlcli.linear.splits.settings import SplitSettings
from dlcli.linear.splits.tally import keys_of
from dlcli.tables.columns import Column, ReadOptions
from dlcli.tables.conditions.evaluate import RowCondition, named_columns
from dlcli.tables.conditions.parse import parsed
from dlcli.tables.names import find_name
from dlcli.tables.readers.frames import as_text, read_cells
from dlcli.tables.table import Table
from dlcli.text import printable

if TYPE_CHECKING:
    import polars as pl

OPTION = "--val-rows"


@dataclass(frozen=True)
class Piece:
    """Some rows (n,): which are held out whatever their group or time is, and the keys of these.

    A key of a group is MISSING, and a time is nan, where there is none. ``unknown``: rows whose condition isn't known.
    """

    held: BoolArray
    keys: AnyArray
    unknown: int = 0
    of_data: bool = True


class Pieces:
    """All rows of a table, piece by piece, from the start at every call; ``options`` say how columns are read."""

    def __init__(self, table: Table, settings: SplitSettings, options: ReadOptions) -> None:
        """Raises DlcliError for a condition or a column that can't be."""
        self._table, self._options = table, options
        self._condition: RowCondition | None = None
        self._compared: tuple[str, ...] = ()
        if settings.val_rows is not None:
            condition = parsed(settings.val_rows, OPTION)
            self._compared = named_columns(condition, table.columns, OPTION)
            columns = table.planned(self._compared, options)
            self._condition = RowCondition(condition, columns, table.columns, options, OPTION)
        self.times = settings.time is not None
        self.key: Column | None = None
        wanted = settings.time if self.times else settings.group
        if wanted is not None:
            name = find_name(wanted, table.columns, "--time" if self.times else "--group")
            self.key = table.planned([name], options)[name]
            if self.times:
                self._check_times(self.key)

    def _check_times(self, column: Column) -> None:
        if column.kind != "number":
            holds = "true and false" if column.kind == "boolean" else "texts"
            raise DlcliError(
                f"--time {printable(column.name)}: the column holds {holds}, expected dates, times or numbers",
                f"choose another column or, if these are dates, --date {self._options.hints.column(column.name)}",
            )

    @property
    def name(self) -> str:
        """The name of the column of keys, for messages."""
        return printable(self.key.name) if self.key is not None else ""

    def __iter__(self) -> Iterator[Piece]:
        """The pieces."""
        of_keys = [self.key.name] if self.key is not None else []
        names = list(dict.fromkeys([*self._compared, *of_keys])) or self._table.columns[:1]
        for raw, apart in self._table.pieces(names):
            none = np.zeros(raw.height, np.float64 if self.times else np.uint64)
            if apart:
                yield Piece(np.ones(raw.height, np.bool_), none, of_data=False)
                continue
            held, unknown = np.zeros(raw.height, np.bool_), 0
            if self._condition is not None:
                held, unknown = self._condition.holds(raw)
            yield Piece(held, self._keys(raw.get_column(self.key.name)) if self.key is not None else none, unknown)

    def _keys(self, cells: "pl.Series") -> AnyArray:
        assert self.key is not None
        if self.times:
            return np.array(read_cells(cells, self.key, self._options).to_numpy(), np.float64)
        return keys_of(as_text(cells, self._options).str.strip_chars())
