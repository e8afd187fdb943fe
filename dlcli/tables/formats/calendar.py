"""The writings of dates and times as regular expressions, names of months, and days since 1970-01-01."""

from dataclasses import dataclass

import polars as pl

from dlcli.tables.formats.quick import quick_for

MICROSECONDS = 86_400_000_000  # of a day
ENOUGH_TO_REPEAT = 10_000
YEAR, SHORT, TWO = "(?P<y>[0-9]{4})", "(?P<y>[0-9]{2}(?:[0-9]{2})?)", "(?P<y>[0-9]{2})"
MONTH, DAY, NAME = "(?P<m>[0-9]{1,2})", "(?P<d>[0-9]{1,2})", "(?P<n>[A-Za-zÀ-ÿ]{3,10})"
ORDINAL = "(?:st|nd|rd|th|er|[.ºª])?"
MARK = "[-/.] ?"
WEEKDAYS = (
    "monday|tuesday|wednesday|thursday|friday|saturday|sunday|mon|tues?|wed|thurs?|thu|fri|sat|sun|montag|dienstag|"
    "mittwoch|donnerstag|freitag|samstag|sonntag|mo|di|mi|do|fr|sa|so|lundi|mardi|mercredi|jeudi|vendredi|samedi|"
    "dimanche|lun|mar|mer|jeu|ven|sam|dim|lunes|martes|miércoles|jueves|viernes|sábado|domingo"
)
ZONE = "(?: ?(?P<z>z|[-+\u2212][0-9]{2}:?(?:[0-9]{2})?|[a-z]{3,4}))?"
CLOCK = (
    r"(?P<H>[0-9]{1,3}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:[.,](?P<F>[0-9]{1,9}))?)?"
    rf"(?: ?(?P<p>[ap])\.?m\.?)?(?: ?uhr)?{ZONE}(?: ?[(\[][a-z/_ ]+[)\]])?"
)
FORMS = {
    "ymd": f"{YEAR}[-/.年] ?{MONTH}[-/.月] ?{DAY}日?",
    "mdy": f"{MONTH}{MARK}{DAY}{MARK}{SHORT}",
    "dmy": f"{DAY}{MARK}{MONTH}{MARK}{SHORT}",
    "yymd": f"{TWO}{MARK}{MONTH}{MARK}{DAY}",
    "d name y": rf"{DAY}{ORDINAL}[-/. ]*(?:(?:of|de) )?{NAME}(?:[-/., ']+|[., ]+del? )?{SHORT}",
    "name d y": rf"{NAME}[-. ]*{DAY}(?:st|nd|rd|th)?(?:,? +|, *|-|/){SHORT}",
    "y name d": rf"{YEAR}[-/., ]*{NAME}[-/. ]*{DAY}",
    "name y": rf"{NAME}(?:[-/., ]+|[., ]+del? )?{YEAR}",
    "name yy": rf"{NAME}\.?[-']+{TWO}",
    "y name": rf"{YEAR}[-/., ]*{NAME}\.?",
    "ym": f"{YEAR}(?:[-/]|-?m){MONTH}",
    "my": f"{MONTH}[-/]{YEAR}",
    "yq": f"{YEAR}[-/ ]*q(?P<q>[1-4])",
    "qy": f"q(?P<q>[1-4])[-/' ]*{SHORT}",
    "yw": f"{YEAR}-?w(?P<w>[0-9]{{2}})(?:-?(?P<k>[1-7]))?",
}
WITHOUT_CLOCK = ("name y", "name yy", "y name", "ym", "my", "yq", "qy", "yw")
COMPACT = (
    "(?P<y>[0-9]{4})(?P<m>[0-9]{2})(?P<d>[0-9]{2})"
    "(?:[T ]?(?P<H>[0-9]{2}):?(?P<M>[0-9]{2})(?::?(?P<S>[0-9]{2})(?:[.,](?P<F>[0-9]{1,9}))?)?" + ZONE + ")?"
)
NAMED = {
    "compact": COMPACT,
    "ctime": rf"{NAME}\.? +{DAY} +(?P<H>[0-9]{{1,2}}):(?P<M>[0-9]{{2}}):(?P<S>[0-9]{{2}}){ZONE} {YEAR}",
    "time": CLOCK,
    "duration": f"(?:(?P<d>[0-9]+) days?,? *)?{CLOCK}",
}
ZONES = {
    "z": 0,
    "utc": 0,
    "gmt": 0,
    "wet": 0,
    "est": -300,
    "edt": -240,
    "cst": -360,
    "cdt": -300,
    "mst": -420,
    "mdt": -360,
    "pst": -480,
    "pdt": -420,
    "cet": 60,
    "cest": 120,
    "eet": 120,
    "eest": 180,
    "msk": 180,
    "jst": 540,
}  # fmt: skip  (minutes; the American ones are RFC 2822's)
MONTHS = (
    "january jan januar jänner janvier janv enero ene",
    "february feb februar février fevrier févr fevr fév febrero",
    "march mar märz maerz mrz mär mars marzo",
    "april apr avril avr abril abr",
    "may mai mayo",
    "june jun juni juin junio",
    "july jul juli juillet juil julio",
    "august aug août aout agosto ago",
    "september sept sep septembre septiembre setiembre",
    "october oct oktober okt octobre octubre",
    "november nov novembre noviembre",
    "december dec dezember dez décembre decembre déc diciembre dic",
)
NUMBERS_OF_MONTHS = {name: number for number, names in enumerate(MONTHS, start=1) for name in names.split()}


