"""Quantile regression ends at the solution of its linear program, whichever way it goes there."""

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.linear_model import QuantileRegressor

from dlcli.linear.objectives.responses import Responses
from dlcli.linear.quantile import fit
from dlcli.linear.quantile.errors import bandwidth, covariance
from dlcli.linear.quantile.fit import QuantileRows, solve_quantile


def problem(seed):
    """Rows of a random table, often with ties and weights, sometimes with a penalty."""
    random = np.random.default_rng(seed)
    n, d, q = int(random.integers(8, 300)), int(random.integers(1, 5)), float(random.choice([0.05, 0.25, 0.5, 0.9]))
    X = random.normal(size=(n, d))
    y = X @ random.normal(size=d) + random.standard_t(2, size=n) * (1 + 0.5 * np.abs(X[:, 0]))
    if seed % 3 == 0:
        X, y = np.round(X), np.round(y)
    weights = random.integers(0, 4, size=n).astype(float) if seed % 2 else None
    l1 = np.concatenate([[0.0], np.full(d, 0.02 * (seed % 5 == 0))])
    return QuantileRows(np.column_stack([np.ones(n), X]), Responses(y, weights), q, l1)


def loss(rows, theta):
    r, weights = rows.responses.y - rows.Z @ theta, rows.responses.weights
    pinball = np.average(np.where(r > 0, rows.quantile, rows.quantile - 1) * r, weights=weights)
    return pinball + rows.l1 @ np.abs(theta)


def test_agrees_with_scikit_learn():
    for seed in range(30):
        rows = problem(seed)
        found = solve_quantile(rows)
        peer = QuantileRegressor(quantile=rows.quantile, alpha=rows.l1[-1], solver="highs")
        peer.fit(rows.Z[:, 1:], rows.responses.y, sample_weight=rows.responses.weights)
        theta = np.concatenate([[peer.intercept_], peer.coef_])
        assert found.proven
        assert loss(rows, found.theta) <= loss(rows, theta) * (1 + 1e-10)
        if found.unique:
            np.testing.assert_allclose(found.theta, theta, rtol=1e-7, atol=1e-9)
            assert np.array_equal(found.theta == 0, np.abs(theta) < 1e-12)


def test_rows_far_from_the_plane_change_nothing(monkeypatch):
    for seed in range(12):
        rows = problem(seed)
        many = Responses(np.tile(rows.responses.y, 8) + np.random.default_rng(seed).normal(size=8 * rows.rows))
        rows = QuantileRows(np.tile(rows.Z, (8, 1)), many, rows.quantile, rows.l1)
        whole = solve_quantile(rows)
        with monkeypatch.context() as patch:
            patch.setattr(fit, "WHOLE", 60)
            patch.setattr(fit, "BLOCK", 100)
            found = solve_quantile(rows)
        assert found.proven
        assert loss(rows, found.theta) == pytest.approx(loss(rows, whole.theta), rel=1e-12)
        if whole.unique:
            np.testing.assert_allclose(found.theta, whole.theta, rtol=1e-9, atol=1e-10)


def test_an_offset_is_taken_from_the_targets():
    rows = problem(7)
    shift = np.random.default_rng(0).normal(size=rows.rows)
    moved = Responses(rows.responses.y + shift, rows.responses.weights, shift)
    found = solve_quantile(QuantileRows(rows.Z, moved, rows.quantile, rows.l1))
    np.testing.assert_allclose(found.theta, solve_quantile(rows).theta, rtol=1e-9)


def test_a_median_that_is_not_the_only_one_is_said():
    rows = QuantileRows(np.ones((4, 1)), Responses(np.array([1.0, 2, 5, 9])), 0.5, np.zeros(1))
    found = solve_quantile(rows)
    assert not found.unique
    assert 2 <= found.theta[0] <= 5
    assert solve_quantile(QuantileRows(np.ones((3, 1)), Responses(np.array([1.0, 2, 5])), 0.5, np.zeros(1))).unique


def engel():
    data = sm.datasets.engel.load_pandas().data
    x, y = data.income.to_numpy(), data.foodexp.to_numpy()
    units = np.array([[1, -x.mean() / x.std()], [0, 1 / x.std()]])
    return QuantileRows(
        np.column_stack([np.ones(len(x)), (x - x.mean()) / x.std()]), Responses(y), 0.5, np.zeros(2)
    ), units


def test_engels_food_as_published_for_r():
    """Koenker's "Quantile regression in R: a vignette", the summary of the median with se = "nid"."""
    rows, units = engel()
    np.testing.assert_allclose(units @ solve_quantile(rows).theta, [81.48225, 0.56018], atol=5e-6)
    found, crossed = covariance(rows, lambda r: solve_quantile(r).theta)
    np.testing.assert_allclose(np.sqrt(np.diag(units @ found @ units.T)), [19.25066, 0.02828], atol=5e-6)
    assert crossed == 0


@pytest.mark.parametrize("q", [0.1, 0.75])
def test_covariance_is_that_of_hendricks_and_koenker(q):
    """Their formula, with statsmodels' fits at the two quantiles."""
    rows, _ = engel()
    n, y = rows.rows, rows.responses.y
    h = bandwidth(n, q)
    low, high = (sm.QuantReg(y, rows.Z).fit(q=at, max_iter=5000, p_tol=1e-10).params for at in (q - h, q + h))
    f = np.maximum(0, 2 * h / (rows.Z @ (high - low) - np.sqrt(np.finfo(float).eps)))
    inverse = np.linalg.inv((rows.Z * f[:, None]).T @ rows.Z)
    expected = q * (1 - q) * inverse @ (rows.Z.T @ rows.Z) @ inverse
    found, _ = covariance(QuantileRows(rows.Z, rows.responses, q, rows.l1), lambda r: solve_quantile(r).theta)
    np.testing.assert_allclose(found, expected, rtol=2e-3)  # statsmodels' fits end near their optimum
