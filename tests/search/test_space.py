"""Axes and points from the command line's words."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.errors import DlcliError
from dlcli.search.space import Axis, Space, parse_axis, parse_space, point_seed


def numbers(name):
    return name != "filters"


def test_a_rate_s_range_is_logarithmic():
    axis = parse_axis("--lr", "lr", "1e-4:1", numeric=True, log=True)
    assert axis.points(5) == (1e-4, 1e-3, 1e-2, 0.1, 1.0)


def test_a_range_is_even_where_nothing_else_is_said():
    assert parse_axis("--vary", "momentum", "0:0.8", numeric=True).points(5) == (0.0, 0.2, 0.4, 0.6, 0.8)


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [("1:4:int", 9, (1, 2, 3, 4)), ("16:64:log:int", 3, (16, 32, 64)), ("8:128:int:log", 5, (8, 16, 32, 64, 128))],
)
def test_whole_numbers(text, count, expected):
    assert parse_axis("--vary", "n", text, numeric=True).points(count) == expected


def test_texts_stay_as_they_are():
    assert parse_axis("--vary", "filters", "16,32,64x64", numeric=False).values == ("16", "32", "64x64")
    # A blind denoiser's range of noise is one value of a text option.
    assert parse_axis("--vary", "sigma", "25,0:55", numeric=False).values == ("25", "0:55")
    assert parse_axis("--vary", "filters", "16:64:int", numeric=False).points(2) == (16, 64)


@pytest.mark.parametrize(
    ("flag", "text", "words"),
    [
        ("--lr", "1:1e-4", "reversed"),
        ("--lr", "1:1", "empty"),
        ("--lr", "", "no value"),
        ("--lr", "0.1,,0.2", "no value"),
        ("--lr", "0:1", "above 0"),
        ("--lr", "-1:1", "above 0"),
        ("--lr", "a:b", "two numbers"),
        ("--lr", "0.1,abc", "positive numbers"),
        ("--lr", "-0.1,0.1", "positive numbers"),
        ("--lr", "0.1,0.1", "twice"),
        ("--lr", "1e-4:inf", "finite"),
        ("--lr", "nan:1", "two numbers"),
        ("--vary", "0.5:2.5:int", "whole numbers"),
        ("--vary", "1,2:log", "LOW:HIGH before"),
    ],
)
def test_refused(flag, text, words):
    with pytest.raises(DlcliError, match=words):
        parse_axis(flag, "lr", text, numeric=True, log=flag == "--lr")


def test_a_grid_is_every_combination_once():
    space = parse_space("1e-3:1", ["filters=16,32", "kernel=3,5"], numbers, None)
    points = space.grid([4, 9, 9])
    assert len(points) == 16
    assert [p.number for p in points] == list(range(16))
    assert len({tuple(p.params.items()) for p in points}) == 16
    assert points[0].params == {"lr": 0.001, "filters": "16", "kernel": 3}


def test_a_grid_of_too_many_points_is_refused():
    space = parse_space("1e-3:1", ["a=0:1", "b=0:1"], numbers, None)
    with pytest.raises(DlcliError, match="1,000,000 points"):
        space.grid([100, 100, 100])


def test_an_option_is_searched_once():
    with pytest.raises(DlcliError, match="twice"):
        parse_space("0.1,0.2", ["lr=0.3,0.4"], numbers, None)
    with pytest.raises(DlcliError, match="NAME=VALUES"):
        parse_space(None, ["momentum"], numbers, (1e-4, 1.0))


def test_the_rate_is_searched_unless_it_is_fixed():
    assert [a.name for a in parse_space(None, ["l2=0,1"], numbers, (1e-4, 1.0)).axes] == ["lr", "l2"]
    assert [a.name for a in parse_space(None, ["l2=0,1"], numbers, None).axes] == ["l2"]
    # As the option is spelled on the command line, or in a config file.
    assert [a.name for a in parse_space(None, ["--decay-rate=0,1"], numbers, None).axes] == ["decay_rate"]


ranges = st.tuples(st.floats(1e-8, 1e3), st.floats(1.1, 1e6)).map(lambda pair: (pair[0], pair[0] * pair[1]))


@given(ranges, st.integers(1, 40), st.booleans(), st.integers(0, 2**32), st.integers(0, 1000))
def test_points_and_draws_lie_in_their_range(bounds, count, log, seed, number):
    axis = Axis("lr", (), *bounds, log=log)
    points = axis.points(count)
    assert list(points) == sorted(set(points))
    slack = 1 + 1e-11
    assert all(bounds[0] / slack <= value <= bounds[1] * slack for value in points)
    drawn = Space((axis,)).draw(seed, number)["lr"]
    assert bounds[0] / slack <= drawn <= bounds[1] * slack


@given(st.integers(1, 50), st.integers(1, 200), st.booleans(), st.integers(0, 2**32))
def test_draws_of_whole_numbers_reach_both_ends(low, width, log, seed):
    axis = Axis("n", (), low, low + width, log=log, integer=True)
    value = Space((axis,)).draw(seed, 0)["n"]
    assert isinstance(value, int)
    assert low <= value <= low + width


def test_a_logarithmic_draw_is_uniform_in_the_logarithm():
    space = Space((Axis("lr", (), 1e-4, 1.0, log=True),))
    logs = [math.log10(space.draw(0, number)["lr"]) for number in range(2000)]
    quarters = [sum(low <= value < low + 1 for value in logs) for low in (-4, -3, -2, -1)]
    assert min(quarters) > 430


def test_a_random_point_depends_on_the_seed_and_its_number_alone():
    space = parse_space("1e-4:1", ["momentum=0:0.9"], numbers, None)
    assert space.random(10, 3) == space.random(20, 3)[:10]
    assert space.random(10, 3) != space.random(10, 4)


def test_seeds_of_points_differ():
    seeds = {point_seed(s, n, r) for s in range(3) for n in range(50) for r in range(3)}
    assert len(seeds) == 450
    assert point_seed(0, 7, 1) == point_seed(0, 7, 1)


@given(
    low=st.floats(1e-9, 1e3), factor=st.floats(1.0001, 1e6), count=st.integers(1, 20), log=st.booleans(),
    seed=st.integers(0, 100),
)  # fmt: skip
def test_no_value_of_a_range_is_outside_of_it(low, factor, count, log, seed):
    axis = Axis("x", (), low, low * factor, log=log)
    values = [*axis.points(count), axis.draw(np.random.default_rng(seed))]
    assert all(axis.low <= value <= axis.high for value in values)


def test_an_option_of_whole_numbers_gets_whole_ones():
    space = parse_space(None, ["depth=1:4"], lambda name: "whole", None)
    assert space.axes[0].points(4) == (1, 2, 3, 4)