@dataclass(frozen=True)
class _Fields:
    """The named groups of a writing, as expressions on the columns of what was extracted."""

    names: frozenset[str]

    def number(self, name: str, default: int | None = 0) -> pl.Expr:
        """A group's whole number, ``default`` where the writing lacks it or the text leaves it out."""
        if name not in self.names:
            return pl.lit(default, dtype=pl.Int64)
        value = pl.col(name).cast(pl.Int64, strict=False)
        return value if default is None else value.fill_null(default)


def pattern(form: str) -> str:
    """The regular expression of a whole text of ``form``."""
    if form in ("compact", "time", "duration"):
        return f"(?i)^{NAMED[form]}$"
    weekday = rf"(?:(?:{WEEKDAYS})\.?,? +)?"
    if form == "ctime":
        return f"(?i)^{weekday}{NAMED[form]}$"
    clock = "" if form in WITHOUT_CLOCK else f"(?:(?:T|,? +(?:at |um )?|:){CLOCK})?"
    return f"(?i)^{weekday}{FORMS[form]}{clock}$"


def microseconds(texts: pl.Series, form: str) -> pl.DataFrame:
    """The day since 1970-01-01 and the microseconds in it, UTC where there is an offset, of ``texts`` (n,).

    The columns are "day" and "clock" (n, 2), Int64; null where a text isn't of ``form`` or there is no such day.
    """
    quick = quick_for(form, str(texts.drop_nulls()[0])) if texts.null_count() < len(texts) else None
    if quick is None:
        return _general(texts, form)
    fits = texts.str.contains(quick.shape)
    made = quick.read(pl.select(pl.when(fits).then(texts)).to_series())
    rest = (~fits).arg_true()
    if rest.is_empty():
        return made
    other = _general(texts.gather(rest), form)
    return pl.DataFrame([made[name].scatter(rest, other[name]) for name in made.columns])


def _general(texts: pl.Series, form: str) -> pl.DataFrame:
    """Likewise, for every text of ``form``; each different text is read once where they repeat."""
    frame = pl.DataFrame({"text": texts})
    if len(texts) < ENOUGH_TO_REPEAT or frame.select(pl.col("text").approx_n_unique()).item() > len(texts) / 4:
        return _extracted(texts, form)
    different = texts.unique()
    made = _extracted(different, form).with_columns(text=different)
    return frame.join(made, on="text", how="left", maintain_order="left").select("day", "clock")


