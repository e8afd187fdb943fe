"""What R's plot(lm) shows: residuals by fitted value, their quantiles, their scale, and leverage; and predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from dlcli.reports.charts.figure import COLORS, GRAY, INK, TEXT, Chart, ChartFormat, set_range, styled
from dlcli.reports.charts.models.panels import (
    SMALL,
    Floats,
    Named,
    draw_named,
    draw_points,
    draw_smooth,
    place_panels,
    titled,
)
from dlcli.text import counted

COOK = (0.5, 1.0)  # distances that have a contour, as R has it


@dataclass(frozen=True, eq=False)
class OfFamily:
    """What the panels show of a family instead: residuals (m,) by what is linear, and those that are to be normal.

    ``predictor`` and ``normal`` have their names beside them; ``normal_known``: the latter are normal if the model is
    right. ``residual`` is that of the deviance, ``pearson`` what Cook's distances come from, by its standard deviation.
    """

    predictor: Floats
    predictor_name: str
    residual: Floats
    normal: Floats
    normal_name: str
    pearson: Floats
    normal_known: bool = True


@dataclass(frozen=True, eq=False)
class DrawnRows:
    """Rows by ``number`` (m,), drawn at random of ``rows``; numbers of one ``extreme`` kind are drawn in any case.

    ``standardized``: residuals by their standard deviations, with ``leverage`` by those that it leaves them.
    ``leverage`` (m,), of a model of ``rank`` coefficients; None where the rows are not those trained on.
    """

    rows: int
    number: NDArray[np.int64]
    actual: Floats
    fitted: Floats
    standardized: Floats
    leverage: Floats | None = None
    rank: int = 1
    extreme: frozenset[int] = frozenset()
    family: OfFamily | None = None

    @property
    def drawn(self) -> NDArray[np.bool_]:
        """Which of the rows were drawn at random, or are all there are."""
        if len(self.number) == self.rows:
            return np.ones(len(self.number), dtype=np.bool_)
        return ~np.isin(self.number, list(self.extreme))

    @property
    def said(self) -> str:
        """What to say of rows that are not all there are."""
        shown = int(self.drawn.sum())
        if shown == self.rows:
            return "numbers are those of the rows with the largest values"
        return (
            f"{shown:,} of {counted(self.rows, 'row')}, drawn at random, and those with the largest values of all, "
            "with their numbers"
        )

    @property
    def cook(self) -> Floats:
        """Cook's distances (m,)."""
        assert self.leverage is not None
        squares = self.drawing**2
        return np.asarray(squares * self.leverage / (np.maximum(1 - self.leverage, 1e-300) * self.rank))

    @property
    def drawing(self) -> Floats:
        """The standardized residuals that leverage goes with (m,)."""
        return self.standardized if self.family is None else self.family.pearson


@styled()
def diagnostics_chart(rows: DrawnRows, *, title: str, format: ChartFormat = "png") -> Chart:
    """Four panels; the last one is by leverage or, of rows that were not trained on, by their order in the data."""
    chart = Chart(format, [title], (9.0, 7.6))
    grid = chart.figure.subplots(2, 2)
    chart.head(title)
    large = _largest(np.abs(rows.standardized))
    own = rows.family
    fitted, residual, names = rows.fitted, rows.actual - rows.fitted, ("fitted", "residual")
    if own is not None:
        fitted, residual, names = own.predictor, own.residual, (own.predictor_name, "deviance residual")
    _draw(grid[0, 0], rows, (fitted, residual), names)
    titled(grid[0, 0], "residuals and fitted values: a level line is best")
    grid[0, 0].axhline(0, color=GRAY, lw=1, ls=":")
    x, y = _draw_quantiles(grid[0, 1], rows)
    root = np.sqrt(np.abs(rows.standardized))
    _draw(grid[1, 0], rows, (fitted, root), (names[0], "√|standardized residual|"))
    titled(grid[1, 0], "scale: a level line is an even spread")
    set_range(grid[1, 0].yaxis, 0.0, float(root.max(initial=1.0)), log=False, pad=(0.0, 0.05))
    last = large
    if rows.leverage is not None:
        kind = "standardized residual" if own is None else "standardized Pearson residual"
        _draw(grid[1, 1], rows, (rows.leverage, rows.drawing), ("leverage", kind))
        titled(grid[1, 1], "leverage, with Cook's distances")
        last = _largest(rows.cook)
        across, up = rows.leverage, rows.drawing
    else:
        up = rows.standardized
        across = rows.number.astype(np.float64)
        _draw(grid[1, 1], rows, (across, rows.standardized), ("row", "standardized residual"))
        titled(grid[1, 1], "residuals in the order of the rows")
        grid[1, 1].axhline(0, color=GRAY, lw=1, ls=":")
    place_panels(chart, grid, rows.said)
    for axes, places, (x_of, y_of) in (
        (grid[0, 0], large, (fitted, residual)),
        (grid[0, 1], large, (x, y)),
        (grid[1, 0], large, (fitted, root)),
        (grid[1, 1], last, (across, up)),
    ):
        known = [i for i in places if np.isfinite([x_of[i], y_of[i]]).all()]
        draw_named(
            chart,
            axes,
            Named([x_of[i] for i in known], [y_of[i] for i in known], [f"{rows.number[i]:,}" for i in known]),
        )
    if rows.leverage is not None:
        _draw_cook(grid[1, 1], rows.rank)
    return chart


