"""Logistic and softmax optima against scikit-learn at its tightest, and what has no optimum."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from dlcli.linear.objectives.make import make_objective
from dlcli.linear.objectives.penalty import WeightedPenalty
from dlcli.linear.solvers.lbfgs import LBFGS
from dlcli.linear.solvers.newton import Newton


def data(classes, seed=0, n=300, d=4):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d)) @ random.normal(size=(d, d))
    scores = X @ random.normal(size=(d, classes)) + 2 * random.gumbel(size=(n, classes))
    return X, np.argmax(scores, axis=1)


def solve(X, y, l1=0.0, l2=0.0, solver=Newton):
    classes = int(y.max()) + 1
    Z = np.column_stack([np.ones(len(y)), X])
    kind, outputs = ("logistic", 1) if classes == 2 else ("softmax", classes)
    penalized = np.array([0.0] + [1.0] * X.shape[1])
    objective = make_objective(Z, y.astype(float), kind, outputs, WeightedPenalty(l1, l2, penalized))
    made = solver(objective, 1e-15)
    made.advance(1000, float("inf"))
    return made, made.parameters()


def reference(X, y, l2):
    with warnings.catch_warnings():
        # At this tolerance it always ends by saying that it could not get closer.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(
            C=1 / (len(y) * l2) if l2 else np.inf, solver="newton-cholesky", tol=1e-15, max_iter=1000
        ).fit(X, y)
    theta = np.column_stack([model.intercept_, model.coef_]).T
    return theta - theta.mean(axis=1, keepdims=True) if theta.shape[1] > 1 else theta


@pytest.mark.parametrize("solver", [Newton, LBFGS])
@pytest.mark.parametrize("l2", [0.0, 1e-3, 0.1])
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_optimum_agrees_with_scikit_learn(classes, l2, solver):
    X, y = data(classes, seed=classes)
    made, theta = solve(X, y, l2=l2, solver=solver)
    assert made.termination.kind == "converged"
    if theta.shape[1] > 1:
        theta = theta - theta.mean(axis=1, keepdims=True)
    expected = reference(X, y, l2)
    need = 1e-9 if solver is Newton else 1e-6
    np.testing.assert_allclose(theta, expected, atol=need * np.abs(expected).max())


def test_softmax_coefficients_sum_to_zero_over_classes():
    X, y = data(4)
    _, theta = solve(X, y)
    np.testing.assert_allclose(theta.sum(axis=1), 0, atol=1e-10)


@pytest.mark.parametrize("classes", [2, 3])
def test_l1_satisfies_the_optimality_conditions_with_exact_zeros(classes):
    X, y = data(classes)
    l1 = 0.05
    made, theta = solve(X, y, l1=l1)
    _, gradient = made.rows.value_and_gradient(theta)
    slopes, g = theta[1:], gradient[1:]
    assert (slopes == 0).any()
    assert (slopes != 0).any()
    np.testing.assert_allclose(gradient[0], 0, atol=1e-9)
    np.testing.assert_allclose(g[slopes != 0], -l1 * np.sign(slopes[slopes != 0]), atol=1e-9)
    assert (np.abs(g[slopes == 0]) <= l1 + 1e-9).all()


def test_l1_agrees_with_scikit_learn():
    X, y = data(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(
            l1_ratio=1, C=1 / (len(y) * 0.02), solver="saga", tol=1e-12, max_iter=100_000, random_state=0
        ).fit(X, y)
    _, theta = solve(X, y, l1=0.02)
    np.testing.assert_allclose(theta[1:, 0], model.coef_[0], atol=1e-5)
    assert np.array_equal(theta[1:, 0] == 0, np.abs(model.coef_[0]) < 1e-8)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("solver", [Newton, LBFGS])
def test_perfectly_separable_classes_are_detected(classes, solver):
    random = np.random.default_rng(0)
    y = np.arange(60) % classes
    X = random.normal(size=(60, 2)) * 0.2 + np.array([[0, 0], [3, 0], [0, 3]])[y]
    made, theta = solve(X, y, solver=solver)
    assert made.separation.how == "perfect"
    assert made.termination.kind != "converged"
    assert np.isfinite(theta).all()


def test_partly_separable_classes_are_detected():
    X, y = data(2)
    flag = ((y == 1) & (X[:, 0] > 0)).astype(float)  # only ever 1 in class 1
    made, _ = solve(np.column_stack([X, flag]), y)
    assert made.separation.how == "partial"


def test_overlapping_classes_are_not_called_separable():
    for seed in range(20):
        made, _ = solve(*data(2, seed=seed, n=60))
        assert made.separation.how == ""
        assert made.termination.kind == "converged"


def test_subsample_start_leads_to_the_same_optimum(monkeypatch):
    X, y = data(2, n=5000)
    _, plain = solve(X, y)
    monkeypatch.setattr("dlcli.linear.solvers.newton.WORTH_A_START", 1000)
    _, started = solve(X, y)
    np.testing.assert_allclose(started, plain, rtol=1e-10)
