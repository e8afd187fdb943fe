"""Dates and times as people write them, read as days since 1970-01-01; a column's format is one for all."""

import re
from dataclasses import dataclass, fields

import polars as pl

from dlcli.errors import DlcliError
from dlcli.tables.formats.calendar import MICROSECONDS, microseconds, pattern
from dlcli.tables.formats.samples import SAMPLE, Sample
from dlcli.text import printable

PARTS = ("year", "quarter", "month", "day", "weekday", "dayofyear", "hour", "minute")
UNITS = {"seconds": 1_000_000, "milliseconds": 1_000, "microseconds": 1}  # of epochs, in microseconds
EXAMPLES = {
    "ymd": "2020-12-31", "dmy": "31-12-2020", "mdy": "12-31-2020", "yymd": "20-12-31", "d name y": "31 Dec 2020",
    "name d y": "Dec 31, 2020", "y name d": "2020 Dec 31", "name y": "Dec 2020", "name yy": "Dec-20",
    "y name": "2020 Dec", "ym": "2020-12", "my": "12-2020", "yq": "2020-Q4", "qy": "Q4 2020", "yw": "2020-W53",
    "compact": "20201231", "ctime": "Thu Dec 31 12:30:00 2020", "time": "12:30", "duration": "75:30",
}  # fmt: skip
ORDERS = {"dmy": "day first", "mdy": "month first", "yymd": "year first"}
TEMPORAL = (pl.Date, pl.Datetime, pl.Time, pl.Duration)
SEASON = r"^([0-9]{4})[-/]([0-9]{2})$"  # 2019/20 is no month
EPOCH_NAMES = frozenset(
    ("time", "date", "timestamp", "datetime", "epoch", "created", "updated", "modified", "ts", "unix")
)
EPOCH_YEARS = (315_532_800_000_000, 2_840_140_800_000_000)  # 1980 to 2060, in microseconds
ENOUGH_FIRSTS = 3  # different dates
EARLIEST_COMPACT = 18_000_101
ENOUGH_COMPACT = 3  # different dates of eight digits where the column's name doesn't tell
YEARS = {"compact": (1800, 2100), "ym": (1800, 2100), "my": (1800, 2100)}  # where digits alone could be anything


