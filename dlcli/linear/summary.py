"""The tables that a fit shows: coefficients and metrics."""

from typing import Any

import numpy as np

from dlcli.linear.report import UNCENTERED

WIDE = 5  # classes that fit side by side in a table


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
        ("residual_sd", "residual standard error"),
        ("condition_number", "condition number"),
        ("largest_stable_lr", "largest stable learning rate"),
    ):
        if report.get(key) is not None:
            rows.append([label, _cell(report[key]), *[""] * (width - 1)])
    return rows


def _spread(fold: dict[str, Any]) -> str:
    """Mean and standard deviation over the folds."""
    return f"{_cell(fold['mean'])} ± {_cell(fold['sd'])}"


def _cell(value: float | None) -> str:
    return "" if value is None or not np.isfinite(value) else f"{value:.6g}"
