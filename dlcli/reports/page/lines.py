"""Line charts as small SVG: colors come from the page's style, so that they fit light and dark."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from dlcli.reports.page.figures import figure, log_ticks, thinned, ticks
from dlcli.reports.page.source import Chart

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 10, 40
MOST_POINTS = 400  # of a line: more than there are pixels for
MOST_LINES = 10  # colors with dashes that can be told apart
DECADE = 10.0
MARGIN = 0.04  # of the height, above and below the lines


@dataclass(frozen=True)
class Line:
    """A line by name, its points (x, y); those that aren't finite leave a gap."""

    name: str
    points: Sequence[tuple[float, float]]

    @property
    def finite(self) -> list[tuple[float, float]]:
        """Those points that can be drawn."""
        return [point for point in self.points if math.isfinite(point[0]) and math.isfinite(point[1])]


@dataclass(frozen=True)
class Scale:
    """From values to pixels."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Where a value is."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """Values that are named on the axis."""
        return log_ticks(self.low, self.high) if self.log else ticks(self.low, self.high)


def line_chart(title: str, across: str, up: str, lines: Sequence[Line]) -> Chart | None:
    """A chart of up to ten ``lines``, or None where there is nothing to draw.

    The vertical axis is logarithmic where all values are positive and span more than a factor of ten.
    """
    lines = [line for line in lines if line.finite][:MOST_LINES]
    every = [point for line in lines for point in line.finite]
    if not every:
        return None
    xs, ys = [x for x, _ in every], [y for _, y in every]
    log = min(ys) > 0 and max(ys) / min(ys) > DECADE
    low, high = _with_margin(min(ys), max(ys), log=log)
    x = Scale(min(xs), max(xs), LEFT, WIDTH - RIGHT)
    y = Scale(low, high, HEIGHT - BOTTOM, TOP, log)
    about = "; ".join(f"{line.name}: {figure(line.finite[0][1])} to {figure(line.finite[-1][1])}" for line in lines)
    told = f"{about}, from {across} {figure(min(xs))} to {figure(max(xs))}" + (
        ", on a logarithmic scale" if log else ""
    )
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(f"{title}. {told}")}">',
        *_axes(x, y, across, up + (" (log)" if log else "")),
        *(_path(line, number, x, y) for number, line in enumerate(lines)),
        "</svg>",
    ]
    return Chart(title, "".join(parts), [line.name for line in lines])


def _with_margin(low: float, high: float, *, log: bool) -> tuple[float, float]:
    """The ends of an axis, somewhat further apart, so that no line lies on a border."""
    if log:
        margin = (high / low) ** MARGIN
        return low / margin, high * margin
    margin = (high - low) * MARGIN or (abs(low) or 1.0) / 10
    return low - margin, high + margin


def _axes(x: Scale, y: Scale, across: str, up: str) -> list[str]:
    floor = HEIGHT - BOTTOM
    parts = []
    for tick in y.ticks:
        at = f"{y.at(tick):.1f}"
        parts.append(f'<path class="grid" d="M{LEFT} {at}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{at}" dy="4" text-anchor="end">{figure(tick, 4)}</text>')
    for tick in x.ticks:
        at = f"{x.at(tick):.1f}"
        parts.append(f'<text x="{at}" y="{floor + 17}" text-anchor="middle">{figure(tick, 6)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<path class="axis" d="M{LEFT} {floor}H{WIDTH - RIGHT}"/>')
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escape(across)}</text>')
    turned = f'transform="rotate(-90)" x="{-(TOP + floor) / 2}" y="12" text-anchor="middle"'
    return [*parts, f"<text {turned}>{escape(up)}</text>"]


def _path(line: Line, number: int, x: Scale, y: Scale) -> str:
    """The line, with gaps where values are not finite; a dot where there is one point."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for point in line.points:
        if math.isfinite(point[0]) and math.isfinite(point[1]):
            pieces[-1].append(point)
        elif pieces[-1]:
            pieces.append([])
    drawn, share = [], MOST_POINTS / max(len(line.points), 1)
    for piece in filter(None, pieces):
        kept = thinned(piece, max(8, int(share * len(piece)))) if share < 1 else piece
        places = [f"{x.at(one):.1f} {y.at(other):.1f}" for one, other in kept]
        drawn.append("M" + "L".join(places) + ("h0" if len(places) == 1 else ""))
    return f'<path class="line s{number}" d="{"".join(drawn)}"/>'
