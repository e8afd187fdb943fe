"""Metrics against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from dlcli.linear.metrics import area_under_curve, class_metrics


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
