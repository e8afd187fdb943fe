"""Charts of a search for the learning rate: values against it, and the range test's curves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from dlcli.reports.charts.figure import (
    GRAY,
    INK,
    MOST_NAMES,
    Chart,
    ChartFormat,
    Measured,
    clamped,
    color,
    key,
    line_style,
    number,
    set_range,
    spans_decades,
    styled,
    usable,
)

Mark = tuple[str, float]
Numbers = NDArray[np.float64]
MARK_STYLES = ("--", ":", "-.", (0, (8, 3)), (0, (1, 4)), (0, (5, 2, 1, 2, 1, 2)), (0, (12, 4)), (0, (3, 6)))
RING = 10  # points across: the ring around a trial that is tied with the best
ROOM = 0.09  # of the height of an axis: what the label of the best point takes, and the crosses


@dataclass(frozen=True)
class RateSeries:
    """Final values against learning rates, medians or means over seeds; nan where training diverged.

    ``low`` and ``high`` are the spread over seeds. A ``pruned`` trial was stopped early.
    """

    name: str
    rates: Sequence[float]
    values: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    pruned: Sequence[bool] | None = None


@dataclass(frozen=True)
class Sweep:
    """One seed of a learning-rate range test: the loss at each rate, as it was and smoothed."""

    name: str
    rates: Sequence[float]
    raw: Sequence[float]
    smoothed: Sequence[float]


@dataclass(frozen=True)
class _Trace:
    """A series in the order of its rates; nan where it diverged, and where there is no spread."""

    rates: Numbers
    values: Numbers
    low: Numbers
    high: Numbers
    pruned: NDArray[np.bool_]

    @property
    def diverged(self) -> NDArray[np.bool_]:
        return np.isnan(self.values)

    @classmethod
    def of(cls, one: RateSeries) -> "_Trace":
        rates = np.asarray(one.rates, float)
        kept = np.flatnonzero((rates > 0) & np.isfinite(rates))  # others have no logarithm, and so no place
        order = kept[np.argsort(rates[kept], kind="stable")]
        unknown = np.full(len(rates), np.nan)
        values, low, high = (clamped(unknown if v is None else v) for v in (one.values, one.low, one.high))
        low, high = (np.where((low <= high) & np.isfinite(values), edge, np.nan) for edge in (low, high))
        pruned = np.asarray(unknown == 0 if one.pruned is None else one.pruned, bool)
        return cls(rates[order], values[order], low[order], high[order], pruned[order])


@styled()
def rate_chart(
    series: Sequence[RateSeries], *, title: str, measured: Measured,
    best: Sequence[tuple[float, float]] = (), joined: bool = True, format: ChartFormat = "png",
) -> Chart:  # fmt: skip
    """A chart of values against learning rates; series are ``joined`` by lines.

    The first of the ``best`` points, each a rate and a value, has a ring and its rate; those tied with it have gray
    ones. Diverged points are crosses at the top; points so bad that they would flatten the others are triangles at the
    edge.
    """
    chart = Chart(format, [title, measured.title, *(one.name for one in series)])
    axes = chart.figure.subplots()
    traces = [_Trace.of(one) for one in series]
    values = [float(value) for trace in traces for value in trace.values]
    log = spans_decades(values)
    shown = interesting(values, log, measured.larger_is_better)
    limits = _with_spread(shown, traces, log) if shown else [1.0, 10.0]
    crosses = 0.04 if np.isfinite(values).all() else ROOM
    pad = (0.04, ROOM + crosses) if measured.larger_is_better else (ROOM, crosses)
    set_range(axes.yaxis, min(limits), max(limits), log=log, pad=pad)
    _set_rates(axes, [float(rate) for trace in traces for rate in trace.rates])
    axes.set_ylabel(chart.name(measured.title))
    if shown is None:
        axes.set_yticks([])

    entries: list[tuple[Artist, str]] = []
    marks: dict[str, Artist] = {}
    for place, (one, trace) in enumerate(zip(series, traces, strict=True)):
        shade, style = color(place), line_style(place) if joined else "none"
        if _draw_spread(axes, trace, shade):
            marks[measured.spread] = Patch(color=INK, alpha=0.2, lw=0)
        marks |= _draw_trace(axes, trace, shade, style)
        entries += [(key("o", shade, style=style), one.name)] if one.name else []
    if best and shown is not None:
        _draw_best(axes, best[0], measured.larger_is_better)
        marks |= _draw_tied(axes, best[1:])
    chart.head(title, [*_first(entries), *((artist, name) for name, artist in marks.items())])
    chart.place([axes])
    return chart


@styled()
def range_test_chart(
    sweeps: Sequence[Sweep], *, title: str, value_title: str = "loss", marks: Sequence[Mark] = (),
    format: ChartFormat = "png",
) -> Chart:  # fmt: skip
    """The curves of a learning-rate range test: raw losses thin and pale, smoothed ones thick; ``marks`` are rates.

    Losses that explode leave the chart at the top; a cross there says where they stopped being finite.
    """
    chart = Chart(format, [title, value_title, *(sweep.name for sweep in sweeps), *(name for name, _ in marks)])
    axes = chart.figure.subplots()
    raw = [_Trace.of(RateSeries("", sweep.rates, sweep.raw)) for sweep in sweeps]
    smoothed = [_Trace.of(RateSeries("", sweep.rates, sweep.smoothed)) for sweep in sweeps]
    log = spans_decades([float(value) for trace in smoothed for value in trace.values])
    limits = _sweep_range(raw, smoothed, log) or [1.0, 10.0]
    lost = any(trace.diverged.any() for trace in raw)
    set_range(axes.yaxis, min(limits), max(limits), log=log, pad=(0.04, ROOM if lost else 0.04))
    _set_rates(axes, [float(rate) for trace in raw for rate in trace.rates], marks)
    axes.set_ylabel(chart.name(value_title))
    entries: list[tuple[Artist, str]] = []
    for place, (sweep, thin, thick) in enumerate(zip(sweeps, raw, smoothed, strict=True)):
        shade, style = color(place), line_style(place)
        axes.plot(thin.rates, thin.values, color=shade, lw=0.9, alpha=0.45)
        axes.plot(thick.rates, thick.values, color=shade, lw=2.0, ls=style)
        _at_edge(axes, thin.rates[thin.diverged][:1], 0.96, "x", shade)
        entries.append((key(shade=shade, style=style), sweep.name))
    before = key(shade=GRAY, style="-")
    before.set_linewidth(0.9)
    states: list[tuple[Artist, str]] = [(before, "before smoothing"), (key("x"), "not a finite number")]
    chart.head(title, [*_first(entries), *states[: 2 if lost else 1], *_draw_marks(axes, marks)])
    chart.place([axes])
    return chart


def interesting(values: Sequence[float], log: bool, larger_is_better: bool = False) -> tuple[float, float] | None:
    """The range of ``values`` that a chart should show: all but those so bad that they would flatten the better half.

    None where there is nothing to show.
    """
    kept = sorted(usable(values, log), reverse=larger_is_better)
    if not kept:
        return None
    scaled = [math.log10(v) if log else v for v in kept]
    away = [abs(v - scaled[0]) for v in scaled]
    middle = away[(len(away) - 1) // 2]
    limit = max(4 * middle, 3.0 if log else 0.0) if middle > 0 else math.inf
    shown = [v for v, distance in zip(kept, away, strict=True) if distance <= limit]
    return min(shown), max(shown)


def _set_rates(axes: Axes, rates: Sequence[float], marks: Sequence[Mark] = ()) -> None:
    """The axis of all ``rates``, and of those marks that aren't so far off that they would squeeze them."""
    marked = usable([rate for _, rate in marks], True)
    known = usable(rates, True) or marked or [1e-3, 1.0]
    low, high = math.log10(min(known)), math.log10(max(known))
    reach = max(high - low, 1)
    near = [rate for rate in marked if low - reach <= math.log10(rate) <= high + reach]
    set_range(axes.xaxis, min([*known, *near]), max([*known, *near]), log=True)
    axes.set_xlabel("learning rate")


