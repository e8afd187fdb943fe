"""How much each column matters: mean |SHAP|, and what permuting it costs, side by side."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from dlcli.reports.charts.explain.layout import height_of, name_rows, place_rows
from dlcli.reports.charts.figure import COLORS, GRAY, Chart, ChartFormat, color, set_range, styled, usable

MOST_ROWS, MOST_GROUPS = 20, 7


@dataclass(frozen=True)
class Bar:
    """A column: its ``sizes``, one or one for each class; ``change`` with its interval, nan where it isn't known."""

    name: str
    sizes: Sequence[float]
    change: float = math.nan
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class Titles:
    """The chart's, and those of its panels; "" for a panel that isn't there."""

    chart: str
    sizes: str
    changes: str


@styled()
def importance_chart(
    bars: Sequence[Bar], titles: Titles, groups: Sequence[str] = (), format: ChartFormat = "png"
) -> Chart:  # fmt: skip
    """The first 20 columns; sizes of up to 7 classes (``groups``) in a bar of their sum."""
    bars = bars[:MOST_ROWS]
    parted = 1 < len(groups) <= MOST_GROUPS and bool(titles.sizes)
    names = [bar.name for bar in bars]
    chart = Chart(format, [titles.chart, *names, *groups], (8.0, height_of(len(bars), 1.4 if parted else 1.15)))
    panels = [one for one in (titles.sizes, titles.changes) if one]
    grid = list(chart.figure.subplots(1, len(panels), squeeze=False)[0])
    width = name_rows(chart, grid[0], names)
    if titles.sizes:
        _draw_sizes(grid[0], bars, parted=parted)
        grid[0].set_xlabel(titles.sizes)
    if titles.changes:
        _draw_changes(grid[-1], bars)
        grid[-1].set_xlabel(titles.changes)
    if len(grid) > 1:
        name_rows(chart, grid[1], names)
        grid[1].set_yticklabels([])
    keys = [(Patch(color=color(number)), name) for number, name in enumerate(groups)] if parted else []
    chart.head(titles.chart, keys)
    place_rows(chart, grid, width)
    return chart


def _draw_sizes(axes: Axes, bars: Sequence[Bar], *, parted: bool) -> None:
    longest = 0.0
    for place, bar in enumerate(bars):
        parts = [size / len(bar.sizes) for size in bar.sizes]
        start = 0.0
        for number, size in enumerate(parts if parted else [sum(parts)]):
            axes.barh(place, size, left=start, height=0.62, color=color(number) if parted else COLORS[0], lw=0)
            start += size
        longest = max(longest, start)
    set_range(axes.xaxis, 0.0, longest or 1.0, log=False, pad=(0.0, 0.04))


def _draw_changes(axes: Axes, bars: Sequence[Bar]) -> None:
    axes.axvline(0, color=GRAY, lw=1, ls=":")
    for place, bar in enumerate(bars):
        if math.isfinite(bar.low) and math.isfinite(bar.high):
            axes.plot([bar.low, bar.high], [place, place], color=COLORS[1], lw=1.8)
        if math.isfinite(bar.change):
            axes.plot([bar.change], [place], marker="o", ms=4.5, color=COLORS[1], ls="none")
    reach = usable([edge for bar in bars for edge in (bar.change, bar.low, bar.high)])
    set_range(axes.xaxis, min([*reach, 0.0]), max([*reach, 0.0]), log=False)
