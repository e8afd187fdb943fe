"""Double-double arithmetic against fractions: relative errors below 1e-30."""

from fractions import Fraction
from math import isqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.linear.solvers.double_double import DoubleDouble, dot, split

TOLERANCE = Fraction(1, 10**30)
numbers = st.floats(-1e60, 1e60).filter(lambda v: v == 0 or abs(v) > 1e-60)


@st.composite
def pairs(draw):
    """A double-double scalar whose second half is anything that fits below the first."""
    hi = draw(numbers)
    lo = hi * draw(st.floats(-1, 1)) * 2.0**-54
    return DoubleDouble(np.array(hi), np.array(lo if abs(lo) > 1e-90 else 0.0))


def exact(value):
    return Fraction(float(value.hi)) + Fraction(float(value.lo))


def close(found, expected):
    return abs(exact(found) - expected) <= TOLERANCE * abs(expected)


@given(pairs(), pairs())
def test_sums_and_differences(a, b):
    assert close(a + b, exact(a) + exact(b))
    assert close(a - b, exact(a) - exact(b))


@given(pairs(), numbers)
def test_cancellation_costs_no_digits(a, small):
    b = DoubleDouble.of(-a.hi) + DoubleDouble.of(small * 1e-20)
    assert close(a + b, exact(a) + exact(b))


@given(pairs(), pairs())
def test_products_and_quotients(a, b):
    assert close(a * b, exact(a) * exact(b))
    if b.hi:
        assert close(a / b, exact(a) / exact(b))


@given(pairs())
def test_square_roots(a):
    a = a if a.hi >= 0 else -a
    value = exact(a)
    scale = 10**150
    expected = Fraction(isqrt(value.numerator * scale**2 // value.denominator), scale)
    assert close(a.sqrt(), expected)


@given(numbers)
def test_split_halves_the_bits(a):
    high, low = split(np.array(a))
    assert Fraction(float(high)) + Fraction(float(low)) == Fraction(a)
    for half in (float(high), float(low)):
        assert Fraction(half * half) == Fraction(half) ** 2


@given(st.lists(st.tuples(pairs(), pairs()), max_size=40))
def test_dot_products(terms):
    a, b = (
        DoubleDouble(np.array([float(t[i].hi) for t in terms]), np.array([float(t[i].lo) for t in terms]))
        for i in (0, 1)
    )
    products = [exact(u) * exact(v) for u, v in terms]
    # The sum may cancel; what the error is small against is the sum of sizes.
    assert abs(exact(dot(a, b)) - sum(products)) <= TOLERANCE * sum(map(abs, products))


@pytest.mark.parametrize(("axis", "shape"), [(0, (5, 3)), (1, (4, 7)), (0, (0, 2))])
def test_total_along_an_axis(axis, shape):
    values = np.random.default_rng(0).integers(-1000, 1000, size=shape) / 8
    total = DoubleDouble.of(values).total(axis)
    np.testing.assert_array_equal(total.round(), values.sum(axis=axis))


def test_difference_of_floats_is_exact():
    found = DoubleDouble.difference(np.array([1e16, 0.1]), np.array(0.3))
    for i, a in enumerate((1e16, 0.1)):
        assert exact(found[i]) == Fraction(a) - Fraction(0.3)
