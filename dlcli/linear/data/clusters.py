"""The clusters of a table's rows: which value of a column each row has."""

import numpy as np
from numpy.typing import NDArray

from dlcli.errors import DlcliError
from dlcli.tables.table import Table
from dlcli.text import counted, printable


def cluster_codes(table: Table, name: str) -> tuple[NDArray[np.int32], int]:
    """Of each row that stays (n,) the number of its value in a column, and how many values there are.

    A pass over that column; 4 bytes for each row. Raises DlcliError for missing values, and where there is but one.
    """
    import polars as pl

    stays = table.kept_rows()
    known: dict[str, int] = {}
    parts: list[NDArray[np.int32]] = []
    markers, missing, start = table.missing_texts, 0, 0
    for frame in table.raw_columns([name]):
        values = frame.to_series().cast(pl.String)
        here = slice(start, start + len(values))
        start += len(values)
        if stays is not None:
            values = values.filter(pl.Series(stays[here]))
        values = values.str.strip_chars()
        missing += int((values.is_null() | values.is_in(markers)).sum())
        for value in values.unique(maintain_order=True).drop_nulls().to_list():
            known.setdefault(value, len(known))
        every = {"value": list(known), "code": list(known.values())}
        numbers = pl.DataFrame(every, {"value": pl.String, "code": pl.Int32})
        codes = values.to_frame("value").join(numbers, on="value", how="left", maintain_order="left")["code"]
        parts.append(codes.fill_null(0).to_numpy())
    if missing:
        message = f"--cluster {printable(name)}: {counted(missing, 'row')} of it have no value"
        raise DlcliError(message, "fill it, or leave the rows out of the table")
    if len(known) < 2:
        raise DlcliError(f"--cluster {printable(name)}: all rows have the same value", "name another column")
    return np.concatenate(parts), len(known)
