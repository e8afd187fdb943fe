"""Frames: some rows of a source as polars columns of the three kinds, and the ways there."""

import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import polars as pl

from dlcli.errors import DlcliError
from dlcli.tables.columns import Kind, Kinds, ReadOptions
from dlcli.tables.decisions import Decision
from dlcli.tables.names import Hints
from dlcli.text import printable, quoted, typable

SAMPLE_ROWS = 10_000
T = TypeVar("T")


@dataclass(frozen=True)
class Frame:
    """Rows of one source; ``first_row`` is the number of the first one, from 1 in its source."""

    data: pl.DataFrame
    label: str
    first_row: int


class Reader(ABC):
    """One source: its column names, a sample of its rows, and all of them as frames."""

    label: str
    names: list[str]
    warnings: list[str]
    decisions: list[Decision] = []  # noqa: RUF012 - readers that decide have a list of their own
    left_out: Mapping[str, str] = {}

    @abstractmethod
    def sample(self, names: list[str]) -> pl.DataFrame:
        """Up to 10,000 first rows of the columns ``names``, each in the source's own type (text: as strings)."""

    @abstractmethod
    def raw_frames(self, kinds: Kinds) -> Iterator[Frame]:
        """All rows; the columns of ``kinds`` and perhaps others, of whatever types."""

    def frames(self, kinds: Kinds, options: ReadOptions) -> Iterator[Frame]:
        """All rows, the columns of ``kinds`` in that order, as Float64, String or Boolean; null: missing."""
        for frame in self.raw_frames(kinds):
            if frame.data.height:
                yield conform(frame, kinds, options)


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


def conform(frame: Frame, kinds: Kinds, options: ReadOptions) -> Frame:
    """``frame`` with exactly the columns of ``kinds``, in order, as Float64, String or Boolean; null: missing.

    Raises DlcliError naming the first row with a cell that is not of its column's kind.
    """
    columns: list[pl.Series] = []
    worst: tuple[int, str, str] | None = None
    for name, kind in kinds.items():
        raw = frame.data.get_column(name)
        column = _as_text(raw, options) if kind == "text" or not _is_exact(raw.dtype) else raw
        if kind == "text":
            columns.append(column)
            continue
        made = _as_number(column, options) if kind == "number" else _as_boolean(column)
        if column.dtype == pl.String:
            wrong = made.is_null() & column.is_not_null()
            row = int(wrong.arg_max() or 0) if wrong.any() else -1
            if row >= 0 and (worst is None or row < worst[0]):
                worst = (row, name, str(column[row]))
        columns.append(made)
    if worst:
        raise bad_cell(frame.label, worst[1], frame.first_row + worst[0], worst[2], kinds[worst[1]], options.hints)
    return replace(frame, data=pl.DataFrame(columns))


def present_texts(sample: pl.DataFrame, name: str, options: ReadOptions) -> pl.Series:
    """The texts of a column of a sample that are not missing."""
    return _as_text(sample.get_column(name), options).drop_nulls()


def _is_exact(dtype: pl.DataType) -> bool:
    """Whether cells of this type are numbers or booleans and need no reading as text."""
    return dtype.is_numeric() or dtype in (pl.Boolean, pl.Null)


def _as_text(column: pl.Series, options: ReadOptions) -> pl.Series:
    text = column if column.dtype == pl.String else column.cast(pl.String)
    frame = pl.DataFrame([text])
    name = text.name
    bare = pl.col(name).str.strip_chars()
    missing = bare.is_in(list(options.markers))
    return frame.select(pl.when(missing).then(None).otherwise(pl.col(name)).alias(name)).to_series()


def _as_number(column: pl.Series, options: ReadOptions) -> pl.Series:
    text = column.str.strip_chars() if column.dtype == pl.String else column
    made = text.cast(pl.Float64, strict=False)
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


def infer_kinds(
    sample: pl.DataFrame, names: list[str], label: str, texts: tuple[str, ...], options: ReadOptions
) -> dict[str, Kind]:
    """The kind of each of the columns ``names`` by its first rows.

    ``texts`` are texts whatever they look like. Raises DlcliError for a type that isn't a number, text or boolean,
    and for a column that is mostly numbers.
    """
    return {name: _kind(sample.get_column(name), label, name in texts, options) for name in names}


def _kind(column: pl.Series, label: str, as_text: bool, options: ReadOptions) -> Kind:
    dtype = column.dtype
    if not (_is_exact(dtype) or dtype in (pl.String, pl.Categorical, pl.Enum)):
        shown = printable(column.name)
        message = f"{label}: column '{shown}' holds values of type {printable(str(dtype))}"
        raise DlcliError(f"{message}, expected numbers, texts or booleans", options.hints.drop(column.name))
    if as_text:
        return "text"
    if dtype == pl.Boolean:
        return "boolean"
    if _is_exact(dtype):
        return "number"
    text = _as_text(column, options)
    present = text.drop_nulls()
    numbers = text.str.strip_chars().cast(pl.Float64, strict=False)
    count = len(numbers.drop_nulls())
    if count == len(present):
        return "number"
    if 2 * count >= len(present):
        bad = int((numbers.is_null() & text.is_not_null()).arg_max() or 0)
        raise bad_cell(label, column.name, bad + 1, text[bad], "number", options.hints)
    if present.str.strip_chars().str.to_lowercase().is_in(["true", "false"]).all():
        return "boolean"
    return "text"
