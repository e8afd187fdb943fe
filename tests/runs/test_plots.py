"""Charts: what is drawn is read back from the pixels."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from dlcli.runs.axes import Axis
from dlcli.runs.plots import COLORS, SIZE, Line, line_chart


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def near(image, color):
    wanted = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
    return np.argwhere(np.abs(image - wanted).sum(axis=2) < 12)


def test_a_falling_curve_falls():
    data = line_chart([Line("training", [0, 1, 2], [100.0, 10.0, 1.0])], title="Loss", x_label="step", log_y=True)
    assert Image.open(io.BytesIO(data)).size == SIZE
    found = near(pixels(data), COLORS[0])
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
    axis = Axis(low, high, log)
    places, labels = zip(*axis.ticks(), strict=True)
    assert 2 <= len(places) <= 12
    assert len(set(labels)) == len(labels)
    assert all(0 <= p <= 1 for p in places)


# Machado, Oliveira and Fernandes 2009, severity 1: protanopia, deuteranopia, tritanopia.
VISIONS = {
    "all": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("vision", VISIONS)
def test_colors_are_told_apart_with_any_vision(vision):
    share = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in COLORS]) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(VISIONS[vision]).T, 0, 1)
    lab = rgb2lab(np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)[None])[0]
    assert len(COLORS) >= 6
    assert min(deltaE_ciede2000(a, b) for a, b in itertools.combinations(lab, 2)) > 10
