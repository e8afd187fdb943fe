"""Coefficients with their intervals, one below the other."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dlcli.reports.charts.figure import (
    COLORS,
    ELLIPSIS,
    GRAY,
    GRID,
    MARGIN,
    SIZE,
    TEXT,
    Chart,
    ChartFormat,
    color,
    key,
    set_range,
    styled,
    usable,
)

MOST_ROWS, ROW = 50, 0.2  # and inches of height for each
MOST_GROUPS = 7  # classes that have colors


@dataclass(frozen=True)
class Interval:
    """The coefficient of a column, in a model of several classes that of one ``group``; nan where there is no interval.

    The larger its ``size``, the sooner it is drawn where there are too many.
    """

    name: str
    value: float
    low: float
    high: float
    size: float
    group: str = ""


@styled()
def coefficient_chart(
    intervals: Sequence[Interval], *, title: str, unit: str, format: ChartFormat = "png"
) -> Chart:  # fmt: skip
    """A row for each coefficient, in the order of the data; of more than 50 those of the largest size.

    ``unit`` is what the values are.
    """
    groups = list(dict.fromkeys(one.group for one in intervals))
    named = len(groups) > MOST_GROUPS
    kept = _chosen(intervals)
    rows = [f"{one.name} [{one.group}]" if named else one.name for one in kept]
    chart = Chart(format, [title, *rows, *groups], (SIZE[0], 1.23 + ROW * max(len(rows), 3)))
    axes = chart.figure.subplots()
    shades = {group: COLORS[0] if named or len(groups) == 1 else color(i) for i, group in enumerate(groups)}
    axes.axvline(0, color=GRAY, lw=1, ls=":")
    for place, one in enumerate(kept):
        shade = shades[one.group]
        if math.isfinite(one.low) and math.isfinite(one.high):
            axes.plot([one.low, one.high], [place, place], color=shade, lw=1.8)
        axes.plot([one.value], [place], marker="o", ms=4.5, color=shade, ls="none")
    reach = usable([edge for one in kept for edge in (one.value, one.low, one.high)])
    set_range(axes.xaxis, min([*reach, 0.0]), max([*reach, 0.0]), log=False)
    shown = _told_apart(chart, rows, 0.4 * SIZE[0])
    first = [i for i in range(len(rows)) if named or i == 0 or rows[i] != rows[i - 1]]
    axes.set_yticks(first, [shown[i] for i in first])
    axes.set_ylim(max(len(rows), 1) - 0.4, -0.6)
    axes.tick_params(left=False)
    axes.grid(visible=False, axis="y")
    for place in first[1:] if len(groups) > 1 and not named else ():
        axes.axhline(place - 0.5, color=GRID, lw=0.8)
    less = len(intervals) - len(kept)
    more = f"; {less:,} more are smaller by their errors" if less else ""
    axes.set_xlabel(chart.name(unit, SIZE[0] - 0.4 - chart.width(more)) + more, loc="right")
    entries = [(key("o", shades[group], style="-"), group) for group in groups]
    chart.head(title, entries if len(groups) > 1 and not named else [])
    left = MARGIN + 0.1 + max(map(chart.width, shown), default=0.0)
    height = chart.figure.get_figheight()
    chart.figure.subplots_adjust(
        left / SIZE[0], (0.2 + 2.2 * TEXT / 72) / height, 1 - 2 * MARGIN / SIZE[0], 1 - (chart.taken + 0.1) / height
    )
    return chart


def _told_apart(chart: Chart, names: Sequence[str], room: float) -> list[str]:
    """Names that fit; of those that begin alike the end is shown, too."""
    cut = [chart.name(name, room) for name in names]
    shown = list(cut)
    for place, (name, start) in enumerate(zip(names, cut, strict=True)):
        if start.endswith(ELLIPSIS) and cut.count(start) > 1:
            end = chart.name(name[-(len(start) // 2) :])
            shown[place] = chart.name(name, room - chart.width(end)) + end
    return shown


def _chosen(intervals: Sequence[Interval]) -> list[Interval]:
    """Those of the largest size, in their order."""
    if len(intervals) <= MOST_ROWS:
        return list(intervals)
    sizes = np.array([one.size if math.isfinite(one.size) else -1.0 for one in intervals])
    return [intervals[i] for i in np.sort(np.argsort(-sizes, kind="stable")[:MOST_ROWS])]
