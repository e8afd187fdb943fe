"""The tables that a fit shows: coefficients and metrics."""

from collections.abc import Mapping

from dlcli.reports.fit_linear import ClassCoefficients, Coefficient, FitLinearReport
from dlcli.reports.summary import UNCENTERED, cell, cells, metric_rows

WIDE = 5  # classes that fit side by side in a table


def coefficient_rows(report: FitLinearReport) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the coefficient table."""
    single = {name: e for name, e in report.coefficients.items() if isinstance(e, Coefficient)}
    several = {name: e for name, e in report.coefficients.items() if isinstance(e, ClassCoefficients)}
    if several:
        return _class_rows(several)
    rows = [[name, f"{e.value:.8g}", "" if e.std_error is None else f"{e.std_error:.4g}"] for name, e in single.items()]
    return ["coefficient", "value", "std error"], rows


def _class_rows(entries: Mapping[str, ClassCoefficients]) -> tuple[list[str], list[list[str]]]:
    """Classes side by side; where they are many, below each other."""
    classes = list(next(iter(entries.values())).value)
    if len(classes) > WIDE:
        long = [[name, c, f"{e.value[c]:.6g}"] for name, e in entries.items() for c in classes]
        return ["coefficient", "class", "value"], long
    return ["coefficient", *classes], [[name, *(f"{e.value[c]:.6g}" for c in classes)] for name, e in entries.items()]


def parts(report: FitLinearReport) -> list[str]:
    """Heads of the summary table's columns; a score by which the weights were chosen is no measure of them."""
    shown = [f"{part} (selected on)" if part == "val" and report.selected_on else part for part in report.metrics]
    return [*shown, f"cv, {report.cv.folds} folds"] if report.cv else shown


def summary_rows(report: FitLinearReport) -> list[list[str]]:
    """Rows of the summary table: metrics by rows measured, then what only this fit knows."""
    columns = [cells(part) for part in report.metrics.values()]
    if report.cv:
        columns.append({name: f"{cell(m.mean)} ± {cell(m.sd)}" for name, m in report.cv.metrics.items()})
    rows = metric_rows(
        columns,
        hidden="loss" if "log_loss" in report.metrics["train"] else "",
        labels=UNCENTERED if report.r2_uncentered else None,
    )
    known = {
        "residual standard error": report.residual_sd,
        "condition number": report.condition_number,
        "largest stable learning rate": report.largest_stable_lr,
    }
    beside = [""] * (len(columns) - 1)
    return rows + [[label, cell(value), *beside] for label, value in known.items() if value is not None]
