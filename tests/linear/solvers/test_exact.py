"""Exact least squares: closed forms, aliasing, and double-double arithmetic against fractions."""

import csv
import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.linear.solvers.double_double import two_prod, two_sum
from dlcli.linear.solvers.exact import solve_exact
from tests.conftest import SHARED
from tests.thinning.examples import examples

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


@settings(max_examples=examples(15))
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
    Z, centered = X - X.mean(axis=0), y - y.mean()
    expected = np.linalg.solve(Z.T @ Z / len(y) + 0.3 * np.diag(scale**2), Z.T @ centered / len(y))
    np.testing.assert_allclose(found.coefficients, expected, rtol=1e-9)


def test_dependent_columns_are_aliased():
    X, y = data()
    found = solve_exact(np.column_stack([X, X[:, 0] + X[:, 1], np.ones(len(y))]), y, intercept=True)
    assert found.aliased == (4, 5)
    np.testing.assert_allclose(found.coefficients[:4], solve_exact(X, y, intercept=True).coefficients, rtol=1e-12)
    assert list(found.coefficients[4:]) == [0, 0]
    assert np.isnan(found.std_errors[4:]).all()


def test_condition_number_is_that_of_the_standardized_columns():
    X, y = data()
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    assert solve_exact(X, y, intercept=True).condition_number == pytest.approx(np.linalg.cond(Z.T @ Z), rel=1e-6)


NIST = SHARED / "nist"
NAMES = ["norris", "pontius", "noint1", "noint2", "filip", "longley",
         "wampler1", "wampler2", "wampler3", "wampler4", "wampler5"]  # fmt: skip
# What rounding the decimals of the data to float64 leaves of the certified digits.
CEILINGS = {"wampler2": (12.5, 12.5), "filip": (7.5, 7.5)}


def nist(name):
    if not NIST.is_dir():
        pytest.skip(f"no NIST data in {NIST}")
    with open(NIST / f"{name}.csv", newline="") as file:
        table = np.array([[float(cell) for cell in row] for row in list(csv.reader(file))[1:]])
    return table[:, 1:], table[:, 0], json.loads((NIST / "certified.json").read_text())[name]


def digits(found, certified):
    error = abs(found - certified) / abs(certified)
    return 15.0 if error < 1e-15 else -math.log10(error)


@pytest.mark.parametrize("name", NAMES)
def test_nist_certified_digits(name):
    X, y, certified = nist(name)
    found = solve_exact(X, y, intercept=certified["intercept"])
    values = [found.intercept, *found.coefficients][0 if certified["intercept"] else 1 :]
    errors = [found.intercept_std_error, *found.std_errors][0 if certified["intercept"] else 1 :]
    for_values, for_errors = CEILINGS.get(name, (13, 12.5))
    assert found.aliased == ()
    entries = list(certified["coefficients"].values())
    assert min(digits(v, c["value"]) for v, c in zip(values, entries, strict=True)) >= for_values
    assert digits(found.r2, certified["r2"]) >= for_errors
    if certified["residual_sd"] == 0:
        assert found.residual_sd < 1e-9 * y.std()
        return
    assert min(digits(e, c["std_error"]) for e, c in zip(errors, entries, strict=True)) >= for_errors
    assert digits(found.residual_sd, certified["residual_sd"]) >= for_errors


@pytest.mark.parametrize("name", ["norris", "pontius", "longley", "wampler2", "filip"])
def test_nist_data_as_stored_are_solved_to_the_last_digit(name):
    X, y, _ = nist(name)
    found = solve_exact(X, y, intercept=True)
    np.testing.assert_allclose([found.intercept, *found.coefficients], fractions_solution(X, y), rtol=4e-16)