def _largest(values: Floats, count: int = 3) -> list[int]:
    """The places of the largest values."""
    return [int(place) for place in np.argsort(-values, kind="stable")[:count]]


def _draw(axes: Axes, rows: DrawnRows, points: tuple[Floats, Floats], titles: tuple[str, str]) -> None:
    """Points, and the smooth line through those drawn at random."""
    x, y = points
    draw_points(axes, x, y)
    # Of a family's residuals the middle one says little, as of counts, of which it may be that of zeros.
    draw_smooth(axes, x[rows.drawn], y[rows.drawn], robust=3 if rows.family is None else 0)
    set_range(axes.xaxis, float(x.min()), float(x.max()), log=False)
    set_range(axes.yaxis, float(y.min()), float(y.max()), log=False)
    axes.set_xlabel(titles[0])
    axes.set_ylabel(titles[1])


def _draw_quantiles(axes: Axes, rows: DrawnRows) -> tuple[Floats, Floats]:
    """Standardized residuals against the normal distribution's quantiles; the places of all rows, nan of those not
    drawn at random, as they would bend the line.
    """
    drawn, normal_of = np.flatnonzero(rows.drawn), rows.standardized if rows.family is None else rows.family.normal
    order = drawn[np.argsort(normal_of[drawn], kind="stable")]
    n = len(order)
    share = (np.arange(1, n + 1) - (0.375 if n <= 10 else 0.5)) / (n + (0.25 if n <= 10 else 0))  # as R's ppoints
    normal = NormalDist()
    theory = np.array([normal.inv_cdf(p) for p in share])
    values = normal_of[order]
    draw_points(axes, theory, values)
    if n > 1:
        low, high = np.quantile(values, [0.25, 0.75])
        slope = (high - low) / (normal.inv_cdf(0.75) - normal.inv_cdf(0.25))
        ends = theory[[0, -1]]
        axes.plot(ends, (low + high) / 2 + slope * ends, color=COLORS[1], lw=1.6)
        set_range(axes.xaxis, float(ends[0]), float(ends[1]), log=False)
        set_range(axes.yaxis, float(values[0]), float(values[-1]), log=False)
    axes.set_xlabel("quantile of a normal distribution")
    axes.set_ylabel("standardized residual" if rows.family is None else rows.family.normal_name)
    known = rows.family is None or rows.family.normal_known
    titled(
        axes, "normal Q-Q: on the line where residuals are normal" if known else "normal Q-Q: they need not be normal"
    )
    places = np.full((2, len(rows.number)), np.nan)
    places[:, order] = theory, values
    return places[0], places[1]


def _draw_cook(axes: Axes, rank: int) -> None:
    """Contours of Cook's distance where the panel reaches them, each with its value at the right."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    h = np.linspace(max(left, 1e-4 * right), min(right, 0.9999), 200)
    shown = False
    for distance in COOK:
        edge = np.sqrt(distance * rank * (1 - h) / h)
        for sign in (1, -1):
            inside = (sign * edge >= low) & (sign * edge <= high)
            if not inside.any():
                continue
            axes.plot(h[inside], sign * edge[inside], color=INK, lw=1, ls=(0, (4, 3)))
            shown = True
            axes.annotate(
                f"{distance:g}", (h[inside][-1], sign * edge[inside][-1]), (-2, 2 if sign > 0 else -2),
                textcoords="offset points", ha="right", va="bottom" if sign > 0 else "top", fontsize=SMALL,
                color=INK, annotation_clip=True,
            )  # fmt: skip
    if not shown:
        axes.text(
            0.98, 0.02, "no row is near 0.5", fontsize=SMALL, color=GRAY, ha="right", va="bottom",
            transform=axes.transAxes,
        )  # fmt: skip
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)


@dataclass(frozen=True, eq=False)
class PredictedPart:
    """Rows of a part, and what was measured on all of them, in words."""

    name: str
    rows: DrawnRows
    measured: str


@styled()
def predicted_chart(parts: Sequence[PredictedPart], *, target: str, title: str, format: ChartFormat = "png") -> Chart:
    """Actual against predicted values, a panel for each part on the same scales; rows on the line are right."""
    size = 4.6
    chart = Chart(format, [title, target, *(part.name for part in parts)], (size * len(parts) + 0.4, size + 0.75))
    grid = chart.figure.subplots(1, len(parts), squeeze=False)
    chart.head(title)
    values = np.concatenate([side for part in parts for side in (part.rows.actual, part.rows.fitted)])
    low, high = float(values.min()), float(values.max())
    for axes, part in zip(grid[0], parts, strict=True):
        draw_points(axes, part.rows.fitted, part.rows.actual)
        set_range(axes.xaxis, low, high, log=False)
        set_range(axes.yaxis, low, high, log=False)
        ends = axes.get_xlim()
        axes.plot(ends, ends, color=COLORS[1], lw=1.6)
        axes.set_xlabel(f"predicted {target}")
        axes.set_ylabel(f"actual {target}")
        titled(axes, chart.name(f"{part.name}: {part.measured}", size - 0.9, TEXT))
    shown = [part for part in parts if len(part.rows.number) < part.rows.rows]
    note = "; ".join(
        f"{part.name}: {int(part.rows.drawn.sum()):,} of {part.rows.rows:,} rows, drawn at random" for part in shown
    )
    place_panels(chart, grid, note)
    return chart
