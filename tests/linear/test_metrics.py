"""Metrics against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    log_loss,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)

from dlcli.linear.metrics import (
    CLASSES,
    REGRESSION,
    RowSums,
    area_under_curve,
    class_metrics,
    higher_is_better,
    metric_names,
    regression_metrics,
    searched_metrics,
)
from dlcli.linear.objectives.moments import Moments


@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=60))
def test_auc_with_ties(pairs):
    truth = np.array([t for t, _ in pairs], dtype=float)
    score = np.array([s for _, s in pairs], dtype=float)
    if truth.min() == truth.max():
        assert np.isnan(area_under_curve(truth, score))
    else:
        assert area_under_curve(truth, score) == pytest.approx(roc_auc_score(truth, score))


@pytest.mark.parametrize("classes", [2, 4])
def test_class_metrics(classes):
    random = np.random.default_rng(0)
    probability = random.dirichlet(np.ones(classes), 200)
    truth = random.integers(0, classes, 200)
    ours = class_metrics(np.log(probability), truth.astype(float))
    assert ours["log_loss"] == pytest.approx(log_loss(truth, probability))
    assert ours["accuracy"] == accuracy_score(truth, probability.argmax(axis=1))
    if classes == 2:
        assert ours["auc"] == pytest.approx(roc_auc_score(truth, probability[:, 1]))
    else:
        assert ours["auc"] == pytest.approx(roc_auc_score(truth, probability, multi_class="ovr"))


@pytest.mark.parametrize("centered", [True, False])
def test_regression_metrics_in_chunks(centered):
    random = np.random.default_rng(1)
    y = random.normal(5, 2, 300)
    predicted = y + random.normal(0, 1, 300)
    sums = RowSums()
    for part in np.array_split(np.arange(300), 7):
        sums.add(y[part], y[part] - predicted[part])
    moments, square = Moments.of(y.copy()[:, None]), float(np.mean((y - predicted) ** 2))
    ours = regression_metrics(moments, square, centered, sums.means(300))
    centered_r2, plain_r2 = r2_score(y, predicted), 1 - square / np.mean(y**2)
    expected = {
        "loss": square, "rmse": root_mean_squared_error(y, predicted), "mae": mean_absolute_error(y, predicted),
        "r2": centered_r2 if centered else plain_r2,
    } | ({} if centered else {"r2_centered": centered_r2})  # fmt: skip
    assert ours == pytest.approx(expected)
    assert tuple(ours) == metric_names("mse", centered=centered)
    without_rows = regression_metrics(moments, square, centered)
    assert set(ours) - set(without_rows) == {"mae"}
    assert searched_metrics("mse", 0) == ("loss", "rmse", "r2")


def test_what_searches_compare_classes_by():
    assert searched_metrics("logistic", 2) == ("loss", "log_loss", "accuracy", "auc")
    assert searched_metrics("softmax", 3) == ("loss", "log_loss", "accuracy")
    assert metric_names("softmax", centered=True) == ("loss", "log_loss", "accuracy", "auc")


def test_better_is_what_a_worse_model_lacks():
    """Each metric's direction, by a good and a bad model of the same data."""
    random = np.random.default_rng(2)
    y, noise = random.normal(5, 2, 200), random.normal(size=200)

    def regression(error):
        sums = RowSums()
        sums.add(y, error)
        return regression_metrics(Moments.of(y.copy()[:, None]), float(np.mean(error**2)), False, sums.means(200))

    def classes(strength):
        truth = (y > 5).astype(float)
        score = strength * (y - 5) + noise
        return class_metrics(-np.logaddexp(0, np.column_stack([score, -score])), truth)

    for table, kind, good, bad in (
        (REGRESSION, "mse", regression(noise / 10), regression(noise)),
        (CLASSES, "logistic", classes(2), classes(0.5)),
    ):
        for metric in table:
            assert (good[metric.name] > bad[metric.name]) == higher_is_better(kind, metric.name), metric.name
