"""``dlcli predict`` of a linear model: a row for each row of a table."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.linear.data.table_data import ChunkSource
from dlcli.linear.evaluate import check_threshold
from dlcli.linear.evaluation.classes import decided
from dlcli.linear.inference.intervals import Intervals
from dlcli.linear.model import LinearModel
from dlcli.linear.objectives.loss import of_classes
from dlcli.linear.saved import AppliedSettings, SavedRun, chunks_of, load_run, open_data, say_retransformed
from dlcli.reports.head import prediction_head
from dlcli.reports.predict import TablePredictReport
from dlcli.tables.kept import KeptColumns
from dlcli.tables.predictions import OutputSettings, check_output, write_predictions
from dlcli.tables.table import Schema, Table

if TYPE_CHECKING:
    import polars as pl


def predict_linear(
    settings: AppliedSettings, output: OutputSettings, progress: Progress, interval: float | None = None,
    threshold: float | None = None,
) -> TablePredictReport:  # fmt: skip
    """Write one prediction for each input row, in input order; constant memory.

    Of two classes the second is predicted from a probability of ``threshold`` on; None: the more probable one.

    Columns: ``prediction``, and for classes ``probability_CLASS`` of each. Rows with missing values are filled or
    refused as in training; with ``drop`` their prediction is missing (NA in CSV), so that rows still correspond. In
    front of them stand the columns that are to be kept, behind them the ends of intervals of confidence ``interval``.
    """
    start = time.monotonic()
    check_output(output)
    saved = load_run(settings.run)
    say_retransformed(saved[0], saved[1], progress)
    made = predictions(settings, saved, Asked(interval, threshold), progress)
    count = [0]
    columns, frames = made.columns, _counted(made.frames, count)
    if settings.reading.keep:
        kept = _kept(settings, made.table, output, columns)
        for text in kept.renamed:
            progress.warn(text)
        columns, frames = kept.schema | columns, kept.beside(frames)
    write_predictions(frames, columns, output.out)
    for text in made.table.warnings:
        progress.warn(text)
    return TablePredictReport(
        **prediction_head(settings.run, output.out, start),
        command="predict",
        rows=count[0],
    )


def _counted(frames: Iterator["pl.DataFrame"], count: list[int]) -> Iterator["pl.DataFrame"]:
    for frame in frames:
        count[0] += frame.height
        yield frame


@dataclass(frozen=True)
class Asked:
    """The confidence of intervals (None: none), and the probability from which on the second of two classes is meant
    (None: the more probable one).
    """

    interval: float | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class Predictions:
    """A table and what a model makes of it: frames with a row for each of its rows, and the types of their columns."""

    table: ChunkSource
    columns: dict[str, "pl.DataType"]
    frames: Iterator["pl.DataFrame"]


def predictions(settings: AppliedSettings, saved: SavedRun, asked: Asked, progress: Progress) -> Predictions:
    """What a ``saved`` model makes of a table, read as its frames are taken.

    Raises DlcliError for what it can't be asked, and for data that don't fit it.
    """
    model, schema, trained = saved
    check_threshold(asked.threshold, model, schema)
    intervals = None if asked.interval is None else Intervals(model, schema, asked.interval, settings.run)
    missing = settings.missing or str(model.settings.get("missing", "error"))
    blank = missing == "drop"
    reading = replace(settings.reading, blanks=blank)
    read = replace(settings, missing="mean" if blank else settings.missing, reading=reading)
    table = open_data(read, model, schema, trained, progress, need_target=False)
    applied = _Applied(model, schema, intervals, asked.threshold, blank)
    return Predictions(table, _columns(model, schema, intervals), _frames(applied, table, progress))


def _kept(
    settings: AppliedSettings, table: ChunkSource, output: OutputSettings, columns: dict[str, "pl.DataType"]
) -> KeptColumns:
    """The columns to keep, checked. Raises DlcliError."""
    if not isinstance(table, Table):
        raise DlcliError("--keep: the built-in example has no columns to keep", "give DATA, or leave it out")
    kept = KeptColumns(table, settings.reading.keep, list(columns))
    if output.csv:
        kept.check_csv()
    return kept


def _columns(model: LinearModel, schema: Schema, intervals: Intervals | None) -> dict[str, "pl.DataType"]:
    import polars as pl

    ends: dict[str, pl.DataType] = {name: pl.Float64() for name in (intervals.names if intervals else ())}
    if not of_classes(model.kind):
        return {"prediction": pl.Float64(), **ends}
    assert schema.target is not None
    chances: dict[str, pl.DataType] = {f"probability_{level}": pl.Float64() for level in schema.target.levels}
    return {"prediction": pl.String(), **chances, **ends}


@dataclass(frozen=True)
class _Applied:
    """A model, how it is applied, and whether rows with missing values get no prediction (``blank``)."""

    model: LinearModel
    schema: Schema
    intervals: Intervals | None
    threshold: float | None
    blank: bool

    def columns(self, X: FloatArray, offset: FloatArray | None) -> dict[str, "pl.Series"]:
        """The predictions for rows X (n, d), with their ``offset`` (n,)."""
        import polars as pl

        if not of_classes(self.model.kind):
            columns = {"prediction": pl.Series(self.model.predicted(X, offset))}
        else:
            assert self.schema.target is not None
            levels, probabilities = self.schema.target.levels, self.model.probabilities(X, offset)
            best = decided(probabilities, self.threshold, np.argmax(probabilities, axis=1))
            columns = {"prediction": pl.Series(np.asarray(levels, dtype=object)[best], dtype=pl.String)}
            for number, level in enumerate(levels):
                columns[f"probability_{level}"] = pl.Series(probabilities[:, number])
        if self.intervals is not None:
            columns |= {name: pl.Series(ends) for name, ends in self.intervals.of(X, offset).items()}
        return columns


def _frames(applied: _Applied, table: ChunkSource, progress: Progress) -> Iterator["pl.DataFrame"]:
    import polars as pl

    names = _columns(applied.model, applied.schema, applied.intervals)
    for chunk in chunks_of(table, applied.schema, progress):
        empty = np.isnan(chunk.X).any(axis=1) if applied.blank else np.zeros(len(chunk.X), dtype=bool)
        frame = pl.DataFrame(applied.columns(chunk.X, chunk.offset), schema=names)
        if empty.any():
            frame = frame.select(
                pl.when(pl.Series(empty)).then(None).otherwise(pl.col(name)).alias(name) for name in frame.columns
            )
        yield frame
