"""``dlcli eval`` of a linear model, in one pass over a table."""

import time
from collections.abc import Iterable

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.linear.data.held_out import HeldOutRows, check_unchanged, rows_without_data
from dlcli.linear.data.table_data import ChunkSource
from dlcli.linear.metrics import RowSums, class_metrics, metric_names, regression_metrics
from dlcli.linear.model import LinearModel
from dlcli.linear.objectives.moments import Moments
from dlcli.linear.saved import AppliedSettings, chunks_of, load_run, open_data
from dlcli.reports.checks import outcomes, parse_checks
from dlcli.reports.document import environment
from dlcli.reports.evaluate import TableEvalReport
from dlcli.reports.head import evaluation_head
from dlcli.reports.measured_on import MeasuredOn
from dlcli.tables.table import Chunk
from dlcli.text import counted, printable

LARGEST = 1e150  # squares of larger numbers may overflow
UNCENTERED = {"r2": "uncentered: the model has no intercept; r2_centered is against the mean"}


def evaluate_linear(settings: AppliedSettings, conditions: tuple[str, ...], progress: Progress) -> TableEvalReport:
    """Measure a linear model on the rows of a table, or on those held out in training.

    ``conditions`` are checks such as "r2>=0.9". Raises DlcliError for data that don't fit the model.
    """
    start = time.monotonic()
    model, schema, trained = load_run(settings.run)
    uncentered = model.kind == "mse" and not model.settings.get("intercept", True)
    checks = parse_checks(conditions, metric_names(model.kind, centered=not uncentered))
    table = open_data(settings, model, schema, trained, progress, need_target=True)
    measured: ChunkSource | HeldOutRows = table
    on = MeasuredOn(paths=settings.data, part="given")
    if not settings.data:
        if settings.missing not in (None, trained.missing):
            raise DlcliError(
                f"--missing {settings.missing} without DATA: training had --missing {trained.missing}, "
                "and other rows so",
                "leave it out, or give DATA",
            )
        measured, on = rows_without_data(table, trained, settings.run, progress, classes=model.kind != "mse")
    chunks = chunks_of(table, schema, progress) if measured is table else measured.chunks()
    if model.kind == "mse":
        metrics, rows = _regression(model, chunks)
    else:
        metrics, rows = _classes(model, chunks)
    for text in table.warnings:
        progress.warn(text)
    if table.dropped:
        progress.note(f"dropped {counted(table.dropped, 'row')} with missing values; {rows:,} are left")
    if on.part == "held out":
        check_unchanged(settings.run, metrics, lambda: _rounding(model, measured), progress)
    return TableEvalReport(
        **evaluation_head(settings.run, "cpu", trained.seed, start),
        command="eval",
        data=on,
        rows=rows,
        target=printable(schema.target.name) if schema.target else None,
        metrics={"test": metrics},
        checks=outcomes(checks, metrics, UNCENTERED if uncentered else None),
        r2_uncentered=uncentered,
        environment=environment("cpu"),
    )


def _regression(model: LinearModel, chunks: Iterable[Chunk]) -> tuple[dict[str, float], int]:
    """Metrics from the running moments of (y, residual), and from sums over rows."""
    moments, sums = Moments.empty(2), RowSums()
    for chunk in chunks:
        with np.errstate(over="ignore", invalid="ignore"):  # refused below
            residual = chunk.y - model.linear(chunk.X)[:, 0]
            sums.add(chunk.y, residual)
            moments = moments.merged(Moments.of(np.column_stack([chunk.y, residual])))
    n = _rows(moments.count)
    if not np.isfinite(moments.scatter).all() or np.abs(moments.mean).max() > LARGEST:
        raise DlcliError(
            "the rows hold values so large that the squared errors exceed float64",
            "fix or leave out the rows",
        )
    mean_square = float(moments.scatter[1, 1]) / n + float(moments.mean[1]) ** 2
    centered = bool(model.settings.get("intercept", True))
    return regression_metrics(moments, mean_square, centered, sums.means(n)), n


def _rounding(model: LinearModel, table: ChunkSource | HeldOutRows) -> float:
    """By how much residuals may be off: some units in the last place of what they are differences of; 0 for classes."""
    if model.kind != "mse":
        return 0.0
    largest = 0.0
    for chunk in table.chunks():
        terms = np.abs(chunk.y) + np.nan_to_num(np.abs(chunk.X)) @ np.abs(model.coefficients[:, 0])
        largest = max(largest, float(terms.max(initial=0.0)))
    return 8 * float(np.finfo(np.float64).eps) * largest


def _classes(model: LinearModel, chunks: Iterable[Chunk]) -> tuple[dict[str, float], int]:
    scores: list[FloatArray] = []
    truth: list[FloatArray] = []
    for chunk in chunks:
        scores.append(model.log_probabilities(chunk.X))
        truth.append(chunk.y)
    n = _rows(sum(map(len, truth)))
    return class_metrics(np.concatenate(scores), np.concatenate(truth)), n


def _rows(count: int) -> int:
    if count == 0:
        raise DlcliError("no rows are left to measure on", "use --missing mean")
    return count
