"""Marked learning rates of a chart: vertical lines whose names stand above the frame, none over another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dlcli.runs.axes import Axis, Frame, label
from dlcli.runs.canvas import LEFT, RIGHT, SIZE, Canvas, length, shortened

COLOR = "#7a828c"
ROW = 20  # height of a row of names
MOST_ROWS = 8  # further names are left out

Mark = tuple[str, float]


@dataclass(frozen=True)
class Flag:
    """A mark's name, from pixel ``start`` to ``end``, in a row counted from the frame upwards, and its line at ``x``.

    A mark outside the axis has no line.
    """

    text: str
    start: float
    end: float
    row: int
    x: float | None


def rate_axis(rates: Sequence[float], marks: Sequence[Mark]) -> Axis:
    """The axis of all ``rates``, and of those marks that aren't so far off that they would squeeze them."""
    near = _logs(rates)
    if not near:
        return Axis.over((rate for _, rate in marks), True) or Axis(1e-3, 1, True)
    reach = max(max(near) - min(near), 1)
    low, high = min(near) - reach, max(near) + reach
    wide = [rate for _, rate in marks if any(low <= place <= high for place in _logs([rate]))]
    axis = Axis.over([*rates, *wide], True, (0.08, 0.04) if wide else (0.04, 0.04))  # room for the first name
    return axis or Axis(1e-3, 1, True)


def flags_of(x_axis: Axis, marks: Sequence[Mark]) -> list[Flag]:
    """The marks with places for their names; the name of one outside the axis stands at its end, with an arrow.

    A name reaches to the left of its line, and goes above those whose lines it would cover.
    """
    known = sorted((mark for mark in marks if _logs([mark[1]])), key=lambda mark: mark[1])
    below = [mark for mark in known if x_axis.position(mark[1]) < 0]
    flags: list[Flag] = []
    for name, rate in known[len(below) :] + below:  # below last: its names reach to the right, above all others
        place, value = x_axis.position(rate), label(rate, 3)
        end = LEFT + min(place, 1) * (SIZE[0] - RIGHT - LEFT)
        text = f"{shortened(name, end - 16 - length(value))} {value}"
        if place < 0:
            text = f"‹ {shortened(name, SIZE[0] / 3)} {value}"
            end = LEFT + length(text) + 8
        elif place > 1:
            text = f"{shortened(name, SIZE[0] / 3)} {value} ›"
        start = end - length(text) - 5
        rows = [flag.row for flag in flags if flag.end > start - 10 and flag.start < end + 10]
        flags.append(Flag(text, start, end, max(rows, default=-1) + 1, end if 0 <= place <= 1 else None))
    return flags


def rows_of(flags: Sequence[Flag]) -> float:
    """Height that the names take above the frame."""
    return ROW * min(max((flag.row + 1 for flag in flags), default=0), MOST_ROWS)


def draw_flags(canvas: Canvas, frame: Frame, flags: Sequence[Flag]) -> None:
    """Lines across the frame, and the names above it."""
    for flag in flags:
        top = frame.top - ROW * (min(flag.row, MOST_ROWS - 1) + 1) + 3
        if flag.x is not None:
            canvas.line([(flag.x, top), (flag.x, frame.bottom)], COLOR, 1.5)
        if flag.row < MOST_ROWS:
            canvas.text((flag.start, top + ROW / 2 - 2), flag.text, anchor="lm")


def _logs(rates: Sequence[float]) -> list[float]:
    return [math.log10(rate) for rate in rates if rate > 0 and math.isfinite(rate)]
