"""The numbers of a fitted linear model: coefficients with standard errors, and metrics."""

import math

import numpy as np

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.engine.device import describe_device
from dlcli.errors import DlcliError
from dlcli.linear.curve import draw
from dlcli.linear.data.load import Loaded
from dlcli.linear.data.table_data import TableData
from dlcli.linear.model import LinearModel
from dlcli.linear.result import Fit
from dlcli.reports.document import environment
from dlcli.reports.fit_linear import ClassCoefficients, Coefficient, CrossValidation, FitLinearReport, Spread
from dlcli.reports.head import Ended, training_head
from dlcli.runs import directory
from dlcli.text import counted, printable

Coefficients = dict[str, Coefficient] | dict[str, ClassCoefficients]


def coefficient_entries(
    names: tuple[str, ...],
    classes: tuple[str, ...],
    intercept: FloatArray | None,
    coefficients: FloatArray,
    errors: FloatArray | None,
) -> Coefficients:
    """The report's ``coefficients`` by name, the intercept first.

    intercept (k,) or None, coefficients (d, k), errors (1 + d, k) or None. With k > 1 outputs each entry holds one
    value for each class, by name.
    """
    labels = [*(["intercept"] if intercept is not None else []), *distinct(names)]
    rows = coefficients if intercept is None else np.vstack([intercept, coefficients])
    if errors is None:
        errors = np.full((1 + len(coefficients), rows.shape[1]), np.nan)
    pairs = list(zip(labels, rows.tolist(), errors[len(rows) == len(coefficients) :].tolist(), strict=True))
    if rows.shape[1] == 1:
        return {name: Coefficient(value=value, std_error=_known(error)) for name, (value,), (error,) in pairs}
    return {
        name: ClassCoefficients(
            value=dict(zip(classes, values, strict=True)),
            std_error=dict(zip(classes, map(_known, std_errors), strict=True)),
        )
        for name, values, std_errors in pairs
    }


def _known(error: float) -> float | None:
    return error if math.isfinite(error) else None


def distinct(names: tuple[str, ...]) -> list[str]:
    """The names of columns, each once: one may be called as the intercept, or as the level of a text (``g=b``)."""
    every, taken = list(names), {"intercept"}
    for i, name in enumerate(every):
        number = 1
        while every[i] in taken:
            number += 1
            every[i] = f"{name} (column)" if number == 2 else f"{name} (column {number})"
        taken.add(every[i])
    return every


def _standard_deviation(values: list[float]) -> float:
    """Standard deviation of a metric over folds; nan of folds that diverged."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.std(values, ddof=1))


def make_report(
    loaded: Loaded, result: Fit, folds: list[dict[str, float]] | None, run: directory.RunDirectory, seconds: float
) -> FitLinearReport:
    """The document of report.json."""
    data, plan = loaded.data, loaded.plan
    target, intercept = data.schema.target, plan.columns.intercept
    assert target is not None
    coefficients, errors = expanded(data, loaded.keep, result)
    last = result.trace.last
    ended = Ended(last.step, last.status, last.reason, last.signum)
    return FitLinearReport(
        **training_head(run.path, describe_device(loaded.device), plan.batches.seed, seconds, ended),
        command="fit-linear",
        kept_step=result.trace.kept.step,
        selected_on="val.loss" if plan.stops_early else None,
        std_error_reason=result.verdict.no_errors or None,
        loss="mse" if result.model.kind == "mse" else "cross-entropy",
        optimizer=result.trace.optimizer,
        lr=result.trace.lr,
        target=target.name,
        rows=data.rows,
        metrics=result.metrics,
        coefficients=coefficient_entries(
            data.schema.encoded_names,
            target.levels,
            result.model.intercept if intercept else None,
            coefficients,
            errors,
        ),
        residual_sd=result.residual_sd,
        r2=result.metrics["train"].get("r2"),
        r2_uncentered=result.model.kind == "mse" and not intercept,
        condition_number=result.condition_number,
        aliased=list(result.aliased),
        largest_stable_lr=result.trace.stable,
        environment=environment(loaded.device),
        classes=list(target.levels) or None,
        columns=list(loaded.columns) or None,
        decisions=list(loaded.decisions) or None,
        cv=_cross_validation(folds) if folds else None,
    )


def _cross_validation(folds: list[dict[str, float]]) -> CrossValidation:
    """Each metric over the folds."""
    each = {name: [fold[name] for fold in folds] for name in folds[0]}
    return CrossValidation(
        folds=len(folds),
        metrics={
            name: Spread(mean=float(np.mean(values)), sd=_standard_deviation(values), each=values)
            for name, values in each.items()
        },
    )


def save(
    config: FitLinearConfig, loaded: Loaded, result: Fit, report: FitLinearReport, run: directory.RunDirectory
) -> None:
    """Write config, model and report. A diverged run gets no model."""
    data = loaded.data
    run.write(directory.CONFIG, config.to_toml(run.path))
    if result.trace.last.status != "diverged":
        settings = {
            "missing": config.missing,
            "intercept": config.intercept,
            "missing_value": list(config.missing_value),
        }
        coefficients, _ = expanded(data, loaded.keep, result)
        fill = data.fill if data.exponents is None else np.ldexp(data.fill, data.exponents)
        model = LinearModel(
            result.model.kind, coefficients, result.model.intercept, fill, data.schema.to_json(), settings
        )
        run.write(directory.MODEL, model.to_bytes())
    run.write(directory.REPORT, report.to_json() + "\n")


def draw_charts(config: FitLinearConfig, result: Fit, report: FitLinearReport, run: directory.RunDirectory) -> None:
    """Write the chart of the loss curve, unless none is wanted."""
    if config.plots == "none" or result.curve is None:
        return
    title = f"{report.target}: {report.status} after {counted(report.steps, 'step')} ({report.reason})"
    saved = None if report.status == "diverged" else result.trace.kept.step
    chart = draw(result.curve, title=title, mse=result.model.kind == "mse", saved=saved, format=config.plots)
    run.write_chart("loss", config.plots, chart.to_bytes())


def expanded(data: "TableData", keep: IntArray, result: "Fit") -> tuple[FloatArray, FloatArray | None]:
    """Coefficients (d, k) and standard errors (1 + d, k) of all columns; 0 and nan for those left out."""
    d, k = len(data.schema.encoded_names), result.model.slopes.shape[1]
    coefficients = np.zeros((d, k))
    coefficients[keep] = result.model.slopes
    units = -data.exponents[:, None] if data.exponents is not None else 0
    with np.errstate(over="ignore"):
        coefficients = np.ldexp(coefficients, units)
    if (
        result.trace.last.status != "diverged"
        and (beyond := np.flatnonzero(~np.isfinite(coefficients).all(axis=1))).size
    ):
        name = printable(data.schema.encoded_names[beyond[0]])
        raise DlcliError(f"the coefficient of {name!r} is beyond float64", "multiply the column by a power of ten")
    if result.verdict.std_errors is None:
        return coefficients, None
    errors = np.full((1 + d, k), np.nan)
    errors[0], errors[1 + keep] = result.verdict.std_errors[0], result.verdict.std_errors[1:]
    errors[1:] = np.ldexp(errors[1:], units)
    return coefficients, errors
