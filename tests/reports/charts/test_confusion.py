"""Confusion matrices: what is drawn is read from the artists of the figure."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from dlcli.reports.charts.confusion import HIT, MISS, confusion_chart, short_count
from tests.reports.charts.figures import texts


def test_cells_are_shaded_by_their_share_of_the_row():
    chart = confusion_chart(np.array([[100, 0, 0], [0, 3, 1], [0, 0, 0]]), ["cat", "dog", "cow"])
    (image,) = chart.figure.axes[0].images
    colors = np.asarray(image.get_array())
    assert colors[0, 0] == pytest.approx(to_rgb(HIT))
    assert colors[1, 2] == pytest.approx(1 + 0.5 * (np.array(to_rgb(MISS)) - 1))  # the square root of 1 in 4
    assert colors[2] == pytest.approx(np.ones((3, 3)))
    assert sorted(texts(chart)) == sorted(
        ["103 of 104 right (99.04%)", "predicted", "actual", *["cat", "dog", "cow"] * 2, "100", "3", "1"]
    )


@pytest.mark.parametrize("count", [1, 2, 12, 20, 21, 300])
def test_charts_of_all_sizes(count):
    chart = confusion_chart(
        np.eye(count, dtype=np.int64) * 12_345_678, [f"a class of number {i}" for i in range(count)]
    )
    found = texts(chart)
    assert found.count("12.3M") == (count if count <= 20 else 0)
    assert chart.to_bytes().startswith(b"\x89PNG")
    assert max(chart.figure.get_size_inches()) < 12


def test_names_in_any_script_and_no_counts_at_all():
    found = texts(confusion_chart(np.zeros((3, 3), np.int64), ["кот", "$x^2$", "x" * 100]))
    assert {"кот", "$x^2$", "0 of 0 right (0.00%)"} <= set(found)


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (9999, "9999"), (10_000, "10k"), (123_456, "123k"), (12_345_678, "12.3M")]
)
def test_large_counts_are_short(number, text):
    assert short_count(number) == text
