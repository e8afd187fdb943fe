"""What the tests of charts share: the texts of a figure and their places, and odd inputs."""

import itertools

from hypothesis import Phase
from hypothesis import strategies as st
from matplotlib.text import Text

QUICK = (Phase.explicit, Phase.reuse, Phase.generate)  # to shrink what takes a tenth of a second to draw takes minutes

names = st.text(max_size=40) | st.sampled_from(["steepest", "minimum/10", "exact 2/l_max", "x" * 300, "$a_1$ \\frac"])
numbers = st.floats(allow_nan=True, allow_infinity=True)
rates = st.floats(1e-12, 10) | numbers


def texts(chart):
    """All that is written in a chart, after a look that none of it leaves the picture or covers another."""
    renderer = chart.figure.canvas.get_renderer()
    chart.figure.draw_without_rendering()
    boxes = {}
    for text in chart.figure.findobj(Text):
        axis = next((a for axes in chart.figure.axes for a in (axes.xaxis, axes.yaxis) if _is_tick(text, a)), None)
        if text.get_visible() and text.get_text() and (axis is None or text in _shown_ticks(axis)):
            boxes[text] = text.get_window_extent(renderer)
    for text, box in boxes.items():
        assert box.x0 >= -1, text
        assert box.y0 >= -1, text
        assert box.x1 <= chart.figure.bbox.x1 + 1, text
        assert box.y1 <= chart.figure.bbox.y1 + 1, text
    for (a, one), (b, other) in itertools.combinations(boxes.items(), 2):
        shared = min(one.x1, other.x1) - max(one.x0, other.x0), min(one.y1, other.y1) - max(one.y0, other.y0)
        assert min(shared) <= 1, (a, b)
    return [text.get_text() for text in boxes]


def _is_tick(text, axis):
    return any(text in (tick.label1, tick.label2) for tick in (*axis.majorTicks, *axis.minorTicks))


def _shown_ticks(axis):
    low, high = sorted(axis.get_view_interval())
    shown = [t for t in axis.get_major_ticks() if low <= t.get_loc() <= high] if axis.axes.axison else []
    return [label for tick in shown for label in (tick.label1, tick.label2)]


def legend(chart):
    """Names in the legend, in the order that they are read in."""
    return [text.get_text() for found in chart.figure.legends for text in found.get_texts()]


def lines(axes, **properties):
    """The lines that have these properties, as lists of points."""
    kept = [x for x in axes.lines if all(getattr(x, f"get_{n}")() == v for n, v in properties.items())]
    return [list(map(tuple, line.get_xydata().tolist())) for line in kept]
