"""The values of images as histograms, and their sizes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from numpy.typing import NDArray

from dlcli.reports.charts.figure import COLORS, INK, SIZE, Chart, ChartFormat, color, key, set_range, styled
from dlcli.reports.data import DataReport, Kind, Sizes
from dlcli.text import counted

MOST_KINDS, MOST_CHANNELS, BINS = 3, 7, 128
RGB = (COLORS[1], COLORS[2], COLORS[0])  # told apart with any kind of color blindness, and near enough to their names


@dataclass(frozen=True, eq=False)
class KindOfValues:
    """Images of one type, and values that were drawn of each: all channels of one pixel after another."""

    kind: Kind
    drawn: Sequence[NDArray[np.float32]]


@styled()
def values_chart(kinds: Sequence[KindOfValues], report: DataReport, *, format: ChartFormat = "png") -> Chart:
    """A histogram for each of up to three kinds of images, by channel, and below them how large the images are."""
    kinds = kinds[:MOST_KINDS]
    panels = len(kinds) + (report.sizes is not None)
    chart = Chart(format, (), (SIZE[0], 2.0 + 2.1 * panels))
    grid = chart.figure.subplots(panels, squeeze=False)[:, 0]
    entries: dict[str, Artist] = {}
    for axes, one in zip(grid, kinds, strict=False):
        entries |= _draw_values(axes, one)
    if report.sizes is not None:
        _draw_sizes(grid[-1], report.sizes)
    chart.head(f"{counted(report.looked_at, 'image')}: values and sizes", [(a, name) for name, a in entries.items()])
    chart.place(list(grid))
    chart.figure.subplots_adjust(hspace=0.55)
    return chart


def _draw_values(axes: Axes, one: KindOfValues) -> dict[str, Artist]:
    """Shares of the values of each channel, and what a legend names."""
    kind = one.kind
    values = np.concatenate(one.drawn).reshape(-1, kind.channels).astype(np.float64)
    values = values[np.isfinite(values).all(axis=1)]
    edges = _edges(kind)
    names = {1: ("gray",), 3: ("red", "green", "blue")}.get(
        kind.channels, tuple(f"channel {i}" for i in range(kind.channels))
    )
    entries: dict[str, Artist] = {}
    highest = 0.0
    for channel, name in enumerate(names[:MOST_CHANNELS]):
        shade = RGB[channel] if kind.channels == 3 else INK if kind.channels == 1 else color(channel)
        counts = np.histogram(np.clip(values[:, channel], edges[0], edges[-1]), edges)[0] / max(len(values), 1)
        axes.stairs(100 * counts, edges, color=shade, lw=1.4)
        highest = max(highest, 100 * float(counts.max(initial=0)))
        entries[name] = key(shade=shade, style="-")
    set_range(axes.xaxis, float(edges[0]), float(edges[-1]), log=False, pad=(0.01, 0.01))
    set_range(axes.yaxis, 0.0, highest or 1.0, log=False, pad=(0.0, 0.06))
    axes.set_xlabel(f"{kind.dtype} value, {counted(kind.images, 'image')}")
    axes.set_ylabel("% of pixels")
    return entries


def _edges(kind: Kind) -> NDArray[np.float64]:
    """Of the bins: all of 8 bits; else all values, or where a few lie far from the rest only those of 99.8%."""
    if kind.dtype == "uint8":
        return np.arange(0.0, 257.0, 2.0) - 0.5
    low, high = kind.percentiles.get("0.1", 0.0), kind.percentiles.get("99.9", 1.0)
    if high - low > 0.2 * (kind.high - kind.low):
        low, high = kind.low, kind.high
    if np.dtype(kind.dtype).kind in "iu":
        step = max(1, round((high - low) / BINS))
        return np.arange(np.floor(low), high + 1 + step, step, dtype=np.float64) - 0.5
    return np.linspace(low, high if high > low else low + 1.0, BINS + 1, dtype=np.float64)


def _draw_sizes(axes: Axes, sizes: Sizes) -> None:
    """A disk at each of the most common sizes, its area by the number of images."""
    most = max(size.images for size in sizes.most_common)
    wide, high = [size.width for size in sizes.most_common], [size.height for size in sizes.most_common]
    areas = [20 + 180 * size.images / most for size in sizes.most_common]
    axes.scatter(wide, high, s=areas, color=COLORS[0], alpha=0.6, lw=0)
    set_range(axes.xaxis, 0.0, float(max(wide)), log=False, pad=(0.0, 0.08))
    set_range(axes.yaxis, 0.0, float(max(high)), log=False, pad=(0.0, 0.25))
    axes.set_xlabel("width in pixels" + (f"; the {len(wide)} most common sizes" if sizes.distinct > len(wide) else ""))
    axes.set_ylabel("height")
