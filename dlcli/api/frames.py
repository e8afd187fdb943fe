"""Tables that a program holds, of whatever library, as frames of polars."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from dlcli.engine.arrays import AnyArray
from dlcli.errors import DlcliError
from dlcli.text import listed, printable

if TYPE_CHECKING:
    import polars as pl

# A frame of polars or pandas, an array, a dict of columns, or whatever has Arrow's interface.
TableLike: TypeAlias = Any
NUMBERS = "biuf"


def frame_of(data: TableLike, names: Sequence[str]) -> "tuple[pl.DataFrame, str]":
    """``data`` as a frame (rows, columns), and what messages call it; an array without names has columns ``names``.

    Raises DlcliError for what is no table, or has another number of columns than there are names.
    """
    import polars as pl

    if isinstance(data, pl.LazyFrame):
        return data.collect(), "the frame"
    if isinstance(data, pl.DataFrame):
        return data, "the frame"
    if is_pandas(data):
        return _of_pandas(data), "the frame"
    if isinstance(data, Mapping):
        return _of_columns({str(name): _series(str(name), values) for name, values in data.items()}), "the dict"
    if hasattr(data, "__arrow_c_stream__"):
        return pl.DataFrame(data), "the table"
    if isinstance(data, (np.ndarray, list, tuple)):
        return _of_array(np.asanyarray(data), names), "the array"
    raise DlcliError(
        f"got {type(data).__name__}, expected a table",
        "give a frame of polars or pandas, an array or a dict of columns",
    )


def is_pandas(data: object) -> bool:
    """Whether this is a data frame of pandas, which isn't imported for it."""
    kind = type(data)
    return kind.__name__ == "DataFrame" and kind.__module__.partition(".")[0] == "pandas"


def _of_pandas(data: Any) -> "pl.DataFrame":
    """Column by column: pyarrow, which polars would ask for, need not be there."""
    columns = {}
    for place, name in enumerate(data.columns):
        if str(name) in columns:
            raise DlcliError(f"the frame has two columns called '{printable(str(name))}'", "rename one")
        column = data.iloc[:, place]
        values = column.to_numpy() if isinstance(column.dtype, np.dtype) else np.asarray(column.astype(object))
        if values.dtype == object:
            gone = column.isna().to_numpy()
            values = np.where(gone, np.array(None, dtype=object), values)
        columns[str(name)] = _series(str(name), values)
    return _of_columns(columns)


def _of_array(data: AnyArray, names: Sequence[str]) -> "pl.DataFrame":
    """The columns of an array (rows, columns), or the fields of one with named fields (rows,)."""
    if data.dtype.names and data.ndim == 1:
        return _of_columns({name: _series(name, data[name]) for name in data.dtype.names})
    if data.ndim != 2:
        raise DlcliError(f"the array has shape {data.shape}, expected (rows, columns)", "reshape it")
    if data.shape[1] != len(names):
        raise DlcliError(
            f"the array has {data.shape[1]:,} columns, and the model has {len(names):,}: {listed(names)}",
            "give them in this order, or a frame or a dict with their names",
        )
    return _of_columns({name: _series(name, data[:, place]) for place, name in enumerate(names)})


def _of_columns(columns: "Mapping[str, pl.Series]") -> "pl.DataFrame":
    import polars as pl

    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        shown = listed(f"{name} {length}" for name, length in lengths.items())
        raise DlcliError(f"columns must have equally many rows, not {shown}", "give as many of each")
    return pl.DataFrame(list(columns.values()))


def _series(name: str, values: Any) -> "pl.Series":
    """A column (rows,) of any library; None, NaN and masked values are missing. Raises DlcliError."""
    import polars as pl

    if isinstance(values, pl.Series):
        return values.alias(name)
    if isinstance(values, np.ma.MaskedArray):
        values = [None if gone else value for gone, value in zip(np.ma.getmaskarray(values), values, strict=True)]
    plain = values if isinstance(values, (list, tuple)) else _plain(name, np.asarray(values))
    try:
        made = pl.Series(name, plain, strict=False)
        if made.dtype == pl.Object:
            raise TypeError(f"values of type {type(made[0]).__name__}")
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        reason = printable(str(error).splitlines()[0] if str(error) else type(error).__name__)
        raise DlcliError(f"column '{printable(name)}' can't be read: {reason}", "give numbers or texts") from None
    return made


def _plain(name: str, array: AnyArray) -> AnyArray | list[Any]:
    """An array (rows,) as polars takes it. Raises DlcliError."""
    if array.ndim != 1:
        raise DlcliError(f"column '{printable(name)}' has shape {array.shape}, expected (rows,)", "flatten it")
    if array.dtype.kind == "f" and array.dtype.itemsize not in (4, 8):
        return array.astype(np.float64)
    if array.dtype.kind in NUMBERS:
        return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    if array.dtype.kind == "M":
        return array.astype("datetime64[us]")
    values: list[Any] = array.tolist()
    return values
