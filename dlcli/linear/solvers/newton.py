"""Newton's method for cross-entropy."""

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.solver import GRADIENT_TOLERANCE
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.penalty import soft_threshold
from dlcli.linear.solvers.second_order import NEAR, ROUNDING, SecondOrder, solve, unshifted

WORTH_A_START = 100_000  # rows from which a first fit on every 16th is worth it
SUBSAMPLE, MOST_TO_START = 16, 500_000
# A step this small against every parameter is made of rounding errors: each before it squared the error.
SETTLED = 1e-10


class Newton(SecondOrder):
    """Newton's method; with L1, proximal Newton with coordinate descent inside (Lee, Sun, Saunders 2014)."""

    needs_hessian = True
    _before = np.inf  # length of the step before

    def __init__(self, objective: RowObjective, tolerance: float = 0.0, start: FloatArray | None = None) -> None:
        if start is None and objective.rows >= WORTH_A_START and objective.thins:
            start = _subsample_optimum(objective)
        super().__init__(objective, tolerance, start)

    def _one_step(self) -> None:
        value, gradient = self.rows.value_and_gradient(self.theta)
        self.note_loss()
        norm = self.norm(self.theta, gradient)
        if norm == 0:
            self.termination = GRADIENT_TOLERANCE
            return
        move = self.direction(gradient)
        if self._separate(gradient, move):
            return
        p, k = move.shape
        length = self._length(move, np.diag(self.rows.hessian(self.theta)).reshape(k, p).T)
        if length <= SETTLED or self.small(norm) or (self._before <= NEAR and length > 0.5 * self._before):
            self.termination = GRADIENT_TOLERANCE
            return
        theta, moved = self._search(value, gradient, move)
        if not moved:
            self.termination = GRADIENT_TOLERANCE if length <= NEAR else ROUNDING
            return
        self.theta, self._before = theta, length
        self.step += 1

    def direction(self, gradient: FloatArray) -> FloatArray:
        """Minimize the quadratic model."""
        p, k = gradient.shape
        H = self.rows.hessian(self.theta)
        if not self.rows.l1:
            H = unshifted(H, p, k)
        flat = gradient.T.ravel()
        if self.rows.l1:
            threshold = np.tile(self.rows.l1 * self.rows.penalized[:, 0], k)
            move = _coordinate_descent(H, flat, self.theta.T.ravel(), threshold)
        else:
            move = -solve(H, flat)
        return move.reshape(k, p).T


def _subsample_optimum(objective: RowObjective) -> FloatArray | None:
    """The optimum on every 16th row or fewer: a start from which two or three passes over all rows are enough."""
    every = max(SUBSAMPLE, objective.rows // MOST_TO_START)
    solver = Newton(objective.thinned(every), tolerance=1e-4, start=np.zeros(objective.shape))
    solver.advance(30, float("inf"))
    return None if solver.separation.how or not np.isfinite(solver.theta).all() else solver.theta


def _coordinate_descent(H: FloatArray, g: FloatArray, theta: FloatArray, threshold: FloatArray) -> FloatArray:
    """The move d that minimizes g'd + d'Hd/2 + sum threshold |theta + d|, all of shape (m,)."""
    move = np.zeros_like(g)
    slope = g.copy()  # g + H move
    for _ in range(1000):
        largest = 0.0
        for i in np.flatnonzero(np.diag(H) > 0):
            old = theta[i] + move[i]
            new = float(soft_threshold(np.array(old - slope[i] / H[i, i]), threshold[i] / H[i, i]))
            if new != old:
                slope += H[i] * (new - old)
                move[i] = new - theta[i]
                largest = max(largest, abs(new - old) * float(np.sqrt(H[i, i])))
        if largest <= 1e-13 * float(np.sqrt(np.abs(g @ move)) + 1e-300):
            break
    return move
