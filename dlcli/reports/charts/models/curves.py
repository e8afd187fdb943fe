"""ROC and precision-recall curves of classes, and how probabilities compare with what happened."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from dlcli.reports.charts.figure import (
    COLORS,
    GRAY,
    INK,
    Chart,
    ChartFormat,
    color,
    key,
    set_range,
    spans_decades,
    styled,
)
from dlcli.reports.charts.models.panels import Floats, place_panels, titled

MOST_CURVES = 7  # with colors; of more the lowest ones
PALE = "#c9ced6"
Z = 1.959963984540054  # of 95%


@dataclass(frozen=True, eq=False)
class RankedCurve:
    """One class against the others: rates (m,), their areas, and the ``share`` of rows that are of the class."""

    name: str
    false: Floats
    true: Floats
    recall: Floats
    precision: Floats
    auc: float
    average_precision: float
    share: float


@dataclass(frozen=True)
class Decision:
    """Where a threshold stands: its text, and the rates at it."""

    text: str
    false: float
    true: float
    precision: float


@styled()
def ranking_chart(
    curves: Sequence[RankedCurve], *, title: str, decision: Decision | None = None, format: ChartFormat = "png"
) -> Chart:  # fmt: skip
    """ROC at the left, precision by recall at the right; areas stand beside the names."""
    shown = list(curves)
    if len(curves) > MOST_CURVES:
        shown = sorted(curves, key=lambda curve: curve.auc)[: MOST_CURVES - 1]
    names = [f"{one.name}  AUC {_digits(one.auc)}, average precision {_digits(one.average_precision)}" for one in shown]
    chart = Chart(format, [title, *names], (9.0, 5.0))
    grid = chart.figure.subplots(1, 2, squeeze=False)
    entries: list[tuple[Artist, str]] = []
    for one in curves if len(curves) > MOST_CURVES else ():
        _draw_curve(grid[0], one, PALE, 0.8)
    for place, (one, name) in enumerate(zip(shown, names, strict=True)):
        _draw_curve(grid[0], one, color(place), 1.8)
        entries.append((key(shade=color(place), style="-"), name))
    if len(curves) > len(shown):
        entries.append((key(shade=PALE, style="-"), f"the other {len(curves) - len(shown):,}, whose AUC is higher"))
    grid[0, 0].plot([0, 1], [0, 1], color=GRAY, lw=1, ls=":")
    entries.append((key(shade=GRAY, style=":"), "chance"))
    if len({one.share for one in curves}) <= 2:
        for one in curves:
            grid[0, 1].axhline(one.share, color=GRAY, lw=1, ls=":")
    if decision is not None:
        for axes, x, y in (
            (grid[0, 0], decision.false, decision.true), (grid[0, 1], decision.true, decision.precision),
        ):  # fmt: skip
            axes.plot([x], [y], marker="o", ms=8, mfc="white", mec=INK, mew=1.6, ls="none", zorder=4, clip_on=False)
        entries.append((key("o", INK, hollow=True), decision.text))
    for axes, across, up, name in (
        (grid[0, 0], "false positive rate", "true positive rate", "ROC"),
        (grid[0, 1], "recall", "precision", "precision and recall"),
    ):
        _unit(axes)
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        titled(axes, name)
    chart.head(title, entries)
    height = 4.3 + chart.taken
    chart.figure.set_size_inches(9.0, height)
    _replace_head(chart, title, entries)
    place_panels(chart, grid)
    return chart


def _replace_head(chart: Chart, title: str, entries: Sequence[tuple[Artist, str]]) -> None:
    """The head again, for a figure whose height has changed."""
    for artist in (*chart.figure.legends, *chart.figure.texts):
        artist.remove()
    chart.head(title, entries)


def _draw_curve(pair: Sequence[Axes], one: RankedCurve, shade: str, width: float) -> None:
    pair[0].plot(one.false, one.true, color=shade, lw=width)
    start = one.precision[:1]
    pair[1].plot(
        np.concatenate([[0.0] * len(start), one.recall]), np.concatenate([start, one.precision]), color=shade, lw=width
    )


def _digits(value: float) -> str:
    return f"{value:.4f}" if np.isfinite(value) else "unknown"


def _unit(axes: Axes) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        set_range(axis, 0.0, 1.0, log=False, pad=(0.02, 0.02))


@dataclass(frozen=True, eq=False)
class Reliability:
    """Rows of a part in bins by probability: its mean, how many there are, and of how many it came true (m,).

    ``edges`` (b + 1,), ``true`` and ``untrue`` (b,): how many rows there are by probability, for the counts below.
    """

    name: str
    probability: Floats
    rows: Floats
    came_true: Floats
    edges: Floats
    true: Floats
    untrue: Floats


@styled()
def calibration_chart(
    parts: Sequence[Reliability], *, title: str, names: tuple[str, str, str], format: ChartFormat = "png"
) -> Chart:  # fmt: skip
    """How often what was said to be so probable came true, with 95% intervals; below it how many rows there are.

    ``names``: what the probability is of, and what rows are called of which it came true, and of which not.
    """
    chart = Chart(format, [title, *names, *(part.name for part in parts)], (6.4, 7.0))
    grid = chart.figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    above, below = grid
    above.plot([0, 1], [0, 1], color=GRAY, lw=1, ls=":")
    entries: list[tuple[Artist, str]] = []
    reach = 0.0
    for place, part in enumerate(parts):
        observed = part.came_true / part.rows
        low, high = wilson(part.came_true, part.rows)
        above.vlines(part.probability, low, high, color=color(place), lw=1.4)
        above.plot(part.probability, observed, color=color(place), marker="o", ms=5, lw=1.4)
        entries.append((key("o", color(place), style="-"), part.name))
        reach = max(reach, float(part.probability.max()), float(high.max()))
    # Of rare classes all that is to be seen is in a corner.
    end = 1.0 if reach > 0.5 else reach
    for axis in (above.xaxis, above.yaxis):
        set_range(axis, 0.0, end, log=False, pad=(0.02, 0.02))
    above.set_ylabel("share that came true")
    last = parts[-1]
    for counts, shade, name in ((last.true, COLORS[2], names[1]), (last.untrue, COLORS[4], names[2])):
        below.stairs(counts, last.edges, color=shade, lw=1.6)
        said = f"{name}, {last.name}" if len(parts) > 1 else name
        entries.append((key(shade=shade, style="-"), said))
    known = [float(n) for n in (*last.true, *last.untrue) if n > 0]
    log = spans_decades(known) and max(known) > 50 * min(known)
    set_range(below.yaxis, min(known) / 1.5 if log else 0.0, max(known), log=log, pad=(0.0, 0.08))
    below.set_ylabel("rows")
    below.set_xlabel(chart.name(f"probability of {names[0]}", 5.0))
    chart.head(title, entries)
    chart.place(list(grid))
    return chart


def wilson(hits: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Wilson's 95% intervals of shares."""
    share, extra = hits / rows, Z**2 / rows
    middle = (share + extra / 2) / (1 + extra)
    half = np.sqrt(extra * (share * (1 - share) + extra / 4)) / (1 + extra)
    return np.asarray(np.maximum(middle - half, 0)), np.asarray(np.minimum(middle + half, 1))
