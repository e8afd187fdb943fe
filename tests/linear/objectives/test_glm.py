"""Objectives against finite differences, and NumPy's against torch's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.linear.objectives import glm as objectives
from dlcli.linear.objectives.glm_torch import TorchObjective
from dlcli.linear.objectives.make import make_objective
from dlcli.linear.objectives.penalty import WeightedPenalty
from dlcli.linear.objectives.quadratic import QuadraticObjective
from dlcli.linear.objectives.responses import Responses
from tests.thinning.examples import examples


def make(kind, seed=0, n=40, d=3, l1=0.0, l2=0.1, device=None):
    random = np.random.default_rng(seed)
    Z = np.column_stack([np.ones(n), random.normal(size=(n, d))])
    outputs = 3 if kind == "softmax" else 1
    y = {"mse": random.normal(size=n), "logistic": random.integers(0, 2, n), "softmax": random.integers(0, 3, n)}[kind]
    penalized = np.array([0.0] + [1.0] * d)
    if device:
        made = TorchObjective(Z, y.astype(float), kind, outputs, WeightedPenalty(l1, l2, penalized), device=device)
    else:
        made = make_objective(Z, y.astype(float), kind, outputs, WeightedPenalty(l1, l2, penalized))
    return made, random.normal(size=(d + 1, outputs))


@settings(max_examples=examples(30))
@given(kind=st.sampled_from(["mse", "logistic", "softmax"]), seed=st.integers(0, 10**6))
def test_gradient_and_hessian_are_the_derivatives(kind, seed):
    objective, theta = make(kind, seed)
    _, gradient = objective.value_and_gradient(theta)
    hessian = objective.hessian(theta)
    p, k = theta.shape
    h = 1e-5
    for i in range(p):
        for c in range(k):
            move = np.zeros_like(theta)
            move[i, c] = h
            up, g_up = objective.value_and_gradient(theta + move)
            down, g_down = objective.value_and_gradient(theta - move)
            assert (up - down) / (2 * h) == pytest.approx(gradient[i, c], abs=1e-7)
            column = ((g_up - g_down) / (2 * h)).T.ravel()
            np.testing.assert_allclose(hessian[:, c * p + i], column, atol=1e-7)


@pytest.mark.parametrize("kind", ["mse", "logistic", "softmax"])
def test_torch_computes_the_same(kind):
    ours, theta = make(kind, l1=0.1)
    theirs, _ = make(kind, l1=0.1, device="cpu")
    assert theirs.loss(theta) == pytest.approx(ours.loss(theta), rel=1e-13)
    np.testing.assert_allclose(theirs.value_and_gradient(theta)[1], ours.value_and_gradient(theta)[1], atol=1e-14)
    np.testing.assert_allclose(theirs.hessian(theta), ours.hessian(theta), atol=1e-13)
    if kind != "mse":
        assert theirs.sums(theta).margin == pytest.approx(ours.sums(theta).margin)
    rows, keep = np.array([3, 1, 7]), np.random.default_rng(0).random((3, 4))
    np.testing.assert_allclose(
        theirs.batch_gradient(theta, rows, keep), ours.batch_gradient(theta, rows, keep), atol=1e-14
    )


@pytest.mark.parametrize("kind", ["mse", "logistic", "softmax"])
def test_torch_knows_the_curvature(kind, monkeypatch):
    """Products with the Hessian and its diagonal, from several blocks: the rows are on the device alone."""
    monkeypatch.setattr("dlcli.linear.objectives.glm_torch.BLOCK", 7)
    ours, theta = make(kind)
    theirs, _ = make(kind, device="cpu")
    along = np.random.default_rng(5).normal(size=theta.shape)
    np.testing.assert_allclose(
        theirs.hessian_product(theta, along), ours.hessian_product(theta, along), rtol=1e-12, atol=1e-14
    )
    np.testing.assert_allclose(theirs.curvatures(theta), ours.curvatures(theta), rtol=1e-12)
    np.testing.assert_allclose(theirs.hessian(theta), ours.hessian(theta), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(theirs.mean_squares(), ours.mean_squares(), rtol=1e-12)
    np.testing.assert_allclose(theirs.fourth_moments(), ours.fourth_moments(), rtol=1e-12)
    assert theirs.sums(theta).loss == pytest.approx(ours.sums(theta).loss, rel=1e-13)
    if kind != "mse":
        assert theirs.sums(theta).reach == pytest.approx(ours.sums(theta).reach)


@pytest.mark.parametrize("kind", ["mse", "logistic", "softmax"])
def test_blocks_and_threads_change_nothing(kind, monkeypatch):
    whole, theta = make(kind, n=500)
    monkeypatch.setattr(objectives, "BLOCK", 7)
    blocks, _ = make(kind, n=500)
    np.testing.assert_allclose(blocks.hessian(theta), whole.hessian(theta), rtol=1e-12, atol=1e-15)
    monkeypatch.setattr(objectives, "WORTH_THREADS", 10)
    threaded, _ = make(kind, n=500)
    assert np.array_equal(threaded.hessian(theta), blocks.hessian(theta))
    assert threaded.loss(theta) == blocks.loss(theta)


def test_extreme_scores_do_not_overflow():
    for kind in ("logistic", "softmax"):
        objective, theta = make(kind, l2=0.0)
        value, gradient = objective.value_and_gradient(theta * 1e4)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


def test_quadratic_is_the_mean_squared_error():
    rows, theta = make("mse", l1=0.2)
    Z, y = rows.Z, rows.responses.y
    moments = QuadraticObjective(
        Z.T @ Z / len(y), Z.T @ y / len(y), float(y @ y) / len(y), WeightedPenalty(0.2, 0.1, rows.penalized[:, 0])
    )
    assert moments.loss(theta) == pytest.approx(rows.loss(theta))
    assert moments.penalty(theta) == pytest.approx(rows.penalty(theta))
    ours, theirs = moments.value_and_gradient(theta), rows.value_and_gradient(theta)
    assert ours[0] == pytest.approx(theirs[0])
    np.testing.assert_allclose(ours[1], theirs[1], atol=1e-13)


def weighted(kind, seed, device=None):
    """An objective with weights and an offset, the same of rows that are repeated, and parameters."""
    plain, theta = make(kind, seed)
    random = np.random.default_rng(seed)
    weights, offset = random.integers(1, 5, len(plain.Z)), random.normal(size=len(plain.Z))
    y, penalty = plain.responses.y, plain.penalties

    def made(rows, weights):
        responses = Responses(y[rows], weights, offset[rows])
        if device:
            return TorchObjective(plain.Z[rows], responses, kind, theta.shape[1], penalty, device=device)
        return make_objective(plain.Z[rows], responses, kind, theta.shape[1], penalty)

    every = np.arange(len(y))
    return made(every, weights.astype(float)), made(np.repeat(every, weights), None), theta, weights


@settings(max_examples=examples(30), deadline=None)
@given(
    kind=st.sampled_from(["mse", "logistic", "softmax"]),
    seed=st.integers(0, 10**6),
    device=st.sampled_from([None, "cpu"]),
)
def test_a_row_of_weight_w_is_w_rows(kind, seed, device):
    ours, repeated, theta, weights = weighted(kind, seed, device)
    exact = {"rtol": 1e-13, "atol": 1e-14}
    assert ours.total == repeated.rows == weights.sum()
    np.testing.assert_allclose(ours.loss(theta), repeated.loss(theta), **exact)
    for name in ("value_and_gradient", "hessian", "curvatures"):
        found, expected = getattr(ours, name)(theta), getattr(repeated, name)(theta)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, **exact)
    np.testing.assert_allclose(ours.hessian_product(theta, theta), repeated.hessian_product(theta, theta), **exact)
    np.testing.assert_allclose(ours.mean_squares(), repeated.mean_squares(), **exact)
    assert ours.margins(theta).margin == repeated.margins(theta).margin
    every = np.arange(ours.rows)
    _, gradient = ours.value_and_gradient(theta)
    np.testing.assert_allclose(ours.batch_gradient(theta, every, None), gradient, **exact)
    halved = ours.thinned(2) if ours.thins else ours
    assert halved.total == weights[:: 2 if ours.thins else 1].sum()


def test_margins_know_of_no_offset():
    Z, y = np.ones((4, 1)), np.array([0.0, 0, 1, 1])
    objective = make_objective(
        Z, Responses(y, None, np.array([-5.0, -5, 5, 5])), "logistic", 1, WeightedPenalty(0.0, 0.0, np.zeros(1))
    )
    theta = np.array([[1.0]])
    assert objective.sums(theta).margin == 4
    assert objective.margins(theta).margin == -1
