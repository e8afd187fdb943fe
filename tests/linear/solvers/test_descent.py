"""First-order solvers: lasso and elastic net against scikit-learn, mini-batches near the optimum."""

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet

from dlcli.engine.schedules.base import ScheduleSettings
from dlcli.engine.schedules.by_name import make_schedule
from dlcli.linear.objectives.make import make_objective
from dlcli.linear.objectives.penalty import WeightedPenalty
from dlcli.linear.objectives.quadratic import QuadraticObjective
from dlcli.linear.solvers.descent import GradientDescent, MiniBatch, MiniBatchSettings
from dlcli.linear.solvers.momentum import Momentum


def data(seed=0, n=120, d=8):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d)) @ (np.eye(d) + 0.4 * random.normal(size=(d, d)))
    return X, X @ (random.normal(size=d) * (random.random(d) < 0.5)) + random.normal(size=n)


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True)])
@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize("strength", [0.02, 0.3, 1.0])
def test_lasso_and_elastic_net_agree_with_scikit_learn(strength, share, momentum, nesterov):
    X, y = data()
    Z, centered = X - X.mean(axis=0), y - y.mean()
    l1, l2 = strength * share, strength * (1 - share)
    A = Z.T @ Z / len(y)
    objective = QuadraticObjective(
        A, Z.T @ centered / len(y), float(centered @ centered) / len(y), WeightedPenalty(l1, l2, np.ones(8))
    )
    rate = 1 / (np.linalg.eigvalsh(A)[-1] + l2)
    solver = GradientDescent(
        objective, make_schedule(ScheduleSettings(), rate), momentum=Momentum(momentum, nesterov), tolerance=1e-13
    )
    solver.advance(500_000, float("inf"))
    model = ElasticNet(alpha=strength, l1_ratio=share, tol=1e-14, max_iter=1_000_000).fit(X, y)
    assert solver.termination.kind == "converged"
    theta = solver.parameters()[:, 0]
    np.testing.assert_allclose(theta, model.coef_, atol=1e-6 * np.abs(model.coef_).max() + 1e-12)
    assert np.array_equal(theta == 0, model.coef_ == 0)


def rows(kind="logistic", n=2000):
    random = np.random.default_rng(0)
    Z = np.column_stack([np.ones(n), random.normal(size=(n, 3))])
    score = Z @ [0.5, 1, -1, 2]
    y = (random.random(n) < 1 / (1 + np.exp(-score))).astype(float) if kind == "logistic" else score
    return make_objective(Z, y, kind, 1, WeightedPenalty(0.0, 0.0, np.array([0.0, 1, 1, 1])))


@pytest.mark.parametrize(("adam", "momentum", "rate"), [(False, 0.0, 0.5), (False, 0.9, 0.1), (True, 0.0, 0.05)])
def test_minibatches_come_near_the_optimum(adam, momentum, rate):
    from dlcli.linear.solvers.newton import Newton

    objective = rows()
    best = Newton(objective)
    best.advance(100, float("inf"))
    settings = ScheduleSettings("cosine", total_steps=3000)
    solver = MiniBatch(
        objective, make_schedule(settings, rate), MiniBatchSettings(64), adam=adam, momentum=Momentum(momentum)
    )
    solver.advance(3000, float("inf"))
    assert solver.loss() - best.loss() < 2e-4


def test_an_epoch_sees_every_row_once():
    objective = rows(n=300)
    solver = MiniBatch(objective, make_schedule(ScheduleSettings(), 0.1), MiniBatchSettings(50))
    seen = np.concatenate([solver.sampler.batch() for _ in range(6)])
    assert sorted(seen) == list(range(300))


def test_dropout_spares_the_intercept_keeps_the_mean_and_repeats_by_seed():
    objective = rows()
    draws = [MiniBatchSettings(256, 0.4, seed) for seed in (1, 1, 2)]
    solvers = [MiniBatch(objective, make_schedule(ScheduleSettings(), 0.1), draw) for draw in draws]
    masks = np.concatenate([solvers[0].sampler.mask(objective.penalized) for _ in range(200)])
    assert (masks[:, 0] == 1).all()
    assert masks[:, 1:].mean() == pytest.approx(1, abs=0.01)
    assert (masks[:, 1:] == 0).mean() == pytest.approx(0.4, abs=0.01)
    draws = [MiniBatchSettings(256, 0.4, seed) for seed in (1, 1, 2)]
    solvers = [MiniBatch(objective, make_schedule(ScheduleSettings(), 0.1), draw) for draw in draws]
    for solver in solvers:
        solver.advance(50, float("inf"))
    assert np.array_equal(solvers[0].parameters(), solvers[1].parameters())
    assert not np.array_equal(solvers[0].parameters(), solvers[2].parameters())


def test_gradient_descent_on_classes_reaches_newtons_optimum():
    from dlcli.linear.solvers.newton import Newton

    objective = rows()
    best = Newton(objective)
    best.advance(100, float("inf"))
    solver = GradientDescent(objective, make_schedule(ScheduleSettings(), 3.0), tolerance=1e-9)
    solver.advance(10_000, float("inf"))
    assert solver.termination.kind == "converged"
    np.testing.assert_allclose(solver.parameters(), best.parameters(), atol=1e-7)


@pytest.mark.thinned(4)
@pytest.mark.parametrize(("adam", "momentum", "nesterov"), [(True, 0, False), (False, 0, False), (False, 0.9, False),
                                                            (False, 0.9, True)])  # fmt: skip
@pytest.mark.parametrize("strength", [0.02, 0.3, 1.0])
def test_stochastic_solvers_rest_at_the_lasso_too(strength, adam, momentum, nesterov):
    X, y = data()
    Z, centered = X - X.mean(axis=0), y - y.mean()
    objective = make_objective(Z, centered, "mse", 1, WeightedPenalty(strength, 0.0, np.ones(8)))
    steps = 12_000
    rate = 0.03 if adam else (1 - momentum) / np.linalg.eigvalsh(Z.T @ Z / len(y))[-1]
    schedule = make_schedule(ScheduleSettings("cosine", total_steps=steps), rate)
    solver = MiniBatch(
        objective, schedule, MiniBatchSettings(len(y)), adam=adam, momentum=Momentum(momentum, nesterov)
    )  # fmt: skip
    solver.advance(steps, float("inf"))
    model = ElasticNet(alpha=strength, l1_ratio=1.0, tol=1e-14, max_iter=1_000_000).fit(X, y)
    theta = solver.parameters()[:, 0]
    np.testing.assert_allclose(theta, model.coef_, atol=1e-5)
    assert np.array_equal(theta == 0, model.coef_ == 0)
