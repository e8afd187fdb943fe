"""How each column is used, once its training rows are known: levels, pools, fills, and what is left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from dlcli.errors import DlcliError
from dlcli.tables.categories import shown_level
from dlcli.tables.columns import Column, ReadOptions
from dlcli.tables.decisions import Decision
from dlcli.tables.formats.dates import DateFormat
from dlcli.tables.formats.samples import different_kinds
from dlcli.tables.planning.column_plan import ColumnPlan
from dlcli.tables.planning.profile import ColumnProfile, Profile
from dlcli.text import LISTED_NAMES, counted, listed, printable, quoted

MANY_GAPS = 0.05  # of the training rows: from here on missing values have an indicator of their own
NEARLY_UNIQUE, SURELY_UNIQUE = 0.5, 0.8  # different texts for each row that has one
FEW_TEXTS = 20
FEW_ROWS = 10  # of which nothing can be said
MOST_LEVELS, FEWEST_LEVELS = 100, 5  # kept apart from the pool
ROWS_PER_COEFFICIENT = 3
POOL, GAP = "(other)", "(missing)"
LEFT_OUT = "left out"


@dataclass(frozen=True)
class ColumnRecord:
    """A column as the user is told of it: what it holds, what it is used as, the rows without a value, and why."""

    column: str
    holds: str
    used_as: str
    missing: int
    note: str = ""


@dataclass(frozen=True)
class Settled:
    """The columns used, in order, the target, what to tell of every column, and what was decided.

    ``gaps``: whether the features have missing values that are to be filled.
    """

    features: tuple[Column, ...]
    target: Column | None
    records: tuple[ColumnRecord, ...]
    decisions: tuple[Decision, ...]
    gaps: bool


class Settling:
    """Decides on the columns of one table; ``label`` is that of its first file, for errors."""

    def __init__(self, options: ReadOptions, profile: Profile, label: str) -> None:
        self._options, self._profile, self._label = options, profile, label
        self._auto = options.missing == "auto"
        self._decisions: list[Decision] = []
        self._gaps: dict[bytes, str] = {}
        self._reference = {name: level for name, _, level in (one.partition("=") for one in options.reference)}

    def settle(self, plans: Sequence[ColumnPlan], target: ColumnPlan | None, *, classes: bool) -> Settled:
        """Raises DlcliError where no feature is left, or the target can't be one."""
        wanted = self._target(target, classes=classes) if target else None
        used: list[tuple[ColumnPlan, Column, list[str]]] = []
        records: dict[str, ColumnRecord] = {}
        for plan in plans:
            if reason := self._left_out(plan):
                records[plan.name] = self._record(plan, LEFT_OUT, [reason])
            else:
                used.append((plan, *self._with_gaps(plan)))
        if not used:
            raise self._nothing_left(plans, records)
        levels = self._levels([column for _, column, _ in used])
        features: list[Column] = []
        for plan, column, notes in used:
            if column.kind == "text":
                column = self._with_levels(column, levels, notes)
            features.append(column)
            records[plan.name] = self._record(plan, _used_as(column), notes)
        for name in self._reference:
            raise self._no_levels(name, [column for _, column, _ in used])
        for plan in plans:
            self._decisions.extend(plan.decisions)
        if wanted is not None and target is not None:
            self._decisions.extend(target.decisions)
            lost = self._profile.without_target
            notes = ["rows without it are left out"] * bool(lost)
            records[target.name] = replace(self._record(target, _target_as(wanted), notes), missing=lost)
        self._say_gaps(records)
        self._say_misfits([*plans, *([target] if target else [])], records)
        fills = self._options.missing in ("auto", "mean")
        gaps = fills and any(self._of(c.name).missing_anywhere and not c.gap for c in features)
        order = [plan.name for plan in (*plans, *([target] if target else []))]
        return Settled(tuple(features), wanted, tuple(records[name] for name in order), tuple(self._decisions), gaps)

    def _of(self, name: str) -> ColumnProfile:
        return self._profile.columns.get(name) or ColumnProfile()

    def _record(self, plan: ColumnPlan, used_as: str, notes: Sequence[str]) -> ColumnRecord:
        every = [*plan.notes, *notes, *self._misfits(plan.name)]
        column, holds = self._of(plan.name), plan.holds
        if plan.column.kind == "text":
            holds = f"text, {len(column.counts):,} different"
        return ColumnRecord(plan.name, holds, used_as, column.missing_anywhere, "; ".join(every))

    def _misfits(self, name: str) -> list[str]:
        """Of the cells that aren't what the column holds."""
        found = self._profile.misfits.get(name)
        if found is None:
            return []
        count = "counts" if found.count == 1 else "count"
        what = (
            f"{counted(found.count, 'cell')} such as '{printable(found.text)}' (row {found.row:,}) {count} as missing"
        )
        return [what]

    def _left_out(self, plan: ColumnPlan) -> str:
        """Why a column is left out, or ''. Raises DlcliError for one without values where nothing was to be decided."""
        name, column, options = plan.name, self._of(plan.name), self._options
        if plan.left_out:
            return plan.left_out
        present = self._profile.rows - column.missing
        if not present:
            if not self._auto and self._profile.rows:
                raise DlcliError(
                    f"{self._label}: column '{printable(name)}' has no values at all", options.hints.drop(name)
                )
            self._decide(name, "has no values, and is left out")
            return "no values"
        if plan.column.kind != "text" or name in options.text:
            return ""
        different = len(column.counts)
        if is_nearly_unique(different, present) or column.overflowed:
            kind = different_kinds(pl.Series(list(column.counts), dtype=pl.String))
            why = f"numbers in different {kind}" if kind else "as a name or an identifier has"
            self._decide(name, f"has {different:,} different texts in {present:,} rows, {why}, and is left out")
            return f"{different:,} different texts in {present:,} rows, {why}"
        return ""

    def _decide(self, name: str, what: str) -> None:
        self._decisions.append(Decision(f"column '{printable(name)}' {what}", self._options.hints.drop(name), name))

    def _nothing_left(self, plans: Sequence[ColumnPlan], records: Mapping[str, ColumnRecord]) -> DlcliError:
        reasons = [f"'{printable(plan.name)}' ({records[plan.name].note})" for plan in plans[:LISTED_NAMES]]
        more = f" and {len(plans) - LISTED_NAMES:,} more" if len(plans) > LISTED_NAMES else ""
        texts = [plan.name for plan in plans if plan.column.kind == "text"]
        hint = (
            f"give more columns, or take one as categories all the same: {self._options.hints.text(texts[0])}"
            if texts
            else "give more columns"
        )
        message = f"{self._label}: no feature columns are left, as dlcli leaves out {', '.join(reasons)}{more}"
        return DlcliError(message, hint)

    def _with_gaps(self, plan: ColumnPlan) -> tuple[Column, list[str]]:
        """The column with what stands for its missing values, and what to say of it."""
        column, found = plan.column, self._of(plan.name)
        if not found.missing_anywhere or not self._auto:
            return column, []
        if column.kind == "text":
            if not found.missing:
                return column, []
            return replace(column, gap=_free_name(GAP, found.counts)), ["missing is a level"]
        if found.missing <= MANY_GAPS * self._profile.rows or len(column.parts) > 1:
            return column, ["missing: the mean"]
        if twin := self._gaps.get(found.gaps):
            return column, [f"missing: the mean, marked as that of {printable(twin)}"]
        self._gaps[found.gaps] = plan.name
        return replace(column, indicator=True), ["missing: the mean, and marked by a column of 0 and 1"]

    def _levels(self, columns: Sequence[Column]) -> int:
        """How many levels each text keeps, apart from the pool."""
        options = self._options
        if options.max_categories is not None:
            return options.max_categories
        sizes = [len(self._of(c.name).counts) + bool(c.gap) for c in columns if c.kind == "text"]
        others = sum(len(c.encoded_names) for c in columns if c.kind != "text")
        room = self._profile.rows // ROWS_PER_COEFFICIENT - others
        for kept in range(MOST_LEVELS, FEWEST_LEVELS, -1):
            if sum(min(size, kept + 1) - 1 for size in sizes) <= room:
                return kept
        return FEWEST_LEVELS

    def _with_levels(self, column: Column, most: int, notes: list[str]) -> Column:
        """The column with its levels: all of them, or the most frequent and a pool for the rest."""
        counts = self._of(column.name).counts
        by_rows = sorted(counts, key=lambda level: (-counts[level], str(level)))
        kept, rest = by_rows[:most], by_rows[most:]
        if len(rest) < 2:
            kept, rest = by_rows, []
        pool = _free_name(POOL, counts) if rest else None
        levels = sorted(str(level) for level in kept)
        levels += [name for name in (pool, column.gap) if name]
        if (first := self._reference.pop(column.name, None)) is not None:
            levels = self._with_first(column, first, levels)
        if pool:
            rows = sum(counts[level] for level in rest)
            notes.append(f"the {len(rest):,} rarest texts ({rows:,} rows) are one level")
            if "max_categories" not in self._options.given:
                what = f"column '{printable(column.name)}': the {len(rest):,} rarest texts are pooled into one level"
                self._decisions.append(Decision(what, f"--max-categories {most}", column.name))
        return replace(column, levels=tuple(levels), pool=pool)

    def _with_first(self, column: Column, first: str, levels: Sequence[str]) -> list[str]:
        """The levels in order, but for the one that others are compared with. Raises DlcliError where it is none."""
        if first not in levels:
            what = f"--reference: column '{printable(column.name)}' has no level '{printable(first)}'"
            raise DlcliError(what, f"its levels are {listed(levels)}")
        return [first, *(level for level in levels if level != first)]

    def _no_levels(self, name: str, used: Sequence[Column]) -> DlcliError:
        what = f"--reference: column '{printable(name)}' isn't used as levels"
        if any(column.name == name for column in used):
            return DlcliError(what, f"to take it as levels: {self._options.hints.text(name)}")
        return DlcliError(what, f"name one of {listed([c.name for c in used if c.kind == 'text']) or 'a text column'}")

    def _target(self, plan: ColumnPlan, *, classes: bool) -> Column:
        """The target; raises DlcliError for one that holds nothing, or an identifier instead of classes."""
        name, found = plan.name, self._of(plan.name)
        where = f"{self._label}: the target '{printable(name)}'"
        if plan.left_out:
            raise DlcliError(f"{where} can't be used: {plan.left_out}", "choose another --target")
        if plan.column.kind == "boolean" or (not classes and plan.column.kind == "number"):
            return plan.column
        different, present = len(found.counts), self._profile.rows - found.missing
        most = self._options.max_categories or MOST_LEVELS
        text = plan.column.kind == "text" and self._options.max_categories is None
        if different > most or (text and is_nearly_unique(different, present)):
            what = "numbers" if plan.column.kind == "number" else "texts"
            more = " or a measurement" * (what == "numbers")
            raise DlcliError(
                f"{where} has {different:,} different {what}: it looks like an identifier{more}, not like classes",
                f"choose another --target, or, if they are classes: --max-categories {different}",
            )
        levels = sorted(found.counts, key=_numeric if plan.column.kind == "number" else str)
        return replace(plan.column, levels=tuple(shown_level(level) for level in levels))

    def _say_gaps(self, records: Mapping[str, ColumnRecord]) -> None:
        """The one decision on all missing values."""
        options = self._options
        gaps = [name for name, record in records.items() if record.missing and record.used_as != LEFT_OUT]
        if gaps and self._auto and "missing" not in options.given:
            of_target = [name for name in gaps if records[name].used_as.startswith("target")]
            filled = listed(f"{name} ({records[name].missing:,})" for name in gaps if name not in of_target)
            parts = [f"missing values are filled, or are a level: {filled}"] * bool(filled)
            parts += [f"{counted(records[name].missing, 'row')} without a target left out" for name in of_target]
            self._decisions.append(Decision("; ".join(parts), "--missing auto"))

    def _say_misfits(self, plans: Sequence[ColumnPlan], records: Mapping[str, ColumnRecord]) -> None:
        """The decisions on cells that aren't what their columns hold, unless the user has said what those hold."""
        options = self._options
        for plan in plans:
            found, name = self._profile.misfits.get(plan.name), plan.name
            asked = name in options.number or name in options.date
            if found is None or asked or records[name].used_as == LEFT_OUT:
                continue
            option = "--date" if isinstance(plan.column.format, DateFormat) else "--number"
            settle = f"{option} {options.hints.column(name)}"
            if plan.column.kind == "boolean":
                settle = f"--missing-value {quoted(found.text)}"
            self._decisions.append(Decision(f"column '{printable(name)}': {self._misfits(name)[0]}", settle, name))


def is_nearly_unique(different: int, rows: int) -> bool:
    """Whether texts are so different that they are names or identifiers rather than categories."""
    if rows < FEW_ROWS:
        return False
    return different > SURELY_UNIQUE * rows or (different > NEARLY_UNIQUE * rows and different >= FEW_TEXTS)


def _numeric(level: object) -> float:
    assert isinstance(level, float)
    return level


def _free_name(wanted: str, taken: Mapping[object, int]) -> str:
    while wanted in taken:
        wanted += "*"
    return wanted


def _used_as(column: Column) -> str:
    if column.kind == "text":
        shown = "1 level" if len(column.levels) == 1 else f"{len(column.levels):,} levels"
        return f"{shown}, against '{printable(column.levels[0])}'"
    if isinstance(column.format, DateFormat):
        return ", ".join(column.parts) if column.parts else column.format.unit
    return "0/1" if column.kind == "boolean" else "number"


def _target_as(column: Column) -> str:
    return f"target, {len(column.levels)} classes" if column.is_class else "target"
