"""What each column holds and how it is read: planned from a sample of rows, then held to over the whole table."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from dlcli.tables.columns import BOOLEAN_LEVELS, MISSING_TEXTS, Column, ReadOptions
from dlcli.tables.decisions import Decision
from dlcli.tables.formats.dates import DateFormat, find_compact_dates, find_dates, find_epoch, names_a_time
from dlcli.tables.formats.guess import find_numbers, looks_like_code
from dlcli.tables.formats.numbers import NumberFormat
from dlcli.tables.formats.samples import FEWEST_NUMBERS, MARKS, VARIED
from dlcli.tables.readers.frames import MANY_COLUMNS, as_text, is_exact
from dlcli.text import printable

FEW_LEVELS = 20
TRUTHS = ("true", "false")
GROUPS_OF_THREE = r"^\s*[-+]?\d{1,3}(\.\d{3})+\s*$|^\s*[-+]?\d{1,3}\s*$"


@dataclass(frozen=True)
class ColumnPlan:
    """How a column is read. ``holds`` says it for people; ``left_out`` why it isn't used ("" where it is)."""

    column: Column
    holds: str
    notes: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()
    left_out: str = ""

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column.name


@dataclass(frozen=True)
class Context:
    """What the other columns and the user say of how to read a column.

    ``decimal_comma``: whether a comma is more likely decimal; ``proven``: whether another column shows that it is.
    """

    options: ReadOptions
    target: str | None = None
    decimal_comma: bool = False
    proven: bool = False


@dataclass
class _Texts:
    """A column of texts: all of them (missing ones null), those that are there, and which of these are numbers."""

    name: str
    all: pl.Series
    present: pl.Series = field(init=False)
    numbers: pl.Series = field(init=False)

    def __post_init__(self) -> None:
        self.present = self.all.drop_nulls().str.strip_chars()
        self.numbers = self.present.cast(pl.Float64, strict=False).is_not_null()

    @property
    def others(self) -> pl.Series:
        """The different texts that are no plain numbers, in the order in which they come."""
        return self.present.filter(~self.numbers).unique(maintain_order=True)


def plan_columns(sample: pl.DataFrame, names: Sequence[str], context: Context) -> dict[str, ColumnPlan]:
    """A plan for each of the columns ``names`` of a sample (rows, columns), as a reader gives it."""
    plain = {} if context.proven else _plain_decimals(sample, names, context.options)
    plans = {name: plain.get(name) or plan_column(sample.get_column(name), context) for name in names}
    if not context.proven and any(map(_proves_comma, plans.values())):
        # One column that can't be read otherwise decides for those that can.
        context = replace(context, decimal_comma=True, proven=True)
        plans = {name: plan_column(sample.get_column(name), context) for name in names}
    return plans


def _plain_decimals(sample: pl.DataFrame, names: Sequence[str], options: ReadOptions) -> dict[str, ColumnPlan]:
    """Plans of those of many columns that are numbers with a decimal point, which nothing else looks like, at once."""
    types, asked = sample.schema, {*options.text, *options.number, *options.date}
    chosen = [name for name in names if types[name] == pl.String and name not in asked]
    chosen = [name for name in chosen if not names_a_time(name)]
    if len(chosen) < MANY_COLUMNS or options.decimal:
        return {}
    texts = sample.select(pl.col(chosen).str.strip_chars().replace(list(options.markers), None))
    numbers = texts.cast(pl.Float64, strict=False)
    points = texts.select(pl.all().str.contains(".", literal=True).sum()).row(0)
    present = [len(texts) - missing for missing in texts.null_count().row(0)]
    found = [len(texts) - missing for missing in numbers.null_count().row(0)]
    return {
        name: ColumnPlan(Column(name, "number"), "numbers")
        for name, there, read, pointed in zip(chosen, present, found, points, strict=True)
        if 0 < there == read <= 2 * pointed
    }


def _proves_comma(plan: ColumnPlan) -> bool:
    form = plan.column.format
    return isinstance(form, NumberFormat) and form.decimal == "," and not plan.notes


