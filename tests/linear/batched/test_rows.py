"""A batch of descents against the same descents one at a time, and what a batch may cost."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.engine.loop import StoppingCriteria, train
from dlcli.engine.schedules.base import ScheduleSettings
from dlcli.engine.schedules.by_name import SCHEDULES, make_schedule
from dlcli.linear.batched import sums as batched_sums
from dlcli.linear.batched.rows import BatchedRows, RowReplica
from dlcli.linear.batched.sums import BatchedSums
from dlcli.linear.objectives.make import make_objective
from dlcli.linear.objectives.penalty import Penalty, WeightedPenalty
from dlcli.linear.solvers.descent import GradientDescent
from dlcli.linear.solvers.momentum import Momentum
from tests.thinning.examples import examples

KINDS = ["mse", "logistic", "softmax"]
FOREVER = float("inf")
PENALIZED = np.array([0.0, 1, 1, 1])


def rows(kind, seed=0, n=60):
    random = np.random.default_rng(seed)
    Z = np.column_stack([np.ones(n), random.normal(size=(n, 3))])
    scores = Z @ random.normal(size=(4, 3)) + random.gumbel(size=(n, 3))
    y = {"mse": scores[:, 0], "logistic": scores[:, 0] > 0, "softmax": scores.argmax(axis=1)}[kind]
    return Z, y.astype(float), kind, 3 if kind == "softmax" else 1


def replica(lr, name="constant", options=None, **constants):
    constants = {"total_steps": 40, "decay_every": 10, "decay_factor": 0.9, "plateau_patience": 1} | constants
    options = dict(options or {})
    momentum = Momentum(options.pop("momentum", 0.0), options.pop("nesterov", False))
    penalty = Penalty(options.pop("l1", 0.0), options.pop("l2", 0.0))
    return RowReplica(make_schedule(ScheduleSettings(name, **constants), lr), momentum, penalty=penalty, **options)


def alone(data, one):
    Z, y, kind, outputs = data
    schedule = make_schedule(one.schedule.settings, one.schedule.lr)
    objective = make_objective(Z, y, kind, outputs, one.penalty.weighted(PENALIZED))
    return GradientDescent(objective, schedule, momentum=one.momentum, tolerance=one.tolerance)


def batch(data, replicas):
    return BatchedRows(*data, PENALIZED, replicas)


def round_robin(solvers, limits, validate=None):
    """Reports of every solver, as the caller of a batch drives them."""
    loops, reports = [train(solver, limits, validate) for solver in solvers], [[] for _ in solvers]
    active = list(range(len(solvers)))
    while active:
        for k in list(active):
            reports[k].append(next(loops[k]))
            if reports[k][-1].status:
                active.remove(k)
    return reports


def assert_same(ours, theirs, tolerance=1e-10):
    for one, other in itertools.zip_longest(ours, theirs):
        assert (one.step, one.status, one.reason) == (other.step, other.status, other.reason)
        assert one.lr == pytest.approx(other.lr, rel=tolerance, nan_ok=True)
        assert one.loss == pytest.approx(other.loss, rel=tolerance, abs=1e-14)
        assert one.gradient_norm == pytest.approx(other.gradient_norm, rel=tolerance, abs=1e-13)
        scale = np.abs(other.parameters).max()
        np.testing.assert_allclose(one.parameters, other.parameters, rtol=0, atol=tolerance * scale)


@st.composite
def options(draw):
    """Name, share of the rate 1/L, and options of a replica that is well behaved."""
    name = draw(st.sampled_from(list(SCHEDULES)))
    momentum, nesterov = draw(st.sampled_from([(0.0, False), (0.5, False), (0.9, False), (0.5, True), (0.9, True)]))
    penalties = {"l1": draw(st.sampled_from([0.0, 0.03])), "l2": draw(st.sampled_from([0.0, 0.1]))}
    share = draw(st.floats(0.05, 0.9)) * (0.01 if name == "polyak" else 1)  # it takes up to 100 times the first rate
    # What these decide is noise once the gradient or the fall of the loss is.
    tolerance = {"barzilai_borwein": 1e-2, "plateau": 1e-5}.get(name, 0.0)
    if name == "barzilai_borwein":  # it magnifies rounding, and runs away with momentum
        momentum, nesterov, penalties = 0.0, False, {"l2": penalties["l2"]}
    return name, share, penalties | {"momentum": momentum, "nesterov": nesterov, "tolerance": tolerance}


@settings(max_examples=examples(80))
@given(
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 10**6),
    grid=st.lists(options(), min_size=2, max_size=5),
    every=st.sampled_from([1, 7, 40]),
)
def test_a_batch_is_its_replicas_one_at_a_time(kind, seed, grid, every):
    data, limits = rows(kind, seed), StoppingCriteria(40, report_every=every)
    stable = 1 / (np.linalg.eigvalsh(data[0].T @ data[0] / 60)[-1] + 0.1)
    replicas = [replica(share * stable, name, option, hyper_lr=1e-4) for name, share, option in grid]
    singles, batched = [alone(data, one) for one in replicas], batch(data, replicas).solvers
    theirs, ours = round_robin(singles, limits), round_robin(batched, limits)
    for k, (name, _, _) in enumerate(grid):
        tolerance = 1e-7 if name == "barzilai_borwein" else 1e-10
        assert_same(ours[k], theirs[k], tolerance)
        assert batched[k].objective() == pytest.approx(singles[k].objective(), rel=tolerance, abs=1e-14)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("l1", [0.0, 0.02])
def test_replicas_converge_at_their_own_steps_and_stay_there(kind, l1):
    data = rows(kind)
    options = [
        {"momentum": momentum, "nesterov": nesterov, "tolerance": tolerance, "l1": l1, "l2": 0.1}
        for momentum, nesterov in ((0.0, False), (0.0, True), (0.8, False), (0.8, True))
        for tolerance in (1e-3, 1e-6, 1.0)
    ]
    replicas = [replica(0.2, options=o) for o in options]
    limits = StoppingCriteria(2000, report_every=50)
    theirs = round_robin([alone(data, one) for one in replicas], limits)
    solvers = batch(data, replicas).solvers
    ours = round_robin(solvers, limits)
    assert {reports[-1].status for reports in ours} == {"converged"}
    assert len({reports[-1].step for reports in ours}) > 4
    for one, other, solver in zip(ours, theirs, solvers, strict=True):
        assert_same(one, other)
        assert solver.step == one[-1].step
        assert np.array_equal(solver.parameters(), one[-1].parameters)


@pytest.mark.parametrize("validated", [False, True])
def test_plateau_hears_of_a_report_before_the_next_step(validated):
    data = rows("logistic")
    held = make_objective(*rows("logistic", seed=5), WeightedPenalty(0.0, 0.0, PENALIZED))
    validate = (lambda theta: {"loss": held.loss(theta)}) if validated else None
    # Too high a rate, so that the loss goes up and down and the rate is cut again and again.
    replicas = [replica(lr, "plateau", {"momentum": 0.9}, decay_factor=0.6) for lr in (1.0, 9.0, 12.0, 20.0)]
    limits = StoppingCriteria(60, report_every=3)
    theirs = round_robin([alone(data, one) for one in replicas], limits, validate)
    ours = round_robin(batch(data, replicas).solvers, limits, validate)
    cuts = [len({report.lr for report in reports[1:]}) for reports in theirs]
    assert min(cuts[1:]) > 2
    for one, other in zip(ours, theirs, strict=True):
        assert_same(one, other, 1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_a_replica_that_overflows_leaves_the_others_alone(kind):
    data = rows(kind)
    good = [replica(0.1), replica(0.2, options={"momentum": 0.9, "nesterov": True, "tolerance": 1e-12})]
    bad = [replica(1e200), replica(1e308, options={"momentum": 0.9, "l2": 0.1}), replica(np.nan), replica(np.inf)]
    mixed = batch(data, [bad[0], good[0], bad[1], bad[2], good[1], bad[3]]).solvers
    for solver in mixed:
        solver.advance(30, FOREVER)
    assert not all(np.isfinite(solver.objective()) for solver in mixed)
    for one, solver in zip(good, (mixed[1], mixed[4]), strict=True):
        other = alone(data, one)
        other.advance(30, FOREVER)
        np.testing.assert_allclose(solver.parameters(), other.parameters(), rtol=1e-12, atol=1e-14)
        assert solver.loss() == pytest.approx(other.loss(), rel=1e-12)
        assert solver.gradient_norm() == pytest.approx(other.gradient_norm(), rel=1e-10)


def test_runs_that_grow_without_bound_are_reported_as_alone():
    data = rows("mse")
    replicas = [replica(lr) for lr in (0.1, 50.0, 1e6)]
    limits = StoppingCriteria(200, report_every=10)
    theirs = round_robin([alone(data, one) for one in replicas], limits)
    ours = round_robin(batch(data, replicas).solvers, limits)
    for one, other in zip(ours, theirs, strict=True):
        assert (one[-1].step, one[-1].status) == (other[-1].step, other[-1].status)
    assert [reports[-1].status for reports in ours] == ["finished", "diverged", "diverged"]


@pytest.fixture
def widths(monkeypatch):
    """The number of thetas of every pass over the rows."""
    seen, call = [], BatchedSums.__call__

    def spy(self, thetas, losses):
        seen.append(len(thetas))
        return call(self, thetas, losses)

    monkeypatch.setattr(BatchedSums, "__call__", spy)
    return seen


def test_a_step_of_all_replicas_is_one_pass_and_reports_are_one_more(widths):
    solvers = batch(rows("softmax"), [replica(0.1 * k) for k in range(1, 9)]).solvers
    for until in (10, 20):
        for solver in solvers:
            solver.advance(until, FOREVER)
            assert (solver.loss(), solver.objective(), solver.gradient_norm()) > (0, 0, 0)
    # The first step of each ten has its gradients from the report before it.
    assert widths == [8] * (1 + 9 + 1 + 9 + 1)


def test_converged_replicas_are_left_out_of_later_passes(widths):
    replicas = [replica(0.1 * k, options={"tolerance": 0.9 if k > 5 else 0.0}) for k in range(1, 9)]
    made = batch(rows("logistic"), replicas)
    made.solvers[0].advance(100, FOREVER)
    assert widths[-1] == 5
    kept = made.solvers[7].parameters()
    count = len(widths)
    made.solvers[7].advance(300, FOREVER)
    assert len(widths) == count
    made.solvers[4].advance(200, FOREVER)
    assert widths[-1] == 5
    assert made.solvers[4].step == 200
    # Reports evaluate all at once, also those that converged, where that isn't known from their last step.
    assert made.solvers[4].loss() > 0
    assert widths[-1] == 8
    assert np.array_equal(made.solvers[7].parameters(), kept)
    other = alone(rows("logistic"), replicas[7])
    other.advance(300, FOREVER)
    assert made.solvers[7].step < 300
    assert made.solvers[7].loss() == pytest.approx(other.loss(), rel=1e-12)


def test_the_first_caller_takes_all_to_the_step_and_never_past_it_or_the_deadline():
    solvers = batch(rows("mse"), [replica(0.1), replica(0.2)]).solvers
    solvers[1].advance(5, FOREVER)
    after = solvers[0].parameters()
    assert after.any()
    assert [solver.step for solver in solvers] == [0, 5]
    solvers[0].advance(5, FOREVER)
    solvers[0].advance(9, -FOREVER)
    assert np.array_equal(solvers[0].parameters(), after)
    assert [solver.step for solver in solvers] == [5, 5]
    assert [solver.lr for solver in solvers] == [0.1, 0.2]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("scores", "product"), [(64, 100), (65_536, 500_000), (300, 10)])
def test_blocks_and_threads_change_nothing(kind, scores, product, monkeypatch):
    data = rows(kind, n=997)
    thetas = np.random.default_rng(1).normal(size=(4, data[3], 4))
    monkeypatch.setattr(batched_sums, "SCORES", scores)
    monkeypatch.setattr(batched_sums, "PRODUCT", product)
    monkeypatch.setattr(batched_sums, "FEWEST_ROWS", 2)
    sums = BatchedSums(*data[:3])
    losses, gradients = sums(thetas, True)
    objective = make_objective(*data, WeightedPenalty(0.0, 0.0, PENALIZED))
    for theta, loss, gradient in zip(thetas, losses, gradients, strict=True):
        expected = objective.sums(theta.T.copy())
        assert loss == pytest.approx(expected.loss, rel=1e-12)
        np.testing.assert_allclose(gradient.T, expected.gradient, rtol=1e-12, atol=1e-12)
    monkeypatch.setattr(batched_sums, "WORTH_THREADS", 0)
    threaded = sums(thetas, True)
    assert np.array_equal(threaded[0], losses)
    assert np.array_equal(threaded[1], gradients)
    assert np.array_equal(sums(thetas, False)[1], gradients)


@pytest.mark.parametrize("kind", KINDS)
def test_extreme_scores_do_not_overflow(kind):
    data = rows(kind)
    thetas = 1e4 * np.random.default_rng(1).normal(size=(2, data[3], 4))
    losses, gradients = BatchedSums(*data[:3])(thetas, True)
    assert np.isfinite(losses).all()
    assert np.isfinite(gradients).all()
    expected = make_objective(*data, WeightedPenalty(0.0, 0.0, PENALIZED)).sums(thetas[0].T.copy())
    assert losses[0] == pytest.approx(expected.loss, rel=1e-12)


def test_replicas_are_not_tied_to_each_others_options():
    replicas = [replace(replica(0.1), penalty=Penalty(l2=0.5)), replica(0.1)]
    solvers = batch(rows("mse"), replicas).solvers
    solvers[0].advance(50, FOREVER)
    assert np.linalg.norm(solvers[0].parameters()) < 0.9 * np.linalg.norm(solvers[1].parameters())
