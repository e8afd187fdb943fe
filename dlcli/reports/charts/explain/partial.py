"""Partial residuals: what a column adds to the score, beside what the rows say it should."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dlcli.reports.charts.figure import COLORS, INK, Chart, ChartFormat, clamped, key, set_range, styled
from dlcli.reports.charts.models.panels import Floats, draw_points, place_panels, smooth, titled

MOST_PANELS, ACROSS = 9, 3
TAIL = 0.5  # percent of the points at each end that the range leaves out
ROW = 2.45  # inches


@dataclass(frozen=True, eq=False)
class Partial:
    """A column's values x (n,), what it adds to the score (n,), and that with the residuals (n,)."""

    name: str
    x: Floats
    effect: Floats
    residual: Floats


@styled()
def partial_chart(
    partials: Sequence[Partial], *, title: str, unit: str, robust: bool, format: ChartFormat = "png"
) -> Chart:  # fmt: skip
    """A panel for each of the first 9 columns; ``robust``: the smooth line is hardly moved by rows far off."""
    partials = partials[:MOST_PANELS]
    columns = min(ACROSS, max(len(partials), 1))
    rows = -(-max(len(partials), 1) // columns)
    chart = Chart(format, [title, unit, *(one.name for one in partials)], (max(5.0, 2.9 * columns), 0.7 + ROW * rows))
    grid = chart.figure.subplots(rows, columns, squeeze=False)
    chart.head(
        title,
        [(key(style="-", shade=INK), "model"), (key(style="-", shade=COLORS[1]), "smooth line through the points")],
    )
    for axes, one in zip(grid.flat, partials, strict=False):
        x, y, effect = clamped(one.x), clamped(one.residual), clamped(one.effect)
        known = np.isfinite(x) & np.isfinite(y) & np.isfinite(effect)
        x, y, effect = x[known], y[known], effect[known]
        low, high = np.percentile(y, [TAIL, 100 - TAIL]) if len(y) else (0.0, 1.0)
        low, high = min(low, effect.min(initial=low)), max(high, effect.max(initial=high))
        left, right = (float(x.min()), float(x.max())) if len(x) else (0.0, 1.0)
        set_range(axes.xaxis, left, right, log=False)
        set_range(axes.yaxis, float(low), float(high), log=False)
        draw_points(axes, x, y)
        order = np.argsort(x, kind="stable")
        axes.plot(x[order], effect[order], color=INK, lw=1.4)
        axes.plot(*smooth(x, y, robust=3 if robust else 0), color=COLORS[1], lw=1.8)
        titled(axes, "")
        axes.set_xlabel(one.name)
    for number, axes in enumerate(grid.flat):
        axes.set_ylabel(unit if number % columns == 0 else "")
        axes.set_visible(number < len(partials))
    place_panels(chart, grid)
    return chart
