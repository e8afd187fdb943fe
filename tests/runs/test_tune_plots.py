"""Pictures of a search: what is drawn is read back from the pixels."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.runs.axes import Axis
from dlcli.runs.canvas import COLORS, INK, PAPER, SIZE, keys_of, length, mixed, shortened
from dlcli.runs.rate_marks import flags_of, rate_axis
from dlcli.runs.tune_plots import RateSeries, Sweep, curve_chart, rate_chart
from tests.runs.pictures import names, no_text_covers_another, numbers, pixels, rates, rgb  # noqa: F401

NAN = math.nan
LEFT, RIGHT, BOTTOM = 110, 930, 534  # of the frame
TOP = 56  # where the legend stands beside the title and there are no marks


def near(image, color, tolerance=12):
    """Rows and columns inside the frame that have the color."""
    found = np.argwhere(np.abs(image - rgb(color)).sum(axis=2) < tolerance)
    return found[(found[:, 0] > TOP) & (found[:, 0] < BOTTOM) & (found[:, 1] > LEFT) & (found[:, 1] < RIGHT)]


def column(rate, low, high):
    """The pixel column of a rate on the axis from low to high, which has 4 % to spare at both ends."""
    share = (math.log(rate / low) / math.log(high / low) + 0.04) / 1.08
    return round(LEFT + share * (RIGHT - LEFT))


def chart(*series, log_y=False, **options):
    return pixels(rate_chart(series, title="Loss", log_y=log_y, **options))


@pytest.mark.parametrize("larger", [False, True])
def test_the_best_point_has_a_ring_at_its_place(larger):
    best = (1e-3, 3.0) if larger else (1e-2, 1.0)
    image = chart(RateSeries("", [1e-3, 1e-2, 1e-1], [3.0, 1.0, 2.0]), larger_is_better=larger, best=best)
    x = column(1e-3 if larger else 1e-2, 1e-3, 1e-1)
    dot = near(image, COLORS[0])
    rows = dot[np.abs(dot[:, 1] - x) <= 3][:, 0]
    y = rows.min() + 3 if larger else rows.max() - 3
    assert rows.min() < TOP + 60 if larger else rows.max() > BOTTOM - 60
    for place in ((y, x - 8), (y, x + 8), (y - 8, x), (y + 8, x)):
        assert np.abs(image[place] - rgb(INK)).sum() < 120, place
    other = column(1e-1, 1e-3, 1e-1)
    dark = near(image, INK, 120)
    assert not (np.abs(dark[:, 1] - other) < 12).any()


def test_diverged_points_are_crosses_at_the_top_in_their_color_and_break_the_line():
    rates, x = [1e-3, 1e-2, 1e-1], column(1e-2, 1e-3, 1e-1)
    image = chart(RateSeries("", rates, [1.0, NAN, 2.0]), RateSeries("", rates, [3.0, math.inf, 2.5]))
    for number, row in ((0, TOP + 8), (1, TOP + 22)):
        found = near(image, COLORS[number])
        cross = found[np.abs(found[:, 1] - x) < 30]
        assert len(cross) >= 8
        assert np.abs(cross - (row, x)).max() <= 6
    whole = chart(RateSeries("", rates, [1.0, 1.5, 2.0]))
    assert (near(whole, COLORS[0])[:, 1] == x - 20).any()


def test_everything_diverged_is_an_empty_frame_with_crosses():
    image = chart(RateSeries("a", [1e-3, 1e-1], [NAN, -math.inf]), log_y=True)
    found = near(image, COLORS[0])
    assert len(found)
    assert found[:, 0].max() < TOP + 20
    assert (image[100:500, 2 : LEFT - 2] == 255).all(), "numbers where there are no values"


def test_pruned_points_are_hollow_and_not_joined():
    rates, x = [1e-3, 1e-2, 1e-1], column(1e-2, 1e-3, 1e-1)
    image = chart(RateSeries("", rates, [1.0, 2.0, 1.0], pruned=[False, True, False]))
    found = near(image, COLORS[0])
    ring = found[(np.abs(found[:, 1] - x) < 12) & (found[:, 0] < 300)]
    y, middle = np.round((ring.min(axis=0) + ring.max(axis=0)) / 2).astype(int)
    assert abs(middle - x) <= 1
    assert np.ptp(ring[:, 0]) < 12
    assert (image[y, middle] == 255).all()
    line = found[(found[:, 1] > x - 100) & (found[:, 1] < x - 12)]
    assert line[:, 0].min() > 400  # from one finished point straight to the other


def test_a_spread_is_a_pale_band():
    series = RateSeries("", [1e-3, 1e-1], [2.0, 2.0], low=[1.0, 1.0], high=[3.0, 3.0])
    image = chart(series)
    band = near(image, mixed(PAPER, COLORS[0], 0x38 / 255), 8)
    x = column(1e-2, 1e-3, 1e-1)
    rows = band[np.abs(band[:, 1] - x) < 40][:, 0]
    assert np.ptp(rows) > 380


@pytest.mark.parametrize("log_y", [False, True])
def test_values_that_explode_do_not_flatten_the_others(log_y):
    values = [0.5, 0.4, 0.3, 0.2, 0.3, 1e30, 1e300]
    image = chart(RateSeries("", list(np.logspace(-6, 0, 7)), values), log_y=log_y)
    found = near(image, COLORS[0])
    first = found[np.abs(found[:, 1] - column(1e-6, 1e-6, 1)) < 3][:, 0].mean()
    best = found[np.abs(found[:, 1] - column(1e-3, 1e-6, 1)) < 3][:, 0].mean()
    assert best - first > 350
    last = found[np.abs(found[:, 1] - column(1, 1e-6, 1)) < 3]
    assert len(last) > 0
    assert last[:, 0].max() < TOP + 40, "an arrow at the edge"


def sweep(scale=1.0):
    rates = np.logspace(-6, 1, 80)
    smooth = scale * (2.3 - 1.8 / (1 + (1e-2 / rates) ** 2) + np.where(rates > 0.5, 1e20, 0))
    return Sweep("", list(rates), list(smooth * 1.2), list(smooth))


@pytest.mark.parametrize("log_y", [False, True])
def test_a_range_test_shows_the_fall_and_not_the_explosion(log_y):
    image = pixels(curve_chart([sweep()], title="Range test", log_y=log_y))
    found = near(image, COLORS[0])
    start = found[found[:, 1] < 200][:, 0].mean()
    fall = found[found[:, 1] < column(0.4, 1e-6, 10)][:, 0].max() - start
    assert fall > 140
    assert found[found[:, 1] > column(0.4, 1e-6, 10)][:, 0].min() < TOP + 4  # it leaves at the top
    raw = near(image, mixed(COLORS[0], PAPER, 0.45), 120)
    assert (raw[raw[:, 1] < 400][:, 0] < start - 20).sum() > 100


def test_a_mark_is_a_line_at_its_rate():
    marks = [("steepest", 1e-2), ("valley", 1e-2 * 1.05)]
    image = chart(RateSeries("", [1e-3, 1e-1], [1.0, 1.0]), marks=marks)
    share = (1 / 2 + 0.08) / 1.12  # there is more room on the left for the names
    x = round(LEFT + share * (RIGHT - LEFT))
    column_of_line = image[150:250, x - 1 : x + 2].sum(axis=2).min(axis=1)
    assert (column_of_line < 600).all()


def test_a_mark_far_away_does_not_squeeze_the_curve():
    series = RateSeries("", [1e-3, 1e-1], [1.0, 2.0])
    found = near(chart(series, marks=[("2/l_max", 1e-30), ("edge", 1e30)]), COLORS[0])
    assert np.ptp(found[:, 1]) > 700


@settings(max_examples=60)
@given(st.lists(st.tuples(names, rates), max_size=8), st.lists(rates, max_size=4))
def test_names_of_marks_cover_neither_one_another_nor_a_line(marks, points):
    flags = flags_of(rate_axis(points, marks), marks)
    assert len(flags) == sum(1 for _, rate in marks if rate > 0 and math.isfinite(rate))
    for flag in flags:
        assert flag.start >= 4
        assert flag.start + length(flag.text) <= SIZE[0] - 4
    for a, b in itertools.permutations(flags, 2):
        if a.row == b.row:
            assert a.end < b.start or b.end < a.start
        elif a.row > b.row and a.x is not None:
            assert not b.start < a.x < b.start + length(b.text)


@pytest.mark.parametrize("name", ["a", "filters 16", "the same long beginning " * 3])
def test_a_legend_of_many_series_says_how_many_names_it_lacks(name):
    keys = keys_of([f"{name} {i}" for i in range(30)])
    assert [key.name for key in keys[-2:]] == [f"{name} 11", "+18 more"]
    chart(*(RateSeries(f"{name} {i}", [0.1, 1.0], [1.0, NAN], pruned=[True, False]) for i in range(30)))


@settings(max_examples=50)
@given(st.text(max_size=60), st.integers(20, 300))
def test_a_name_that_is_too_long_is_cut(name, room):
    text = shortened(name, room)
    assert length(text) <= room
    assert text == shortened(text, room)
    assert length(name) > room or "…" not in text or "…" in name or "..." in name


def test_controls_and_accents_do_not_matter():
    def named(name):
        return rate_chart([RateSeries(name, [0.1], [1.0])], title=name, y_label=name, marks=[(name, 0.1)], log_y=True)

    assert named("\x1b a\nGro\u0308\u200bße\x00 \ud800\u202e\t") == named("a Grosse")
    assert named("a") != named("b")


@st.composite
def series(draw):
    size = draw(st.integers(0, 6))
    columns = [draw(st.lists(kind, min_size=size, max_size=size)) for kind in (rates, numbers, numbers, numbers)]
    pruned = draw(st.none() | st.lists(st.booleans(), min_size=size, max_size=size))
    low, high = (columns[2], columns[3]) if draw(st.booleans()) else (None, None)
    return RateSeries(draw(names), columns[0], columns[1], low, high, pruned)


@settings(max_examples=40)
@given(st.lists(series(), max_size=9), names, st.booleans(), st.booleans(), st.lists(st.tuples(names, rates)))
def test_any_rates_and_values_give_a_picture(some, text, log_y, larger, marks):
    image = chart(*some, y_label=text, x_label=text, log_y=log_y, larger_is_better=larger, marks=marks)
    assert image.shape == (SIZE[1], SIZE[0], 3)
    sweeps = [Sweep(one.name, one.rates, one.values, one.low or one.values) for one in some]
    image = pixels(curve_chart(sweeps, title=text, y_label=text, log_y=log_y, marks=marks))
    assert image.shape == (SIZE[1], SIZE[0], 3)


@pytest.mark.parametrize("log_y", [False, True])
@pytest.mark.parametrize("span", [1e-9, 2e-5, 0.01, 0.9, 2, 12, 600])
@pytest.mark.parametrize("count", [1, 2, 200])
def test_numbers_at_the_axes_are_distinct_for_any_span(count, span, log_y):
    points = list(np.logspace(-span / 2, span / 2, count))
    for axis in (Axis.over(points, True), Axis.over(points, log_y)):
        labels = [text for _, text in axis.ticks()]
        assert 2 <= len(labels) <= 12
        assert len(set(labels)) == len(labels)
        assert all(0 <= axis.position(value) <= 1 for value in points)
    chart(RateSeries("", points, points), y_label="loss", log_y=log_y)


@pytest.mark.parametrize("log", [False, True])
def test_huge_values_have_a_place(log):
    assert 0 < Axis.over([2e300, 5e300], log).position(5e300) < 1
