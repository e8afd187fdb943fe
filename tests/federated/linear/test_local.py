"""A client's own steps are those of the formulas."""

import numpy as np
import pytest

from dlcli.federated.linear.local import LocalSteps
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.penalty import Penalty


@pytest.mark.parametrize("mu", [0.0, 0.7])
def test_steps_of_fedprox_on_least_squares(mu):
    rng = np.random.default_rng(3)
    Z, y, begin = np.column_stack([np.ones(9), rng.normal(size=(9, 2))]), rng.normal(size=9), rng.normal(size=(3, 1))
    objective = RowObjective(Z, y, "mse", 1, Penalty().weighted(np.zeros(3)))
    penalized = np.array([[0.0], [1.0], [1.0]])
    found = LocalSteps(3, 0.1, mu, 0.5, 0, [0]).moved(objective, begin, penalized)
    theta = begin.copy()
    for _ in range(3):
        residual = Z @ theta - y[:, None]
        theta = theta - 0.1 * (Z.T @ residual / 9 + 0.5 * penalized * theta + mu * (theta - begin))
    assert found == pytest.approx(theta - begin, rel=1e-12)


def test_mini_batches_pass_over_all_rows_and_no_rows_move_nothing():
    batches = LocalSteps(1, 0.1, 0.0, 0.0, 3, [1])._batches(9)
    assert sorted(np.concatenate([next(batches) for _ in range(3)]).tolist()) == list(range(9))
    nobody = RowObjective(np.empty((0, 2)), np.empty(0), "logistic", 1, Penalty().weighted(np.zeros(2)))
    assert not LocalSteps(5, 0.1, 1.0, 0.0, 0, [0]).moved(nobody, np.ones((2, 1)), np.ones((2, 1))).any()
