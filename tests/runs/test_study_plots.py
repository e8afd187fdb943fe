"""Pictures of all trials of a search: what is drawn is read back from the pixels."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.runs.canvas import COLORS, SIZE, mixed
from dlcli.runs.study_plots import BEST, PALE, STRONG, ParallelColumn, importance_chart, parallel_chart
from tests.runs.pictures import names, no_text_covers_another, numbers, pixels, rgb  # noqa: F401

NAN = math.nan


def test_importances_are_sorted_bars_of_proportional_length():
    image = pixels(importance_chart({"small": 0.1, "big": 0.6, "middle": 0.3, "none": 0.0, "?": NAN}, title="t"))
    assert image.shape[1] == SIZE[0]
    bars = (np.abs(image - rgb(COLORS[0])).sum(axis=2) < 12).sum(axis=1)
    lengths = [int(bars[56 + 34 * i + 17]) for i in range(5)]
    assert lengths[0] > 500
    assert lengths[1] == pytest.approx(lengths[0] / 2, abs=2)
    assert lengths[2] == pytest.approx(lengths[0] / 6, abs=2)
    assert lengths[3:] == [0, 0]


@settings(max_examples=30)
@given(st.dictionaries(names, numbers, max_size=30), names)
def test_any_shares_give_a_picture(shares, title):
    pixels(importance_chart(shares, title=title))


def trials(values, larger=False):
    count = len(values)
    columns = [
        ParallelColumn("lr", [10.0**-i for i in range(count)], log=True),
        ParallelColumn("optimizer", [("adam", "sgd")[i % 2] for i in range(count)]),
    ]
    known = [i for i in range(count) if math.isfinite(values[i])]
    order = sorted(known, key=lambda i: values[i], reverse=not larger)
    return parallel_chart(columns, values, title="t", larger_is_better=larger, value_label="loss", order=order)


def test_trials_without_a_value_are_left_out():
    assert trials([0.3, 0.1, 0.2, NAN, math.inf]) == trials([0.3, 0.1, 0.2])
    assert trials([0.3, 0.1, 0.2, 0.15]) != trials([0.3, 0.1, 0.2])


@pytest.mark.parametrize("larger", [False, True])
def test_the_best_trial_is_thick_and_on_top_and_the_worst_pale(larger):
    image = pixels(trials([0.1, 0.2, 0.3, 0.4], larger))

    def at_metric(color):
        """Height above the bottom where lines of the color end, near the last axis."""
        found = np.argwhere(np.abs(image - rgb(color)).sum(axis=2) < 30)
        return SIZE[1] - found[(found[:, 1] > 825) & (found[:, 1] < 840) & (found[:, 0] > 100)][:, 0]

    best, worst = at_metric(BEST), at_metric(PALE)
    assert len(best) > 30
    assert len(worst)
    assert (best.mean() > worst.mean() + 200) == larger
    assert len(at_metric(mixed(PALE, STRONG, 2 / 3)))


def test_many_options_widen_the_picture():
    columns = [ParallelColumn(f"option {i}", [float(i), 2.0]) for i in range(20)]
    image = pixels(
        parallel_chart(columns, [1.0, 2.0], title="t", larger_is_better=True, value_label="accuracy", order=[0, 1])
    )
    assert image.shape[0] == SIZE[1]
    assert image.shape[1] > 20 * 110


@settings(max_examples=40)
@given(st.data(), names, st.integers(0, 6), st.integers(0, 5), st.booleans())
def test_any_trials_give_a_picture(data, name, count, options, larger):
    cells = st.lists(numbers, min_size=count, max_size=count) | st.lists(names, min_size=count, max_size=count)
    columns = [ParallelColumn(name, data.draw(cells), data.draw(st.booleans())) for _ in range(options)]
    values = data.draw(st.lists(numbers, min_size=count, max_size=count))
    order = data.draw(st.permutations([i for i in range(count) if math.isfinite(values[i])]))
    pixels(parallel_chart(columns, values, title=name, larger_is_better=larger, value_label=name, order=order))
