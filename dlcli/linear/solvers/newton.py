"""Newton's method for losses that need the rows."""

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.solver import GRADIENT_TOLERANCE
from dlcli.linear.losses.families import family_of
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.loss import of_family
from dlcli.linear.objectives.penalty import soft_threshold
from dlcli.linear.optimum.nearness import inverse_of
from dlcli.linear.solvers.second_order import NEAR, ROUNDING, SecondOrder, solve, unshifted

WORTH_A_START = 100_000  # rows from which a first fit on every 16th is worth it
SUBSAMPLE, MOST_TO_START = 16, 500_000
# A step this small against every parameter is made of rounding errors: each before it squared the error.
SETTLED = 1e-10


class Newton(SecondOrder):
    """Newton's method; with L1, proximal Newton with coordinate descent inside (Lee, Sun, Saunders 2014)."""

    needs_hessian = True
    _before = np.inf  # length of the step before

    def __init__(
        self, objective: RowObjective, tolerance: float = 0.0, start: FloatArray | None = None, *, null: bool = False
    ) -> None:
        """``null``: the start knows nothing of the columns, so that of many rows a better one is worth its time."""
        if (start is None or null) and objective.rows >= WORTH_A_START and objective.thins:
            start = _subsample_optimum(objective, start)
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
        H = self._curvature()
        if not self.rows.l1:
            H = unshifted(H, p, k)
        flat = gradient.T.ravel()
        if self.rows.l1:
            threshold = np.tile(self.rows.l1 * self.rows.penalized[:, 0], k)
            move = _coordinate_descent(H, flat, self.theta.T.ravel(), threshold)
        else:
            move = -solve(H, flat)
        return move.reshape(k, p).T

    def _curvature(self) -> FloatArray:
        """The Hessian (pk, pk), or what is expected of it where the loss isn't convex and the Hessian says so."""
        H = self.rows.hessian(self.theta)
        if not of_family(self.rows.kind) or family_of(self.rows.kind).convex or inverse_of(H) is not None:
            return H
        return self.rows.information(self.theta)


def _subsample_optimum(objective: RowObjective, start: FloatArray | None) -> FloatArray | None:
    """The optimum on every 16th row or fewer: a start from which two or three passes over all rows are enough."""
    every = max(SUBSAMPLE, objective.rows // MOST_TO_START)
    begin = np.zeros(objective.shape) if start is None else start
    solver = Newton(objective.thinned(every), tolerance=1e-4, start=begin)
    solver.advance(30, float("inf"))
    sound = not solver.separation.how and np.isfinite(solver.theta).all()
    return solver.theta if sound and np.isfinite(objective.loss(solver.theta)) else start


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
