"""Panels side by side, and what the pictures of rows share: points, a smooth line, rows that are named."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from dlcli.reports.charts.figure import COLORS, GRAY, INK, MARGIN, TEXT, Chart

Floats = NDArray[np.float64]
RASTER = 500  # points from which they are an image in SVG and PDF
TITLE_ROOM, NUMBER_ROOM, GAP = 0.3, 0.5, 0.22  # inches above a panel, below it, and between two
NOTE_ROOM = 0.24
SMALL, RING = TEXT - 1.5, 0.045  # points; inches from a ring's center to its edge


def place_panels(chart: Chart, grid: NDArray[np.object_], note: str = "") -> None:
    """Give the axes (rows, columns) all the room that the head, their titles and numbers leave; a ``note`` below."""
    width, height = chart.figure.get_size_inches()
    rows, columns = grid.shape
    bottom = MARGIN + (NOTE_ROOM if note else 0)
    each = (height - chart.taken - bottom) / rows
    beside = [max(chart.number_width(a.yaxis) for a in grid[:, c]) + 2.6 * TEXT / 72 for c in range(columns)]
    wide = (width - 2.5 * MARGIN - sum(beside) - GAP * (columns - 1)) / columns
    for row in range(rows):
        left = MARGIN
        for column in range(columns):
            axes = grid[row, column]
            left += beside[column]
            low = height - chart.taken - (row + 1) * each + NUMBER_ROOM
            axes.set_position((left / width, low / height, wide / width, (each - NUMBER_ROOM - TITLE_ROOM) / height))
            axes.set_ylabel(chart.name(axes.get_ylabel(), each - NUMBER_ROOM - TITLE_ROOM))
            axes.set_xlabel(chart.name(axes.get_xlabel(), wide))
            axes.yaxis.set_label_coords(-(beside[column] - 0.6 * TEXT / 72) / wide, 0.5)
            left += wide + GAP
    if note:
        chart.figure.text(
            MARGIN / width, MARGIN / height, chart.name(note, width - 2 * MARGIN, SMALL), fontsize=SMALL, color=GRAY,
            va="bottom",
        )  # fmt: skip


def titled(axes: Axes, title: str) -> None:
    """The title of a panel."""
    axes.set_title(title, loc="left", fontsize=TEXT, color=INK, pad=5)


def draw_points(axes: Axes, x: Floats, y: Floats, shade: str = COLORS[0]) -> None:
    """A point for each row, the paler the more there are."""
    alpha = float(np.clip(12 / np.sqrt(max(len(x), 1)), 0.22, 0.75))
    size = 14.0 if len(x) <= 400 else 7.0
    axes.scatter(x, y, s=size, color=shade, alpha=alpha, lw=0, rasterized=len(x) > RASTER)


def draw_smooth(axes: Axes, x: Floats, y: Floats, robust: int = 3) -> None:
    """The smooth line through points; ``robust``: rounds after which points far off the line count less."""
    axes.plot(*smooth(x, y, robust=robust), color=COLORS[1], lw=1.8)


@dataclass(frozen=True)
class Named:
    """Points that have a name beside them."""

    x: Sequence[float]
    y: Sequence[float]
    names: Sequence[str]


def draw_named(chart: Chart, axes: Axes, named: Named) -> None:
    """Rings around points, and their names where there is room: none over another or outside."""
    box = axes.get_position()
    width, height = chart.figure.get_size_inches()
    size = np.array([box.width * width, box.height * height])
    axes.plot(named.x, named.y, marker="o", ms=5.5, mfc="none", mec=INK, mew=0.8, ls="none")
    places = [
        axes.transAxes.inverted().transform(axes.transData.transform(point)) * size
        for point in zip(named.x, named.y, strict=True)
    ]
    taken = [(at - RING, at + RING) for at in places]
    for at, name in zip(places, named.names, strict=True):
        text = np.array([chart.width(name, SMALL), SMALL / 72])
        for side in (0.06, -0.06 - text[0]):
            low = at + np.array([side, -text[1] / 2])
            high = low + text
            free = all((high <= other_low).any() or (low >= other_high).any() for other_low, other_high in taken)
            if free and (low >= 0).all() and (high <= size).all():
                at_x, at_y = (low + np.array([0, text[1] / 2])) / size
                axes.text(at_x, at_y, name, fontsize=SMALL, va="center", transform=axes.transAxes)
                taken.append((low, high))
                break


def smooth(x: Floats, y: Floats, share: float = 2 / 3, robust: int = 3) -> tuple[Floats, Floats]:
    """Cleveland's lowess at up to 50 quantiles of x: local lines through the nearest ``share`` of the points.

    After each of the ``robust`` rounds but the last points far off the line count for less.
    """
    places = np.unique(np.quantile(x, np.linspace(0, 1, 50))) if len(x) else np.zeros(0)
    if len(x) < 3 or len(places) < 2:
        return places, np.full(len(places), float(y.mean()) if len(y) else 0.0)
    near = np.abs(x - places[:, None])
    reach = np.partition(near, min(max(int(share * len(x) + 1e-9), 2), len(x)) - 1, axis=1)
    reach = reach[:, [min(max(int(share * len(x) + 1e-9), 2), len(x)) - 1]]
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.where(near <= 1e-3 * reach, 0.0, near / reach)
        nearness = np.where(relative <= 0.999, (1 - relative**3) ** 3, 0.0)
    trust = np.ones(len(x))
    found = np.zeros(len(places))
    for round_ in range(robust + 1):
        found = _local_lines(places, x, y, nearness * trust)
        size = np.abs(y - np.interp(x, places, found))
        middle = float(np.median(size))
        if round_ == robust or middle <= 1e-7 * float(size.mean()):
            break
        trust = np.where(size < 6 * middle, (1 - np.minimum(size / (6 * middle), 1) ** 2) ** 2, 0.0)
    return places, found


def _local_lines(places: Floats, x: Floats, y: Floats, weights: Floats) -> Floats:
    """The values at ``places`` (m,) of weighted lines through the points (n,); weights (m, n)."""
    total = np.maximum(weights.sum(axis=1), 1e-300)
    mean_x, mean_y = weights @ x / total, weights @ y / total
    off = x - mean_x[:, None]
    spread = np.einsum("ij,ij,ij->i", weights, off, off)
    slope = np.einsum("ij,ij,j->i", weights, off, y) / np.where(spread > 0, spread, 1)
    # Where the neighbors hardly differ in x a line says nothing (as in Cleveland's program).
    steep = np.sqrt(spread / total) > 1e-3 * (x.max() - x.min())
    return np.asarray(mean_y + np.where(steep, slope * (places - mean_x), 0.0))