@dataclass(frozen=True)
class DateFormat:
    """How a column writes its dates.

    ``form`` names the writing (a key of EXAMPLES, or of UNITS for numbers since 1970), ``separator`` is what stands
    between the fields of a date in figures, ``clock`` says that there are times of day with the dates.
    """

    form: str = "ymd"
    separator: str = "-"
    clock: bool = False

    def parse(self, texts: pl.Series) -> pl.Series:
        """Days since 1970-01-01 (n,), Float64, in UTC where offsets are given; null where missing or of another form.

        Times of day and durations are fractions of a day. A series of polars' Date, Datetime, Time or Duration is read
        whatever the form.
        """
        if texts.dtype in TEMPORAL:
            return _days_of(texts)
        if self.form in UNITS:
            numbers = texts.str.strip_chars() if texts.dtype == pl.String else texts
            moments = (numbers.cast(pl.Float64, strict=False) * UNITS[self.form]).round().cast(pl.Int64, strict=False)
            days = _as_days(pl.DataFrame({"day": pl.repeat(0, len(moments), eager=True), "clock": moments}))
            return days.rename(texts.name)
        if texts.dtype.is_numeric():
            texts = texts.cast(pl.Int64, strict=False).cast(pl.String)
        bare = texts.cast(pl.String).str.strip_chars()
        return _as_days(microseconds(bare, self.form)).rename(texts.name)

    def parts(self, texts: pl.Series, parts: tuple[str, ...]) -> list[pl.Series]:
        """For each of ``parts`` (names of PARTS) its values (n,), Float64; weekday is 1 (Monday) to 7.

        Times of day and durations have an hour and a minute only.
        """
        days = self.parse(texts)
        # Milliseconds are what the nearest float64 of a day always tells apart: 10:00 is never 9:59.
        clock = (days * 86_400_000).round().cast(pl.Int64, strict=False).cast(pl.Datetime("ms"))
        dated = self.form not in ("time", "duration") and texts.dtype not in (pl.Time, pl.Duration)
        return [_part(clock, part, dated=dated) for part in parts]

    @property
    def unit(self) -> str:
        """What its numbers are."""
        return "days" if self.form in ("time", "duration") else "days since 1970"

    def said(self) -> str:
        """What a column of this format holds, with an example, for people."""
        if self.form in UNITS:
            return f"{self.form} since 1970"
        example = EXAMPLES[self.form]
        if self.form in ("ymd", "dmy", "mdy", "yymd", "ym", "my"):
            example = example.replace("-", self.separator)
        order = f", {ORDERS[self.form]}" if self.form in ORDERS else ""
        whats = {
            "time": "times of day",
            "duration": "durations, in days",
            "yw": "weeks",
            "yq": "quarters",
            "qy": "quarters",
        }
        what = whats.get(self.form, "months" if self.form in ("ym", "my", "name y", "name yy", "y name") else "dates")
        return f"{what}{' and times' * self.clock} ({example}{' 12:30' * (self.clock and self.form != 'ctime')}{order})"

    def to_json(self) -> dict[str, object]:
        """A JSON object with a key for each field."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_json(cls, value: object) -> "DateFormat":
        """The format that ``to_json`` wrote; raises DlcliError for anything else."""
        known = {f.name: f.default for f in fields(cls)}
        if not isinstance(value, dict) or not set(value) <= set(known):
            raise DlcliError(f"a model's format of dates must be an object of its fields, not {printable(repr(value))}")
        if any(type(item) is not type(known[name]) for name, item in value.items()):
            raise DlcliError(f"a field of a model's format of dates has another type: {printable(repr(value))}")
        made = cls(**value)
        if made.form not in EXAMPLES and made.form not in UNITS:
            raise DlcliError(f"a model's form of dates is unknown: {printable(made.form)}")
        return made


def _as_days(made: pl.DataFrame) -> pl.Series:
    """Days (n,) of whole days and microseconds; every way to a date ends here, so equal times have equal bits."""
    made = made.select(pl.col("day") + pl.col("clock") // MICROSECONDS, pl.col("clock") % MICROSECONDS)
    whole = made["day"].cast(pl.Float64)
    if not (made["clock"] != 0).any():
        return whole
    # By a column of them, as polars multiplies by the inverse of a single number, which isn't the nearest quotient.
    return whole + made["clock"].cast(pl.Float64) / pl.repeat(float(MICROSECONDS), len(made), eager=True)


def _days_of(series: pl.Series) -> pl.Series:
    """Days of a temporal series (n,): UTC where it has a zone, whatever the zone is called."""
    whole = series.to_physical().cast(pl.Int64)
    dtype = series.dtype
    if dtype == pl.Date:
        return whole.cast(pl.Float64)
    unit = getattr(dtype, "time_unit", "ns")
    scale = {"ms": 86_400_000, "us": MICROSECONDS, "ns": MICROSECONDS * 1_000}[unit]
    inside = whole % scale
    clock = inside * 1_000 if unit == "ms" else inside // 1_000 if unit == "ns" else inside
    return _as_days(pl.DataFrame({"day": whole // scale, "clock": clock})).rename(series.name)


def _part(clock: pl.Series, part: str, *, dated: bool) -> pl.Series:
    names = {"dayofyear": "ordinal_day"}
    if part not in PARTS:
        raise DlcliError(f"'{printable(part)}' is no part of a date", f"use {', '.join(PARTS)}")
    if not dated and part not in ("hour", "minute"):
        return pl.Series(clock.name, [None] * len(clock), dtype=pl.Float64)
    values: pl.Series = getattr(clock.dt, names.get(part, part))()
    return values.cast(pl.Float64)


@dataclass(frozen=True)
class FoundDate:
    """A format, how many of the sample's present texts fit it, and what was ambiguous ("" where nothing was)."""

    format: DateFormat
    fits: int
    note: str = ""


def find_dates(texts: pl.Series, day_first: bool | None = None) -> FoundDate | None:
    """The format that nearly all of the present texts (null: missing) agree with, None where there is none.

    ``day_first`` says what 1/5/2020 is where it is known. A series of a temporal type is always found.
    """
    if texts.dtype in TEMPORAL:
        form = {pl.Time: "time", pl.Duration: "duration"}.get(type(texts.dtype), "ymd")
        return FoundDate(DateFormat(form, clock=texts.dtype == pl.Datetime), len(texts) - texts.null_count())
    sample = Sample(texts)
    if not sample.are_most(sample.texts.str.contains("[0-9].*[0-9]")):
        return None
    tried = [found for form in EXAMPLES if (found := _Tried.on(sample, form)) is not None]
    best = max(tried, key=lambda item: item.fits, default=None)
    if best is None or (best.form == "compact" and len(sample.texts) < ENOUGH_COMPACT):
        return None
    note = ""
    if best.form in ("dmy", "mdy"):
        best, note = _in_order(sample, best, tried, day_first)
    return FoundDate(best.format_on(sample), best.fits, note)


