"""The confusion matrix of a classifier."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from dlcli.reports.charts.figure import COLORS, INK, MARGIN, TEXT, Chart, ChartFormat, styled

LABELED = 20  # classes up to which there are names and counts
LONGEST_NAME = 1.4  # inches
HIT, MISS = COLORS[0], COLORS[1]


@styled()
def confusion_chart(
    matrix: NDArray[np.int64] | NDArray[np.float64], classes: Sequence[str], *, format: ChartFormat = "png"
) -> Chart:
    """A confusion matrix (K, K): rows are the actual classes, columns the predicted.

    A cell's shade grows with the square root of its share of its row, which makes rare mistakes visible; hits and
    mistakes have colors of their own. Up to 20 classes there are names and counts.
    """
    count, labeled = len(classes), len(classes) <= LABELED
    side = max(count * (0.5 if count <= 12 else 0.42), 1.5) if labeled else 5.0
    chart = Chart(format, classes if labeled else ())
    names = [chart.name(name, LONGEST_NAME) for name in classes] if labeled else []
    widest = max(map(chart.width, names), default=0.0)
    upright = widest > side / max(count, 1) - 0.06
    left, top = 0.45 + widest, 0.85 + (widest if upright else 0.15)
    width, height = max(left + side + 0.2, 4.2), top + side + 0.15
    chart.figure.set_size_inches(width, height)
    axes = chart.figure.add_axes((left / width, 1 - (top + side) / height, side / width, side / height))

    shades = np.sqrt(matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1))
    hues = np.where(np.eye(count, dtype=bool)[..., None], to_rgb(HIT), to_rgb(MISS))
    axes.imshow(1 + shades[..., None] * (hues - 1), interpolation="nearest", aspect="auto")
    axes.spines[:].set_visible(True)
    axes.grid(False)
    axes.tick_params(length=0, bottom=False, top=False, labelbottom=False, labeltop=True)
    axes.set_xticks(range(len(names)), names, rotation=90 if upright else 0)
    axes.set_yticks(range(len(names)), names)
    if labeled:
        for edge in np.arange(count - 1) + 0.5:
            axes.axhline(edge, color="#e3e6ea", lw=0.8)
            axes.axvline(edge, color="#e3e6ea", lw=0.8)
        for row, column in zip(*np.nonzero(matrix), strict=True):
            ink = "white" if shades[row, column] > 0.6 else INK
            axes.text(column, row, short_count(int(matrix[row, column])), ha="center", va="center", color=ink)
    hits, total = int(np.trace(matrix)), int(matrix.sum())
    chart.head(f"{hits:,} of {total:,} right ({hits / max(total, 1):.2%})")
    middle = (left + side / 2) / width, 1 - (top + side / 2) / height
    chart.figure.text(middle[0], 1 - (MARGIN + 0.36) / height, "predicted", ha="center", va="top")
    chart.figure.text((MARGIN + TEXT / 72) / width, middle[1], "actual", rotation=90, ha="right", va="center")
    return chart


def short_count(number: int) -> str:
    """A count in at most five characters.

    >>> short_count(9999), short_count(10_000), short_count(12_345_678)
    ('9999', '10k', '12.3M')
    """
    if number < 10_000:
        return str(number)
    power, unit = next((p, u) for p, u in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if number >= p)
    return f"{number / power:.3g}{unit}"
