"""Bins of predictions: means with their intervals, and shares below a quantile."""

import numpy as np

from dlcli.reports.charts.models.bins import Binned


def test_means_and_shares_of_bins():
    predicted = np.repeat([1.0, 2.0, 3.0], 100)
    y = predicted + np.tile([-1.0, 1.0], 150)
    found = Binned.means("rows", (y, predicted, np.ones(300)), 3)
    np.testing.assert_allclose(found.predicted, [1, 2, 3])
    np.testing.assert_allclose(found.came, [1, 2, 3])
    np.testing.assert_allclose(found.high - found.came, 1.959964 * y[:100].std(ddof=1) / 10, rtol=1e-6)
    share = Binned.coverage("rows", (y, predicted, np.ones(300)), 3)
    np.testing.assert_allclose(share.came, 0.5)
    assert ((share.low < 0.5) & (share.high > 0.5)).all()


def test_weights_are_rows_that_many_times():
    random = np.random.default_rng(0)
    y, predicted, weights = random.normal(size=40), random.normal(size=40), random.integers(1, 4, 40)
    for make in (Binned.means, Binned.coverage):
        weighted = make("rows", (y, predicted, weights.astype(float)), 1)
        repeated = make("rows", (*(np.repeat(v, weights) for v in (y, predicted)), np.ones(weights.sum())), 1)
        for name in ("predicted", "came", "low", "high"):
            np.testing.assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-12)
