"""The optimum verified without the Hessian, and large matrices inverted without their eigenvectors."""

import numpy as np
import pytest

from dlcli.linear.objectives.least_squares import LeastSquares, Standardizer
from dlcli.linear.objectives.make import make_objective
from dlcli.linear.objectives.moments import Moments
from dlcli.linear.objectives.penalty import WeightedPenalty
from dlcli.linear.optimum import nearness
from dlcli.linear.optimum.nearness import inverse_of, rows_nearness
from dlcli.linear.optimum.steps import nearness_by_steps
from dlcli.linear.solvers.newton import Newton


def problem(classes, l2=0.1, n=200, d=6):
    random = np.random.default_rng(classes)
    X = random.normal(size=(n, d)) * 10.0 ** random.integers(-2, 3, d) + random.normal(size=d)
    scores = (X - X.mean(axis=0)) / X.std(axis=0) @ random.normal(size=(d, classes)) + 2 * random.gumbel(
        size=(n, classes)
    )
    units = Standardizer.of(X.mean(axis=0), X.var(axis=0) * n, n, intercept=True, standardize=True)
    Z = np.column_stack([np.ones(n), (X - units.shift) / units.scale])
    kind, outputs = ("logistic", 1) if classes == 2 else ("softmax", classes)
    penalty = WeightedPenalty(0.0, l2, np.array([0.0] + [1.0] * d))
    moments = Moments.of(np.column_stack([np.zeros(n), X]))
    return make_objective(Z, np.argmax(scores, axis=1).astype(float), kind, outputs, penalty), LeastSquares(
        moments, units, l2
    )


@pytest.mark.parametrize("classes", [2, 4])
def test_products_with_the_hessian_need_no_hessian(classes):
    objective, _ = problem(classes)
    random = np.random.default_rng(0)
    theta, V = random.normal(size=(2, *objective.shape))
    H = objective.hessian(theta)
    np.testing.assert_allclose(objective.hessian_product(theta, V).T.ravel(), H @ V.T.ravel(), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(objective.curvatures(theta).T.ravel(), np.diag(H), rtol=1e-12)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("distance", [0.0, 1e-4])
def test_the_distance_to_the_optimum_is_that_of_newtons_step(classes, distance):
    objective, squares = problem(classes)
    solver = Newton(objective, 1e-15)
    solver.advance(100, float("inf"))
    away = np.random.default_rng(1).normal(size=objective.shape)
    theta = solver.parameters() + distance * (away - (away.mean(axis=1, keepdims=True) if classes > 2 else 0))
    exact, found = rows_nearness(objective, theta, squares.units), nearness_by_steps(objective, theta, squares)
    assert found is not None
    assert not found.formed
    assert found.spread is None
    if distance:
        np.testing.assert_allclose(found.move, exact.move, rtol=1e-3, atol=1e-4 * np.abs(exact.move).max())
        assert found.off == pytest.approx(exact.off, rel=0.5)
    else:
        assert found.off < 1e-9


def test_columns_that_hardly_vary_are_not_verified():
    objective, squares = problem(2, l2=0.0)
    mixed = np.eye(7)
    mixed[3] = mixed[2] + 1e-9 * mixed[3]
    squares = LeastSquares(squares.moments.mapped(mixed), squares.units)
    found = nearness_by_steps(objective, np.full(objective.shape, 0.1), squares)
    assert found is not None
    assert not found.determined


def test_large_matrices_are_inverted_alike(monkeypatch):
    random = np.random.default_rng(5)
    root = random.normal(size=(60, 40)) * 10.0 ** random.integers(-3, 4, 40)
    M = root.T @ root
    by_eigenvectors = inverse_of(M)
    monkeypatch.setattr(nearness, "MANY", 10)
    by_cholesky = inverse_of(M)
    assert by_eigenvectors is not None
    assert by_cholesky is not None
    np.testing.assert_allclose(by_cholesky[0], by_eigenvectors[0], rtol=1e-9, atol=0)
    assert by_cholesky[1] == pytest.approx(by_eigenvectors[1], rel=0.2)
    M[:, 7] = M[:, 3] = M[3] = M[7] = M[:, 3]
    M[3, 3] = M[7, 7] = M[3, 7] = M[7, 3]
    assert inverse_of(M) is None
