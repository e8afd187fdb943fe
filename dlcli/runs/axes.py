"""Axes of charts: ranges, round ticks, and the frame that they span."""

import math
from collections.abc import Iterable, Sequence

from dlcli.runs.canvas import GRID, INK, LEFT, RIGHT, SIZE, TEXT, Canvas, Corners, Point, clean, length, shortened

BOTTOM = 66  # margin below a frame
HUGE = 1e300  # larger values are drawn as this one
FAR = 20.0  # frames: how far outside a line may go before it is bent


class Axis:
    """Range and ticks of one axis; the range is widened, by ``pad`` of itself, so that no curve touches the frame."""

    def __init__(self, low: float, high: float, log: bool = False, pad: tuple[float, float] = (0.04, 0.04)) -> None:
        self.log = log
        low, high = (math.log10(low), math.log10(high)) if log else (low, high)
        if high - low <= 1e-5 * (1 if log else max(abs(low), abs(high), 1e-280)):
            widened = 0.5 if log or abs(low) < 1e-280 else abs(low) * 0.1
            low, high = low - widened, high + widened
        span = high - low
        self.low, self.high = low - span * pad[0], high + span * pad[1]
        if log:
            self.low, self.high = max(self.low, -307), min(self.high, 308)

    @classmethod
    def over(cls, values: Iterable[float], log: bool = False, pad: tuple[float, float] = (0.04, 0.04)) -> "Axis | None":
        """The axis that holds all finite (and with ``log`` positive) ``values``, if there are any."""
        kept = usable(values, log)
        return cls(min(kept), max(kept), log, pad) if kept else None

    def position(self, value: float) -> float:
        """Place of ``value``: from 0 to 1 inside the range, and not endlessly far outside."""
        value = min(max(value, -HUGE), HUGE)
        if self.log:
            value = math.log10(max(value, 1 / HUGE)) if value > 0 else -HUGE
        return min(max((value - self.low) / (self.high - self.low), -FAR), FAR)

    def holds(self, value: float) -> bool:
        """Whether ``value`` is inside the range."""
        return 0 <= self.position(value) <= 1

    def ticks(self) -> list[tuple[float, str]]:
        """Positions from 0 to 1 and labels, at round numbers."""
        span = self.high - self.low
        step = _round_step(span / 6)
        if self.log:
            if step < 1:
                return self._within_decades()
            step = math.ceil(span / 6)
        marks = [k * step for k in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        digits = 6 if self.log else _digits(self.low, self.high, step)
        return [((m - self.low) / span, label(10.0**m if self.log else m, digits)) for m in marks]

    def _within_decades(self) -> list[tuple[float, str]]:
        """Ticks of a log axis of few decades: 1, 2 and 5, or finer where that gives fewer than three."""
        decades = range(math.floor(self.low), math.ceil(self.high) + 1)
        for digits in ((1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)):
            values = [d * 10.0**k for k in decades for d in digits]
            inside = [v for v in values if v > 0 and self.low <= math.log10(v) <= self.high]
            if len(inside) >= 3:
                return [(self.position(v), label(v)) for v in inside]
        low, high = 10**self.low, 10**self.high
        step = _round_step((high - low) / 4)
        marks = range(math.ceil(low / step), math.floor(high / step) + 1)
        return [(self.position(k * step), label(k * step, _digits(low, high, step))) for k in marks]


class Frame:
    """Where the axes lie in the picture; ``headroom`` and ``footroom`` are pixels inside it that no value takes."""

    def __init__(self, x: Axis, y: Axis, top: float, headroom: float = 0, footroom: float = 0) -> None:
        self.x, self.y, self.headroom, self.footroom = x, y, headroom, footroom
        self.left, self.top, self.right, self.bottom = LEFT, top, SIZE[0] - RIGHT, SIZE[1] - BOTTOM

    @property
    def corners(self) -> Corners:
        """Left, top, right, bottom."""
        return self.left, self.top, self.right, self.bottom

    def at(self, fx: float, fy: float) -> Point:
        """The pixel at shares of the axes' lengths, from their left lower corner."""
        low, high = self.bottom - self.footroom, self.top + self.headroom
        return self.left + fx * (self.right - self.left), low - fy * (low - high)

    def pixel(self, x: float, y: float) -> Point:
        """The pixel of a pair of values."""
        return self.at(self.x.position(x), self.y.position(y))


def label(value: float, digits: int = 6) -> str:
    """``value`` as text, short for any magnitude."""
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e6:
        return f"{value:,.{digits}g}".replace("e+0", "e")
    return f"{value:.{max(digits - 3, 3)}g}".replace("e+", "e").replace("e0", "e").replace("e-0", "e-")


def draw_axes(canvas: Canvas, frame: Frame, x_label: str, y_label: str = "", *, y_ticks: bool = True) -> None:
    """Grid, tick labels, the labels of the axes, and the frame itself."""
    free = -math.inf
    for position, text in frame.x.ticks():
        x, y = frame.at(position, 0)[0], frame.bottom
        canvas.line([(x, frame.top), (x, y)], GRID)
        half = length(text) / 2
        middle = min(x, canvas.size[0] - half - 4)
        if middle - half >= free:
            canvas.text((middle, y + 8), text, anchor="mt")
            free = middle + half + 10
    if y_ticks:
        _draw_y_ticks(canvas, frame, LEFT - 12 - (26 if clean(y_label) else 0))
    canvas.box(frame.corners, edge=INK)
    middle = (frame.left + frame.right) / 2
    canvas.text((middle, canvas.size[1] - 12), shortened(x_label, frame.right - frame.left), anchor="mb")
    if clean(y_label):
        canvas.upright((16, (frame.top + frame.bottom) / 2), shortened(y_label, frame.bottom - frame.top - 16))


def _draw_y_ticks(canvas: Canvas, frame: Frame, room: float) -> None:
    ticks = frame.y.ticks()
    widest = max((length(text) for _, text in ticks), default=0)
    size = min(TEXT, TEXT * room / max(widest, 1))  # numbers aren't cut: half of one would mislead
    free = math.inf
    for position, text in ticks:
        x, y = frame.at(0, position)
        canvas.line([(x, y), (frame.right, y)], GRID)
        y = max(y, frame.top + TEXT / 2)  # a mark's name may stand above
        if y <= free:
            canvas.text((x - 8, y), text, size=size, anchor="rm")
            free = y - size - 4


def usable(values: Iterable[float], log: bool) -> list[float]:
    """The ``values`` that have a place on an axis, none so large that a difference overflows."""
    kept = [float(v) for v in values if math.isfinite(v) and (v > 0 or not log)]
    return [min(max(v, 1 / HUGE if log else -HUGE), HUGE) for v in kept]


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
    limit = max(10 * middle, 3 if log else 0) if middle > 0 else math.inf
    shown = [v for v, distance in zip(kept, away, strict=True) if distance <= limit]
    return min(shown), max(shown)


def _round_step(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(raw))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)


def _digits(low: float, high: float, step: float) -> int:
    """Digits that tell ticks ``step`` apart."""
    return max(6, math.floor(math.log10(max(abs(low), abs(high)))) - math.floor(math.log10(step)) + 1)
