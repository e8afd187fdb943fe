"""The numbers of a fitted linear model: coefficients with standard errors, and metrics."""

from typing import Any

import numpy as np

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.engine.device import describe_device
from dlcli.engine.progress import Report
from dlcli.errors import DlcliError
from dlcli.files import to_json
from dlcli.linear.curve import draw
from dlcli.linear.data.table_data import TableData
from dlcli.linear.fit import Fit
from dlcli.linear.model import LinearModel
from dlcli.reports.document import base_report, environment
from dlcli.runs import directory
from dlcli.text import printable

UNCENTERED = "r2 (uncentered)"  # 1 - MSE / mean of y^2, as R's lm and statsmodels have it without an intercept


def coefficient_entries(
    names: tuple[str, ...],
    classes: tuple[str, ...],
    intercept: FloatArray | None,
    coefficients: FloatArray,
    errors: FloatArray | None,
) -> dict[str, Any]:
    """The report's ``coefficients``: name -> {"value", "std_error"}, the intercept first.

    intercept (k,) or None, coefficients (d, k), errors (1 + d, k) or None. With k > 1 outputs each entry holds one
    value for each class, by name.
    """
    entries: dict[str, Any] = {}

    def put(name: str, values: FloatArray, std_errors: FloatArray | None) -> None:
        known = [None if std_errors is None or not np.isfinite(e) else float(e) for e in
                 (std_errors if std_errors is not None else values)]  # fmt: skip
        if len(values) == 1:
            entries[name] = {"value": float(values[0]), "std_error": known[0]}
        else:
            entries[name] = {
                "value": dict(zip(classes, map(float, values), strict=True)),
                "std_error": dict(zip(classes, known, strict=True)),
            }

    if intercept is not None:
        put("intercept", intercept, None if errors is None else errors[0])
    for row, name in enumerate(distinct(names)):
        put(name, coefficients[row], None if errors is None else errors[row + 1])
    return entries


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
) -> Report:
    """The document of report.json."""
    target = data.schema.target
    assert target is not None
    coefficients, errors = expanded(data, keep, result)
    report = base_report("fit-linear", str(run.path), describe_device(device), config.seed)
    report |= {
        "seconds": seconds,
        "steps": result.last.step,
        "status": result.last.status,
        "reason": result.last.reason,
        "signal": result.last.signum or None,
        "kept_step": result.kept.step,
        "selected_on": "val.loss" if config.early_stop else None,
        "std_error_reason": result.no_errors or None,
        "loss": "mse" if result.kind == "mse" else "cross-entropy",
        "optimizer": result.optimizer,
        "lr": result.lr,
        "target": target.name,
        "rows": data.rows,
        "metrics": result.metrics,
        "coefficients": coefficient_entries(
            data.schema.encoded_names,
            target.levels,
            result.intercept if config.intercept else None,
            coefficients,
            errors,
        ),
        "residual_sd": result.residual_sd,
        "r2": result.metrics["train"].get("r2"),
        "r2_uncentered": result.kind == "mse" and not config.intercept,
        "condition_number": result.condition_number,
        "aliased": list(result.aliased),
        "largest_stable_lr": result.largest_stable_lr,
        "environment": environment(device),
    }
    if target.levels:
        report["classes"] = list(target.levels)
    if folds:
        names = folds[0]
        report["cv"] = {
            "folds": len(folds),
            "metrics": {
                name: {
                    "mean": float(np.mean([f[name] for f in folds])),
                    "sd": _standard_deviation([f[name] for f in folds]),
                    "each": [f[name] for f in folds],
                }
                for name in names
            },
        }
    return report


def save(
    config: FitLinearConfig,
    data: TableData,
    keep: np.ndarray,
    result: Fit,
    report: Report,
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
    run.write(directory.REPORT, to_json(report) + "\n")


def draw_charts(config: FitLinearConfig, result: Fit, report: Report, run: directory.RunDirectory) -> None:
    """Write the chart of the loss curve, unless none is wanted."""
    if config.plots == "none" or result.curve is None:
        return
    steps = "1 step" if report["steps"] == 1 else f"{report['steps']:,} steps"
    title = f"{report['target']}: {report['status']} after {steps} ({report['reason']})"
    saved = None if report["status"] == "diverged" else result.kept.step
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
