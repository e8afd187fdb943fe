"""Separation is proven: by linear programs over few rows, as by one over all of them, and never where there is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.glm_torch import TorchObjective
from dlcli.linear.objectives.penalty import Penalty
from dlcli.linear.objectives.responses import Responses
from dlcli.linear.solvers.newton import Newton
from dlcli.linear.solvers.separable import proof
from dlcli.linear.solvers.separable.margins import Margins, Question, together
from dlcli.linear.solvers.separable.proof import UnprovenError, prove
from dlcli.linear.solvers.separation import Suspect
from tests.thinning.examples import examples


def objective(X, y, classes=2, make=RowObjective, **options):
    Z = np.column_stack([np.ones(len(X)), (X - X.mean(axis=0)) / X.std(axis=0)])
    penalty = Penalty().weighted(np.concatenate([[0.0], np.ones(X.shape[1])]))
    kind, outputs = ("logistic", 1) if classes == 2 else ("softmax", classes)
    return make(Z, y.astype(float), kind, outputs, penalty, **options)


def by_all_rows(X, y, classes):
    """How far the classes are separable: the most rows that a direction puts right with none wrong, in one program."""
    Z, rows = np.column_stack([np.ones(len(X)), (X - X.mean(axis=0)) / X.std(axis=0)]), []
    for z, c in zip(Z, y, strict=True):
        for other in set(range(classes)) - {c}:
            row = np.zeros((len(z), classes))
            row[:, c] += z
            row[:, other] -= z
            rows.append(row.ravel())
    m, q = np.shape(rows)
    bounds = [(None, None)] * q + [(0, 1)] * m
    cost, within = np.concatenate([np.zeros(q), -np.ones(m)]), np.concatenate([-np.array(rows), np.eye(m)], axis=1)
    right = -linprog(cost, within, np.zeros(m), bounds=bounds, method="highs").fun
    return "" if right < 1e-6 else "perfect" if right > m - 1e-6 else "partial"


def drawn(seed):
    """A table of few rows, often with ties, and classes that may be separable."""
    random = np.random.default_rng(seed)
    classes, d, n = int(random.choice([2, 2, 3, 4])), int(random.integers(1, 5)), int(random.integers(6, 40))
    X = [random.integers(0, 3, (n, d)) * 1.0, random.integers(-9, 9, (n, d)) / 3, random.normal(size=(n, d))]
    X = X[random.integers(3)]
    scores = X @ random.normal(size=(d, classes)) * random.choice([0, 1, 5, 50]) + random.gumbel(size=(n, classes))
    y = scores.argmax(axis=1)
    return X, np.unique(y, return_inverse=True)[1], len(set(y))


def test_is_that_of_one_program_over_all_rows():
    seen = set()
    for seed in range(80):
        X, y, classes = drawn(seed)
        if classes > 1 and (X.std(axis=0) > 0).all():
            expected = by_all_rows(X, y, classes)
            assert prove(objective(X, y, classes)).how == expected, seed
            seen.add((expected, classes > 2))
    assert len(seen) == 6


def many(n=30_000):
    random = np.random.default_rng(0)
    X = random.normal(size=(n, 4))
    return X, (X[:, 0] + random.logistic(size=n) > 0).astype(int)


def test_one_row_of_many_is_found_and_its_column_named():
    X, y = many()
    X[:, 2] = 0
    X[np.flatnonzero(y == 1)[17], 2] = 1
    found = prove(objective(X, y))
    assert found.how == "partial"
    assert found.taking_part == (3,)  # after the intercept


def test_rows_that_are_not_in_the_first_program_are_asked(monkeypatch):
    monkeypatch.setattr(proof, "FIRST", 10)
    monkeypatch.setattr(proof, "MORE", 5)
    X, y = many(3000)
    assert prove(objective(X, y)).how == ""
    perfect = prove(objective(X, (X[:, 1] > 0.1).astype(int)))
    assert perfect.how == "perfect"
    assert 2 in perfect.taking_part


@settings(max_examples=examples(40))
@given(st.integers(0, 10**6), st.floats(-8, -1), st.integers(0, 2))
def test_a_hair_of_overlap_is_no_separation(seed, exponent, columns):
    random = np.random.default_rng(seed)
    x = np.concatenate([random.uniform(-3, 0, 20), random.uniform(0, 3, 20), [10**exponent, -(10**exponent)]])
    y = np.repeat([0, 1, 0, 1], [20, 20, 1, 1])
    noise = np.zeros((42, columns))  # which can't tell the two apart
    noise[:40] = random.normal(size=(40, columns))
    assert prove(objective(np.column_stack([x, noise]), y)).how == ""
    without = np.arange(42) < 40
    assert prove(objective(np.column_stack([x, noise])[without], y[without])).how == "perfect"


def test_a_fit_that_converges_asks_for_no_program(monkeypatch):
    monkeypatch.setattr(proof, "prove", lambda _: pytest.fail("asked"))
    random = np.random.default_rng(1)
    for _ in range(20):
        X = random.standard_t(3, size=(300, 3))
        solver = Newton(objective(X, (X[:, 0] + random.logistic(size=300) > 0).astype(int)), 1e-15)
        solver.advance(100, float("inf"))
        assert solver.termination.kind == "converged"


def test_beyond_a_programs_reach_a_direction_is_tried(monkeypatch):
    def unproven(_):
        raise UnprovenError

    monkeypatch.setattr(proof, "prove", unproven)
    x = np.concatenate([-np.arange(1.0, 9), np.arange(1.0, 9)])[:, None]
    y = np.repeat([0, 1], 8)
    assert Suspect(objective(x, y)).proof(np.array([[0.0], [50.0]])).how == "perfect"
    y[0] = 1
    assert Suspect(objective(x, y)).proof(np.array([[0.0], [50.0]])).how == ""


@pytest.mark.parametrize("classes", [2, 3])
def test_rows_answer_the_same_wherever_they_are(classes):
    random = np.random.default_rng(2)
    X, y = random.normal(size=(90, 3)), np.arange(90) % classes
    rows = objective(X, y, classes)
    direction = random.normal(size=rows.shape)
    question = Question(np.zeros((0, *rows.shape)), direction, 1, 7)
    whole, size = rows.constraints(question), rows.shape[0] * rows.shape[1]
    on_device = objective(X, y, classes, make=TorchObjective, device="cpu").constraints(question)
    head = 3 + size + question.most  # rows with equal shares may come in any order
    np.testing.assert_allclose(on_device.packed()[:head], whole.packed()[:head], atol=1e-12)
    halves = [
        RowObjective(rows.Z[s], rows.responses[s], rows.kind, rows.shape[1], rows.penalties)
        for s in (slice(40), slice(40, None))
    ]
    answers = [Margins.unpacked(half.constraints(question).packed(), size) for half in halves]
    np.testing.assert_allclose(
        together(answers, rows.shape, question).packed()[:head], whole.packed()[:head], atol=1e-12
    )
    # A row times the direction is its margin.
    assert whole.rows.shape == (7, size)
    assert (whole.rows @ direction.ravel() < 0).all()


def test_rows_of_weight_0_and_offsets_have_no_say():
    X, y = many(300)
    X[:, 2] = 0
    X[np.flatnonzero(y == 1)[3], 2] = X[np.flatnonzero(y == 0)[3], 2] = 1
    made, weights = objective(X, y), np.ones(300)
    assert prove(made).how == ""
    weights[np.flatnonzero(y == 0)[3]] = 0
    responses = Responses(y.astype(float), weights, np.where(y == 1, -9.0, 9.0))
    found = prove(RowObjective(made.Z, responses, "logistic", 1, made.penalties))
    assert found.how == "partial"
    assert found.taking_part == (3,)
