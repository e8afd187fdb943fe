"""Opening a table: its readers, and which columns are the target and the features."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from dlcli.errors import DlcliError
from dlcli.tables.columns import BoolArray, Column, ReadOptions
from dlcli.tables.conversions.convert import converted
from dlcli.tables.decisions import Decision
from dlcli.tables.names import Hints, default_target, find_name
from dlcli.tables.planning.column_plan import ColumnPlan, Context, plan_columns
from dlcli.tables.planning.settle import LEFT_OUT, ColumnRecord
from dlcli.tables.readers.blocks import BLOCK_BYTES
from dlcli.tables.readers.columnar import ArrayReader, ColumnarReader
from dlcli.tables.readers.csv_reader import DelimitedReader
from dlcli.tables.readers.frames import Reader
from dlcli.tables.readers.jsonl_reader import JsonLinesReader
from dlcli.tables.sharing import spread
from dlcli.tables.sources import Source, expand
from dlcli.text import listed, printable

GROUPS = "it tells groups apart"  # why a column is no feature
MISSING_POLICIES = ("auto", "drop", "mean", "error")


class LacksTargetError(DlcliError):
    """A table that a model is to be measured on has all its columns but the target."""


@dataclass(frozen=True)
class TrainingColumns:
    """The plans of the features, and of the target if there is one; ``decisions`` on the choice.

    ``useless`` are features that turned out to be of no use, whatever other rows say.
    """

    features: tuple[ColumnPlan, ...]
    target: ColumnPlan | None
    decisions: tuple[Decision, ...] = ()
    useless: frozenset[str] = frozenset()

    @property
    def used(self) -> tuple[ColumnPlan, ...]:
        """All of them, the target last."""
        return (*self.features, *([self.target] if self.target else []))

    @property
    def columns(self) -> list[Column]:
        """What those that aren't left out are read as."""
        return [plan.column for plan in self.used if not plan.left_out]

    def seen_from(self, reader: Reader, among: BoolArray, options: ReadOptions) -> "TrainingColumns":
        """The same columns planned by some of the first rows: those of ``among`` (n,), which is over all rows."""
        used = [plan for plan in self.used if plan.left_out != GROUPS and plan.name not in self.useless]
        names = [plan.name for plan in used if plan.name not in reader.left_out or plan is self.target]
        sample = reader.sample(names)
        sample = sample.filter(pl.Series(among[: sample.height]))
        plans = plan_columns(sample, names, context_of(reader, options, self.target.name if self.target else None))
        features = tuple(plans.get(plan.name, plan) for plan in self.features)
        # A target is what it is to all rows: how it is read decides which rows there are.
        return replace(self, features=features)

    def without(self, records: Iterable[ColumnRecord], decided: Iterable[Decision]) -> "TrainingColumns":
        """Without the features that were planned, and are left out by ``records`` and what was ``decided`` of them."""
        told = {record.column: record for record in records if record.used_as == LEFT_OUT}
        if not (found := {plan.name for plan in self.features if not plan.left_out and plan.name in told}):
            return self
        features = []
        for plan in self.features:
            if plan.name in found:
                why, decisions = told[plan.name], tuple(one for one in decided if one.column == plan.name)
                plan = ColumnPlan(Column(plan.name, "number"), why.holds, (), decisions, why.note)
            features.append(plan)
        return replace(self, features=tuple(features), useless=self.useless | found)


def open_reader(source: Source, options: ReadOptions, block_bytes: int = BLOCK_BYTES) -> Reader:
    """The reader for a source's format; text is read in blocks of about ``block_bytes``."""
    if source.format == "delimited":
        return DelimitedReader(source, options, block_bytes)
    if source.format == "jsonl":
        return JsonLinesReader(source, options, block_bytes)
    if source.format in ("parquet", "arrow"):
        return ColumnarReader(source)
    if source.format == "excel":
        return DelimitedReader(source, replace(options, delimiter=",", encoding="utf-8", skip=0), block_bytes)
    if source.format in ("libsvm", "vw"):
        return _sparse_reader(source, options, block_bytes)
    if source.format == "frame":
        from dlcli.tables.readers.memory import FrameReader

        return FrameReader(source)
    if source.format == "spool":
        from dlcli.tables.readers.spool import SpoolReader

        return SpoolReader(source)
    return ArrayReader(source)


