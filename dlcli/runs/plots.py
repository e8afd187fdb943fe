"""Line charts as PNG, drawn with Pillow: a plotting library's import alone takes longer than most fits."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

SIZE = (960, 600)
SCALE = 2  # drawn at twice the size and scaled down, which smooths the lines
MARGINS = (110, 56, 30, 66)  # left, top, right, bottom
INK, GRID, PAPER = "#1b1f24", "#e3e6ea", "#ffffff"
COLOURS = ("#0b6fc2", "#d9480f", "#2b8a3e")


@dataclass(frozen=True)
class Line:
    """One curve: its name and its points."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def line_chart(lines: Sequence[Line], *, title: str, x_label: str, log_y: bool = False) -> bytes:
    """PNG bytes of a chart of ``lines``, ``title`` naming what is up.

    Points that aren't finite (or positive, with log_y) are left out.
    """
    kept = [_finite_points(line, log_y) for line in lines]
    xs = [x for points in kept for x, _ in points] or [0.0, 1.0]
    ys = [y for points in kept for _, y in points] or [1.0, 10.0]
    x_axis, y_axis = _Axis(min(xs), max(xs), False), _Axis(min(ys), max(ys), log_y)
    image = Image.new("RGB", (SIZE[0] * SCALE, SIZE[1] * SCALE), PAPER)
    draw = ImageDraw.Draw(image)
    frame = _Frame(x_axis, y_axis)
    _draw_axes(draw, frame, title, x_label)
    for points, colour in zip(kept, COLOURS, strict=False):
        pixels = [frame.pixel(x, y) for x, y in points]
        if len(pixels) > 1:
            draw.line(pixels, fill=colour, width=3 * SCALE, joint="curve")
        for px, py in pixels if len(pixels) <= 40 else []:
            r = 4 * SCALE
            draw.ellipse((px - r, py - r, px + r, py + r), fill=colour)
    _draw_legend(draw, [line.name for line in lines])
    buffer = io.BytesIO()
    image.resize(SIZE, Image.Resampling.BOX).save(buffer, "PNG")
    return buffer.getvalue()


def _finite_points(line: Line, log_y: bool) -> list[tuple[float, float]]:
    return [
        (x, y)
        for x, y in zip(line.x, line.y, strict=True)
        if math.isfinite(x) and math.isfinite(y) and (y > 0 or not log_y)
    ]


class _Axis:
    """Range and ticks of one axis; the range is widened so that no curve touches the frame."""

    def __init__(self, low: float, high: float, log: bool) -> None:
        self.log = log
        low, high = (math.log10(low), math.log10(high)) if log else (low, high)
        if high - low <= 1e-12 * max(abs(low), abs(high), 1e-300):
            pad = 0.5 if log else max(abs(low) * 0.1, 0.5)
            low, high = low - pad, high + pad
        pad = (high - low) * 0.04
        self.low, self.high = low - pad, high + pad

    def position(self, value: float) -> float:
        """Place of ``value`` from 0 to 1."""
        value = math.log10(value) if self.log else value
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[tuple[float, str]]:
        """Positions from 0 to 1 and labels, at round numbers."""
        step = _round_step((self.high - self.low) / 6)
        if self.log:
            if step < 1:
                return self._within_decades()
            step = math.ceil(step)
        marks = [k * step for k in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        span = self.high - self.low
        return [((m - self.low) / span, _label(10.0**m if self.log else m)) for m in marks]

    def _within_decades(self) -> list[tuple[float, str]]:
        """Ticks of a log axis of few decades: 1, 2 and 5, or finer where that gives fewer than three."""
        decades = range(math.floor(self.low), math.ceil(self.high) + 1)
        for digits in ((1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)):
            values = [d * 10.0**k for k in decades for d in digits]
            inside = [v for v in values if self.low <= math.log10(v) <= self.high]
            if len(inside) >= 3:
                return [(self.position(v), _label(v)) for v in inside]
        step = _round_step((10**self.high - 10**self.low) / 4)
        marks = range(math.ceil(10**self.low / step), math.floor(10**self.high / step) + 1)
        return [(self.position(k * step), _label(k * step)) for k in marks]


class _Frame:
    def __init__(self, x: _Axis, y: _Axis) -> None:
        self.x, self.y = x, y
        left, top, right, bottom = (m * SCALE for m in MARGINS)
        self.left, self.top = left, top
        self.right, self.bottom = SIZE[0] * SCALE - right, SIZE[1] * SCALE - bottom

    def at(self, fx: float, fy: float) -> tuple[float, float]:
        return self.left + fx * (self.right - self.left), self.bottom - fy * (self.bottom - self.top)

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        return self.at(self.x.position(x), self.y.position(y))


def _round_step(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(raw))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)


def _label(value: float) -> str:
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e6:
        return f"{value:,.6g}"
    return f"{value:.3g}".replace("e-0", "e-").replace("e+0", "e")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * SCALE)


def _draw_axes(draw: ImageDraw.ImageDraw, frame: _Frame, title: str, x_label: str) -> None:
    small, large = _font(15), _font(20)
    for position, label in frame.x.ticks():
        x, y = frame.at(position, 0)
        draw.line((x, frame.top, x, y), fill=GRID, width=SCALE)
        draw.text((x, y + 8 * SCALE), label, fill=INK, font=small, anchor="mt")
    for position, label in frame.y.ticks():
        x, y = frame.at(0, position)
        draw.line((x, y, frame.right, y), fill=GRID, width=SCALE)
        draw.text((x - 8 * SCALE, y), label, fill=INK, font=small, anchor="rm")
    draw.rectangle((frame.left, frame.top, frame.right, frame.bottom), outline=INK, width=SCALE)
    draw.text((frame.left, 14 * SCALE), title, fill=INK, font=large)
    middle = (frame.left + frame.right) / 2
    draw.text((middle, SIZE[1] * SCALE - 12 * SCALE), x_label, fill=INK, font=small, anchor="mb")


def _draw_legend(draw: ImageDraw.ImageDraw, names: Sequence[str]) -> None:
    font = _font(15)
    x = (SIZE[0] - MARGINS[2]) * SCALE
    for name, colour in reversed(list(zip(names, COLOURS, strict=False))):
        width = draw.textlength(name, font=font)
        x -= int(width)
        draw.text((x, 22 * SCALE), name, fill=INK, font=font)
        draw.line((x - 34 * SCALE, 30 * SCALE, x - 8 * SCALE, 30 * SCALE), fill=colour, width=4 * SCALE)
        x -= 56 * SCALE