def plan_column(raw: pl.Series, context: Context) -> ColumnPlan:
    """The plan of one column (rows,) of a sample."""
    options, name = context.options, raw.name
    if name in options.text:
        return _of_text(_Texts(name, as_text(raw, options)), raw, context)
    if raw.dtype == pl.Boolean:
        return ColumnPlan(Column(name, "boolean", BOOLEAN_LEVELS), "true/false")
    if is_exact(raw.dtype):
        return _of_numbers(raw, context)
    if raw.dtype.is_temporal():
        found = find_dates(raw)
        form = found.format if found else DateFormat()
        return _of_dates(name, form, form.said(), "", context, decided=False)
    if raw.dtype not in (pl.String, pl.Categorical, pl.Enum):
        holds = f"values of type {printable(str(raw.dtype))}"
        decision = Decision(
            f"column '{printable(name)}' holds {holds}, and is left out", options.hints.drop(name), name
        )
        return ColumnPlan(Column(name, "number"), holds, (), (decision,), f"it holds {holds}")
    return _of_texts(_Texts(name, as_text(raw, options)), raw, context)


def _of_numbers(raw: pl.Series, context: Context) -> ColumnPlan:
    name, options = raw.name, context.options
    found = None
    if name not in options.number:
        found = find_epoch(raw, name) or find_compact_dates(raw, name)
    if found is None:
        return ColumnPlan(Column(name, "number"), "numbers")
    return _of_dates(name, found.format, found.format.said(), found.note, context, decided=name not in options.date)


def _of_texts(texts: _Texts, raw: pl.Series, context: Context) -> ColumnPlan:
    """The plan of a column whose cells are texts, as those of a CSV file all are."""
    name, options = texts.name, context.options
    if not len(texts.present):
        return ColumnPlan(Column(name, "number"), "nothing")
    if name in options.date:
        if plan := _dates(texts, context):
            return plan
    elif plan := _numbers(texts, context):
        return plan
    if texts.present.str.to_lowercase().is_in(TRUTHS).all():
        return ColumnPlan(Column(name, "boolean", BOOLEAN_LEVELS), "true/false")
    if name not in options.number and (plan := _dates(texts, context)):
        return plan
    return _mixed(texts, context) or _of_text(texts, raw, context)


def _numbers(texts: _Texts, context: Context) -> ColumnPlan | None:
    """The plan of numbers, plain or in disguise; None where the texts are something else."""
    name, options = texts.name, context.options
    if texts.numbers.all():
        return _plain_numbers(texts, context)
    decimal = {"comma": ",", "point": "."}.get(options.decimal or "")
    found = find_numbers(texts.present, decimal, context.decimal_comma)
    if found is None and name in options.number:
        return ColumnPlan(Column(name, "number"), "numbers")
    if found is None:
        return None
    plain = found.format == NumberFormat()
    holds = "numbers" if plain else found.format.said()
    decided = not plain and name not in options.number
    settle = f"--number {options.hints.column(name)}"
    decision = Decision(f"column '{printable(name)}' holds {holds}: read as numbers", settle, name)
    column = Column(name, "number", format=None if plain else found.format)
    return ColumnPlan(column, holds, (found.note,) if found.note else (), (decision,) if decided else ())


def _plain_numbers(texts: _Texts, context: Context) -> ColumnPlan:
    """The plan of texts that are all numbers as they stand, unless they are dates or have points between thousands."""
    name, options = texts.name, context.options
    if name not in options.number:
        values = texts.present.cast(pl.Float64, strict=False).alias(name)
        if found := find_epoch(values, name) or find_compact_dates(texts.present, name):
            decided = name not in options.date
            return _of_dates(name, found.format, found.format.said(), found.note, context, decided=decided)
    if context.proven and texts.present.str.contains(GROUPS_OF_THREE).all():
        thousands = find_numbers(texts.present, ",", prefer_comma=True)
        if thousands is not None and thousands.format != NumberFormat():
            holds = thousands.format.said()
            what = f"column '{printable(name)}' holds {holds}, as other columns have decimal commas"
            decisions = () if options.decimal else (Decision(what, "--decimal comma", name),)
            return ColumnPlan(Column(name, "number", format=thousands.format), holds, (), decisions)
    notes = ("codes with leading zeros, read as numbers",) if looks_like_code(texts.present) else ()
    return ColumnPlan(Column(name, "number"), "numbers", notes)


