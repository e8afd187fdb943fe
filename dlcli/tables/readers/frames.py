"""Frames: some rows of a source as polars columns of the three kinds, and the ways there."""

import math
import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import polars as pl

from dlcli.errors import DlcliError
from dlcli.tables.columns import Column, Kind, Kinds, ReadOptions
from dlcli.tables.decisions import Decision
from dlcli.tables.formats.dates import DateFormat
from dlcli.tables.names import Hints
from dlcli.text import printable, quoted, typable

SAMPLE_ROWS = 10_000
MANY_COLUMNS = 4  # from which it pays to look at them all at once
T = TypeVar("T")


@dataclass(frozen=True)
class Frame:
    """Rows of one source; ``first_row`` is the number of the first one, from 1 in its source.

    ``source`` is its number, where several processes share the sources.
    """

    data: pl.DataFrame
    label: str
    first_row: int
    source: int = 0


@dataclass
class Misfit:
    """Cells of a column that are not what it holds: how many, and the first of them. They count as missing."""

    count: int
    text: str
    row: int
    label: str
    source: int = 0  # the number of the file

    @property
    def place(self) -> tuple[int, int]:
        """What orders misfits as their rows are."""
        return self.source, self.row


class Misfits(dict[str, Misfit]):
    """The misfits of a pass, by column."""

    def add(self, name: str, count: int, first: Misfit) -> None:
        """Count cells of a column."""
        if name in self:
            self[name].count += count
        else:
            self[name] = first

    def join(self, every: Sequence[Mapping[str, Any]]) -> None:
        """Hold the misfits of all processes, each as a dict by column; that of the first row is shown."""
        self.clear()
        for name, fields in (item for one in every for item in one.items()):
            known, new = self.get(name), Misfit(**fields)
            if known is None:
                self[name] = new
                continue
            first = min(known, new, key=lambda misfit: misfit.place)
            self[name] = replace(first, count=known.count + new.count)

    def said(self) -> list[str]:
        """A line for each column."""
        return [
            f"column '{printable(name)}': {m.count:,} cell{'s' * (m.count != 1)} such as '{printable(m.text)}' "
            f"({m.label}, row {m.row:,}) count{'s' * (m.count == 1)} as missing"
            for name, m in self.items()
        ]


class UnevenBlockError(Exception):
    """A block of a file can't be parsed without the one before it; ``reader`` is the file's number."""

    def __init__(self, reader: int = 0) -> None:
        super().__init__()
        self.reader = reader


class Reader(ABC):
    """One source: its column names, a sample of its rows, and all of them as frames."""

    label: str
    names: list[str]
    warnings: list[str]
    decisions: list[Decision] = []  # noqa: RUF012 - readers that decide have a list of their own
    left_out: Mapping[str, str] = {}
    held = False  # whether all of its rows are held out, as those of --val-data
    whole = False  # whether several processes all parse all of it
    decimal_comma = False  # whether a comma is more likely to be decimal than between thousands

    def widen(self, names: Sequence[str]) -> None:  # noqa: B027 - nothing to do for most readers
        """Take columns of other files, or of a model, where rows leave out what is 0."""

    @abstractmethod
    def sample(self, names: list[str]) -> pl.DataFrame:
        """Up to 10,000 first rows of the columns ``names``, each in the source's own type (text: as strings)."""

    @abstractmethod
    def raw_frames(self, kinds: Kinds) -> Iterator[Frame]:
        """All rows; the columns of ``kinds`` and perhaps others, of whatever types."""

    def parts(self, kinds: Kinds, mine: Callable[[int], bool]) -> Iterator[Frame | None]:
        """The frames of the blocks whose numbers are ``mine``, and None for each other one.

        A reader that can parses those only, and doesn't know the numbers of their rows then. Raises UnevenBlockError.
        """
        for number, frame in enumerate(self.raw_frames(kinds)):
            yield frame if mine(number) else None

    def found(self) -> Any:
        """What a pass over ``parts`` has found in its blocks, for ``conclude``."""
        return None

    def conclude(self, found: Sequence[Any]) -> None:  # noqa: B027 - nothing to do for most readers
        """End a pass over ``parts``, which all processes ``found`` something in. Raises DlcliError."""

    def frames(self, columns: Sequence[Column], options: ReadOptions, misfits: Misfits) -> Iterator[Frame]:
        """All rows, what ``columns`` are read as in that order: Float64, String or Boolean; null: missing."""
        for frame in self.raw_frames(kinds_of(columns)):
            if frame.data.height:
                yield conform(frame, columns, options, misfits)


