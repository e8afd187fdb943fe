"""The charts of a search."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from dlcli.reports.tune_lr import SearchReport
from dlcli.runs import directory
from dlcli.search.records import Record
from dlcli.search.report import chosen
from dlcli.search.space import text_of
from dlcli.text import counted

if TYPE_CHECKING:
    from dlcli.reports.charts.figure import Chart
    from dlcli.search.plan import Search

OTHER_SERIES = 6  # lines that one chart of losses can hold
Format = Literal["png", "svg", "pdf"]


def draw_charts(search: "Search", run: directory.RunDirectory, report: SearchReport, records: Sequence[Record]) -> None:
    """Write the metric against the rate; with two or more options their importance, and parallel coordinates."""
    shown = [record for record in records if record.outcome is not None]
    format = search.output.plots
    if not shown or format == "none":
        return
    if any(axis.name == "lr" for axis in search.space.axes):
        run.write_chart("lr", format, _rates(search, shown, format).to_bytes())
    if len(search.space.axes) < 2:
        return
    from dlcli.reports.charts.study import importance_chart

    if shares := report.importances:
        chart = importance_chart(
            shares, title=f"What matters for {search.metric}", value_title="importance (PED-ANOVA)", format=format
        )
        run.write_chart("importance", format, chart.to_bytes())
    run.write_chart("parallel", format, _parallel(search, shown, format).to_bytes())


def _parallel(search: "Search", shown: Sequence[Record], format: Format) -> "Chart":
    from dlcli.reports.charts.figure import Measured
    from dlcli.reports.charts.study import ParallelColumn, TrialOrder, parallel_chart

    columns = []
    for searched in search.space.axes:
        values = [r.params[searched.name] for r in shown]
        axis = searched.holding(values)
        numbers = [float(v) for v in values] if axis.numeric else []
        chosen_wide = not axis.is_range and bool(numbers) and min(numbers) > 0 and max(numbers) >= 10 * min(numbers)
        log = axis.log or chosen_wide
        columns.append(ParallelColumn(axis.name, numbers if axis.numeric else [str(v) for v in values], log))
    choice = chosen(search, shown)
    order = TrialOrder([shown.index(record) for record in reversed(choice.order)], len(choice.tied))
    return parallel_chart(
        columns, [r.value for r in shown], title=counted(len(shown), "trial"), order=order, format=format,
        measured=Measured(str(search.metric), search.metric.larger),
    )  # fmt: skip


def _rates(search: "Search", records: Sequence[Record], format: Format) -> "Chart":
    """The metric against the rate, a line for each combination of the other options."""
    from dlcli.reports.charts.figure import Measured
    from dlcli.reports.charts.rates import RateSeries, rate_chart

    groups: dict[str, list[Record]] = {}
    others = [axis.name for axis in search.space.axes if axis.name != "lr"]
    for record in records:
        name = ", ".join(f"{n} {text_of(record.params[n])}" for n in others)
        groups.setdefault(name, []).append(record)
    if len(groups) > OTHER_SERIES:
        groups = {"": list(records)}
    metric = search.metric
    series = []
    for name, group in groups.items():
        ordered = sorted(group, key=lambda r: float(r.params["lr"]))
        spread = [r.outcome.spread if r.outcome else None for r in ordered]
        has_spread = any(s is not None for s in spread)
        series.append(
            RateSeries(
                name or ("trials" if others else ""),
                [float(r.params["lr"]) for r in ordered],
                [r.value for r in ordered],
                [r.value - (s or 0.0) for r, s in zip(ordered, spread, strict=True)] if has_spread else None,
                [r.value + (s or 0.0) for r, s in zip(ordered, spread, strict=True)] if has_spread else None,
                [r.state == "pruned" for r in ordered],
            )
        )
    choice = chosen(search, records)
    runs = f"{metric.folds} folds" if metric.folds else f"{search.configs.repeats} seeds"
    return rate_chart(
        series,
        title=f"{metric} against the learning rate",
        measured=Measured(str(metric), metric.larger, f"± standard deviation over {runs}"),
        best=[(float(r.params["lr"]), r.value) for r in [*choice.order[:1], *choice.tied]],
        # A line through points that differ in more than the rate would show nothing.
        joined=search.settings.method == "grid" and (bool(others) == (len(groups) > 1) or not others),
        format=format,
    )
