"""Charts of all trials of a search: which option mattered, and which settings were good."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex, to_rgb

from dlcli.reports.charts.figure import (
    COLORS,
    INK,
    MARGIN,
    SIZE,
    TEXT,
    Chart,
    ChartFormat,
    Measured,
    key,
    number,
    set_range,
    spans_decades,
    styled,
    usable,
)
from dlcli.reports.charts.rates import interesting

MOST_BARS, BAR = 24, 0.29  # and inches of height for each
PALE, STRONG, BEST, TIED = "#cfdfef", COLORS[0], COLORS[1], "#f0b38c"
STEP = 1.25  # inches between two axes at least: the chart grows with many
LABELED = 7  # so many distinct numbers are labeled themselves


@styled()
def importance_chart(
    shares: Mapping[str, float], *, title: str, value_title: str = "importance", format: ChartFormat = "png"
) -> Chart:
    """Horizontal bars, longest first, with percentages; as high as it needs.

    A share that isn't finite has no bar; beyond 24 the smallest are left out, which is said.
    """
    rows = sorted(shares.items(), key=lambda row: -row[1] if math.isfinite(row[1]) else math.inf)
    more = len(rows) - MOST_BARS
    rows = rows[:MOST_BARS]
    chart = Chart(format, [title, *(name for name, _ in rows)], (SIZE[0], 1.2 + BAR * max(len(rows), 1)))
    axes = chart.figure.subplots()
    lengths = [min(max(share, 0.0), 1e300) if math.isfinite(share) else 0.0 for _, share in rows]
    longest = max([*lengths, 1e-300])
    axes.barh(range(len(rows)), [length / longest for length in lengths], color=COLORS[0], height=0.64)
    for place, (_, share) in enumerate(rows):
        axes.annotate(
            _percent(share), (lengths[place] / longest, place), (5, 0), textcoords="offset points", va="center"
        )
    names = [chart.name(name, 0.36 * SIZE[0]) for name, _ in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    axes.set_xlim(0, 1.12)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(left=False)
    axes.grid(False)
    said = f" ({more} more are less)" if more > 0 else "" if rows else " (nothing to show)"
    axes.set_xlabel(value_title + said)
    chart.head(title)
    left = MARGIN + 0.1 + max(map(chart.width, names), default=0.0)
    height = chart.figure.get_figheight()
    chart.figure.subplots_adjust(left / SIZE[0], 0.4 / height, 1 - MARGIN / SIZE[0], 1 - 0.5 / height)
    return chart


def _percent(share: float) -> str:
    if not math.isfinite(share):
        return "unknown"
    if 0 < share < 0.0005:
        return "<0.1%"
    return f"{share:.1%}" if abs(share) < 10 else ">999%" if share > 0 else "<-999%"


@dataclass(frozen=True)
class ParallelColumn:
    """The values of one searched option in all trials: numbers, or texts."""

    name: str
    values: Sequence[float] | Sequence[str]
    log: bool = False


@dataclass(frozen=True)
class _Upright:
    """An axis of a parallel chart: the place of each trial, from 0 to 1 (nan: it has none), and the labels."""

    name: str
    places: Sequence[float]
    ticks: Sequence[tuple[float, str]]


@dataclass(frozen=True)
class TrialOrder:
    """The trials from bad to good, by their places, and how many of those before the last are tied with it."""

    trials: Sequence[int]
    tied: int = 0


@styled()
def parallel_chart(
    columns: Sequence[ParallelColumn], values: Sequence[float], *, title: str, measured: Measured,
    order: TrialOrder, format: ChartFormat = "png",
) -> Chart:  # fmt: skip
    """Parallel coordinates: an axis for each option and, last, one of the ``values``; a line per trial.

    It is as wide as the options need. Lines go from pale (bad) to strong (good), in the given ``order`` of trials,
    the best last, which is thick and has a color of its own; those tied with it have a pale one of that color. Trials
    whose value isn't finite are left out.
    """
    kept = [i for i, value in enumerate(values) if math.isfinite(value)]
    texts = [str(v) for column in columns for v in column.values if isinstance(v, str)]
    width = max(SIZE[0], STEP * (len(columns) + 1) + 0.8)
    chart = Chart(format, [title, measured.title, *(column.name for column in columns), *texts], (width, SIZE[1]))
    axes = chart.figure.subplots()
    metric = [float(values[i]) for i in kept]
    uprights = [_option_axis(column, kept) for column in columns]
    uprights.append(_metric_axis(measured.title, metric, measured.larger_is_better))

    places = {trial: i for i, trial in enumerate(kept)}
    shown = [places[i] for i in order.trials if i in places]
    lines = [[(x, upright.places[i]) for x, upright in enumerate(uprights)] for i in shown]
    shades = [_mixed(PALE, STRONG, share) for share in _ranks([metric[i] for i in shown])]
    tied = slice(max(len(shades) - 1 - order.tied, 0), len(shades) - 1)
    shades[tied] = [TIED] * len(shades[tied])
    axes.add_collection(LineCollection(lines[:-1], colors=shades[:-1], linewidths=1.1), autolim=False)
    if lines:
        axes.plot(*zip(*lines[-1], strict=True), color=BEST, lw=2.6, solid_capstyle="round", clip_on=False)
    keys: list[tuple[Artist, str]] = [
        (key(shade=shade, style="-"), name) for shade, name in ((PALE, "worse"), (STRONG, "better"), (BEST, "best"))
    ]
    keys += [(key(shade=TIED, style="-"), "tied with the best")] if order.tied else []
    chart.head(title, keys if lines else [])
    step = (width - 2.2) / max(len(columns), 1)
    _draw_uprights(chart, axes, uprights, step)
    chart.place([axes], below=0.2)
    chart.figure.subplots_adjust(left=1.2 / width, right=1 - 1.0 / width, top=chart.figure.subplotpars.top - 0.3 / 5)
    return chart


def _option_axis(column: ParallelColumn, kept: Sequence[int]) -> _Upright:
    cells = [column.values[i] for i in kept]
    numbers = [float(cell) for cell in cells if not isinstance(cell, str)]
    if len(numbers) < len(cells):
        return _choice_axis(column.name, [cell if isinstance(cell, str) else f"{cell:g}" for cell in cells])
    finite = usable(numbers)
    if not finite:
        return _Upright(column.name, [math.nan] * len(kept), [])
    log = column.log and min(finite) > 0
    return _number_axis(column.name, numbers, (min(finite), max(finite)), log)


def _number_axis(name: str, numbers: Sequence[float], shown: tuple[float, float], log: bool) -> _Upright:
    """Numbers on an axis of the range ``shown``; those outside stand at its ends."""
    scratch = Chart("png").figure.subplots()
    set_range(scratch.yaxis, *shown, log=log)
    low, high = scratch.get_ylim()

    def place(value: float) -> float:
        if not math.isfinite(value):
            return math.nan
        value = min(max(value, low), high)
        if log:
            return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
        return (value - low) / (high - low)

    distinct = sorted(set(usable(numbers)))
    ticks = distinct if len(distinct) <= LABELED else [t for t in scratch.get_yticks() if low <= t <= high]
    if len(distinct) <= LABELED:
        labels = [number(v, 6 if v == round(v) else 3) for v in ticks]
    else:
        labels = scratch.yaxis.get_major_formatter().format_ticks(ticks)
    return _Upright(
        name, [place(v) for v in numbers], [(place(t), text) for t, text in zip(ticks, labels, strict=True)]
    )


def _choice_axis(name: str, cells: Sequence[str]) -> _Upright:
    choices = sorted(set(cells), reverse=True)
    places = {choice: (i + 0.5) / len(choices) for i, choice in enumerate(choices)}
    return _Upright(name, [places[cell] for cell in cells], [(place, choice) for choice, place in places.items()])


def _metric_axis(name: str, metric: Sequence[float], larger_is_better: bool) -> _Upright:
    """The last axis: logarithmic where values span orders of magnitude; very bad ones are at its end."""
    log = spans_decades(metric) and min(metric) > 0
    shown = interesting(metric, log, larger_is_better)
    if shown is None:
        return _Upright(name, [math.nan] * len(metric), [])
    axis = _number_axis(name, metric, shown, log)
    ticks = [(place, text) for place, text in axis.ticks if 0.03 < place < 0.97]
    return _Upright(name, axis.places, ticks + [(end, "far worse") for end in (0.0, 1.0) if end in axis.places])


def _ranks(ordered: Sequence[float]) -> list[float]:
    """Shares from 0 to 1 of values that are in order; equal ones have the same, and the last has 1."""
    places = {value: i for i, value in enumerate(dict.fromkeys(ordered))}
    return [places[value] / (len(places) - 1) if len(places) > 1 else 1.0 for value in ordered]


def _mixed(shade: str, other: str, share: float) -> str:
    """The color ``shade`` with a ``share`` (0 to 1) of ``other``."""
    red, green, blue = (a + share * (b - a) for a, b in zip(to_rgb(shade), to_rgb(other), strict=True))
    return to_hex((red, green, blue))


def _draw_uprights(chart: Chart, axes: Axes, uprights: Sequence[_Upright], step: float) -> None:
    """The axes with their names above and their labels beside them, none over another."""
    axes.set_xlim(0, max(len(uprights) - 1, 1))
    axes.set_ylim(0, 1)
    axes.axis("off")
    apart = 1.5 * TEXT / 72 / (SIZE[1] - 1.4)
    for x, upright in enumerate(uprights):
        last = x == len(uprights) - 1
        axes.plot([x, x], [0, 1], color=INK, lw=1, clip_on=False, zorder=2.5)
        axes.annotate(
            chart.name(upright.name, min(step - 0.1, 1.8)), (x, 1), (0, 10), textcoords="offset points", ha="center",
            annotation_clip=False,
        )  # fmt: skip
        free = math.inf
        for place, text in sorted(upright.ticks, reverse=True):
            if place > free:
                continue
            room = 0.85 if last else min(step - 0.2, 1.05 if x == 0 else 1.6)
            axes.annotate(
                chart.name(text, room), (x, place), (7 if last else -7, 0),
                textcoords="offset points", ha="left" if last else "right", va="center", annotation_clip=False,
                bbox={"fc": "white", "ec": "none", "alpha": 0.75, "pad": 0.8}, zorder=3,
            )  # fmt: skip
            axes.plot([x - 0.012, x + 0.012], [place, place], color=INK, lw=1, clip_on=False, zorder=3)
            free = place - apart
