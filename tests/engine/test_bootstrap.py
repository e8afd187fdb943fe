"""The paired bootstrap against SciPy's, and against the closed form of a mean."""

import numpy as np
import pytest
from scipy import stats

from dlcli.engine.bootstrap import GROUPS, differences


def mean(s):
    return s[:, 1] / s[:, 0], s[:, 2] / s[:, 0]


def root(s):
    return np.sqrt(s[:, 1] / s[:, 0]), np.sqrt(s[:, 2] / s[:, 0])


@pytest.fixture(scope="module")
def pairs():
    rng = np.random.default_rng(1)
    shared = rng.exponential(size=500)
    return np.column_stack([np.ones(500), shared + 0.1 * rng.normal(size=500) ** 2, shared + 0.05])


def test_the_interval_is_that_of_scipy(pairs):
    found = differences(pairs, {"mean": mean, "root": root}, 0)
    for name, statistic in (
        ("mean", lambda a, b, axis: a.mean(axis) - b.mean(axis)),
        ("root", lambda a, b, axis: np.sqrt(a.mean(axis)) - np.sqrt(b.mean(axis))),
    ):
        theirs = stats.bootstrap(
            (pairs[:, 1], pairs[:, 2]), statistic, paired=True, method="percentile", n_resamples=2000, rng=1
        ).confidence_interval
        width = theirs.high - theirs.low
        assert found[name].low == pytest.approx(theirs.low, abs=0.1 * width)
        assert found[name].high == pytest.approx(theirs.high, abs=0.1 * width)
        assert found[name].difference == pytest.approx(statistic(pairs[:, 1], pairs[:, 2], axis=0))


def test_many_rows_are_drawn_in_groups_and_give_the_same_width():
    rng = np.random.default_rng(2)
    n = 5 * GROUPS + 7
    columns = np.column_stack([np.ones(n), rng.normal(1, 1, n), rng.normal(1, 2, n)])
    found = differences(columns, {"mean": mean}, 0)["mean"]
    half = 1.96 * np.std(columns[:, 1] - columns[:, 2]) / np.sqrt(n)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.08)
    assert found.difference == pytest.approx(columns[:, 1].mean() - columns[:, 2].mean())


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(3)
    hits = 0
    for seed in range(80):
        a = rng.normal(0, 1, 60)
        columns = np.column_stack([np.ones(60), a, a + rng.normal(0.3, 0.5, 60)])
        found = differences(columns, {"mean": mean}, seed)["mean"]
        hits += found.low <= -0.3 <= found.high
    assert 0.85 <= hits / 80 <= 1


def test_what_cannot_be_told_has_no_interval():
    one = differences(np.array([[1.0, 2.0, 3.0]]), {"mean": mean}, 0)["mean"]
    assert np.isnan([one.low, one.high]).all()
    assert not one.beyond_chance
    holed = differences(np.array([[1.0, np.nan, 3.0], [1.0, 1.0, 1.0]]), {"mean": mean}, 0)["mean"]
    assert np.isnan([holed.low, holed.high]).all()
    same = differences(np.ones((50, 3)), {"mean": mean}, 0)["mean"]
    assert (same.low, same.high, same.beyond_chance) == (0, 0, False)
