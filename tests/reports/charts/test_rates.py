"""Charts of a search for the learning rate: what is drawn is read from the artists of the figure."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.reports.charts.figure import COLORS, INK, Measured
from dlcli.reports.charts.rates import RateSeries, Sweep, range_test_chart, rate_chart
from tests.reports.charts.figures import QUICK, legend, lines, names, numbers, rates, texts
from tests.thinning.examples import examples

NAN = math.nan


def chart(*series, larger=False, spread="spread", **options):
    measured = Measured("val.loss", larger, spread)
    return rate_chart(series, title="val.loss against the learning rate", measured=measured, **options)


def axes_of(*series, **options):
    return chart(*series, **options).figure.axes[0]


def test_points_are_joined_and_both_axes_named():
    found = chart(RateSeries("constant", [1e-1, 1e-3, 1e-2], [2.0, 3.0, 1.0]))
    axes = found.figure.axes[0]
    assert axes.get_xscale() == "log"
    assert [(1e-3, 3), (1e-2, 1), (1e-1, 2)] in lines(axes, linestyle="-", color=COLORS[0])
    assert {"learning rate", "val.loss", "constant", "0.001", "0.01", "0.1"} <= set(texts(found))
    assert not lines(axes_of(RateSeries("", [1e-3, 1e-2], [1.0, 2.0]), joined=False), linestyle="-")


@pytest.mark.parametrize("larger", [False, True])
def test_the_best_point_has_a_ring_at_its_place_and_its_rate(larger):
    best = (1e-3, 3.0) if larger else (1e-2, 1.0)
    found = chart(RateSeries("", [1e-3, 1e-2, 1e-1], [3.0, 1.0, 2.0]), larger=larger, best=[best])
    assert lines(found.figure.axes[0], markerfacecolor="none", color=COLORS[0]) == []
    assert [best] in lines(found.figure.axes[0], markerfacecolor="none")
    assert f"best: {best[0]}" in texts(found)


def test_diverged_points_are_crosses_at_the_top_in_their_color_and_break_the_line():
    rates = [1e-3, 1e-2, 1e-1]
    found = chart(RateSeries("a", rates, [1.0, NAN, 2.0]), RateSeries("b", rates, [3.0, math.inf, 2.5]))
    axes = found.figure.axes[0]
    (first,), (second,) = (lines(axes, marker="x", color=color)[0] for color in COLORS[:2])
    assert first[0] == second[0] == 1e-2
    assert first[1] > second[1] > 0.9
    assert [(1e-3, 1), (1e-1, 2)] not in lines(axes, linestyle="-")
    assert legend(found) == ["a", "b", "diverged"]


def test_everything_diverged_is_an_empty_frame_with_crosses():
    found = chart(RateSeries("a", [1e-3, 1e-1], [NAN, -math.inf]), best=())
    assert len(lines(found.figure.axes[0], marker="x")) == 1
    assert not set(texts(found)) & {"1", "10"}, "numbers where there are no values"


def test_pruned_points_are_hollow_and_not_joined():
    found = chart(RateSeries("a", [1e-3, 1e-2, 1e-1], [1.0, 2.0, 1.0], pruned=[False, True, False]))
    axes = found.figure.axes[0]
    assert [(1e-2, 2)] in lines(axes, markerfacecolor="white")
    assert [(1e-3, 1), (1e-1, 1)] in lines(axes, linestyle="-")
    assert legend(found) == ["a", "pruned"]


def test_a_spread_is_a_band_that_the_legend_names():
    series = RateSeries("a", [1e-3, 1e-1], [2.0, 2.0], low=[1.0, 1.0], high=[3.0, 3.0])
    found = chart(series, spread="± standard deviation over 3 seeds")
    band, _ = found.figure.axes[0].collections
    assert band.get_paths()[0].get_extents().bounds == pytest.approx((1e-3, 1, 0.099, 2))
    assert legend(found) == ["a", "± standard deviation over 3 seeds"]
    assert not axes_of(RateSeries("a", [1e-3, 1e-1], [2.0, 2.0])).collections


@pytest.mark.parametrize("values", [[0.5, 0.4, 0.3, 0.2, 0.3, 1e30, 1e300], [0.5, 0.05, 0.03, 0.02, 0.3, 1e30, 1e300]])
def test_values_that_explode_do_not_flatten_the_others(values):
    found = chart(RateSeries("", list(np.logspace(-6, 0, 7)), values))
    axes = found.figure.axes[0]
    assert axes.get_ylim()[1] < 1
    (far,) = lines(axes, marker="^")
    assert [x for x, _ in far] == pytest.approx([0.1, 1])
    assert "off the scale" in legend(found)


def test_a_legend_of_many_series_says_how_many_names_it_lacks():
    found = chart(*(RateSeries(f"filters {i}", [0.1, 1.0], [1.0 + i, NAN], pruned=[True, False]) for i in range(30)))
    assert "+18 more" in legend(found)
    assert "filters 11" in legend(found)
    assert "filters 12" not in legend(found)
    texts(found)
    styles = {
        (line.get_color(), line.get_linestyle())
        for line in found.figure.legends[0].get_lines()
        if line.get_linestyle() != "None"
    }
    assert len(styles) == 12


def sweep(scale=1.0, name="seed 0"):
    rates = np.logspace(-6, 1, 80)
    smooth = scale * (2.3 - 1.8 / (1 + (1e-2 / rates) ** 2) + np.where(rates > 0.5, 1e20, 0))
    raw = np.where(rates > 5, np.nan, smooth * 1.2)
    return Sweep(name, list(rates), list(raw), list(smooth))


def test_a_range_test_shows_the_fall_and_not_the_explosion():
    found = range_test_chart([sweep(), sweep(1.1, "seed 1")], title="t")
    axes = found.figure.axes[0]
    low, high = axes.transData.transform([(1, 0.5), (1, 2.3)])[:, 1]
    assert high - low > 0.4 * axes.bbox.height
    assert [line.get_linewidth() for line in axes.lines if line.get_color() == COLORS[0]][:2] == [0.9, 2.0]
    assert len(lines(axes, marker="x")) == 2
    assert legend(found)[:2] == ["seed 0", "seed 1"]
    assert {"before smoothing", "not a finite number"} <= set(legend(found))


def test_a_mark_is_a_line_at_its_rate_that_the_legend_names():
    marks = [("steepest", 1e-2), ("valley", 1e-2 * 1.05), ("2/l_max", 1e30)]
    found = range_test_chart([sweep()], title="t", marks=marks)
    axes = found.figure.axes[0]
    drawn = {points[0][0] for points in lines(axes, color=INK)}
    assert drawn == {1e-2, 1e-2 * 1.05}
    assert {"steepest: 0.01", "valley: 0.0105", "2/l_max: 1e30 (outside)"} <= set(legend(found))
    assert axes.get_xlim()[1] < 100, "a mark far away must not squeeze the curve"
    assert len({str(line._unscaled_dash_pattern) for line in axes.lines if line.get_color() == INK}) == 2
    texts(found)


@st.composite
def series(draw):
    size = draw(st.integers(0, 6))
    columns = [draw(st.lists(kind, min_size=size, max_size=size)) for kind in (rates, numbers, numbers, numbers)]
    pruned = draw(st.none() | st.lists(st.booleans(), min_size=size, max_size=size))
    low, high = (columns[2], columns[3]) if draw(st.booleans()) else (None, None)
    return RateSeries(draw(names), columns[0], columns[1], low, high, pruned)


@settings(max_examples=examples(15), deadline=None, phases=QUICK)
@given(st.lists(series(), max_size=9), names, st.booleans(), st.lists(st.tuples(names, rates), max_size=6))
def test_any_rates_and_values_give_a_chart(some, text, larger, marks):
    texts(rate_chart(some, title=text, measured=Measured(text, larger)))
    sweeps = [Sweep(one.name, one.rates, one.values, one.low or one.values) for one in some]
    texts(range_test_chart(sweeps, title=text, marks=marks))


def test_points_that_are_tied_with_the_best_have_a_ring_and_are_explained():
    best, *tied = points = [(1e-2, 1.0), (1e-1, 1.0), (1.0, 1.5)]
    found = chart(RateSeries("", [1e-3, 1e-2, 1e-1, 1.0], [3.0, 1.0, 1.0, 1.5]), best=points)
    assert lines(found.figure.axes[0], markerfacecolor="none") == [[best], tied]
    assert "tied with the best" in texts(found)
