"""Exact minimizers of quadratics with L1, held to the conditions of the optimum and to coordinate descent."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Lasso

from dlcli.linear.paths import minimum as minimum_module
from dlcli.linear.paths.choice import Scores
from dlcli.linear.paths.minimum import DenseProducts, RowProducts, minimum, violation
from tests.thinning.examples import examples


def problem(seed, rows, columns, *, alike=0.0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, columns))
    X[:, 1] = X[:, 0] + alike * X[:, 1]
    y = X @ (random.normal(size=columns) * (random.random(columns) < 0.5)) + random.normal(size=rows)
    return (X - X.mean(axis=0)) / np.sqrt(rows), (y - y.mean()) / np.sqrt(rows)


@pytest.mark.parametrize("rows", [12, 60])
@pytest.mark.parametrize("alike", [0.0, 1e-9, 1e-3, 1.0])  # 0: two columns are the same
def test_the_conditions_of_the_optimum_hold_along_a_path(rows, alike):
    B, target = problem(rows, rows, 20, alike=alike)
    c, nothing = B.T @ target, np.zeros(20)
    largest = float(np.abs(c).max())
    for products in (DenseProducts(B.T @ B, nothing), RowProducts(B, nothing)):
        theta = nothing
        for penalty in largest * np.geomspace(1, 1e-3, 12):
            theta = minimum(products, c, np.full(20, penalty), theta)
            assert violation(theta, c - products.times(theta), np.full(20, penalty)) <= 1e-10 * largest


def test_above_the_largest_penalty_nothing_is_left():
    B, target = problem(3, 40, 6)
    c = B.T @ target
    for share, left in ((1.0, 0), (0.999, 1)):
        theta = minimum(DenseProducts(B.T @ B, np.zeros(6)), c, np.full(6, share * np.abs(c).max()), np.zeros(6))
        assert np.count_nonzero(theta) == left


@settings(max_examples=examples(25))
@given(st.integers(0, 10_000), st.floats(0.01, 0.9), st.booleans())
def test_either_way_leads_to_what_coordinate_descent_finds(seed, share, one_by_one):
    B, target = problem(seed, 30, 8, alike=1.0)
    c = B.T @ target
    penalty = share * float(np.abs(c).max())
    known = Lasso(penalty / 30, fit_intercept=False, tol=1e-14, max_iter=100_000).fit(B, target).coef_
    find = minimum_module._one_by_one if one_by_one else minimum
    found = find(DenseProducts(B.T @ B, np.zeros(8)), c, np.full(8, penalty), np.zeros(8))
    np.testing.assert_allclose(found, known, rtol=0, atol=1e-8)


def test_the_choice_is_within_one_standard_error_of_the_lowest_mean():
    folds = np.array([[3.0, 2.0, 1.0, 0.9, 1.2], [3.0, 2.2, 1.4, 1.5, 1.6]])
    scores = Scores(folds)
    np.testing.assert_allclose(scores.mean, [3.0, 2.1, 1.2, 1.2, 1.4])
    np.testing.assert_allclose(scores.error[3], np.std([0.9, 1.5], ddof=1) / np.sqrt(2))
    assert (scores.chosen("min"), scores.chosen("1se")) == (2, 2)  # the first of two lowest; 1.2 + 0.2 < 2.1
    wide = Scores(np.array([[3.0, 1.6, 1.0], [3.0, 1.0, 1.4]]))
    assert (wide.chosen("min"), wide.chosen("1se")) == (2, 1)