def _sparse_reader(source: Source, options: ReadOptions, block_bytes: int) -> Reader:
    from dlcli.tables.readers.libsvm import LibsvmLines
    from dlcli.tables.readers.sparse import SparseFormat, SparseReader
    from dlcli.tables.readers.vowpal import VowpalLines

    svm = source.format == "libsvm"
    lines: SparseFormat = LibsvmLines(source.label) if svm else VowpalLines(source.label, options.encoding)
    return SparseReader(source, lines, block_bytes)


def opened(
    sources: Sequence[str | Source], options: ReadOptions, *, choosing: bool, block_bytes: int
) -> tuple[list[Reader], tuple[tuple[str, Path], ...], ReadOptions]:
    """A reader of each source, their names and paths, and the options with hints for the columns found."""
    if options.missing not in MISSING_POLICIES:
        raise DlcliError(f"--missing {printable(options.missing)} is unknown", "use auto, drop, mean or error")

    def found() -> list[Source]:
        held = expand(options.held, options.file_format) if options.held else []
        every = [*expand(sources, options.file_format), *(replace(one, held=True) for one in held)]
        return [replace(converted(one, options), held=one.held) for one in every]

    files = spread(options.ranks, found)
    options = replace(options, hints=Hints(choosing=choosing))
    readers = [open_reader(source, options, block_bytes) for source in files]
    for reader, source in zip(readers, files, strict=True):
        reader.held = source.held
    trained = [reader for reader in readers if not reader.held]
    names = [name for reader in trained for name in reader.names]
    for reader in readers:
        reader.widen(names)
        _check_names(reader)
    _check_same_columns(trained)
    options = replace(options, hints=replace(options.hints, names=tuple(readers[0].names)))
    return readers, tuple((source.label, source.path) for source in files), options


def _check_names(reader: Reader) -> None:
    """Raise DlcliError for a name that polars takes for a regular expression, whatever it does with the column."""
    if found := next((name for name in reader.names if name[:1] == "^" and name[-1:] == "$"), None):
        message = (
            f"{reader.label}: column '{printable(found)}': a name that begins with ^ and ends with $ can't be used"
        )
        raise DlcliError(message, "rename the column")


def _check_same_columns(readers: Sequence[Reader]) -> None:
    first = readers[0]
    known = set(first.names)
    for other in readers[1:]:
        own = set(other.names)
        lacking = [name for name in first.names if name not in own]
        extra = [name for name in other.names if name not in known]
        if lacking or extra:
            parts = [f"lacks {listed(lacking)}"] * bool(lacking) + [f"also has {listed(extra)}"] * bool(extra)
            message = f"{other.label} has other columns than {first.label}: it {' and '.join(parts)}"
            raise DlcliError(message, "give files with the same columns, in any order")


def check_held(readers: Sequence[Reader], chosen: TrainingColumns, options: ReadOptions) -> list[str]:
    """What to say of the columns of sources that are held out. Raises DlcliError where they lack one that is used."""
    wanted, lines = [plan.name for plan in chosen.used if not plan.left_out], []
    wanted += [] if options.cluster is None else [options.cluster]
    wanted += options.beside.names
    for reader in readers:
        if not reader.held:
            continue
        if lacking := [name for name in wanted if name not in reader.names]:
            message = f"--val-data: {reader.label} lacks {listed(lacking)} of {readers[0].label}"
            raise DlcliError(message, f"its columns are {listed(reader.names)}; name them alike")
        if extra := [name for name in reader.names if name not in readers[0].names]:
            lines.append(f"{reader.label}: ignored columns that {readers[0].label} hasn't: {listed(extra)}")
    return lines


def context_of(reader: Reader, options: ReadOptions, target: str | None) -> Context:
    """What is known of the columns before they are looked at."""
    return Context(options, target, reader.decimal_comma)


