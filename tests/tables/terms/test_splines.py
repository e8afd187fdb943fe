"""Splines beside SciPy's, and natural ones beside each other."""

import numpy as np
import pytest
from scipy.interpolate import BSpline, CubicSpline

from dlcli.tables.terms.splines import b_splines, natural_b_splines, natural_splines

KNOTS = np.array([0.0, 0.7, 1.1, 2.5, 4.0])
X = np.concatenate([np.linspace(-1, 5, 61), KNOTS])


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_b_splines_are_scipys_beyond_their_ends_too(degree):
    every = np.concatenate([[0.0] * degree, KNOTS, [4.0] * degree])
    inside = X[X < 4]  # SciPy takes the last knot for beyond
    expected = np.stack([BSpline(every, one, degree)(inside) for one in np.eye(len(every) - degree - 1)], axis=1)
    np.testing.assert_allclose(b_splines(inside, every, degree), expected, rtol=1e-9, atol=1e-9)


def test_b_splines_at_repeated_knots_sum_to_1():
    every = np.array([0.0] * 4 + [1.0, 1.0, 4.0] + [4.0] * 4)
    x = np.linspace(0, 4, 33)
    np.testing.assert_allclose(b_splines(x, every, 3).sum(axis=1), 1, rtol=1e-12)


def test_natural_splines_go_through_their_values_as_scipys():
    inside = X[(X >= 0) & (X <= 4)]
    expected = np.stack([CubicSpline(KNOTS, one, bc_type="natural")(inside) for one in np.eye(5)], axis=1)
    np.testing.assert_allclose(natural_splines(inside, KNOTS), expected, atol=1e-12)


def test_both_bases_of_natural_splines_span_the_same_and_are_straight_outside():
    by_values, by_b_splines = natural_splines(X, KNOTS), natural_b_splines(X, KNOTS)
    with_one = np.column_stack([np.ones(len(X)), by_b_splines])
    assert by_b_splines.shape[1] == 4
    found, *_ = np.linalg.lstsq(with_one, by_values, rcond=None)
    np.testing.assert_allclose(with_one @ found, by_values, atol=1e-10)
    np.testing.assert_allclose(np.diff(natural_b_splines(np.linspace(5, 9, 5), KNOTS), n=2, axis=0), 0, atol=1e-9)


def test_missing_values_stay_missing():
    x = np.array([np.nan, 1.0])
    for basis in (b_splines(x, np.repeat([0.0, 4.0], 4), 3), natural_splines(x, KNOTS), natural_b_splines(x, KNOTS)):
        assert np.isnan(basis[0]).all()
        assert np.isfinite(basis[1]).all()