@settings(max_examples=examples(30))
@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 5), st.booleans())
def test_agrees_with_lstsq_on_well_conditioned_data(seed, extra, d, intercept):
    random = np.random.default_rng(seed)
    Q = np.linalg.qr(random.normal(size=(d + 1 + extra, d)))[0]
    X, y = Q * random.uniform(0.5, 2, size=d), random.normal(size=len(Q))
    Z = np.column_stack([np.ones(len(y)), X]) if intercept else X
    if np.linalg.cond(Z) > 100:
        return
    found = solve_exact(X, y, intercept=intercept)
    got = [found.intercept, *found.coefficients] if intercept else found.coefficients
    np.testing.assert_allclose(got, np.linalg.lstsq(Z, y)[0], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("intercept", [True, False])
def test_fewer_rows_than_columns_leave_the_rest_aliased(intercept):
    X, y = data(n=3, d=6)
    found = solve_exact(X, y, intercept=intercept)
    assert found.aliased == tuple(range(2 if intercept else 3, 6))
    np.testing.assert_allclose(X @ found.coefficients + found.intercept, y, rtol=1e-9)
    assert np.isnan(found.std_errors).all()
    assert np.isnan(found.residual_sd)


def test_the_dummy_trap_and_constant_columns_are_aliased():
    random = np.random.default_rng(0)
    dummies = np.eye(3)[np.arange(30) % 3]
    X = np.column_stack([dummies, np.full(30, 0.1), random.normal(size=30)])
    y = random.normal(size=30)
    assert solve_exact(X, y, intercept=True).aliased == (2, 3)
    assert solve_exact(X, y, intercept=False).aliased == (3,)


def test_a_ridge_keeps_duplicates_apart():
    X, y = data()
    found = solve_exact(np.column_stack([X[:, 0], X[:, 0]]), y, intercept=True, l2=0.1)
    assert found.aliased == ()
    assert found.coefficients[0] == pytest.approx(found.coefficients[1], rel=1e-12)
    assert np.isnan(found.std_errors).all()


def test_std_errors_without_refinement_agree(monkeypatch):
    X, y = data()
    refined = solve_exact(X, y, intercept=True)
    monkeypatch.setattr("dlcli.linear.solvers.exact.REFINE_ERRORS_UP_TO", 0)
    plain = solve_exact(X, y, intercept=True)
    np.testing.assert_allclose(plain.std_errors, refined.std_errors, rtol=1e-12)
    assert plain.intercept_std_error == pytest.approx(refined.intercept_std_error, rel=1e-12)


def test_many_blocks_of_rows_give_what_one_does(monkeypatch):
    X, y = data(n=500)
    expected = solve_exact(X, y, intercept=True)
    monkeypatch.setattr("dlcli.linear.solvers.exact.BLOCK_VALUES", 64)
    monkeypatch.setattr("dlcli.linear.solvers.design.BLOCK_VALUES", 64)
    monkeypatch.setattr("dlcli.linear.solvers.design.QR_BLOCK_VALUES", 64)
    found = solve_exact(X, y, intercept=True)
    np.testing.assert_allclose(found.coefficients, expected.coefficients, rtol=4e-16)
    np.testing.assert_allclose(found.std_errors, expected.std_errors, rtol=1e-15)


def test_units_of_any_size_change_nothing_but_the_exponent():
    X, y = data()
    small, large = solve_exact(X, y, intercept=True), solve_exact(X * 2.0**600, y * 2.0**400, intercept=True)
    np.testing.assert_array_equal(large.coefficients, small.coefficients * 2.0**-200)
    assert large.residual_sd == small.residual_sd * 2.0**400


@pytest.mark.parametrize(
    ("X", "y", "l2"),
    [(np.zeros((0, 2)), np.zeros(0), 0.0), (np.ones((3, 1)), np.ones(2), 0.0), (np.ones((3, 1)), np.ones(3), -1.0)],
)
def test_what_cannot_be_solved_is_refused(X, y, l2):
    with pytest.raises(ValueError, match="no least squares"):
        solve_exact(X, y, intercept=True, l2=l2)
