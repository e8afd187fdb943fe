"""Charts of all trials of a search: what is drawn is read from the artists of the figure."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex

from dlcli.reports.charts.figure import SIZE, Measured
from dlcli.reports.charts.study import (
    BEST,
    PALE,
    STRONG,
    TIED,
    ParallelColumn,
    TrialOrder,
    importance_chart,
    parallel_chart,
)
from tests.reports.charts.figures import QUICK, legend, lines, names, numbers, texts
from tests.thinning.examples import examples

NAN = math.nan


def test_importances_are_sorted_bars_of_proportional_length():
    found = importance_chart({"small": 0.1, "big": 0.6, "middle": 0.3, "none": 0.0, "?": NAN}, title="t")
    axes = found.figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([1, 1 / 2, 1 / 6, 0, 0])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["big", "middle", "small", "none", "?"]
    assert {"60.0%", "0.0%", "unknown", "importance"} <= set(texts(found))
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first on top


def test_the_smallest_of_many_importances_are_counted():
    found = importance_chart({f"option {i}": 1 / (i + 1) for i in range(30)}, title="t")
    assert len(found.figure.axes[0].patches) == 24
    assert "importance (6 more are less)" in texts(found)


@settings(max_examples=examples(10), deadline=None, phases=QUICK)
@given(st.dictionaries(names, numbers, max_size=30), names)
def test_any_shares_give_a_chart(shares, title):
    texts(importance_chart(shares, title=title))


def trials(values, larger=False):
    count = len(values)
    columns = [
        ParallelColumn("lr", [10.0**-i for i in range(count)], log=True),
        ParallelColumn("optimizer", [("adam", "sgd")[i % 2] for i in range(count)]),
    ]
    known = [i for i in range(count) if math.isfinite(values[i])]
    order = sorted(known, key=lambda i: values[i], reverse=not larger)
    return parallel_chart(columns, values, title="t", measured=Measured("loss", larger), order=TrialOrder(order))


def test_trials_without_a_value_are_left_out():
    found = trials([0.3, 0.1, 0.2, NAN, math.inf])
    assert len(found.figure.axes[0].collections[0].get_segments()) == 2
    assert {"lr", "optimizer", "loss", "adam", "sgd", "worse", "better", "best"} <= set(texts(found))


@pytest.mark.parametrize("larger", [False, True])
def test_the_best_trial_is_thick_and_on_top_and_the_worst_pale(larger):
    axes = trials([0.1, 0.2, 0.3, 0.4], larger).figure.axes[0]
    (best,) = lines(axes, color=BEST)
    first = 3 if larger else 0
    assert [y for _, y in best[:2]] == pytest.approx(
        [(0.04, 1.04, 0, 0)[0] / 1.08 + (3 - first) / 3 / 1.08, (0.75, 0.25)[first % 2]]
    )
    segments, colors = axes.collections[0].get_segments(), [to_hex(c) for c in axes.collections[0].get_colors()]
    assert colors[0] == PALE
    assert colors[-1] != STRONG.lower()
    ends = [segment[-1][1] for segment in segments] + [best[-1][1]]
    assert (np.diff(ends) > 0).all() == larger
    assert (np.diff(ends) < 0).all() != larger


def test_many_options_widen_the_chart():
    columns = [ParallelColumn(f"option {i}", [float(i), 2.0]) for i in range(20)]
    order = TrialOrder([0, 1])
    found = parallel_chart(columns, [1.0, 2.0], title="t", measured=Measured("accuracy", True), order=order)
    assert found.figure.get_figwidth() > 20 * 1.1
    assert found.figure.get_figheight() == SIZE[1]
    assert legend(found) == ["worse", "better", "best"]
    texts(found)


@settings(max_examples=examples(15), deadline=None, phases=QUICK)
@given(st.data(), names, st.integers(0, 6), st.integers(0, 5), st.booleans())
def test_any_trials_give_a_chart(data, name, count, options, larger):
    cells = st.lists(numbers, min_size=count, max_size=count) | st.lists(names, min_size=count, max_size=count)
    columns = [ParallelColumn(name, data.draw(cells), data.draw(st.booleans())) for _ in range(options)]
    values = data.draw(st.lists(numbers, min_size=count, max_size=count))
    order = data.draw(st.permutations([i for i in range(count) if math.isfinite(values[i])]))
    texts(parallel_chart(columns, values, title=name, measured=Measured(name, larger), order=TrialOrder(order)))


def test_lines_of_trials_that_are_tied_with_the_best_have_its_color_pale():
    columns = [ParallelColumn("a", [1.0, 2.0, 3.0, 4.0])]
    found = parallel_chart(
        columns, [4.0, 3.0, 3.0, 3.0], title="t", measured=Measured("loss", False), order=TrialOrder([0, 1, 2, 3], 2)
    )
    axes = found.figure.axes[0]
    shades = [to_hex(shade) for shade in axes.collections[0].get_colors()]
    assert shades[1:] == [TIED, TIED]
    assert shades[0] != TIED
    assert "tied with the best" in texts(found)
    alone = parallel_chart(columns, [4.0, 3.0, 2.0, 1.0], title="t", measured=Measured("loss", False),
                           order=TrialOrder([0, 1, 2, 3]))  # fmt: skip
    assert "tied with the best" not in texts(alone)