def kinds_of(columns: Sequence[Column]) -> dict[str, Kind]:
    """What a reader is to parse the cells of ``columns`` as."""
    return {c.name: c.kind if c.format is None else "text" for c in columns}


def _produce(
    items: Iterator[T], ready: "queue.Queue[tuple[T | None, BaseException | None]]", stopped: threading.Event
) -> None:
    """Put each of ``items`` into ``ready``, then None, or the error that ended them, unless ``stopped``."""

    def put(item: T | None, error: BaseException | None) -> None:
        while not stopped.is_set():
            try:
                ready.put((item, error), timeout=0.1)
                break
            except queue.Full:
                continue

    try:
        for item in items:
            put(item, None)
            if stopped.is_set():
                return
        put(None, None)
    except BaseException as error:  # it is the consumer's: raised again there
        put(None, error)


def prefetch(items: Iterator[T]) -> Generator[T, None, None]:
    """``items``, the next one made in another thread while the consumer works on the present one."""
    ready: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(maxsize=1)
    stopped = threading.Event()
    thread = threading.Thread(target=_produce, args=(items, ready, stopped), name="dlcli-read", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is None:
                return
            yield item
            del item
    finally:
        stopped.set()
        thread.join()


def conform(frame: Frame, columns: Sequence[Column], options: ReadOptions, misfits: Misfits) -> Frame:
    """``frame`` with exactly the numbers (``plain_names``), texts and booleans of ``columns``, in order.

    They are Float64, String or Boolean; null: missing. A cell that is not of its column's kind is missing too and is
    counted in ``misfits``; with ``--missing error`` it raises DlcliError, as the first one by row.
    """
    made: list[pl.Series] = []
    worst: tuple[int, Column, str] | None = None
    clean = _clean_numbers(frame.data, columns, options)
    for column in columns:
        if column.name in clean:
            made.append(clean[column.name])
            continue
        raw = frame.data.get_column(column.name)
        parts, wrong = _conformed(raw, column, options)
        made.extend(parts)
        if wrong is None or not wrong.any():
            continue
        row = int(wrong.arg_max() or 0)
        text = str(raw[row])
        if options.missing == "error" and (worst is None or row < worst[0]):
            worst = row, column, text
        count = int(wrong.sum())
        misfits.add(column.name, count, Misfit(count, text, frame.first_row + row, frame.label, frame.source))
    if worst:
        row, column, text = worst
        raise bad_cell(frame.label, column.name, frame.first_row + row, text, column.kind, options.hints)
    return replace(frame, data=pl.DataFrame(made))


def _clean_numbers(data: pl.DataFrame, columns: Sequence[Column], options: ReadOptions) -> dict[str, pl.Series]:
    """Of many columns of texts, those that are plain numbers without misfits, read at once: each alone takes longer."""
    plain = [column.name for column in columns if column.kind == "number" and column.format is None]
    types = data.schema
    names = [name for name in plain if types[name] == pl.String]
    if len(names) < MANY_COLUMNS or options.missing_numbers:
        return {}
    bare = pl.col(names).str.strip_chars()
    texts = data.select(bare.replace(list(options.markers), None))
    numbers = texts.cast(pl.Float64, strict=False).fill_nan(None)
    lost = [made != there for made, there in zip(numbers.null_count().row(0), texts.null_count().row(0), strict=True)]
    return {name: numbers.get_column(name) for name, some in zip(names, lost, strict=True) if not some}


def read_cells(raw: pl.Series, column: Column, options: ReadOptions) -> pl.Series:
    """A raw column's values (n,) as ``column`` is read, a date as its days; null: missing, or not of its kind."""
    return _conformed(raw, replace(column, parts=()), options)[0][0]


def _conformed(raw: pl.Series, column: Column, options: ReadOptions) -> tuple[list[pl.Series], pl.Series | None]:
    """The columns that a raw one is read as, and where its cells are not of its kind (None: nowhere)."""
    if column.kind == "text":
        return [as_text(raw, options, keeps_markers=column.keeps_markers)], None
    if isinstance(column.format, DateFormat):
        cells = raw if raw.dtype.is_temporal() or raw.dtype.is_numeric() else as_text(raw, options)
        days = column.format.parse(cells)
        made = column.format.parts(cells, column.parts) if column.parts else [days]
        named = [part.alias(name) for part, name in zip(made, column.plain_names, strict=True)]
        return named, days.is_null() & cells.is_not_null()
    if is_exact(raw.dtype):
        made_one = _as_number(raw, options) if column.kind == "number" else _as_boolean(raw)
        wrong = made_one.is_null() & raw.is_not_null() if column.kind == "boolean" else None
        return [made_one], wrong
    text = as_text(raw, options)
    if column.kind == "boolean":
        made_one = _as_boolean(text)
    elif column.format is not None:
        made_one = column.format.parse(text)
    else:
        made_one = _as_number(text, options)
    return [made_one.alias(column.name)], made_one.is_null() & text.is_not_null()


def without_infinite(frame: Frame, columns: Sequence[Column], misfits: Misfits) -> pl.DataFrame:
    """The rows of a ``conform``ed frame with infinite numbers as missing, and counted."""
    data = frame.data
    # All columns at once, as a table may have thousands of them.
    anywhere = data.select(pl.col(pl.Float64).is_infinite().any())
    some = {name for name in anywhere.columns if anywhere[name][0]} if anywhere.width else set()
    for column in columns if some else ():
        for name in column.plain_names if column.kind == "number" else ():
            if name not in some:
                continue
            values = data.get_column(name)
            infinite = values.is_infinite().fill_null(False)
            row, count = int(infinite.arg_max() or 0), int(infinite.sum())
            first = Misfit(count, str(values[row]), frame.first_row + row, frame.label, frame.source)
            misfits.add(column.name, count, first)
            data = data.with_columns(values.set(infinite, None))
    return data


def is_exact(dtype: pl.DataType) -> bool:
    """Whether cells of this type are numbers or booleans and need no reading as text."""
    return dtype.is_numeric() or dtype in (pl.Boolean, pl.Null)


def as_text(column: pl.Series, options: ReadOptions, *, keeps_markers: bool = False) -> pl.Series:
    """A column as texts, null where missing; with ``keeps_markers`` only blanks and the user's own marks are."""
    text = column if column.dtype == pl.String else column.cast(pl.String)
    # By a name of its own, as polars takes some names, such as *, for patterns.
    frame = pl.DataFrame({"text": text})
    bare = pl.col("text").str.strip_chars()
    markers = ("", *(mark.strip() for mark in options.missing_values)) if keeps_markers else options.markers
    missing = bare.is_in(list(markers))
    return frame.select(pl.when(missing).then(None).otherwise(pl.col("text"))).to_series().alias(text.name)


def _as_number(column: pl.Series, options: ReadOptions) -> pl.Series:
    text = column.str.strip_chars() if column.dtype == pl.String else column
    made = text.cast(pl.Float64, strict=False)
    if math.isnan(made.sum()):  # a sum is cheaper than looking at every value
        made = made.fill_nan(None)
    if options.missing_numbers:
        made = made.set(made.is_in(list(options.missing_numbers)), None)
    return made


def _as_boolean(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Boolean:
        return column
    text = column.cast(pl.String).str.strip_chars().str.to_lowercase()
    truths = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
    return text.replace_strict(truths, default=None, return_dtype=pl.Boolean)


def bad_cell(label: str, name: str, row: int, text: str, kind: Kind, hints: Hints) -> DlcliError:
    """The error for a cell that isn't a number (or boolean) in a column of them."""
    shown, column = printable(text), printable(name)
    wanted = "a number" if kind == "number" else "true or false"
    message = f"{label}: column '{column}', row {row}: '{shown}' is not {wanted}"
    marker = f"if it marks a missing value: --missing-value {quoted(text.strip())}" if typable(text.strip()) else ""
    if not hints.choosing:
        return DlcliError(message, f"fix it; or, {marker}" if marker else "fix it")
    hint = f"{marker}; if the column is text: {hints.text(name)}; or {hints.drop(name)}".removeprefix("; ")
    return DlcliError(message, hint)
