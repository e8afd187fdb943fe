"""Passes over the rows explained: for sums and a sample, and for the table of SHAP values."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.linear.data.held_out import HeldOutRows
from dlcli.linear.explain.found import Subject, Summed
from dlcli.linear.explain.parts import table_columns
from dlcli.linear.explain.rows import ExplainedRows
from dlcli.linear.explain.sample import Sampling, filled, most_rows
from dlcli.linear.explain.settings import LinearExplaining
from dlcli.linear.saved import chunks_of
from dlcli.runs.directory import RunDirectory
from dlcli.runs.names import CONTRIBUTIONS
from dlcli.tables.predictions import write_predictions
from dlcli.tables.table import Chunk

if TYPE_CHECKING:
    import polars as pl

MOST_CELLS = 4_000_000  # SHAP values at once


def summed(rows: ExplainedRows, subject: Subject, explaining: LinearExplaining, progress: Progress) -> Summed:
    """The first pass. Raises DlcliError where no rows are left."""
    permuted = len(table_columns(subject.contributions.parts)) * explaining.repeats
    columns, outputs = subject.model.coefficients.shape
    most = most_rows(columns, outputs, permuted if "permutation" in explaining.methods else 0)
    sampling = Sampling(most, explaining.seed)
    count, total = 0, 0.0
    sizes = np.zeros((len(subject.contributions.parts), len(subject.contributions.base)))
    chunks = rows.chunks() if isinstance(rows.source, HeldOutRows) else chunks_of(rows.source, subject.schema, progress)
    for chunk in chunks:
        X = filled(subject.model, chunk.X)
        for part in _cut(len(X), subject):
            each = np.abs(subject.contributions.of_rows(X[part]))
            own = None if chunk.weights is None else chunk.weights[part]
            sizes += each.sum(axis=0) if own is None else np.tensordot(own, each, axes=1)
        total += float(len(X)) if chunk.weights is None else float(chunk.weights.sum())
        count += len(X)
        sampling.add(chunk, X)
    if count == 0:
        raise DlcliError("no rows are left to explain", "use --missing mean")
    sample = sampling.sampled()
    return Summed(count, sizes / total, sample)


def _cut(rows: int, subject: Subject) -> Iterator[slice]:
    """Slices of rows whose SHAP values fit."""
    step = max(1, MOST_CELLS // max(len(subject.contributions.parts) * len(subject.contributions.base), 1))
    return (slice(start, start + step) for start in range(0, rows, step))


def write_table(rows: ExplainedRows, subject: Subject, folder: RunDirectory, form: str) -> str | None:
    """Write the SHAP values of each row, by another pass, as a table of the format ``form``; returns its name.

    Its columns: the row's number, its scores (with the offset), the scores at the mean, the offset if there is one, and
    the SHAP values; the scores are the sum of all that follow.
    """
    if form == "none":
        return None
    import polars as pl

    name = f"{CONTRIBUTIONS}.{form}"
    first = next(iter(rows.chunks()))
    columns = _columns(subject, offset=first.offset is not None)
    schema: dict[str, pl.DataType] = {one: pl.Float64() for one in columns} | {"row": pl.Int64()}
    write_predictions(_frames(rows, subject, schema), schema, folder.path / name)
    return name


def _columns(subject: Subject, *, offset: bool) -> list[str]:
    names = [part.name for part in subject.contributions.parts]
    taken = {"row", "score", "base", "offset"} & set(names)
    names = [f"shap {name}" if taken else name for name in names]
    beside = ["score", "base"]
    if subject.classes:
        beside = [f"{one} [{level}]" for one in beside for level in subject.classes]
        names = [f"{name} [{level}]" for name in names for level in subject.classes]
    return ["row", *beside, *(["offset"] if offset else []), *names]


def _frames(rows: ExplainedRows, subject: Subject, schema: "dict[str, pl.DataType]") -> "Iterator[pl.DataFrame]":
    import polars as pl

    for chunk in rows.chunks():
        X = filled(subject.model, chunk.X)
        for part in _cut(len(X), subject):
            values = _values(chunk, X, part, subject)
            numbers = pl.Series("row", chunk.numbers[part])
            frame = pl.DataFrame(values, schema=[name for name in schema if name != "row"])
            yield frame.insert_column(0, numbers)


def _values(chunk: Chunk, X: FloatArray, part: slice, subject: Subject) -> FloatArray:
    """Scores, base, offset and SHAP values (m, columns)."""
    of_rows = subject.contributions
    scores, each = of_rows.scores(X[part]), of_rows.of_rows(X[part])
    offset = np.zeros((len(scores), 0))
    if chunk.offset is not None:
        offset = chunk.offset[part][:, None]
        scores = scores + offset
    base = np.broadcast_to(of_rows.base, scores.shape)
    return np.hstack([scores, base, offset, each.reshape(len(each), -1)])
