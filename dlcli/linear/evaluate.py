"""``dlcli eval`` of a linear model, in one pass over a table."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from dlcli.config.evaluate import EvalConfig
from dlcli.config.values.threshold import parse_threshold
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.linear.data.held_out import HeldOutRows, check_unchanged, rows_without_data
from dlcli.linear.data.table_data import ChunkSource
from dlcli.linear.evaluation.classes import (
    MAX_F1,
    ClassSums,
    MeasuredClasses,
    Threshold,
    class_eval_metrics,
)
from dlcli.linear.evaluation.deviance import DevianceSums
from dlcli.linear.evaluation.family_rows import FamilyRows
from dlcli.linear.evaluation.huber import HuberSums
from dlcli.linear.evaluation.numbers import NumberSums, number_metric_names
from dlcli.linear.evaluation.pictures import About, ClassPart, NumberPart, Write, draw_classes, draw_numbers
from dlcli.linear.evaluation.rows import NumberRows
from dlcli.linear.huber.scale import QUARTILE
from dlcli.linear.losses.families import check_targets
from dlcli.linear.losses.pinball import PinballSums
from dlcli.linear.metrics import metric_names
from dlcli.linear.model import LinearModel
from dlcli.linear.objectives.loss import (
    loss_of,
    of_classes,
    of_family,
    of_numbers_by_rows,
    of_quantile,
    quantile_of,
)
from dlcli.linear.objectives.moments import whole
from dlcli.linear.problem import sums_of_numbers
from dlcli.linear.saved import AppliedSettings, chunks_of, load_run, open_data, say_retransformed
from dlcli.reports.checks import outcomes, parse_checks
from dlcli.reports.document import environment
from dlcli.reports.evaluate import ClassesEvaluated, MeasuredClass, TableEvalReport
from dlcli.reports.head import evaluation_head
from dlcli.reports.measured_on import MeasuredOn
from dlcli.tables.table import Chunk, Schema, Table
from dlcli.text import counted, printable

AnySums = NumberSums | DevianceSums | PinballSums | HuberSums | ClassSums
UNCENTERED = {"r2": "uncentered: the model has no intercept; r2_centered is against the mean"}
SELECTED = "the threshold was selected on these very rows"


@dataclass(frozen=True)
class MeasuringSettings:
    """What is measured beside the usual: ``threshold`` as of ``ClassSums``, ``quantile`` of the pinball loss; the
    ``checks`` on it, such as "r2>=0.9"; and whether pictures are to be drawn.
    """

    threshold: Threshold
    quantile: float | None
    checks: tuple[str, ...]
    draws: bool = False

    @classmethod
    def of(cls, config: EvalConfig) -> "MeasuringSettings":
        """Those of a command."""
        threshold = None if config.threshold is None else parse_threshold(config.threshold, chosen=True)
        return cls(threshold, config.quantile, config.check, config.charts is not None)


@dataclass(frozen=True)
class Evaluated:
    """A report, and what draws its pictures, where they were asked for."""

    report: TableEvalReport
    draw: Callable[[Write], None] | None


def evaluate_linear(settings: AppliedSettings, measuring: MeasuringSettings, progress: Progress) -> Evaluated:
    """Measure a linear model on the rows of a table, or on those held out in training.

    Raises DlcliError for data that don't fit the model, and for what it can't be asked.
    """
    start = time.monotonic()
    model, schema, trained = load_run(settings.run)
    check_threshold(measuring.threshold, model, schema)
    say_retransformed(model, schema, progress)
    names, uncentered = _metric_names(model, schema, measuring)
    checks = parse_checks(measuring.checks, names)
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
        measured, on = rows_without_data(table, trained, settings.run, progress, classes=of_classes(model.kind))
    chunks = chunks_of(table, schema, progress) if measured is table else measured.chunks()
    sums = _sums(model, schema, measuring, centered=not uncentered)
    drawn = _rows_to_draw(sums) if measuring.draws else None
    rows = _add_rows(sums, drawn, model, chunks)
    found = None
    if not isinstance(sums, ClassSums):
        metrics, classes, exact = sums.metrics(), None, sums.exact
    else:
        found = sums.measured()
        metrics = {metric.name: metric.compute(found) for metric in class_eval_metrics(len(found.actual))}
        classes, exact = _of_classes(found, schema, selected=measuring.threshold == MAX_F1), found.rankings[0].exact
        _say_of_classes(found, schema, progress)
    for text in table.warnings:
        progress.warn(text)
    if table.dropped:
        progress.note(f"dropped {counted(table.dropped, 'row')} with missing values; {rows:,} are left")
    weights = _said_of_weights(table, model, settings, progress)
    if not exact:
        progress.note(f"{counted(rows, 'row')} are too many to be sorted: {_binned(model)} counted in fine bins")
    if on.part == "held out":
        trained_on = metrics if model.smearing is None else {"loss": _loss_of_logarithms(model, measured)}
        check_unchanged(settings.run, trained_on, lambda: _rounding(model, measured), progress)
    report = TableEvalReport(
        **evaluation_head(settings.run, "cpu", trained.seed, start),
        command="eval",
        data=on,
        rows=rows,
        target=printable(schema.target.name) if schema.target else None,
        weights=None if weights is None else printable(weights),
        metrics={"test": metrics},
        quantile=quantile_of(model.kind) if of_quantile(model.kind) else measuring.quantile,
        binned=None if exact else True,
        classes=classes,
        checks=outcomes(checks, metrics, _remarks(measuring, uncentered=uncentered)),
        r2_uncentered=uncentered,
        environment=environment("cpu"),
    )
    return Evaluated(report, _drawing(report, schema, drawn, found) if measuring.draws else None)


def _said_of_weights(
    table: ChunkSource, model: LinearModel, settings: AppliedSettings, progress: Progress
) -> str | None:  # fmt: skip
    """The column of the rows' weights, if there is one; what of it wasn't asked for is told."""
    if not isinstance(table, Table):
        return None
    if table.weightless:
        progress.note(f"left out {counted(table.weightless, 'row')} of weight 0")
    column, trained = table.beside.weights, model.beside.weights
    if column is not None and settings.reading.beside.weights is None:
        progress.note(f"rows are weighted by '{printable(column)}', as in training")
    elif column is None and trained is not None:
        progress.note(f"every row counts once: there is no column '{printable(trained)}', of the weights in training")
    return column


def _drawing(
    report: TableEvalReport, schema: Schema, drawn: NumberRows | FamilyRows | None, found: MeasuredClasses | None
) -> Callable[[Write], None]:  # fmt: skip
    """What draws the pictures of what was measured."""
    assert schema.target is not None
    about = About(schema.target.name, schema.target.levels)
    metrics, name = report.metrics["test"], report.data.shown
    if drawn is not None:
        part = NumberPart(name, drawn, _spread(drawn, metrics), metrics)
        return lambda write: draw_numbers([part], about, write, report.quantile if "coverage" in metrics else None)
    assert found is not None
    selected = report.classes is not None and report.classes.threshold_selected_here
    of_classes = ClassPart(name, found, selected)
    return lambda write: draw_classes([of_classes], about, write)


def _rows_to_draw(sums: AnySums) -> NumberRows | FamilyRows | None:
    if isinstance(sums, ClassSums):
        return None
    return FamilyRows(sums) if isinstance(sums, DevianceSums) else NumberRows(sums)


def _spread(drawn: NumberRows | FamilyRows, metrics: dict[str, float]) -> float:
    """That of the residuals, by these rows themselves; of families the dispersion."""
    if isinstance(drawn, FamilyRows):
        return drawn.sums.pearson / drawn.sums.rows if drawn.family.dispersed else 1.0
    return metrics["median_absolute_error"] / QUARTILE if isinstance(drawn.sums, HuberSums) else metrics["rmse"]


def check_threshold(threshold: Threshold, model: LinearModel, schema: Schema) -> None:
    """Raise DlcliError where a model has no probability of one class to compare a threshold with."""
    if threshold is None or model.kind == "logistic":
        return
    levels = schema.target.levels if schema.target else ()
    if of_classes(model.kind) and len(levels) == 2:
        return
    what = f"{len(levels)} classes" if of_classes(model.kind) else "numbers"
    raise DlcliError(f"--threshold {threshold} is for two classes, and the model predicts {what}", "leave it out")


def _metric_names(model: LinearModel, schema: Schema, measuring: MeasuringSettings) -> tuple[tuple[str, ...], bool]:
    """Names of what is measured, and whether R2 is uncentered. Raises DlcliError for a quantile of classes."""
    if of_numbers_by_rows(model.kind):
        _check_measuring(model, measuring)
        return metric_names(model.kind, centered=True), False
    if not of_classes(model.kind):
        centered = bool(model.settings.get("intercept", True))
        return number_metric_names(centered=centered, quantile=measuring.quantile), not centered
    if measuring.quantile is not None:
        raise DlcliError(
            f"--quantile {measuring.quantile} is for numbers, and the model predicts classes", "leave it out"
        )
    assert schema.target is not None
    return tuple(metric.name for metric in class_eval_metrics(len(schema.target.levels))), False


def _check_measuring(model: LinearModel, measuring: MeasuringSettings) -> None:
    """Raise DlcliError for what there isn't of a loss of the rows."""
    loss, q = loss_of(model.kind), measuring.quantile
    if q is None or (of_quantile(model.kind) and q == loss.parameter):
        return
    what = "a model by deviance predicts means, not quantiles" if of_family(model.kind) else "the model predicts none"
    if of_quantile(model.kind):
        what = f"the model predicts the quantile {loss.parameter:g}"
    raise DlcliError(f"--quantile {q}: {what}", "leave it out")