def find_compact_dates(series: pl.Series, name: str = "") -> FoundDate | None:
    """Dates as whole numbers or texts of eight digits, 20200131, all of them days from 1800 to 2100.

    Two different ones are enough where ``name``, the column's, says that it is a date, three where it doesn't.
    """
    if series.dtype.is_numeric():
        largest = series.max()
        if largest is None or largest < EARLIEST_COMPACT:  # type: ignore[operator]
            return None
    if series.dtype.is_float():
        series = series.drop_nulls().drop_nans()
        series = series.cast(pl.Int64, strict=False) if (series == series.floor()).all() else series.clear()
    if series.dtype != pl.String and not series.dtype.is_integer():
        return None
    sample = Sample(series)
    found = _Tried.on(sample, "compact")
    if found is None or (len(sample.texts) < ENOUGH_COMPACT and not names_a_time(name)):
        return None
    return FoundDate(found.format_on(sample), found.fits)


def find_epoch(series: pl.Series, name: str) -> FoundDate | None:
    """Seconds, milli- or microseconds since 1970, where the column's name says that it is a time.

    All of them must lie between 1980 and 2060.
    """
    if not names_a_time(name) or not (series.dtype == pl.String or series.dtype.is_numeric()):
        return None
    numbers = (series.str.strip_chars() if series.dtype == pl.String else series).drop_nulls().head(SAMPLE)
    values = numbers.cast(pl.Float64, strict=False)
    if values.n_unique() < 2 or values.null_count():
        return None
    first, last = EPOCH_YEARS
    for unit, scale in UNITS.items():
        if values.is_between(first / scale, last / scale).all():
            return FoundDate(DateFormat(unit), len(values))
    return None


def names_a_time(name: str) -> bool:
    """Whether a column's name has a word for a time in it: created_at, eventTime, ts."""
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]
    return bool(EPOCH_NAMES & set(words)) or words[-1:] == ["at"]


@dataclass(frozen=True)
class _Tried:
    """A form that nearly all of a sample's different texts have, and the days (n,) that they are."""

    form: str
    days: pl.Series
    fits: int

    @classmethod
    def on(cls, sample: Sample, form: str) -> "_Tried | None":
        """``form`` on the texts of ``sample``, None where too few have it."""
        if not sample.are_most(sample.texts.str.contains(pattern(form))):
            return None
        days = DateFormat(form).parse(sample.texts)
        if form in YEARS:
            first, last = (365.2425 * (year - 1970) for year in YEARS[form])
            days = days.set(~days.is_between(first, last), None)
        seasons = sample.texts.str.extract_groups(SEASON).struct.unnest() if form == "ym" else None
        if seasons is not None:
            year, other = (column.cast(pl.Int64) for column in seasons)
            if ((year + 1) % 100 == other).all() and year.null_count() == 0:
                return None
        fits = days.is_not_null()
        if form == "compact" and not fits.all():
            return None
        return cls(form, days, sample.counts(fits)[0]) if sample.are_most(fits) else None

    def format_on(self, sample: Sample) -> DateFormat:
        """The format of this form as the texts of ``sample`` are written."""
        mark = re.search(r"[0-9]([-/.])", str(sample.texts.filter(self.days.is_not_null())[0]))
        clock = self.form not in ("time", "duration") and bool((self.days % 1 != 0).any())
        return DateFormat(self.form, mark[1] if mark else "-", clock)


def _in_order(sample: Sample, best: _Tried, tried: list[_Tried], day_first: bool | None) -> tuple[_Tried, str]:
    """The better of day, month and year first, and a note where more than one is possible.

    Undecided, years first have fewer different ones than days behind; dates that are all the first of a month are
    rather that than days of a January; else the mark between the fields decides.
    """
    by_form = {item.form: item for item in tried if item.form in ORDERS}
    asked = None if day_first is None else by_form.get("dmy" if day_first else "mdy")
    if asked is not None:
        return asked, ""
    rivals = [item for item in by_form.values() if item.fits == best.fits]
    unlike = (rivals[0].days != rivals[-1].days).fill_null(False)
    if not unlike.any():
        return best, ""
    text = str(sample.texts.filter(unlike)[0])
    usual = "mdy" if "/" in text else "dmy"
    chosen = next((item for item in rivals if item.form == usual), best)
    firsts = [item for item in rivals if (item.days.floor().cast(pl.Int32).cast(pl.Date).dt.day() == 1).all()]
    if len(firsts) == 1 and len(sample.texts) >= ENOUGH_FIRSTS:
        chosen = firsts[0]
    if rivals[-1].form == "yymd" and len(rivals) > 1:
        first, last = sample.texts.str.extract_groups("^([0-9]+)[^0-9]+[0-9]+[^0-9]+([0-9]{2})").struct.unnest()
        chosen = rivals[-1] if first.n_unique() < last.n_unique() else chosen
    read, instead = (
        _iso(item.days.filter(unlike)[0]) for item in (chosen, rivals[0] if chosen is rivals[-1] else rivals[-1])
    )
    return chosen, f"'{printable(text)}' could also be {instead}: read as {read}, {ORDERS[chosen.form]}"


def _iso(days: float) -> str:
    return str(pl.Series([int(days // 1)], dtype=pl.Int32).cast(pl.Date)[0])
