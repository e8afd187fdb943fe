"""Newton's method from the optimum of the penalty before, as fits along a path take it."""

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.solver import GRADIENT_TOLERANCE, RUNNING
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.solvers.newton import SETTLED, Newton
from dlcli.linear.solvers.second_order import ROUNDING
from dlcli.linear.solvers.solver import PassedStep

ENOUGH = 1e-6  # a step this long against every parameter leaves about its square, which needs no further pass


class PathNewton(Newton):
    """Newton's method without the passes that a fit from nowhere takes first."""

    def __init__(self, objective: RowObjective, start: FloatArray) -> None:
        # Not the parent's, whose gradient at 0, for the tolerance, would be one more pass over the rows.
        self.rows = self._objective = objective
        self.tolerance, self.first_norm = 0.0, np.inf
        self.theta = start
        self.step, self.lr, self.termination = 0, float("nan"), RUNNING
        self._passed: list[PassedStep] = []

    def _one_step(self) -> None:
        value, gradient = self.rows.value_and_gradient(self.theta)
        move = self.direction(gradient)
        p, k = move.shape
        length = self._length(move, np.diag(self.rows.hessian(self.theta)).reshape(k, p).T)
        if length <= SETTLED:
            self.termination = GRADIENT_TOLERANCE
            return
        theta, moved = self._search(value, gradient, move)
        if not moved:
            self.termination = ROUNDING
            return
        self.theta = theta
        self.step += 1
        if length <= ENOUGH:
            self.termination = GRADIENT_TOLERANCE
