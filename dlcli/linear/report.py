"""The numbers of a fitted linear model: coefficients with standard errors, and metrics."""

import math

import numpy as np

from dlcli import __version__
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.engine.device import describe_device
from dlcli.errors import DlcliError
from dlcli.linear.curve import draw
from dlcli.linear.data.table_data import TableData
from dlcli.linear.fit import Fit
from dlcli.linear.model import LinearModel
from dlcli.reports.document import environment
from dlcli.reports.fit_linear import ClassCoefficients, Coefficient, CrossValidation, FitLinearReport, Spread
from dlcli.runs import directory
from dlcli.text import printable

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
    every = list(names)
    taken = {"intercept"}
    for i, name in enumerate(every):
        number = 1
        while every[i] in taken or every[i] in every[:i]:
            number += 1
            every[i] = f"{name} (column)" if number == 2 else f"{name} (column {number})"
    return every


def _standard_deviation(values: list[float]) -> float:
    """Standard deviation of a metric over folds; nan of folds that diverged."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.std(values, ddof=1))


def make_report(
    config: FitLinearConfig,
    data: TableData,
    keep: np.ndarray,
    result: Fit,
    folds: list[dict[str, float]] | None,
    run: directory.RunDirectory,
    device: str,
    seconds: float,
) -> FitLinearReport:
    """The document of report.json."""
    target = data.schema.target
    assert target is not None
    coefficients, errors = expanded(data, keep, result)
    return FitLinearReport(
        dlcli=__version__,
        command="fit-linear",
        run=str(run.path),
        device=describe_device(device),
        seed=config.seed,
        seconds=seconds,
        steps=result.last.step,
        status=result.last.status,
        reason=result.last.reason,
        signal=result.last.signum or None,
        kept_step=result.kept.step,
        selected_on="val.loss" if config.early_stop else None,
        std_error_reason=result.no_errors or None,
        loss="mse" if result.kind == "mse" else "cross-entropy",
        optimizer=result.optimizer,
        lr=result.lr,
        target=target.name,
        rows=data.rows,
        metrics=result.metrics,
        coefficients=coefficient_entries(
            data.schema.encoded_names,
            target.levels,
            result.intercept if config.intercept else None,
            coefficients,
            errors,
        ),
        residual_sd=result.residual_sd,
        r2=result.metrics["train"].get("r2"),
        r2_uncentered=result.kind == "mse" and not config.intercept,
        condition_number=result.condition_number,
        aliased=list(result.aliased),
        largest_stable_lr=result.largest_stable_lr,
        environment=environment(device),
        classes=list(target.levels) or None,
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
    config: FitLinearConfig,
    data: TableData,
    keep: np.ndarray,
    result: Fit,
    report: FitLinearReport,
    run: directory.RunDirectory,
) -> None:
    """Write config, model and report. A diverged run gets no model."""
    run.write(directory.CONFIG, config.to_toml())
    if result.last.status != "diverged":
        settings = {
            "missing": config.missing,
            "intercept": config.intercept,
            "missing_value": list(config.missing_value),
        }
        coefficients, _ = expanded(data, keep, result)
        fill = data.fill if data.exponents is None else np.ldexp(data.fill, data.exponents)
        model = LinearModel(result.kind, coefficients, result.intercept, fill, data.schema.to_json(), settings)
        run.write(directory.MODEL, model.to_bytes())
    run.write(directory.REPORT, report.to_json() + "\n")


def draw_charts(config: FitLinearConfig, result: Fit, report: FitLinearReport, run: directory.RunDirectory) -> None:
    """Write the chart of the loss curve, unless none is wanted."""
    if config.plots == "none" or result.curve is None:
        return
    steps = "1 step" if report.steps == 1 else f"{report.steps:,} steps"
    title = f"{report.target}: {report.status} after {steps} ({report.reason})"
    saved = None if report.status == "diverged" else result.kept.step
    chart = draw(result.curve, title=title, mse=result.kind == "mse", saved=saved, format=config.plots)
    run.write_chart("loss", config.plots, chart.to_bytes())


def expanded(data: "TableData", keep: IntArray, result: "Fit") -> tuple[FloatArray, FloatArray | None]:
    """Coefficients (d, k) and standard errors (1 + d, k) of all columns; 0 and nan for those left out."""
    d, k = len(data.schema.encoded_names), result.coefficients.shape[1]
    coefficients = np.zeros((d, k))
    coefficients[keep] = result.coefficients
    units = -data.exponents[:, None] if data.exponents is not None else 0
    with np.errstate(over="ignore"):
        coefficients = np.ldexp(coefficients, units)
    if result.last.status != "diverged" and (beyond := np.flatnonzero(~np.isfinite(coefficients).all(axis=1))).size:
        name = printable(data.schema.encoded_names[beyond[0]])
        raise DlcliError(f"the coefficient of {name!r} is beyond float64", "multiply the column by a power of ten")
    if result.std_errors is None:
        return coefficients, None
    errors = np.full((1 + d, k), np.nan)
    errors[0], errors[1 + keep] = result.std_errors[0], result.std_errors[1:]
    errors[1:] = np.ldexp(errors[1:], units)
    return coefficients, errors
