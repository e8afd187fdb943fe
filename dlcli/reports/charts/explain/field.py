"""The effective receptive field: its map, and how much of it squares of each side hold."""

import numpy as np
import numpy.typing as npt
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle

from dlcli.reports.charts.explain.maps import HEAT
from dlcli.reports.charts.figure import COLORS, Chart, ChartFormat, key, set_range, styled
from dlcli.reports.explain.restoration import ReceptiveField

Values = npt.NDArray[np.float64]

LEAST = 16  # pixels on each side that are shown


@styled()
def field_chart(contributions: Values, shares: Values, field: ReceptiveField, format: ChartFormat = "png") -> Chart:
    """``contributions`` (2 r + 1, 2 r + 1) and ``shares`` (r + 1,) of the squares around the center."""
    chart = Chart(format, (), (8.0, 4.6))
    left, right = chart.figure.subplots(1, 2, width_ratios=(1, 1.15))
    radius = len(contributions) // 2
    colors = LinearSegmentedColormap.from_list("heat", [tuple(part / 255 for part in color) for color in HEAT])
    reach = radius + 0.5
    largest = float(contributions.max()) or 1.0
    left.imshow(np.sqrt(contributions / largest), cmap=colors, extent=(-reach, reach, reach, -reach), vmin=0, vmax=1)
    left.grid(visible=False)
    seen = radius if field.theoretical is not None else min(radius, max(2 * field.effective, LEAST))
    left.set_xlim(-seen - 0.5, seen + 0.5)
    left.set_ylim(seen + 0.5, -seen - 0.5)
    left.set_xlabel("pixels from the restored one")
    entries = [(key(shade=COLORS[0], style="-"), f"95% of all: {field.effective} px")]
    _square(left, field.effective, COLORS[5])
    entries[0] = (key(shade=COLORS[5], style="-"), entries[0][1])
    if field.theoretical is not None:
        low, high = field.theoretical
        entries.append(
            (key(shade=COLORS[1], style="--"), f"could see: {low if low == high else f'{low} to {high}'} px")
        )
        _square(left, high, COLORS[1], "--")
        right.axvline(high, color=COLORS[1], ls="--", lw=1.4)
    sides = 2 * np.arange(len(shares)) + 1
    right.plot(sides, 100 * shares, color=COLORS[0])
    right.axvline(field.effective, color=COLORS[5], lw=1.4)
    set_range(right.xaxis, 0, 2.0 * seen + 1, log=False, pad=(0.0, 0.02))
    set_range(right.yaxis, 0, 100, log=False, pad=(0.0, 0.04))
    right.set_xlabel("side of the square, px")
    right.set_ylabel("share of all gradients, %")
    chart.head("How far a restored pixel sees", entries)
    top = 1 - (chart.taken + 0.1) / 4.6
    left.set_position((0.06, 0.12, 0.40, top - 0.12))
    right.set_position((0.57, 0.12, 0.41, top - 0.12))
    return chart


def _square(axes: object, side: int, shade: str, style: str = "-") -> None:
    half = side / 2
    add = axes.add_patch  # type: ignore[attr-defined]
    add(Rectangle((-half, -half), side, side, fill=False, ec=shade, lw=1.4, ls=style))