def _sums(
    model: LinearModel, schema: Schema, measuring: MeasuringSettings, *, centered: bool
) -> AnySums:  # fmt: skip
    if of_numbers_by_rows(model.kind):
        return sums_of_numbers(model.kind)
    if not of_classes(model.kind):
        return NumberSums(centered=centered, quantile=measuring.quantile)
    assert schema.target is not None
    return ClassSums(len(schema.target.levels), measuring.threshold)


def _add_rows(
    sums: AnySums,
    drawn: NumberRows | FamilyRows | None,
    model: LinearModel,
    chunks: Iterable[Chunk],
) -> int:
    """Add all rows; how many there were. Raises DlcliError where there are none."""
    rows = 0
    for chunk in chunks:
        rows += len(chunk.y)
        if isinstance(sums, DevianceSums):
            check_targets(sums.family, chunk.y)
            of_rows = (chunk.y, model.linear(chunk.X, chunk.offset)[:, 0], chunk.weights)
            if isinstance(drawn, FamilyRows):
                drawn.add(chunk.numbers, of_rows)
            else:
                sums.add(*of_rows)
        elif isinstance(sums, PinballSums | HuberSums):
            of_rows = (chunk.y, model.linear(chunk.X, chunk.offset)[:, 0], chunk.weights)
            if isinstance(drawn, NumberRows):
                drawn.add(chunk.numbers, chunk.X, of_rows)
            else:
                sums.add(*of_rows)
        elif isinstance(sums, NumberSums):
            with np.errstate(over="ignore", invalid="ignore"):  # refused later
                y = chunk.y if chunk.offset is None else chunk.y - chunk.offset  # R2 is of what the offset leaves
                predicted = model.predicted(chunk.X)
                if not isinstance(drawn, NumberRows):
                    sums.add(y, predicted, chunk.weights)
                else:
                    drawn.add(chunk.numbers, chunk.X, (y, predicted, chunk.weights))
        else:
            sums.add(model.log_probabilities(chunk.X, chunk.offset), chunk.y.astype(np.int64), chunk.weights)
    if rows == 0:
        raise DlcliError("no rows are left to measure on", "use --missing mean")
    return rows


