"""Charts: what is drawn is read back from the pixels."""

import io

import numpy as np
import pytest
from PIL import Image

from dlcli.runs.plots import COLOURS, SIZE, Line, _Axis, line_chart


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def near(image, colour):
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return np.argwhere(np.abs(image - wanted).sum(axis=2) < 12)


def test_a_falling_curve_falls():
    data = line_chart([Line("training", [0, 1, 2], [100.0, 10.0, 1.0])], title="Loss", x_label="step", log_y=True)
    assert Image.open(io.BytesIO(data)).size == SIZE
    found = near(pixels(data), COLOURS[0])
    found = found[found[:, 0] > 60]  # below the legend
    left, right = found[found[:, 1].argmin()], found[found[:, 1].argmax()]
    assert left[0] < right[0] - 300
    # On a log axis the powers of ten lie on a straight line.
    middle = found[np.abs(found[:, 1] - (left[1] + right[1]) // 2) < 2][:, 0].mean()
    assert middle == pytest.approx((left[0] + right[0]) / 2, abs=6)


@pytest.mark.parametrize("values", [[], [1.0], [0.0, -1.0], [float("nan"), float("inf")], [5.0, 5.0], [1e-300, 1e300]])
def test_odd_values_still_give_a_picture(values):
    data = line_chart([Line("a", range(len(values)), values)], title="t", x_label="x", log_y=True)
    assert pixels(data).shape == (SIZE[1], SIZE[0], 3)


@pytest.mark.parametrize(
    ("low", "high", "log"), [(0, 1000, False), (1e-3, 1e3, True), (0.4, 30, True), (0.5, 0.53, True), (1, 1, False)]
)
def test_ticks_are_few_distinct_and_inside(low, high, log):
    axis = _Axis(low, high, log)
    places, labels = zip(*axis.ticks(), strict=True)
    assert 2 <= len(places) <= 12
    assert len(set(labels)) == len(labels)
    assert all(0 <= p <= 1 for p in places)
