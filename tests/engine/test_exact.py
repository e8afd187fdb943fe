"""Exact least squares: closed forms, aliasing, and double-double arithmetic against fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.engine.double_double import two_prod, two_sum
from dlcli.engine.exact import solve_exact

numbers = st.floats(-1e100, 1e100).filter(lambda v: v == 0 or abs(v) > 1e-100)


@given(numbers, numbers)
def test_sum_and_its_rounding_error_are_exact(a, b):
    high, low = two_sum(np.array([a]), np.array([b]))
    assert Fraction(float(high[0])) + Fraction(float(low[0])) == Fraction(a) + Fraction(b)


@given(numbers, numbers)
def test_product_and_its_rounding_error_are_exact(a, b):
    high, low = two_prod(np.array([a]), np.array([b]))
    assert Fraction(float(high[0])) + Fraction(float(low[0])) == Fraction(a) * Fraction(b)


def data(seed=0, n=40, d=4):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d)) * np.logspace(-1, 2, d) + 10
    return X, X @ random.normal(size=d) + random.normal(size=n)


def fractions_solution(X, y):
    """Least squares in exact rational arithmetic, by Gauss on the normal equations."""
    rows = [[Fraction(1), *map(Fraction, map(float, row))] for row in X]
    ys = [Fraction(float(v)) for v in y]
    p = len(rows[0])
    A = [[sum(r[i] * r[j] for r in rows) for j in range(p)] + [sum(r[i] * v for r, v in zip(rows, ys, strict=True))]
         for i in range(p)]  # fmt: skip
    for i in range(p):
        for j in range(i + 1, p):
            factor = A[j][i] / A[i][i]
            A[j] = [a - factor * b for a, b in zip(A[j], A[i], strict=True)]
    solution = [Fraction(0)] * p
    for i in reversed(range(p)):
        solution[i] = (A[i][p] - sum(A[i][j] * solution[j] for j in range(i + 1, p))) / A[i][i]
    return np.array([float(v) for v in solution])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_agrees_with_rational_arithmetic_to_the_last_digits(seed):
    X, y = data(seed, n=12, d=3)
    expected = fractions_solution(X, y)
    found = solve_exact(X, y, intercept=True)
    np.testing.assert_allclose([found.intercept, *found.coefficients], expected, rtol=4e-16)


@pytest.mark.parametrize("intercept", [True, False])
def test_std_errors_and_r2_are_the_textbooks(intercept):
    X, y = data()
    Z = np.column_stack([np.ones(len(y)), X]) if intercept else X
    found = solve_exact(X, y, intercept=intercept)
    theta = np.linalg.lstsq(Z, y)[0]
    rss = np.sum((y - Z @ theta) ** 2)
    variance = rss / (len(y) - Z.shape[1])
    errors = np.sqrt(variance * np.diag(np.linalg.inv(Z.T @ Z)))
    got = [found.intercept_std_error, *found.std_errors] if intercept else found.std_errors
    np.testing.assert_allclose(got, errors, rtol=1e-8)
    assert found.residual_sd == pytest.approx(np.sqrt(variance))
    total = np.sum((y - y.mean() * intercept) ** 2)
    assert found.r2 == pytest.approx(1 - rss / total)


def test_ridge_agrees_with_its_closed_form():
    X, y = data()
    scale = X.std(axis=0)
    found = solve_exact(X, y, intercept=True, l2=0.3, scale=scale)
    Z, centred = X - X.mean(axis=0), y - y.mean()
    expected = np.linalg.solve(Z.T @ Z / len(y) + 0.3 * np.diag(scale**2), Z.T @ centred / len(y))
    np.testing.assert_allclose(found.coefficients, expected, rtol=1e-9)


def test_dependent_columns_are_aliased():
    X, y = data()
    found = solve_exact(np.column_stack([X, X[:, 0] + X[:, 1], np.ones(len(y))]), y, intercept=True)
    assert found.aliased == (4, 5)
    np.testing.assert_allclose(found.coefficients[:4], solve_exact(X, y, intercept=True).coefficients, rtol=1e-12)
    assert list(found.coefficients[4:]) == [0, 0]
    assert np.isnan(found.std_errors[4:]).all()


def test_condition_number_is_that_of_the_standardised_columns():
    X, y = data()
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    assert solve_exact(X, y, intercept=True).condition_number == pytest.approx(np.linalg.cond(Z.T @ Z), rel=1e-6)