def training_columns(
    reader: Reader, target: str | None, options: ReadOptions, *, need_target: bool = True
) -> TrainingColumns:
    """The columns to train on, planned by the first rows of the first file; without ``need_target`` maybe no target.

    Raises DlcliError.
    """
    names = reader.names
    decisions: list[Decision] = []
    chosen = default_target(names) if target is None else find_name(target, names, "--target")
    if chosen is None and need_target:
        raise DlcliError(f"no target was named; the columns are {listed(names)}", "--target COLUMN")
    if target is None and chosen is not None:
        settle = f"--target {options.hints.column(chosen)}"
        decisions.append(Decision(f"the target is the column '{printable(chosen)}'", settle))
    if options.group is not None and options.group == chosen:
        raise DlcliError(f"--group {printable(chosen)}: it is the target", "group the rows by another column")
    features = _features(reader, chosen, options)
    used = [*features, *([chosen] if chosen else [])]
    plans = plan_columns(reader.sample(used), used, context_of(reader, options, chosen))
    if options.group is not None and options.group not in used and options.group not in _named(options.drop, names):
        found = plan_columns(reader.sample([options.group]), [options.group], context_of(reader, options, chosen))
        holds = found[options.group].holds
        plans |= {options.group: ColumnPlan(Column(options.group, "number"), holds, left_out=GROUPS)}
        features = [options.group, *features]
    unasked = [name for name in reader.left_out if name not in (*used, *_named(options.drop, names))]
    if not options.features:
        beside = tuple(ColumnPlan(Column(n, "number"), "row names", left_out=reader.left_out[n]) for n in unasked)
        plans, features = plans | {plan.name: plan for plan in beside}, [*unasked, *features]
    return TrainingColumns(tuple(plans[name] for name in features), plans[chosen] if chosen else None, tuple(decisions))


def _features(reader: Reader, target: str | None, options: ReadOptions) -> list[str]:
    names = reader.names
    dropped = set(_named(options.drop, names))
    if options.cluster is not None and options.cluster == target:
        raise DlcliError(f"--cluster {printable(options.cluster)}: it is the target", "name another column")
    options.beside.check(target)
    if options.cluster is not None and not options.features:
        dropped.add(options.cluster)
    if not options.features:
        dropped.update(options.beside.names)
    kept = [find_name(name, names, "--features") for name in options.features] or names
    if target is not None and target in dropped:
        raise DlcliError(f"'{printable(target)}' is the target and is dropped too", "leave out its --drop")
    dropped |= set() if options.features else set(reader.left_out)
    if options.group is not None and not options.features:
        dropped.add(options.group)
    features = [name for name in dict.fromkeys(kept) if name != target and name not in dropped]
    if not features and len(names) == 1:
        raise DlcliError(f"{reader.label} has one column, '{printable(names[0])}'", "give a table with columns to use")
    if not features:
        raise DlcliError(f"{reader.label}: no feature columns are left", "give more --features, or fewer --drop")
    return features


def _named(given: Sequence[str], names: Sequence[str]) -> list[str]:
    return [find_name(name, names, "--drop") for name in given]


def with_found_names(names: Sequence[str], options: ReadOptions) -> ReadOptions:
    """The options with columns by name where they were given by position."""

    def found(given: Sequence[str], option: str) -> tuple[str, ...]:
        return tuple(find_name(name, names, option) for name in given)

    if options.terms is not None:
        from dlcli.tables.terms.begin import with_features

        options = with_features(options.terms, names, options)
    named = [one.partition("=") for one in options.reference]
    return replace(
        options,
        reference=tuple(f"{find_name(name, names, '--reference')}={level}" for name, _, level in named),
        cluster=None if options.cluster is None else find_name(options.cluster, names, "--cluster"),
        beside=options.beside.found(names),
        text=found(options.text, "--text"),
        number=found(options.number, "--number"),
        date=found(options.date, "--date"),
        keep_missing_text=found(options.keep_missing_text, "--keep-missing-text"),
        group=None if options.group is None else find_name(options.group, names, "--group"),
    )
