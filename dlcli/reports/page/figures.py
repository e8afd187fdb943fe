"""Numbers as a page shows them, and ticks of axes."""

import math
from collections.abc import Sequence

from dlcli.reports.page.source import Cell

LEAST_TICKS = 4


def figure(value: float | None, digits: int = 5) -> str:
    """A number with so many digits; a dash for none.

    >>> figure(0.123456789), figure(None), figure(1234567.0), figure(3.0)
    ('0.12346', '–', '1.2346e+06', '3')
    """
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.{digits}g}"


def cell(value: float | None, *, best: bool = False) -> Cell:
    """A number in a table."""
    return Cell(figure(value), value if value is None or math.isfinite(value) else None, best)


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from ``low`` to ``high``, about five.

    >>> ticks(0, 40), ticks(0.1, 0.35)
    ([0.0, 10.0, 20.0, 30.0, 40.0], [0.1, 0.15, 0.2, 0.25, 0.3, 0.35])
    """
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    rough = span / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * times for times in (1, 2, 5, 10) if unit * times >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten from ``low`` to ``high``, with 2 and 5 times them where they are few.

    >>> log_ticks(0.01, 1.5), log_ticks(1, 1e9)[:3]
    ([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0], [1.0, 100.0, 10000.0])
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = -(-(last - first) // 6)
    tens = [10.0**power for power in range(first, last + 1, max(every, 1))]
    inside = [tick for tick in tens if low * 0.999 <= tick <= high * 1.001]
    if len(inside) >= LEAST_TICKS:
        return inside
    finer = [float(f"{times * 10.0**power:.6g}") for power in range(first, last + 1) for times in (1, 2, 5)]
    return [tick for tick in finer if low * 0.999 <= tick <= high * 1.001] or [low, high]


def thinned(points: Sequence[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """At most so many of the points, with the lowest and the highest of each stretch, so that no peak is lost.

    >>> thinned([(i, float(i == 37)) for i in range(100)], 10)[3:6]
    [(37, 1.0), (50, 0.0), (75, 0.0)]
    """
    if len(points) <= most:
        return list(points)
    stretches, kept = most // 2 - 1, [points[0]]
    for number in range(stretches):
        stretch = points[number * len(points) // stretches : (number + 1) * len(points) // stretches]
        ends = {
            min(range(len(stretch)), key=lambda i: stretch[i][1]),
            max(range(len(stretch)), key=lambda i: stretch[i][1]),
        }
        kept += [stretch[place] for place in sorted(ends)]
    return [*kept, points[-1]]
