"""A path of penalties: coefficients along it, and the cross-validated loss with its standard error."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from dlcli.reports.charts.figure import (
    COLORS,
    GRAY,
    INK,
    SIZE,
    Chart,
    ChartFormat,
    clamped,
    color,
    key,
    line_style,
    set_range,
    styled,
    usable,
)
from dlcli.reports.charts.models.panels import Floats

MOST_LINES = 12  # that have a color and a name: those that are the largest somewhere
MARKS = (INK, COLORS[1])


@dataclass(frozen=True)
class PathLine:
    """A coefficient at each penalty, (L,)."""

    name: str
    values: Floats


@dataclass(frozen=True)
class CurveOfLoss:
    """The loss at each penalty, (L,), its standard error, and the places of penalties that have a name."""

    name: str
    mean: Floats
    error: Floats
    marks: Sequence[tuple[str, int]]


@styled()
def path_chart(
    penalties: Floats, lines: Sequence[PathLine], loss: CurveOfLoss, *, title: str, unit: str,
    format: ChartFormat = "png",
) -> Chart:  # fmt: skip
    """Two panels against the penalties (L,), on a log axis: coefficients above, the loss below."""
    chart = Chart(format, [title, *(line.name for line in lines)], (SIZE[0], SIZE[1] + 1.8))
    above, below = chart.figure.subplots(2, sharex=True, height_ratios=[1.25, 1.0])
    entries = _draw_lines(above, penalties, lines)
    entries += _draw_loss(below, penalties, loss)
    for axes in (above, below):
        for (_, place), shade in zip(loss.marks, MARKS, strict=False):
            axes.axvline(penalties[place], color=shade, lw=1.2, ls=(0, (4, 2)), zorder=1.5)
    known = usable([float(value) for value in penalties], True)
    set_range(below.xaxis, min(known, default=1.0), max(known, default=10.0), log=True, pad=(0.02, 0.02))
    below.set_xlabel(f"{unit} (log scale)")
    above.set_ylabel("coefficient of a standardized column")
    below.set_ylabel(loss.name)
    chart.head(title, entries)
    chart.place([above, below])
    return chart


def _draw_lines(axes: Axes, penalties: Floats, lines: Sequence[PathLine]) -> list[tuple[Artist, str]]:
    values = [clamped(line.values) for line in lines]
    reach = np.array([np.nanmax(np.abs(value), initial=0.0) for value in values])
    named = [int(place) for place in np.argsort(-reach, kind="stable")[:MOST_LINES] if reach[place] > 0]
    entries: list[tuple[Artist, str]] = []
    axes.axhline(0, color=GRAY, lw=1, ls=":")
    for place in np.flatnonzero(reach > 0).tolist():
        if place not in named:
            axes.plot(penalties, values[place], color=GRAY, lw=0.7, alpha=0.5, zorder=1.8)
    for number, place in enumerate(named):
        (line,) = axes.plot(penalties, values[place], color=color(number), ls=line_style(number), lw=1.6)
        entries.append((line, lines[place].name))
    if (rest := int(np.count_nonzero(reach > 0)) - len(named)) > 0:
        entries.append((key("", GRAY, style="-"), f"{rest:,} more"))
    every = usable([float(v) for value in values for v in (np.nanmin(value), np.nanmax(value))])
    set_range(axes.yaxis, min([*every, 0.0]), max([*every, 0.0]), log=False)
    return entries


def _draw_loss(axes: Axes, penalties: Floats, loss: CurveOfLoss) -> list[tuple[Artist, str]]:
    mean, error = clamped(loss.mean), clamped(loss.error)
    axes.errorbar(penalties, mean, yerr=error, color=GRAY, lw=0, elinewidth=0.8, capsize=1.5, capthick=0.8, zorder=1.9)
    axes.plot(penalties, mean, color=COLORS[0], marker="o", ms=2.6, lw=1.0)
    entries: list[tuple[Artist, str]] = [(key("o", COLORS[0], style="-"), "loss, ± one standard error")]
    for (text, place), shade in zip(loss.marks, MARKS, strict=False):
        axes.plot(
            [penalties[place]], [mean[place]], marker="o", ms=8, mfc="none", mec=shade, mew=1.4, ls="none", zorder=4
        )
        entries.append((key("o", shade, hollow=True, style="--"), text))
    ends = usable([float(v) for v in np.concatenate([mean - error, mean + error])])
    set_range(axes.yaxis, min(ends, default=0.0), max(ends, default=1.0), log=False)
    return entries
