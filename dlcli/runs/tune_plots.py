"""Pictures of a search for hyper-parameters as PNG: values against the learning rate, and the range test's curves."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dlcli.runs.axes import Axis, Frame, draw_axes, interesting, label, usable
from dlcli.runs.canvas import COLORS, INK, PAPER, Canvas, Key, Point, draw_head, keys_of, length, mixed
from dlcli.runs.rate_marks import Mark, draw_flags, flags_of, rate_axis, rows_of

CROSS_ROW = 14  # each series has its own row of crosses at the top, so that none hides another's
RING, BEST_ROOM = 9, 24  # radius around the best point, and height of its label


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
class _Spot:
    rate: float
    value: float
    low: float = math.nan
    high: float = math.nan
    pruned: bool = False

    @property
    def diverged(self) -> bool:
        return not math.isfinite(self.value)


def rate_chart(
    series: Sequence[RateSeries],
    *,
    title: str,
    log_y: bool,
    y_label: str = "",
    x_label: str = "learning rate",
    marks: Sequence[Mark] = (),
    larger_is_better: bool = False,
    best: Point | None = None,
    joined: bool = True,
) -> bytes:
    """PNG bytes of a chart of values against learning rates, 960 x 600; series are ``joined`` by lines.

    The ``best`` point, a rate and a value, has a ring and its rate. Diverged points are crosses at the top; points so
    bad that they would flatten the others are arrows at the edge. ``marks`` are vertical lines with a name.
    """
    traces = [_spots(one) for one in series]
    spots = [spot for trace in traces for spot in trace if not spot.diverged]
    y_range = interesting([spot.value for spot in spots], log_y, larger_is_better)
    y_axis = Axis.over(_with_spread(y_range, spots, log_y) if y_range else (), log_y) or Axis(1, 10, log_y)
    x_axis = rate_axis([spot.rate for trace in traces for spot in trace], marks)
    canvas, flags = Canvas(), flags_of(x_axis, marks)
    top = draw_head(canvas, title, keys_of([one.name for one in series]) + _state_keys(traces, y_axis))
    headroom = CROSS_ROW * _cross_rows(traces) + (BEST_ROOM if larger_is_better else 0)
    frame = Frame(x_axis, y_axis, top + rows_of(flags), headroom, 0 if larger_is_better else BEST_ROOM)

    draw_axes(canvas, frame, x_label, y_label, y_ticks=y_range is not None)
    draw_flags(canvas, frame, flags)
    with canvas.clipped(frame.corners):
        for number, trace in enumerate(traces):
            _draw_spread(canvas, frame, trace, _color(number))
        for number, trace in enumerate(traces):
            _draw_trace(canvas, frame, trace, _color(number), joined)
    _draw_crosses(canvas, frame, traces)
    if best is not None:
        _draw_best(canvas, frame, best, larger_is_better)
    return canvas.png()


def curve_chart(
    sweeps: Sequence[Sweep],
    *,
    title: str,
    log_y: bool = False,
    y_label: str = "",
    x_label: str = "learning rate",
    marks: Sequence[Mark] = (),
) -> bytes:
    """PNG bytes of the curves of a learning-rate range test, 960 x 600: raw losses thin and pale, smoothed ones thick.

    Losses that explode leave the picture at the top; a cross there says where they stopped being numbers.
    """
    ends = [_end(sweep) for sweep in sweeps]
    y_axis = Axis.over(_sweep_range(sweeps, log_y), log_y)
    x_axis = rate_axis([rate for sweep in sweeps for rate in sweep.rates], marks)
    canvas, flags = Canvas(), flags_of(x_axis, marks)
    keys = keys_of([sweep.name for sweep in sweeps])
    top = draw_head(canvas, title, [*keys, Key("diverged", INK, "cross")] if any(ends) else keys)
    frame = Frame(x_axis, y_axis or Axis(1, 10, log_y), top + rows_of(flags), CROSS_ROW * _cross_rows(ends))

    draw_axes(canvas, frame, x_label, y_label, y_ticks=y_axis is not None)
    draw_flags(canvas, frame, flags)
    with canvas.clipped(frame.corners):
        for number, sweep in enumerate(sweeps):
            pale = mixed(_color(number), PAPER, 0.45)
            for run in _runs(_spots(RateSeries("", sweep.rates, sweep.raw))):
                canvas.line([frame.pixel(spot.rate, spot.value) for spot in run], pale, 1.5)
        for number, sweep in enumerate(sweeps):
            for run in _runs(_spots(RateSeries("", sweep.rates, sweep.smoothed))):
                canvas.line([frame.pixel(spot.rate, spot.value) for spot in run], _color(number), 3)
    _draw_crosses(canvas, frame, ends)
    return canvas.png()


def _color(number: int) -> str:
    return COLORS[number % len(COLORS)]


def _spots(one: RateSeries) -> list[_Spot]:
    """The points of a series in the order of their rates; a rate that has no logarithm has no place."""
    unknown = [math.nan] * len(one.rates)
    pruned = one.pruned if one.pruned is not None else [False] * len(one.rates)
    low, high = (unknown if edge is None else edge for edge in (one.low, one.high))
    rows = zip(one.rates, one.values, low, high, pruned, strict=True)
    spots = [_Spot(float(rate), float(value), float(a), float(b), bool(cut)) for rate, value, a, b, cut in rows]
    return sorted((s for s in spots if s.rate > 0 and math.isfinite(s.rate)), key=lambda spot: spot.rate)


def _runs(spots: Sequence[_Spot]) -> Iterator[list[_Spot]]:
    """The stretches of points between those that diverged, without those that were pruned."""
    run: list[_Spot] = []
    for spot in spots:
        if spot.diverged:
            yield run
            run = []
        elif not spot.pruned:
            run.append(spot)
    yield run


def _with_spread(shown: tuple[float, float], spots: Sequence[_Spot], log: bool) -> list[float]:
    """The range ``shown``, widened for spreads over seeds; by its own length at most, or they would flatten it."""
    low, high = shown
    inside = [spot for spot in spots if not spot.pruned and low <= spot.value <= high]
    edges = usable((edge for spot in inside for edge in (spot.low, spot.high)), log)
    if high == low:
        return [low, high, *edges]
    limits = (low * (low / high), high * (high / low)) if log else (low - (high - low), high + (high - low))
    return [low, high, *(min(max(edge, limits[0]), limits[1]) for edge in edges)]


def _state_keys(traces: Sequence[Sequence[_Spot]], y: Axis) -> list[Key]:
    spots = [spot for trace in traces for spot in trace]
    states = (
        (Key("diverged", INK, "cross"), any(spot.diverged for spot in spots)),
        (Key("pruned", INK, "hollow"), any(spot.pruned and not spot.diverged for spot in spots)),
        (Key("off the scale", INK, "arrow"), any(not spot.diverged and not y.holds(spot.value) for spot in spots)),
    )
    return [key for key, there in states if there]


def _draw_spread(canvas: Canvas, frame: Frame, trace: Sequence[_Spot], color: str) -> None:
    for run in _runs([spot if spot.low <= spot.high else _Spot(spot.rate, math.nan) for spot in trace]):
        lower = [frame.pixel(spot.rate, spot.low) for spot in run]
        upper = [frame.pixel(spot.rate, spot.high) for spot in run]
        if len(run) > 1:
            canvas.polygon(lower + upper[::-1], f"{color}38")
        elif run:
            canvas.line([lower[0], upper[0]], f"{color}80", 4)


def _draw_trace(canvas: Canvas, frame: Frame, trace: Sequence[_Spot], color: str, joined: bool) -> None:
    """Lines and points; those off the scale are arrows at its end."""
    for run in _runs(trace) if joined else ():
        canvas.line([frame.pixel(spot.rate, spot.value) for spot in run], color, 3)
    radius = 4.0 if len(trace) <= 40 else 3.0
    for spot in trace:
        if spot.diverged:
            continue
        at = _shown_at(frame, spot)
        if not frame.y.holds(spot.value):
            canvas.arrow(at, 6, color, up=frame.y.position(spot.value) > 1)
        elif spot.pruned:
            canvas.dot(at, radius + 0.5, fill=PAPER, edge=color)
        else:
            canvas.dot(at, radius, fill=color)


def _shown_at(frame: Frame, spot: _Spot) -> Point:
    return frame.at(frame.x.position(spot.rate), min(max(frame.y.position(spot.value), 0), 1))


def _cross_rows(traces: Sequence[Sequence[_Spot]]) -> int:
    return min(sum(any(spot.diverged for spot in trace) for trace in traces), len(COLORS))


def _draw_crosses(canvas: Canvas, frame: Frame, traces: Sequence[Sequence[_Spot]]) -> None:
    row = 0
    for number, trace in enumerate(traces):
        diverged = [spot for spot in trace if spot.diverged]
        for spot in diverged:
            x, _ = frame.at(frame.x.position(spot.rate), 0)
            canvas.cross((x, frame.top + CROSS_ROW * (row % len(COLORS) + 0.5) + 1), 5, _color(number))
        row += bool(diverged)


def _draw_best(canvas: Canvas, frame: Frame, best: Point, larger_is_better: bool) -> None:
    """A ring around the best point, and its rate."""
    x, y = _shown_at(frame, _Spot(*best))
    canvas.dot((x, y), RING, edge=INK)
    text = f"best {label(best[0], 4)}"
    half = length(text) / 2 + 6
    middle = min(max(x, frame.left + half), frame.right - half)
    at, anchor = ((middle, y - RING - 4), "mb") if larger_is_better else ((middle, y + RING + 4), "mt")
    canvas.text(at, text, anchor=anchor, halo=True)


def _end(sweep: Sweep) -> list[_Spot]:
    """The first rate at which the loss was no number, if there is one."""
    return [spot for spot in _spots(RateSeries("", sweep.rates, sweep.raw)) if spot.diverged][:1]


def _sweep_range(sweeps: Sequence[Sweep], log: bool) -> list[float]:
    """What of the losses to show: up to twice the way from the best loss to where the curves start."""
    smoothed = [values for sweep in sweeps if (values := usable(sweep.smoothed, log))]
    if not smoothed:
        return []
    best, start = min(map(min, smoothed)), max(values[0] for values in smoothed)
    way = max(2 * (start - best), 0.05 * abs(best))
    raw = usable((value for sweep in sweeps for value in sweep.raw), log)
    lowest, highest = min([best, *raw]), max([max(map(max, smoothed)), *raw])
    return [best, max(lowest, best - way), min(highest, best + way)]
