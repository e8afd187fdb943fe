"""Variance inflation against statsmodels, and against the determinants of Fox and Monette."""

import numpy as np
import pytest
from statsmodels.stats.outliers_influence import variance_inflation_factor
from statsmodels.tools import add_constant

from dlcli.linear.explain.inflation import inflation
from dlcli.linear.explain.parts import Part
from dlcli.linear.objectives.moments import Moments


@pytest.fixture(name="X")
def made():
    random = np.random.default_rng(0)
    rows = random.normal(5, 1, (300, 6)) * np.array([1, 100, 0.01, 1, 1, 1])
    rows[:, 3] = rows[:, 0] + rows[:, 4] + random.normal(0, 0.2, 300)
    return rows


def parts(*groups):
    return [Part((str(number),), np.array(places)) for number, places in enumerate(groups)]


SINGLE = parts(*([j] for j in range(6)))


def test_of_single_columns_they_are_those_of_statsmodels(X):
    found = inflation(Moments.of(X.copy()), SINGLE, intercept=True)
    with_ones = add_constant(X)
    np.testing.assert_allclose(
        [one.factor for one in found], [variance_inflation_factor(with_ones, j + 1) for j in range(6)], rtol=1e-9
    )
    assert [one.large for one in found] == [True, False, False, True, True, False]


def test_without_an_intercept_they_are_about_zero(X):
    found = inflation(Moments.of(X.copy()), SINGLE, intercept=False)
    for j, one in enumerate(found):
        rest, own = np.delete(X, j, axis=1), X[:, j]
        residual = own - rest @ np.linalg.lstsq(rest, own)[0]
        assert one.factor == pytest.approx(own @ own / (residual @ residual), rel=1e-9)


def test_of_several_columns_they_are_the_generalized_ones(X):
    groups = ([0, 1], [2], [3, 4, 5])
    found = inflation(Moments.of(X.copy()), parts(*groups), intercept=True)
    R, det = np.corrcoef(X.T), np.linalg.det
    for one, own in zip(found, groups, strict=True):
        rest = [j for j in range(6) if j not in own]
        expected = det(R[np.ix_(own, own)]) * det(R[np.ix_(rest, rest)]) / det(R)
        assert one.factor == pytest.approx(expected, rel=1e-8)
        assert one.scaled == pytest.approx(expected ** (1 / (2 * len(own))), rel=1e-8)


def test_weights_count_rows(X):
    weights = np.random.default_rng(1).integers(1, 4, len(X)).astype(float)
    weighted = inflation(Moments.of(X.copy(), weights=weights), SINGLE, intercept=True)
    repeated = inflation(Moments.of(np.repeat(X, weights.astype(int), axis=0)), SINGLE, intercept=True)
    np.testing.assert_allclose([one.factor for one in weighted], [one.factor for one in repeated], rtol=1e-9)


def test_columns_that_follow_from_others_have_none_that_is_finite(X):
    X[:, 5] = 2 * X[:, 1] - 300
    found = inflation(Moments.of(X.copy()), SINGLE, intercept=True)
    assert np.isinf([one.factor for one in found]).tolist() == [False, True, False, False, False, True]
    rest = [0, 2, 3, 4]
    with_ones = add_constant(X[:, :5])
    expected = [variance_inflation_factor(with_ones, j + 1) for j in rest]
    np.testing.assert_allclose([found[j].factor for j in rest], expected, rtol=1e-6)


def test_a_column_that_does_not_vary_has_none(X):
    X[:, 2] = 0.1
    found = inflation(Moments.of(X.copy()), SINGLE, intercept=True)
    assert found[2] is None
    assert all(np.isfinite(one.factor) for j, one in enumerate(found) if j != 2)
