"""Whether rows that are split at random come in order of time."""

import numpy as np

from dlcli.linear.splits.settings import SplitSettings
from dlcli.tables.columns import Column, ReadOptions
from dlcli.tables.readers.frames import read_cells
from dlcli.tables.table import Table
from dlcli.text import printable

FEWEST = 10  # different times


def note_of_order(table: Table, settings: SplitSettings) -> str:
    """What to say where rows are split by chance and a column of dates is sorted in the first rows, else ""."""
    random = (settings.val or settings.folds) and settings.group is None and settings.time is None
    if not random:
        return ""
    dates = [column for column in table.date_columns() if _is_sorted(table, column)]
    if not dates:
        return ""
    name, option = printable(dates[0].name), f"--time {table.hints.column(dates[0].name)}"
    return (
        f"the rows are in order of '{name}', and were split at random: what is measured is between known times, not "
        f"what comes after them; to measure that: {option}"
    )


def _is_sorted(table: Table, column: Column) -> bool:
    times = read_cells(table.first_rows([column.name]).to_series(), column, ReadOptions()).drop_nulls().to_numpy()
    steps = np.diff(times)
    return bool(np.count_nonzero(steps) >= FEWEST - 1 and ((steps >= 0).all() or (steps <= 0).all()))