def _of_classes(found: MeasuredClasses, schema: Schema, *, selected: bool) -> ClassesEvaluated:
    """What the report says of each class."""
    assert schema.target is not None
    names = [printable(level) for level in schema.target.levels]
    shared = found.matrix is not None
    each = [
        MeasuredClass(
            name=name,
            rows=whole(found.actual[c].item()),
            guessed=whole(found.guessed[c].item()),
            precision=float(found.precision[c]),
            recall=float(found.recall[c]),
            f1=float(found.f1[c]),
        )
        for c, name in enumerate(names)
    ]
    return ClassesEvaluated(
        positive=names[1] if found.binary else None,
        threshold=found.threshold,
        threshold_selected_here=selected,
        majority=names[int(np.argmax(found.actual))],
        per_class=each if shared else None,
        confusion=[list(map(whole, row)) for row in found.matrix.tolist()] if found.matrix is not None else None,
    )


def _say_of_classes(found: MeasuredClasses, schema: Schema, progress: Progress) -> None:
    """Say which metrics have no value, and why."""
    assert schema.target is not None
    if np.count_nonzero(found.present) == 1:
        name = printable(schema.target.levels[int(np.argmax(found.actual))])
        progress.warn(f"all rows are of the class {name}: auc, average_precision and mcc have no value")
    elif found.binary and not found.guessed[1]:
        progress.warn(f"no row is taken for {printable(schema.target.levels[1])}: precision has no value")


def _binned(model: LinearModel) -> str:
    return "auc and average_precision are of scores" if of_classes(model.kind) else "median_absolute_error is of errors"


def _remarks(measuring: MeasuringSettings, *, uncentered: bool) -> dict[str, str]:
    """What is to be said of metrics that are checked."""
    if measuring.threshold == MAX_F1:
        return {metric.name: SELECTED for metric in class_eval_metrics(2) if metric.decided}
    return UNCENTERED if uncentered else {}


def _loss_of_logarithms(model: LinearModel, table: ChunkSource | HeldOutRows) -> float:
    """The mean squared error of what such a model was trained on."""
    total, count = 0.0, 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        for chunk in table.chunks():
            weights = np.ones(len(chunk.y)) if chunk.weights is None else chunk.weights
            total += float((weights * (np.log(chunk.y) - model.linear(chunk.X)[:, 0]) ** 2).sum())
            count += float(weights.sum())
    return total / (count or 1.0)


def _rounding(model: LinearModel, table: ChunkSource | HeldOutRows) -> float:
    """By how much residuals may be off: some units in the last place of what they are differences of; 0 for classes."""
    if of_classes(model.kind):
        return 0.0
    largest = 0.0
    for chunk in table.chunks():
        terms = np.abs(chunk.y) + np.nan_to_num(np.abs(chunk.X)) @ np.abs(model.coefficients[:, 0])
        largest = max(largest, float(terms.max(initial=0.0)))
    return 8 * float(np.finfo(np.float64).eps) * largest
