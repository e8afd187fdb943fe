"""Rows with names beside them, as charts of columns have them."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from dlcli.reports.charts.figure import MARGIN, SIZE, TEXT, Chart

ROW = 0.28  # inches of height for each


def height_of(rows: int, more: float = 1.15) -> float:
    """Inches of a chart of so many rows."""
    return more + ROW * max(rows, 2)


def name_rows(chart: Chart, axes: Axes, names: Sequence[str]) -> float:
    """Names beside rows 0, 1, ..., the first at the top; returns the inches that they take."""
    shown = [chart.name(name, 0.35 * SIZE[0]) for name in names]
    axes.set_yticks(range(len(shown)), shown)
    axes.set_ylim(max(len(shown), 1) - 0.45, -0.55)
    axes.tick_params(left=False)
    axes.grid(visible=False, axis="y")
    return max(map(chart.width, shown), default=0.0)


def place_rows(chart: Chart, grid: Sequence[Axes], names_width: float) -> None:
    """Give axes that share rows, side by side, all the room that head, names and numbers leave."""
    width, height = chart.figure.get_size_inches()
    left, gap = MARGIN + 0.12 + names_width, 0.3
    each = (width - left - 2 * MARGIN - gap * (len(grid) - 1)) / len(grid)
    bottom = 0.2 + 2.2 * TEXT / 72
    tall = height - chart.taken - 0.1 - bottom
    for number, axes in enumerate(grid):
        start = left + number * (each + gap)
        axes.set_position((start / width, bottom / height, each / width, tall / height))
        axes.set_xlabel(chart.name(axes.get_xlabel(), each), loc="left")
