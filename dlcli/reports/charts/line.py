"""Curves of a training: the loss, and what else was measured, against the step."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import ticker
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from dlcli.reports.charts.figure import (
    GRAY,
    INK,
    SIZE,
    Chart,
    ChartFormat,
    Numbers,
    clamped,
    color,
    key,
    set_range,
    spans_decades,
    styled,
    usable,
)

MOST_POINTS = 2000  # of a curve; of more, each stretch shows its first, lowest, highest and last
MARKED = 40  # points up to which each has a dot
LOG_STEPS = 20  # times the first step that the last one is, from which steps stand on a log axis


@dataclass(frozen=True)
class Curve:
    """Values by step; a value that isn't finite breaks the line, and is marked at the top."""

    name: str
    steps: Sequence[int]
    values: Sequence[float]


@dataclass(frozen=True)
class Panel:
    """Curves on one axis: its title, and a level to compare with (its name and value), where there is one."""

    title: str
    curves: Sequence[Curve]
    level: tuple[str, float] | None = None


@styled()
def loss_chart(
    panels: Sequence[Panel], *, title: str, saved: int | None = None, log_steps: bool = False,
    format: ChartFormat = "png", unit: str = "step",
) -> Chart:  # fmt: skip
    """A chart of ``panels``, one above the other, against the step; a line marks the step that was ``saved``.

    With ``log_steps`` the steps stand on a log axis (with 0) where they span decades. ``unit`` is what they are called.
    """
    names = [title, *(curve.name for panel in panels for curve in panel.curves)]
    chart = Chart(format, names, (SIZE[0], SIZE[1] + 1.8 * (len(panels) - 1)))
    heights = [1.6 if place == 0 and len(panels) > 1 else 1.0 for place in range(len(panels))]
    grid = chart.figure.subplots(len(panels), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    entries: dict[str, Artist] = {}
    marks: dict[str, Artist] = {}
    shades: dict[str, str] = {}
    for panel, axes in zip(panels, grid, strict=True):
        for curve in panel.curves:
            shades.setdefault(curve.name, color(len(shades)))
        entries |= _draw_curves(axes, panel, shades)
        marks |= _mark_lost(axes, panel, shades)
    _scale_steps(grid[-1], panels, log_steps)
    grid[-1].set_xlabel(unit)
    if saved is not None:
        for panel, axes in zip(panels, grid, strict=True):
            _mark_saved(axes, panel, saved)
        entries[f"saved: step {saved:,}"] = key("o", INK, hollow=True, style="--")
    chart.head(title, [(artist, name) for name, artist in (entries | marks).items()])
    chart.place(list(grid))
    return chart


def _draw_curves(axes: Axes, panel: Panel, shades: dict[str, str]) -> dict[str, Artist]:
    """Draw curves and level; the artists that a legend names."""
    values = [v for curve in panel.curves for v in curve.values]
    level = usable([panel.level[1]]) if panel.level else []
    log = spans_decades([*values, *level])
    known = [*usable(values, log), *usable(level, log)]
    set_range(axes.yaxis, min(known, default=1.0), max(known, default=10.0), log=log)
    axes.set_ylabel(panel.title)
    entries: dict[str, Artist] = {}
    for curve in panel.curves:
        steps, drawn = _decimated(np.asarray(curve.steps, float), clamped(curve.values))
        dots = "o" if np.isfinite(drawn).sum() <= MARKED else ""
        (line,) = axes.plot(steps, drawn, color=shades[curve.name], marker=dots, ms=3.5)
        entries[curve.name] = line
    if panel.level and level:
        entries[panel.level[0]] = axes.axhline(level[0], color=GRAY, lw=1.4, ls=":")
    return entries


def _mark_lost(axes: Axes, panel: Panel, shades: dict[str, str]) -> dict[str, Artist]:
    """Mark values that have no place on the axis at its ends; the artists that a legend names."""
    entries: dict[str, Artist] = {}
    log = axes.get_yscale() == "log"
    for curve in panel.curves:
        points = list(zip(curve.steps, curve.values, strict=True))
        if lost := [step for step, value in points if not math.isfinite(value)]:
            _mark_edge(axes, lost, 1.0, "x", shades[curve.name])
            entries["not a finite number"] = key("x")
        if log and (zeros := [step for step, value in points if value <= 0]):
            _mark_edge(axes, zeros, 0.0, "v", shades[curve.name])
            entries["0 (below the log scale)"] = key("v")
    return entries


def _mark_saved(axes: Axes, panel: Panel, saved: int) -> None:
    """A line at the step, and a ring around its value on the last curve, by which it may have been chosen."""
    axes.axvline(saved, color=GRAY, lw=1.2, ls=(0, (4, 2)), zorder=1.5)
    values = dict(zip(panel.curves[-1].steps, panel.curves[-1].values, strict=True))
    kept = usable([values.get(saved, math.nan)], axes.get_yscale() == "log")
    axes.plot([saved] * len(kept), kept, marker="o", ms=9, mfc="none", mec=INK, mew=1.4, ls="none", zorder=4)


def _mark_edge(axes: Axes, steps: Sequence[float], height: float, marker: str, shade: str) -> None:
    """Marks at the upper (1) or lower (0) end of an axis."""
    axes.plot(
        steps[:1] if len(steps) > MARKED else steps, [height] * (1 if len(steps) > MARKED else len(steps)),
        marker=marker, color=shade, ls="none", ms=7, mew=1.8, clip_on=False, transform=axes.get_xaxis_transform(),
        zorder=5,
    )  # fmt: skip


def _scale_steps(axes: Axes, panels: Sequence[Panel], log: bool) -> None:
    """The axis of steps: logarithmic from 1 on, with 0 before it, or linear."""
    axes.set_xlabel("step")
    steps = {int(step) for panel in panels for curve in panel.curves for step in curve.steps}
    last, first = max(steps, default=1), min((step for step in steps if step > 0), default=1)
    if log and last >= LOG_STEPS * first:
        axes.set_xscale("symlog", linthresh=1, linscale=0.4)
        decades = math.floor(math.log10(last)) + 1
        stride = math.ceil(decades / 8)
        axes.xaxis.set_major_locator(ticker.FixedLocator([0, *(10.0**k for k in range(0, decades, stride))]))
        axes.xaxis.set_minor_locator(
            ticker.FixedLocator([m * 10.0**k for k in range(decades) for m in (2, 5)] if stride == 1 else [])
        )
        axes.xaxis.set_minor_formatter(ticker.NullFormatter())
        axes.xaxis.set_major_formatter(Numbers())
        axes.set_xlim(-0.12 if 0 in steps else 0.9, last * (10 ** (0.03 * decades)))
        return
    axes.xaxis.set_major_locator(ticker.MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(Numbers())
    start = min(steps, default=0)
    room = 0.03 * max(last - start, 1)
    axes.set_xlim(start - room, max(last, start + 1) + room)


def _decimated(steps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of a long curve the first, lowest, highest and last point of each stretch, which looks the same."""
    if len(steps) <= MOST_POINTS:
        return steps, values
    kept: set[int] = set()
    for part in np.array_split(np.arange(len(steps)), MOST_POINTS // 4):
        finite = part[np.isfinite(values[part])]
        lost = part[~np.isfinite(values[part])][:1]
        ends = [part[0], part[-1], *lost]
        kept |= {int(i) for i in ends}
        if len(finite):
            kept |= {int(finite[values[finite].argmin()]), int(finite[values[finite].argmax()])}
    order = np.array(sorted(kept))
    return steps[order], values[order]
