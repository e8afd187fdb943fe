"""What a fit shows: its coefficients, their tests, and the table of metrics."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dlcli.linear.inference.shown import as_a_whole, coefficient_tables
from dlcli.reports.fit_linear import FitLinearReport
from dlcli.reports.summary import UNCENTERED, cell, cells, metric_rows
from dlcli.text import counted, duration


@dataclass(frozen=True)
class ShownTable:
    """A table of texts: the first column names, the others numbers."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""


def shown(report: FitLinearReport) -> Iterator[ShownTable | str]:
    """Tables and lines, in the order in which they are shown; a fit in memory has no run, and its ``run`` is empty."""
    for title, head, rows in coefficient_tables(report):
        yield ShownTable(head, rows, title)
    if report.std_error_reason:
        yield f"no standard errors: {report.std_error_reason}"
    yield from as_a_whole(report)
    yield ""
    yield ShownTable(["", *parts(report)], summary_rows(report))
    yield ""
    kept = f"; weights of step {report.kept_step:,} kept" if report.selected_on else ""
    saved = f"; saved in {report.run}" if report.run else ""
    yield (
        f"{report.status} after {counted(report.steps, 'step')} ({report.reason}), "
        f"{duration(report.seconds)}{kept}{saved}"
    )


def parts(report: FitLinearReport) -> list[str]:
    """Heads of the summary table's columns; a score by which the weights were chosen is no measure of them."""
    shown = [f"{part} (selected on)" if part == "val" and report.selected_on else part for part in report.metrics]
    selected = " (selected on)" if report.path else ""
    return [*shown, f"cv, {report.cv.folds} folds{selected}"] if report.cv else shown


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
    beside = [""] * (len(columns) - 1)
    majority = report.summary.classes if report.summary else None
    if majority is not None:
        place = next(i for i, row in enumerate(rows) if row[0] == "accuracy")
        rows.insert(place + 1, [f"accuracy of always {majority.majority}", cell(majority.majority_accuracy), *beside])
    known = {"largest stable learning rate": report.largest_stable_lr}
    condition = cell(report.condition_number)
    if condition:
        at_least = report.summary is not None and report.summary.condition_number_at_least
        rows.append(["condition number", f"at least {condition}" if at_least else condition, *beside])
    return rows + [[label, cell(value), *beside] for label, value in known.items() if value is not None]