def _dates(texts: _Texts, context: Context) -> ColumnPlan | None:
    name, options = texts.name, context.options
    found = find_dates(texts.present, options.day_first)
    if found is None and name in options.date:
        found = find_compact_dates(texts.present, name)
    if found is None:
        return None
    decided = name not in options.date
    return _of_dates(name, found.format, found.format.said(), found.note, context, decided=decided)


def _of_dates(
    name: str, form: DateFormat, holds: str, note: str, context: Context, *, decided: bool
) -> ColumnPlan:  # fmt: skip
    options = context.options
    parts = () if name == context.target else options.date_parts
    used = " and ".join(parts) if parts else form.unit
    what = f"column '{printable(name)}' holds {holds}: read as {used}"
    decision = Decision(what, f"--date {options.hints.column(name)}", name)
    column = Column(name, "number", format=form, parts=parts)
    return ColumnPlan(column, holds, (note,) if note else (), (decision,) if decided else ())


def _mixed(texts: _Texts, context: Context) -> ColumnPlan | None:
    """The plan of a column in which at least half of the texts are numbers; None where they are categories."""
    name, options = texts.name, context.options
    count, others = int(texts.numbers.sum()), texts.others
    if 2 * count < len(texts.present):
        return None
    different = texts.present.filter(texts.numbers).n_unique()
    marks = len(others) <= MARKS and not others.str.contains(r"\d").any()  # which 5+ and 8-10 are not
    measured = different >= VARIED and (len(others) <= MARKS or len(others) + different > 2 * VARIED)
    if name not in options.number and not measured and not (marks and different >= FEWEST_NUMBERS):
        return None
    column = options.hints.column(name)
    what = (
        f"column '{printable(name)}' holds numbers and {len(texts.present) - count:,} other texts, such as "
        f"'{printable(str(others[0]))}', which count as missing"
    )
    decided = () if name in options.number else (Decision(what, f"--number {column}", name),)
    return ColumnPlan(Column(name, "number"), "numbers and texts", (), decided)


def _of_text(texts: _Texts, raw: pl.Series, context: Context) -> ColumnPlan:
    """The plan of categories; marks of missing values that are clearly names of levels are kept."""
    name, options = texts.name, context.options
    if name in options.keep_missing_text:
        return ColumnPlan(Column(name, "text", keeps_markers=True), "text")
    mark = _level_like_mark(texts, as_text(raw, options, keeps_markers=True).drop_nulls().str.strip_chars(), raw)
    if mark is None:
        return ColumnPlan(Column(name, "text"), "text")
    what = f"column '{printable(name)}' has the text {mark} among others of its kind: a level, not a missing value"
    settle = f"--keep-missing-text {options.hints.column(name)}"
    column = Column(name, "text", keeps_markers=True)
    return ColumnPlan(column, "text", (f"{mark} is a level",), (Decision(what, settle, name),))


def _level_like_mark(texts: _Texts, present: pl.Series, raw: pl.Series) -> str | None:
    """The one mark of missing values that looks like the other texts, if no cell is empty: None, or NA among codes."""
    marks = present.filter(present.is_in(list(MISSING_TEXTS))).unique().to_list()
    if len(marks) != 1 or len(present) < len(raw) or not len(texts.present):
        return None
    others = texts.present.unique()
    if marks[0] == "None" and len(others) <= FEW_LEVELS and others.str.contains(r"^[A-Z][a-z]").all():
        return "None"
    if marks[0] == "NA" and len(others) > 1 and others.str.contains(r"^[A-Z]{2}$").all():
        return "NA"
    return None
