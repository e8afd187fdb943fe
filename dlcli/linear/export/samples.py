"""Rows to try an exported linear model on, and what dlcli itself makes of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.export.terms import NumberTerm, Terms, TextTerm
from dlcli.linear.model import LinearModel
from dlcli.linear.objectives.loss import of_classes
from dlcli.tables.categories import Rules
from dlcli.tables.columns import ReadOptions, Schema
from dlcli.tables.encoder import Encoder
from dlcli.tables.formats.dates import DateFormat
from dlcli.tables.planning.beside import BesideColumns
from dlcli.tables.readers.frames import Frame, Misfits, conform

if TYPE_CHECKING:
    import polars as pl

ROWS = 200
MICROSECONDS_A_DAY = 86_400_000_000
DAYS = (-3650, 25000)  # since 1970


@dataclass(frozen=True)
class Samples:
    """Raw columns, and what is expected: numbers (n, 1) or probabilities (n, classes), NaN for no prediction."""

    table: "pl.DataFrame"
    expected: FloatArray


def samples(model: LinearModel, schema: Schema, terms: Terms) -> Samples:
    """Random rows: every level, rare and missing values among them, as dlcli's own encoder takes them up."""
    import polars as pl

    draw = np.random.default_rng(0)
    columns = {term.column.name: _numbers(term, draw) for term in terms.numbers}
    columns |= {term.column.name: _texts(term, draw) for term in terms.texts}
    table = pl.DataFrame({column.name: columns[column.name] for column in schema.features})
    options = ReadOptions(missing="mean", missing_values=tuple(model.settings.get("missing_value", [])))
    frame = conform(Frame(table, "samples", 1), schema.features, options, Misfits())
    encoder = Encoder(schema.features, None, options, Rules(), BesideColumns(options.beside, ()))
    X = np.vstack([chunk.X for chunk in encoder.encode(frame)])
    expected = model.probabilities(X) if of_classes(model.kind) else model.predicted(X)[:, None]
    if terms.refuses:
        expected[np.isnan(X).any(axis=1)] = np.nan
    return Samples(table, expected)


def _numbers(term: NumberTerm, draw: np.random.Generator) -> "pl.Series":
    import polars as pl

    column, empty = term.column, draw.random(ROWS) < 0.05
    if column.kind == "boolean":
        values = pl.Series(draw.random(ROWS) < 0.5)
    elif isinstance(column.format, DateFormat):
        values = _dates(column.format, draw)
    else:
        scale = abs(float(term.fill[0])) or 1.0
        values = pl.Series(term.fill[0] + scale * draw.standard_normal(ROWS))
    return pl.select(pl.when(pl.Series(empty)).then(None).otherwise(values)).to_series()


def _dates(format: DateFormat, draw: np.random.Generator) -> "pl.Series":
    import polars as pl

    clocked = format.clock or format.form in ("time", "duration")
    days = draw.integers(*DAYS, ROWS) * MICROSECONDS_A_DAY
    clock = draw.integers(0, 1440, ROWS) * 60_000_000
    if format.form == "time":
        return pl.Series(clock * 1000).cast(pl.Time)
    if format.form == "duration":
        return pl.Series(clock).cast(pl.Duration("us"))
    return pl.Series(days + (clock if clocked else 0)).cast(pl.Datetime("us"))


def _texts(term: TextTerm, draw: np.random.Generator) -> "pl.Series":
    import polars as pl

    levels = list(term.column.levels)
    texts: list[str | None] = (
        [levels[code] for code in draw.integers(0, len(levels), ROWS)] if levels else [None] * ROWS
    )
    texts[: len(levels[:ROWS])] = levels[:ROWS]
    if term.column.pool is not None:
        texts[-3] = "a text that no row has"
    texts[-2:] = [None, None]
    return pl.Series(texts, dtype=pl.String)


def days_of(values: "pl.Series", format: DateFormat) -> FloatArray:
    """A column of dates as dlcli counts them, NaN where missing."""
    return format.parse(values).to_numpy(writable=True)
