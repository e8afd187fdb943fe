"""Metrics of numbers against scikit-learn, whatever chunks the rows come in."""

import numpy as np
import pytest
from sklearn.metrics import mean_pinball_loss, mean_squared_error, median_absolute_error

from dlcli.linear.evaluation.numbers import NumberSums, number_metric_names


@pytest.mark.parametrize("quantile", [None, 0.9])
def test_numbers(quantile):
    random = np.random.default_rng(0)
    y = random.normal(5, 2, 200)
    predicted = y + random.standard_t(3, 200)
    sums = NumberSums(centered=True, quantile=quantile)
    for part in np.array_split(np.arange(200), 3):
        sums.add(y[part], predicted[part])
    ours = sums.metrics()
    assert tuple(ours) == number_metric_names(centered=True, quantile=quantile)
    assert ours["median_absolute_error"] == median_absolute_error(y, predicted)
    assert ours["deviance"] == pytest.approx(200 * mean_squared_error(y, predicted))
    if quantile is not None:
        assert ours["pinball"] == pytest.approx(mean_pinball_loss(y, predicted, alpha=quantile))