def _first(entries: list[tuple[Artist, str]]) -> list[tuple[Artist, str]]:
    """As many as a legend holds, and how many more there are."""
    more = len(entries) - MOST_NAMES
    return entries if more <= 0 else [*entries[:MOST_NAMES], (key(), f"+{more} more")]


def _with_spread(shown: tuple[float, float], traces: Sequence[_Trace], log: bool) -> list[float]:
    """The range ``shown``, widened for spreads over seeds; by its own length at most, or they would flatten it."""
    low, high = shown
    inside = [(t, ~t.pruned & (low <= t.values) & (t.values <= high)) for t in traces]
    edges = usable([float(v) for t, kept in inside for edge in (t.low, t.high) for v in edge[kept]], log)
    if high == low:
        return [low, high, *edges]
    limits = (low * (low / high), high * (high / low)) if log else (low - (high - low), high + (high - low))
    return [low, high, *(min(max(edge, limits[0]), limits[1]) for edge in edges)]


def _draw_spread(axes: Axes, trace: _Trace, shade: str) -> bool:
    """Bands over points that have a spread, and a bar at each; whether there was any."""
    kept = ~trace.pruned
    rates, low, high = trace.rates[kept], trace.low[kept], trace.high[kept]
    if not np.isfinite(low).any():
        return False
    axes.fill_between(rates, low, high, color=shade, alpha=0.2, lw=0)
    axes.vlines(rates, low, high, color=shade, alpha=0.35, lw=1)
    return True


