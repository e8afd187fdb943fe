"""Tail probabilities and quantiles against mpmath in 40 digits, and SciPy where mpmath takes too long."""

import mpmath
import numpy as np
import pytest
from scipy import stats

from dlcli.linear.inference.tails import chi_square_tail, f_tail, quantile, two_sided

mpmath.mp.dps = 40


def exact_beta(a, b, x):
    return mpmath.betainc(mpmath.mpf(a), mpmath.mpf(b), 0, x, regularized=True)


@pytest.mark.parametrize("df", [1, 2, 5, 19, 20, 21, 100, 1587, 999_979])
def test_students_t(df):
    for t in (1e-8, 0.1, 0.7, 1.0, 1.7, 2.5, 12.0, 30.0, 36.9, 1e4):
        square = mpmath.mpf(t) ** 2
        expected = exact_beta(df / 2, 0.5, df / (df + square))
        if expected > 1e-300:
            assert float(two_sided(np.array(-t), df)) == pytest.approx(float(expected), rel=1e-11)


def test_the_normal_distribution_down_to_the_least_that_float64_has():
    sizes = np.array([0.0, 1e-9, 1.0, 5.0, 20.0, 37.0])
    expected = [float(mpmath.erfc(mpmath.mpf(z) / mpmath.sqrt(2))) for z in sizes]
    assert expected[-1] < 1e-298
    np.testing.assert_allclose(two_sided(-sizes, None), expected, rtol=1e-12)


@pytest.mark.parametrize(("df", "rest"), [(1, 1), (3, 7), (11, 1587), (10, 4), (30, 29), (100, 50)])
def test_f_against_mpmath(df, rest):
    for value in (1e-3, 0.5, 0.97, 1.0, 1.05, 7.5, 81.0, 1e3):
        x = rest / (rest + df * mpmath.mpf(value))
        expected = exact_beta(rest / 2, df / 2, x)
        if expected > 1e-300:
            assert f_tail(value, df, rest) == pytest.approx(float(expected), rel=1e-10)


@pytest.mark.parametrize(("df", "rest"), [(900, 99_000), (2000, 2500), (20, 999_979)])
def test_f_of_many_degrees_of_freedom(df, rest):
    for value in (0.5, 0.97, 1.0, 1.05, 1.3):
        assert f_tail(value, df, rest) == pytest.approx(stats.f.sf(value, df, rest), rel=1e-9)


@pytest.mark.parametrize("df", [1, 2, 5, 19, 20, 21, 60, 300, 2000])
def test_chi_square(df):
    for x in (1e-5, 0.3, 0.8 * df, df, 1.02 * df, 1.5 * df, df + 100, df + 1000):
        expected = float(mpmath.gammainc(mpmath.mpf(df) / 2, mpmath.mpf(x) / 2, mpmath.inf, regularized=True))
        assert chi_square_tail(x, df) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("df", [None, 1, 2, 3, 7, 30, 1587, 1e6])
def test_quantiles(df):
    for confidence in (0.01, 0.5, 0.8, 0.95, 0.99, 0.999999):
        upper = 0.5 + confidence / 2
        expected = stats.norm.ppf(upper) if df is None else stats.t.ppf(upper, df)
        assert quantile(confidence, df) == pytest.approx(expected, rel=1e-9)


def test_the_ends():
    assert f_tail(0.0, 3, 4) == 1.0
    assert f_tail(float("inf"), 3, 4) == 0.0
    assert chi_square_tail(0.0, 3) == 1.0
    assert chi_square_tail(float("inf"), 3) == 0.0
    assert float(two_sided(np.array(np.inf), 4)) == 0.0
    assert np.isnan(two_sided(np.array([np.nan]), 4)).all()
    assert np.isnan(f_tail(float("nan"), 1, 2))
    assert np.isnan(chi_square_tail(float("nan"), 1))
