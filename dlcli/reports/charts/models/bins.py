"""What was predicted in bins of about as many rows each, beside what came: means, or the share below a quantile."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dlcli.reports.charts.figure import GRAY, Chart, ChartFormat, color, key, set_range, spans_decades, styled
from dlcli.reports.charts.models.curves import wilson
from dlcli.reports.charts.models.panels import Floats, place_panels

Z = 1.959963984540054


@dataclass(frozen=True, eq=False)
class Binned:
    """Bins of a part's rows: what was predicted on average (m,), what came, and the ends of its 95% interval."""

    name: str
    predicted: Floats
    came: Floats
    low: Floats
    high: Floats

    @classmethod
    def means(cls, name: str, sample: tuple[Floats, Floats, Floats], bins: int) -> "Binned":
        """Means of targets by their predictions; ``sample``: targets, predictions and weights (n,)."""
        found = []
        for y, predicted, weights in _bins(sample, bins):
            total = weights.sum()
            mean = weights @ y / total
            error = np.sqrt(weights @ (y - mean) ** 2 / max(total - 1, 1.0) / total)
            found.append((weights @ predicted / total, mean, mean - Z * error, mean + Z * error))
        return cls(name, *np.array(found).T)

    @classmethod
    def coverage(cls, name: str, sample: tuple[Floats, Floats, Floats], bins: int) -> "Binned":
        """Shares of targets at or below their predictions, with Wilson's intervals."""
        found = []
        for y, predicted, weights in _bins(sample, bins):
            total, below = weights.sum(), weights @ (y <= predicted)
            found.append((weights @ predicted / total, below, total))
        predicted, below, total = np.array(found).T
        return cls(name, predicted, below / total, *wilson(below, total))


def _bins(sample: tuple[Floats, Floats, Floats], bins: int) -> list[tuple[Floats, Floats, Floats]]:
    order = np.argsort(sample[1], kind="stable")
    parts = [np.array_split(values[order], min(bins, len(order))) for values in sample]
    return [rows for rows in zip(*parts, strict=True) if rows[2].sum() > 0]


@dataclass(frozen=True)
class BinnedAbout:
    """What the bins are of."""

    target: str
    title: str
    note: str
    format: ChartFormat


@styled()
def means_chart(parts: Sequence[Binned], about: BinnedAbout) -> Chart:
    """Means that came against those predicted: on the line where the model is calibrated."""
    chart = Chart(about.format, [about.title, about.target, *(part.name for part in parts)], (6.0, 6.2))
    grid = chart.figure.subplots(1, 1, squeeze=False)
    axes = grid[0, 0]
    values = np.concatenate([[*part.predicted, *part.came, *part.low, *part.high] for part in parts])
    bare = np.concatenate([[*part.predicted, *part.came] for part in parts])
    log = bool((bare > 0).all()) and spans_decades(bare.tolist())
    low, high = (float(bare.min()), float(max(bare.max(), values.max()))) if log else (
        float(values.min()), float(values.max()))  # fmt: skip
    entries = []
    for place, part in enumerate(parts):
        ends = np.maximum(part.low, low / 2) if log else part.low
        axes.vlines(part.predicted, ends, part.high, color=color(place), lw=1.4)
        axes.plot(part.predicted, part.came, color=color(place), marker="o", ms=5, lw=1.2)
        entries.append((key("o", color(place), style="-"), part.name))
    for axis in (axes.xaxis, axes.yaxis):
        set_range(axis, low, high, log=log)
    axes.plot(axes.get_xlim(), axes.get_xlim(), color=GRAY, lw=1, ls=":")
    axes.set_xlabel(f"predicted mean {about.target}")
    axes.set_ylabel(f"mean {about.target}, with 95% intervals")
    chart.head(about.title, entries)
    place_panels(chart, grid, about.note)
    return chart


@styled()
def coverage_chart(parts: Sequence[Binned], about: BinnedAbout, quantile: float) -> Chart:
    """Shares of targets at or below their quantile, by what it was predicted as; a level line at it is best."""
    chart = Chart(about.format, [about.title, about.target, *(part.name for part in parts)], (6.4, 4.6))
    grid = chart.figure.subplots(1, 1, squeeze=False)
    axes = grid[0, 0]
    axes.axhline(quantile, color=GRAY, lw=1, ls=":")
    entries = []
    for place, part in enumerate(parts):
        axes.vlines(part.predicted, part.low, part.high, color=color(place), lw=1.4)
        axes.plot(part.predicted, part.came, color=color(place), marker="o", ms=5, lw=1.2)
        entries.append((key("o", color(place), style="-"), part.name))
    every = np.concatenate([[*part.low, *part.high, quantile] for part in parts])
    places = np.concatenate([part.predicted for part in parts])
    set_range(axes.xaxis, float(places.min()), float(places.max()), log=False)
    set_range(axes.yaxis, float(every.min()), float(every.max()), log=False)
    axes.set_xlabel(f"predicted {quantile:g} quantile of {about.target}")
    axes.set_ylabel("share at or below it")
    chart.head(about.title, entries)
    place_panels(chart, grid, about.note)
    return chart
