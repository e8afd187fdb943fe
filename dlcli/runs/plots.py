"""Line charts as PNG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dlcli.runs.axes import Axis, Frame, draw_axes
from dlcli.runs.canvas import COLORS, GRID, INK, PAPER, SIZE, Canvas, draw_head, keys_of

__all__ = ["COLORS", "GRID", "INK", "PAPER", "SIZE", "Line", "line_chart"]


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
    x_axis = Axis.over(x for points in kept for x, _ in points) or Axis(0, 1)
    y_axis = Axis.over((y for points in kept for _, y in points), log_y) or Axis(1, 10, log_y)
    canvas = Canvas()
    frame = Frame(x_axis, y_axis, draw_head(canvas, title, keys_of([line.name for line in lines])))
    draw_axes(canvas, frame, x_label)
    for number, points in enumerate(kept):
        color = COLORS[number % len(COLORS)]
        pixels = [frame.pixel(x, y) for x, y in points]
        canvas.line(pixels, color, 3)
        for pixel in pixels if len(pixels) <= 40 else []:
            canvas.dot(pixel, 4, fill=color)
    return canvas.png()


def _finite_points(line: Line, log_y: bool) -> list[tuple[float, float]]:
    return [
        (x, y)
        for x, y in zip(line.x, line.y, strict=True)
        if math.isfinite(x) and math.isfinite(y) and (y > 0 or not log_y)
    ]
