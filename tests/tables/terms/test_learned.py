"""What terms learn chunk by chunk, beside what the whole column gives."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.errors import DlcliError
from dlcli.tables.terms import learned
from dlcli.tables.terms.learned import Knots, MeanAndSpread, learner_of
from dlcli.tables.terms.parsing import parse
from dlcli.tables.terms.polynomials import ValueMeasure, orthogonal


@pytest.mark.parametrize("shift", [0.0, 1e6])
@pytest.mark.parametrize("degree", [1, 3, 8])
def test_polynomials_of_many_values_are_orthonormal_over_all_of_them(degree, shift):
    x = np.random.default_rng(0).gamma(2, 3, 60_000) + shift
    measure = ValueMeasure(degree)
    for part in np.array_split(x, 23):
        measure.add(part)
    alpha, norms = measure.polynomials()
    basis = np.column_stack([np.full(len(x), len(x) ** -0.5), orthogonal(x, alpha, norms)])
    np.testing.assert_allclose(basis.T @ basis, np.eye(degree + 1), atol=1e-9)


def test_polynomials_are_those_of_exact_arithmetic():
    x = [mpmath.mpf(k) / 7 for k in (1, 2, 2, 5, 9, 14, 15, 30)]
    before, now, norms, expected = [mpmath.mpf(0)] * 8, [mpmath.mpf(1)] * 8, [mpmath.mpf(8)], []
    for k in range(4):
        alpha = sum(a * b * b for a, b in zip(x, now, strict=True)) / norms[-1]
        beta = norms[-1] / norms[-2] if k else 0
        before, now = now, [(a - alpha) * b - beta * c for a, b, c in zip(x, now, before, strict=True)]
        norms.append(sum(b * b for b in now))
        expected.append([float(b / mpmath.sqrt(norms[-1])) for b in now])
    measure = ValueMeasure(4)
    values = np.array([float(a) for a in x])
    measure.add(values[:3])
    measure.add(values[3:])
    np.testing.assert_allclose(orthogonal(values, *measure.polynomials()), np.array(expected).T, rtol=1e-13)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40), st.integers(1, 5))
def test_means_and_spreads_are_merged(values, parts):
    x = np.array(values)
    learner = MeanAndSpread(parse("scale(x)"))
    for part in np.array_split(x, parts):
        learner.add(part)
    sd = x.std(ddof=1)
    if sd < 1e-6 * (1 + np.abs(x).max()):
        return
    state = learner.state()
    np.testing.assert_allclose([state["center"], state["scale"]], [x.mean(), sd], rtol=1e-9, atol=1e-9 * sd)


def test_knots_of_more_values_than_are_kept_are_those_of_a_sample(monkeypatch):
    monkeypatch.setattr(learned, "MOST_KEPT", 1000)
    x = np.random.default_rng(1).permutation(20_000) / 20_000
    learner = Knots(parse("bs(x, 6)"))
    for part in np.array_split(x, 37):
        learner.add(part)
    knots = learner.state()["knots"]
    assert (knots[0], knots[-1]) == (x.min(), x.max())
    assert learner._kept <= 1000
    np.testing.assert_allclose(knots[4:-4], [0.25, 0.5, 0.75], atol=0.06)


@pytest.mark.parametrize(
    ("text", "values", "said"),
    [
        ("poly(x, 3)", [1.0, 2.0, 2.0, 3.0], "more different values than the 3"),
        ("scale(x)", [2.0, 2.0], "don't vary"),
        ("bs(x, 5)", [2.0, 2.0], "don't vary"),
        ("bs(x, 2)", [2.0, 3.0], "at least 3"),
        ("cr(x, 1)", [2.0, 3.0], "at least 2"),
        ("bs(x, knots=[7])", [2.0, 3.0], "beyond 2 to 3"),
        ("bs(x, 5, lower_bound=9, upper_bound=12)", [2.0, 3.0], "no value is between"),
    ],
)
def test_values_that_do_not_suffice_are_refused(text, values, said):
    learner = learner_of(parse(text))
    learner.add(np.array(values))
    with pytest.raises(DlcliError, match=said):
        learner.state()
