"""The numbers of a fitted linear model: coefficients with standard errors, and metrics."""

from typing import Any

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.metrics import r_squared
from dlcli.linear.objectives.moments import Moments

UNCENTERED = "r2 (uncentered)"  # 1 - MSE / mean of y^2, as R's lm and statsmodels have it without an intercept
WIDE = 5  # classes that fit side by side in a table


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


def regression_metrics(moments: Moments, mean_squared_error: float, centred: bool) -> dict[str, float]:
    """loss, rmse and r2 on the rows behind ``moments`` (y in column 0)."""
    variance = float(moments.scatter[0, 0]) / max(moments.count, 1)
    mean = float(moments.mean[0])
    metrics = {
        "loss": mean_squared_error,
        "rmse": float(np.sqrt(mean_squared_error)),
        "r2": r_squared(mean_squared_error, mean, variance, centred),
    }
    # Against predicting 0, as is usual without an intercept, R2 says little: the other goes with it.
    return metrics if centred else metrics | {"r2_centered": r_squared(mean_squared_error, mean, variance, True)}


def coefficient_rows(report: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the coefficient table."""
    entries = report["coefficients"]
    first = next(iter(entries.values()), {"value": 0.0})
    if isinstance(first["value"], dict):
        classes = list(first["value"])
        if len(classes) > WIDE:
            long = [[n, c, f"{entry['value'][c]:.6g}"] for n, entry in entries.items() for c in classes]
            return ["coefficient", "class", "value"], long
        rows = [[name, *(f"{entry['value'][c]:.6g}" for c in classes)] for name, entry in entries.items()]
        return ["coefficient", *classes], rows
    rows = [
        [name, f"{e['value']:.8g}", "" if e["std_error"] is None else f"{e['std_error']:.4g}"]
        for name, e in entries.items()
    ]
    return ["coefficient", "value", "std error"], rows


def parts(report: dict[str, Any]) -> list[str]:
    """Heads of the summary table's columns; a score by which the weights were chosen is no measure of them."""
    shown = [f"{part} (selected on)" if part == "val" and report["selected_on"] else part for part in report["metrics"]]
    return [*shown, f"cv, {report['cv']['folds']} folds"] if "cv" in report else shown


def summary_rows(report: dict[str, Any]) -> list[list[str]]:
    """Rows of the summary table: metrics by rows measured, then what only this fit knows."""
    folds = report.get("cv", {}).get("metrics", {})
    labels = {"r2": UNCENTERED} if report.get("r2_uncentered") else {}
    rows = [
        [labels.get(name, name), *(_cell(report["metrics"].get(part, {}).get(name)) for part in report["metrics"]),
         *([_spread(folds[name])] if name in folds else [""] if folds else [])]
        for name in next(iter(report["metrics"].values()))
        # For classes the loss is the log-loss: once is enough.
        if not (name == "loss" and "log_loss" in report["metrics"]["train"])
    ]  # fmt: skip
    width = len(parts(report))
    for key, label in (
        ("residual_sd", "residual sd"),
        ("condition_number", "condition number"),
        ("largest_stable_lr", "largest stable lr"),
    ):
        if report.get(key) is not None:
            rows.append([label, _cell(report[key]), *[""] * (width - 1)])
    return rows


def _spread(fold: dict[str, Any]) -> str:
    """Mean and standard deviation over the folds."""
    return f"{_cell(fold['mean'])} ± {_cell(fold['sd'])}"


def _cell(value: float | None) -> str:
    return "" if value is None or not np.isfinite(value) else f"{value:.6g}"
