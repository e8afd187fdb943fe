"""Rows drawn for pictures: the same whatever chunks they come in; leverage and Cook's distances against statsmodels."""

import numpy as np
import pytest
import statsmodels.api as sm

from dlcli.linear.evaluation.numbers import NumberSums
from dlcli.linear.evaluation.rows import NumberRows
from dlcli.linear.evaluation.sample import DRAWN, Extremes, Leverage, Reservoir
from dlcli.linear.objectives.moments import Moments


@pytest.mark.parametrize("parts", [1, 7])
def test_rows_are_drawn_alike_in_any_chunks(parts):
    rows = np.arange(30_000.0)[:, None] * [1, 2]
    reservoir = Reservoir(500)
    for part in np.array_split(rows, parts):
        reservoir.add(part)
    whole = Reservoir(500)
    whole.add(rows)
    np.testing.assert_array_equal(reservoir.rows(), whole.rows())
    drawn = reservoir.rows()[:, 0]
    assert (np.diff(drawn) > 0).all()
    assert abs(drawn.mean() - 15_000) < 4 * 30_000 / np.sqrt(12 * 500)


def test_few_rows_are_all_drawn():
    reservoir = Reservoir()
    reservoir.add(np.arange(10.0)[:, None])
    assert reservoir.rows()[:, 0].tolist() == list(range(10))


def test_the_largest_of_all_are_kept():
    extremes, keys = Extremes(3), np.random.default_rng(0).permutation(1000).astype(float)
    for part in np.array_split(keys, 9):
        extremes.add(part, part[:, None])
    assert extremes.rows()[:, 0].tolist() == [999, 998, 997]


def table(n=60, d=3):
    random = np.random.default_rng(1)
    X = random.normal(3, [1, 50, 1e-3], (n, d))
    y = X @ [1, 0.1, 300] + random.standard_t(3, n)
    return X, y


@pytest.mark.parametrize("intercept", [True, False])
def test_leverage_is_the_diagonal_of_the_hat_matrix(intercept):
    X, _ = table()
    design = sm.add_constant(X) if intercept else X
    hat = np.diag(design @ np.linalg.pinv(design))
    moments = Moments.of(np.column_stack([np.zeros(60), X / 4]))
    every, twice = np.column_stack([np.zeros(60), X]), np.arange(1, 4)
    found = Leverage.of(moments, twice, np.full(3, 2), intercept=intercept)
    np.testing.assert_allclose(found.of_rows(every), hat, rtol=1e-9)
    assert found.rank == 3 + intercept
    doubled = Moments.of(np.column_stack([np.zeros(60), X, X[:, :1] * 2]))
    same = Leverage.of(doubled, np.arange(4), None, intercept=intercept)
    np.testing.assert_allclose(same.of_rows(np.column_stack([X, X[:, :1] * 2])), hat, rtol=1e-6)
    assert same.rank == found.rank


def test_pictures_show_what_statsmodels_says():
    X, y = table()
    reference = sm.OLS(y, sm.add_constant(X)).fit()
    influence = reference.get_influence()
    leverage = Leverage.of(Moments.of(np.column_stack([y, X])), np.arange(3), None, intercept=True)
    rows = NumberRows(NumberSums(centered=True), leverage)
    for part in np.array_split(np.arange(60), 4):
        rows.add(part + 1, X[part], (y[part], reference.fittedvalues[part], None))
    drawn = rows.drawn(float(np.sqrt(reference.scale)))
    np.testing.assert_array_equal(drawn.number, np.arange(1, 61))
    np.testing.assert_allclose(drawn.standardized, influence.resid_studentized_internal, rtol=1e-8)
    np.testing.assert_allclose(drawn.cook, influence.cooks_distance[0], rtol=1e-8)
    assert drawn.drawn.all()


def test_of_many_rows_the_extreme_ones_are_added():
    n = 3 * DRAWN
    y = np.zeros(n)
    y[[17, n - 1]] = 9, -8
    rows = NumberRows(NumberSums(centered=True))
    rows.add(np.arange(1, n + 1), np.zeros((n, 1)), (y, np.zeros(n), None))
    drawn = rows.drawn(1.0)
    assert {18, n} <= set(drawn.number.tolist())
    assert drawn.drawn.sum() == DRAWN
    assert "4,000 of 12,000 rows, drawn at random" in drawn.said


def test_a_row_that_decides_its_own_prediction_is_left_out():
    X = np.array([[0.0], [0], [0], [1]])
    leverage = Leverage.of(Moments.of(np.column_stack([X[:, 0], X])), np.arange(1), None, intercept=True)
    rows = NumberRows(NumberSums(centered=True), leverage)
    rows.add(np.arange(1, 5), X, (np.array([1.0, 2, 3, 9]), np.array([2.0, 2, 2, 9]), None))
    assert rows.drawn(1.0).number.tolist() == [1, 2, 3]
