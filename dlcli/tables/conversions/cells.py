"""Python values, as drivers of databases give them, as a column of polars."""

import datetime
import math
from collections.abc import Sequence
from decimal import Decimal

import polars as pl

NUMBERS = {int, float, bool, Decimal}
WHOLE = 2**63


def column_of(name: str, values: Sequence[object]) -> pl.Series:
    """A column of the type that its values share: whole numbers, numbers, booleans, dates or times; else strings.

    Lists, objects and bytes stay what they are: no model takes them.
    """
    kinds = {type(value) for value in values} - {type(None)}
    if not kinds:
        return pl.Series(name, [None] * len(values), dtype=pl.Null)
    if kinds <= NUMBERS:
        return _numbers(name, values, kinds)
    if kinds == {str}:
        return pl.Series(name, values, dtype=pl.String)
    if all(issubclass(kind, datetime.date) for kind in kinds):
        return _dates(name, values, kinds)
    if kinds == {datetime.time}:
        return pl.Series(name, [_without_zone(value) for value in values], dtype=pl.Time)
    if kinds == {datetime.timedelta}:
        return pl.Series(name, values, dtype=pl.Duration("us"))
    if kinds <= {bytes, bytearray, memoryview}:
        return pl.Series(name, [None if v is None else bytes(v) for v in values], dtype=pl.Binary)  # type: ignore[call-overload]
    if kinds <= {list, tuple, dict, set}:
        return pl.Series(name, [None if v is None else [str(v)] for v in values], dtype=pl.List(pl.String))
    return pl.Series(name, [_text(value) for value in values], dtype=pl.String)


def _numbers(name: str, values: Sequence[object], kinds: set[type]) -> pl.Series:
    if kinds == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    if kinds <= {int, bool} and all(v is None or -WHOLE <= v < WHOLE for v in values):  # type: ignore[operator]
        return pl.Series(name, [None if v is None else int(v) for v in values], dtype=pl.Int64)  # type: ignore[call-overload]
    return pl.Series(name, [None if v is None else _float(v) for v in values], dtype=pl.Float64)


def _float(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except OverflowError:
        return math.inf if value > 0 else -math.inf  # type: ignore[operator]


def _dates(name: str, values: Sequence[object], kinds: set[type]) -> pl.Series:
    """Dates, or times of UTC where there are such among them."""
    if kinds == {datetime.date}:
        return pl.Series(name, values, dtype=pl.Date)
    moments = [
        datetime.datetime(v.year, v.month, v.day) if type(v) is datetime.date else _without_zone(v) for v in values
    ]
    return pl.Series(name, moments, dtype=pl.Datetime("us"))


def _without_zone(value: object) -> object:
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(datetime.UTC).replace(tzinfo=None)
    return value.replace(tzinfo=None) if isinstance(value, (datetime.datetime, datetime.time)) else value


def _text(value: object) -> str | None:
    """A value among others of other types, as CSV has it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat(sep=" ") if isinstance(value, datetime.datetime) else value.isoformat()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode(errors="replace")
    return repr(value) if isinstance(value, (int, float)) else str(value)