def _extracted(texts: pl.Series, form: str) -> pl.DataFrame:
    groups = texts.str.extract_groups(pattern(form)).struct.unnest()
    given = [name for name in groups.columns if groups[name].null_count() < len(groups)]
    fields = _Fields(frozenset(given))
    if not given:
        none = pl.Series([None] * len(texts), dtype=pl.Int64)
        return pl.DataFrame({"day": none, "clock": none})
    fits = pl.any_horizontal(pl.col(given).is_not_null())
    day = fields.number("d") if form in ("time", "duration") else _day(fields, form)
    clock = _clock(fields, 1_000 if form == "duration" else 24)
    return groups.select(pl.when(fits).then(made).alias(name) for name, made in (("day", day), ("clock", clock)))


def _day(fields: _Fields, form: str) -> pl.Expr:
    year = fields.number("y", None)
    if "y" in fields.names:
        two = pl.col("y").str.len_bytes() == 2
        year = pl.when(two).then(year + pl.when(year >= 69).then(1900).otherwise(2000)).otherwise(year)  # POSIX
    if form == "yw":
        fourth = civil(year, pl.lit(1), pl.lit(4))  # is in week 1 (ISO 8601)
        monday = fourth - (fourth + 3) % 7
        week = fields.number("w", None)
        return pl.when(week.is_between(1, 53)).then(monday + 7 * (week - 1) + fields.number("k", 1) - 1)
    if "n" in fields.names:
        name = pl.col("n").str.to_lowercase()
        month = name.replace_strict(NUMBERS_OF_MONTHS, default=None, return_dtype=pl.Int64)
    elif "q" in fields.names:
        month = 3 * fields.number("q", None) - 2
    else:
        month = fields.number("m", None)
    day = fields.number("d", None) if "d" in fields.names else pl.lit(1)
    lengths = pl.when(month == 2).then(28 + _is_leap(year).cast(pl.Int64)).otherwise(30 + (month + month // 8) % 2)
    valid = month.is_between(1, 12) & (day >= 1) & (day <= lengths) & (year >= 1)
    return pl.when(valid).then(civil(year, month, day))


def _is_leap(year: pl.Expr) -> pl.Expr:
    return (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))


def civil(year: pl.Expr, month: pl.Expr, day: pl.Expr) -> pl.Expr:
    """Days since 1970-01-01 of a day of the Gregorian calendar (H. Hinnant, chrono-compatible date algorithms)."""
    late = month > 2
    years = year - (~late).cast(pl.Int64)
    in_year = (153 * (month + pl.when(late).then(-3).otherwise(9)) + 2) // 5 + day - 1
    return years * 365 + years // 4 - years // 100 + years // 400 + in_year - 719_468


def _clock(fields: _Fields, hours: int) -> pl.Expr:
    """Microseconds since midnight UTC, 0 where the text has no time, null where there is no such time."""
    hour, minute, second = fields.number("H"), fields.number("M"), fields.number("S")
    valid = (hour < hours) & (minute < 60) & (second <= 60)
    if "p" in fields.names:
        half = pl.col("p").str.to_lowercase()
        valid &= half.is_null() | hour.is_between(1, 12)
        hour = pl.when(half.is_null()).then(hour).otherwise(hour % 12 + 12 * (half == "p").cast(pl.Int64))
    total = (hour * 60 + minute) * 60_000_000 + second * 1_000_000
    if "F" in fields.names:
        total += pl.col("F").str.slice(0, 6).str.pad_end(6, "0").cast(pl.Int64, strict=False).fill_null(0)
    if "z" in fields.names:
        zone = pl.col("z").str.to_lowercase().str.replace("\u2212", "-", literal=True)
        digits = zone.str.replace(":", "", literal=True)
        hours_off, minutes_off = (digits.str.slice(at, 2).cast(pl.Int64, strict=False) for at in (1, 3))
        sign = pl.when(digits.str.starts_with("-")).then(-1).otherwise(1)
        offset = pl.coalesce(
            zone.replace_strict(ZONES, default=None, return_dtype=pl.Int64),
            sign * (hours_off * 60 + minutes_off.fill_null(0)),
        )
        total -= pl.when(zone.is_null()).then(0).otherwise(offset) * 60_000_000
    return pl.when(valid).then(total)
