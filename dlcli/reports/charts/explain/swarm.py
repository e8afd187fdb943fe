"""SHAP values of many rows: a swarm of points for each column, colored by its value."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_hex

from dlcli.reports.charts.explain.layout import height_of, name_rows, place_rows
from dlcli.reports.charts.figure import COLORS, GRAY, Chart, ChartFormat, clamped, key, set_range, styled
from dlcli.reports.charts.models.panels import RASTER, Floats

MOST_ROWS = 20
BINS, HALF = 80, 0.4  # places across, and how far a swarm reaches up and down
SHADES = LinearSegmentedColormap.from_list("low to high", [COLORS[5], COLORS[0], "#7a4a8c", COLORS[1]])


@dataclass(frozen=True, eq=False)
class Swarm:
    """A column: SHAP values (n,) of rows, and ``shade`` (n,), 0 for its lowest value to 1; None where it has none."""

    name: str
    values: Floats
    shade: Floats | None = None


@styled()
def swarm_chart(swarms: Sequence[Swarm], *, title: str, unit: str, format: ChartFormat = "png") -> Chart:
    """The first 20 columns; ``unit`` is what the values are."""
    swarms = swarms[:MOST_ROWS]
    names = [one.name for one in swarms]
    shaded = any(one.shade is not None for one in swarms)
    chart = Chart(format, [title, unit, *names], (8.0, height_of(len(swarms), 1.4)))
    axes = chart.figure.subplots()
    width = name_rows(chart, axes, names)
    axes.axvline(0, color=GRAY, lw=1)
    values = [clamped(one.values) for one in swarms]
    low = min((float(v.min(initial=0)) for v in values), default=0.0)
    high = max((float(v.max(initial=0)) for v in values), default=1.0)
    set_range(axes.xaxis, low, high, log=False)
    for place, (one, across) in enumerate(zip(swarms, values, strict=True)):
        shades = GRAY if one.shade is None else SHADES(np.nan_to_num(one.shade, nan=0.5))
        axes.scatter(
            across, place + swarmed(across, high - low), s=7, c=shades, alpha=0.75, lw=0,
            rasterized=len(across) > RASTER,
        )  # fmt: skip
    axes.set_xlabel(unit)
    entries = (
        [(key("o", to_hex(SHADES(0.0))), "low value"), (key("o", to_hex(SHADES(1.0))), "high value")] if shaded else []
    )
    if any(one.shade is None for one in swarms):
        entries.append((key("o", GRAY), "no order: levels, or several terms"))
    chart.head(title, entries)
    place_rows(chart, [axes], width)
    return chart


def swarmed(values: Floats, span: float) -> Floats:
    """How far up or down each of the values (n,) is drawn, so that a swarm is as thick as it has points."""
    if not len(values):
        return np.zeros(0)
    low = float(values.min())
    bins = np.minimum(((values - low) / (span or 1.0) * BINS).astype(np.int64), BINS)
    order = np.argsort(bins, kind="stable")
    counts = np.bincount(bins)
    rank = np.empty(len(values))
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    rank[order] = np.arange(len(values)) - starts[bins[order]]
    # Alternately above and below the middle.
    step = np.where(rank % 2, (rank + 1) / 2, -rank / 2)
    most = max(float(counts.max()) / 2, 6.0)
    return np.asarray(step / most * HALF)