def _draw_trace(axes: Axes, trace: _Trace, shade: str, style: str) -> dict[str, Artist]:
    """Lines and points; those off the scale are triangles at its end. The marks that a legend explains."""
    marks: dict[str, Artist] = {}
    bottom, top = axes.get_ylim()
    axes.plot(trace.rates[~trace.pruned], trace.values[~trace.pruned], color=shade, ls=style)
    size = 5.0 if len(trace.rates) <= 40 else 3.5
    inside = (bottom <= trace.values) & (trace.values <= top)
    for face, name, kept in (
        (shade, "", inside & ~trace.pruned), ("white", "pruned", inside & trace.pruned),
    ):  # fmt: skip
        axes.plot(trace.rates[kept], trace.values[kept], "o", color=shade, mfc=face, ms=size, zorder=3)
        marks |= {name: key("o", hollow=True)} if name and kept.any() else {}
    for height, marker, name, kept in (
        (0.985, "^", "off the scale", trace.values > top), (0.015, "v", "off the scale", trace.values < bottom),
        (0.96, "x", "diverged", trace.diverged),
    ):  # fmt: skip
        _at_edge(axes, trace.rates[kept], height, marker, shade)
        marks |= {name: key(marker)} if kept.any() else {}
    return marks


def _at_edge(axes: Axes, rates: Numbers, height: float, marker: str, shade: str) -> None:
    """Marks at a share of the axis' height. Series whose marks would cover one another stand a little apart."""
    taken = sum(line.get_gid() == marker for line in axes.lines)
    step = -0.022 if height > 0.5 else 0.022
    if len(rates):
        # Not by plot, which would look for limits of the values in what are shares of the height.
        axes.add_artist(Line2D(
            rates, np.full(len(rates), height + step * (taken % 3)), marker=marker, color=shade, ls="none", ms=6,
            mew=1.6, transform=axes.get_xaxis_transform(), gid=marker, zorder=3,
        ))  # fmt: skip


def _draw_best(axes: Axes, best: tuple[float, float], larger_is_better: bool) -> None:
    """A ring around the best point, and its rate."""
    low, high = axes.get_ylim()
    rate, value = best[0], min(max(best[1], low), high)
    axes.plot([rate], [value], "o", ms=11, mfc="none", mec=INK, mew=1.4, zorder=4)
    left, right = (math.log10(edge) for edge in axes.get_xlim())
    share = (math.log10(rate) - left) / (right - left)
    align = "left" if share < 0.1 else "right" if share > 0.9 else "center"
    axes.annotate(
        f"best: {number(rate, 4)}", (rate, value), (0, 9 if larger_is_better else -9), textcoords="offset points",
        ha=align, va="bottom" if larger_is_better else "top", zorder=5,
        bbox={"fc": "white", "ec": "none", "alpha": 0.8, "pad": 1},
    )  # fmt: skip


def _draw_tied(axes: Axes, tied: Sequence[tuple[float, float]]) -> dict[str, Artist]:
    """Gray rings around the points that are no worse than the best, and what a legend says of them."""
    if not tied:
        return {}
    low, high = axes.get_ylim()
    rates, values = zip(*((rate, min(max(value, low), high)) for rate, value in tied), strict=True)
    axes.plot(rates, values, "o", ms=RING, mfc="none", mec=GRAY, mew=1.2, zorder=3.5)
    ring = key("o", GRAY)
    ring.set(markersize=RING, markerfacecolor="none", markeredgewidth=1.2)
    return {"tied with the best": ring}


def _draw_marks(axes: Axes, marks: Sequence[Mark]) -> list[tuple[Artist, str]]:
    """A line at each rate, told apart by its dashes, and what a legend says of it."""
    entries: list[tuple[Artist, str]] = []
    left, right = axes.get_xlim()
    known = sorted((mark for mark in marks if usable([mark[1]], True)), key=lambda mark: mark[1])
    for place, (name, rate) in enumerate(known[:MOST_NAMES]):
        text = f"{name}: {number(rate, 3)}"
        if left <= rate <= right:
            dashes = MARK_STYLES[place % len(MARK_STYLES)]
            entries.append((axes.axvline(rate, color=INK, lw=1.2, ls=dashes, zorder=2.5), text))
        else:
            entries.append((key("<" if rate < left else ">"), f"{text} (outside)"))
    return entries


def _sweep_range(raw: Sequence[_Trace], smoothed: Sequence[_Trace], log: bool) -> list[float]:
    """What of the losses to show: up to twice the way from the best loss to where the curves start."""
    known = [values for trace in smoothed if (values := usable([float(v) for v in trace.values], log))]
    if not known:
        return []
    best, start = min(map(min, known)), max(values[0] for values in known)
    way = max(2 * (start - best), 0.05 * abs(best))
    every = usable([float(value) for trace in raw for value in trace.values], log)
    lowest, highest = min([best, *every]), max([max(map(max, known)), *every])
    return [best, max(lowest, best - way), min(highest, best + way)]
