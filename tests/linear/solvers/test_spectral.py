"""The eigenbasis iterates are those of the textbook loop."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.engine.loop import StoppingCriteria, train
from dlcli.engine.schedules.base import Feedback, ScheduleSettings
from dlcli.engine.schedules.by_name import SCHEDULES, make_schedule
from dlcli.linear.objectives.least_squares import LeastSquares, Standardizer
from dlcli.linear.objectives.moments import Moments
from dlcli.linear.solvers.momentum import Momentum
from dlcli.linear.solvers.spectral import SpectralDescent
from dlcli.linear.solvers.step_sizes import largest_stable_rate
from tests.thinning.examples import examples


def problem(seed, n, d, l2, intercept, standardize):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d)) @ random.normal(size=(d, d)) + random.normal(size=d)
    y = X @ random.normal(size=d) + random.normal(size=n) + 1.5
    moments = Moments.of(np.column_stack([y, X]))
    units = Standardizer.of(moments.mean[1:], np.diag(moments.scatter)[1:], n, intercept, standardize)
    return X, y, LeastSquares(moments, units, l2)


def textbook(X, y, squares, schedule, steps, momentum, nesterov):
    """Init, loss, gradient, update, repeat: on the rows themselves."""
    units = squares.units
    Z = (X - units.shift) / units.scale
    if units.intercept:
        Z = np.column_stack([np.ones(len(y)), Z])
    penalty = squares.l2 * squares.penalized
    theta, velocity = np.zeros(Z.shape[1]), np.zeros(Z.shape[1])
    for t in range(steps):
        look = theta + momentum * velocity if nesterov else theta
        residual = Z @ look - y
        gradient = Z.T @ residual / len(y) + penalty * look
        objective = 0.5 * residual @ residual / len(y) + 0.5 * penalty @ look**2
        rate = schedule.rate(t, Feedback(gradient, look, objective))
        velocity = momentum * velocity - rate * gradient
        theta = theta + velocity
    return theta


@settings(max_examples=examples(150))
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(10, 60),
    d=st.integers(1, 5),
    l2=st.sampled_from([0.0, 0.01, 1.0]),
    intercept=st.booleans(),
    standardize=st.booleans(),
    momentum=st.sampled_from([0.0, 0.5, 0.9]),
    nesterov=st.booleans(),
    name=st.sampled_from(list(SCHEDULES)),
    fraction=st.floats(0.05, 0.95),
    steps=st.integers(1, 300),
)
def test_iterates_equal_the_textbook_loop(
    seed, n, d, l2, intercept, standardize, momentum, nesterov, name, fraction, steps
):
    X, y, squares = problem(seed, n, d, l2, intercept, standardize)
    if name in ("barzilai_borwein", "polyak", "hypergradient"):
        # Divisions by differences of nearly equal gradients magnify rounding without bound; few steps compare.
        # Barzilai and Borwein's nearly end in as many steps as there are columns: from then on all is rounding.
        steps, momentum, nesterov = min(steps, 4 if name == "barzilai_borwein" else 8), 0.0, False
    lr = fraction * largest_stable_rate(squares.largest_eigenvalue, momentum, nesterov)
    constants = ScheduleSettings(
        name, decay_every=20, decay_factor=0.9, total_steps=steps, hyper_lr=1e-4 * lr, polyak_target=0.0
    )
    solver = SpectralDescent(squares, make_schedule(constants, lr), momentum=Momentum(momentum, nesterov))
    solver.advance(steps, math.inf)
    expected = textbook(X, y, squares, make_schedule(constants, lr), steps, momentum, nesterov)
    scale = max(np.linalg.norm(expected), np.linalg.norm(solver.basis.optimum), 1e-12)
    assert np.linalg.norm(solver.parameters()[:, 0] - expected) <= 1e-10 * scale
    assert solver.step == steps


@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_blocks_of_any_size_give_the_same_iterates(momentum):
    _, _, squares = problem(3, 50, 4, 0.0, True, True)
    constants = ScheduleSettings("time", decay_rate=0.001)
    one = SpectralDescent(squares, make_schedule(constants, 0.3), momentum=Momentum(momentum))
    many = SpectralDescent(squares, make_schedule(constants, 0.3), momentum=Momentum(momentum))
    one.advance(9001, math.inf)
    for until in (1, 7, 4099, 9001):
        many.advance(until, math.inf)
    np.testing.assert_allclose(one.state[0], many.state[0], rtol=1e-9, atol=1e-300)


def test_stops_at_the_first_step_within_the_tolerance():
    _, _, squares = problem(1, 40, 3, 0.0, True, True)
    lr = 1 / squares.largest_eigenvalue
    solver = SpectralDescent(squares, make_schedule(ScheduleSettings(), lr), tolerance=1e-6)
    solver.advance(10**6, math.inf)
    before = SpectralDescent(squares, make_schedule(ScheduleSettings(), lr))
    before.advance(solver.step - 1, math.inf)
    assert solver.termination.kind == "converged"
    assert solver.gradient_norm() <= 1e-6 * solver.first_norm < before.gradient_norm()


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.7, False), (0.7, True)])
def test_largest_stable_rate_is_where_the_steepest_direction_starts_to_grow(momentum, nesterov):
    _, _, squares = problem(5, 40, 3, 0.0, True, True)
    edge = largest_stable_rate(squares.largest_eigenvalue, momentum, nesterov)
    norms = []
    for factor in (0.99, 1.01):
        solver = SpectralDescent(
            squares, make_schedule(ScheduleSettings(), factor * edge), momentum=Momentum(momentum, nesterov)
        )
        solver.advance(5000, math.inf)
        norms.append(solver.gradient_norm() / solver.first_norm)
    assert norms[0] < 1e-6
    assert norms[1] > 1e3


def test_divergence_is_a_status_not_an_exception():
    _, _, squares = problem(5, 40, 3, 0.0, True, True)
    lr = 3 * largest_stable_rate(squares.largest_eigenvalue)
    last = list(train(SpectralDescent(squares, make_schedule(ScheduleSettings(), lr)), StoppingCriteria(10_000)))[-1]
    assert last.status == "diverged"


def test_merged_moments_equal_those_of_all_rows():
    random = np.random.default_rng(0)
    Z = random.normal(size=(500, 6)) + 1e6
    total = Moments.empty(6)
    for part in np.array_split(Z, [3, 4, 250]):
        total = total.merged(Moments.of(part.copy()))
    whole = Moments.of(Z.copy())
    np.testing.assert_allclose(total.scatter, whole.scatter, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(total.mean, whole.mean, rtol=1e-15)


def test_a_column_that_appears_late_was_zero_before():
    random = np.random.default_rng(0)
    Z = random.normal(size=(100, 4))
    Z[:60, 3] = 0
    grown = Moments.of(Z[:60, :3].copy()).merged(Moments.of(Z[60:].copy()))
    np.testing.assert_allclose(grown.scatter, Moments.of(Z.copy()).scatter, atol=1e-12)
