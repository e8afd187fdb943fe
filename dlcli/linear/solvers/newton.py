"""Newton's method for losses that need the rows."""

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.solver import GRADIENT_TOLERANCE
from dlcli.linear.losses.families import family_of
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.loss import of_family, of_huber
from dlcli.linear.optimum.nearness import inverse_of
from dlcli.linear.solvers.second_order import NEAR, ROUNDING, SecondOrder, solve, unshifted

WORTH_A_START = 100_000  # rows from which a first fit on every 16th is worth it
SUBSAMPLE, MOST_TO_START = 16, 500_000
# A step this small against every parameter is made of rounding errors: each before it squared the error.
SETTLED = 1e-10


class Newton(SecondOrder):
    """Newton's method; with L1, proximal Newton (Lee, Sun, Saunders 2014), each step exact."""

    needs_hessian = True
    _before = np.inf  # length of the step before
    _bent: FloatArray  # the curvature that the latest direction is by

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
        length = self._length(move, np.diag(self._bent).reshape(k, p).T)
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
        H = self._bent = self._curvature()
        flat = gradient.T.ravel()
        move = self._with_l1(H, flat) if self.rows.l1 else -solve(unshifted(H, p, k), flat)
        return move.reshape(k, p).T

    def _curvature(self) -> FloatArray:
        """The Hessian (pk, pk), or what is expected of it where the loss isn't convex and the Hessian says so."""
        H = self.rows.hessian(self.theta)
        if of_huber(self.rows.kind):
            return H if inverse_of(H) is not None else self.rows.majorizer(self.theta)
        if not of_family(self.rows.kind) or family_of(self.rows.kind).convex or inverse_of(H) is not None:
            return H
        return self.rows.information(self.theta)

    def _with_l1(self, H: FloatArray, gradient: FloatArray) -> FloatArray:
        """The same with L1, (pk,)."""
        from dlcli.linear.paths.minimum import DenseProducts, minimum

        p, k = self.theta.shape
        if k > 1:  # adding the same to all classes' intercepts changes nothing; to their slopes it changes the penalty
            free = self.rows.penalized[:, 0] == 0
            H = H + np.kron(np.full((k, k), 1 / k), np.diag(np.where(free, np.diag(H)[:p], 0.0)))
        at = self.theta.T.ravel()
        threshold = np.tile(self.rows.l1 * self.rows.penalized[:, 0], k)
        return minimum(DenseProducts(H, np.zeros(len(at))), H @ at - gradient, threshold, at) - at


def _subsample_optimum(objective: RowObjective, start: FloatArray | None) -> FloatArray | None:
    """The optimum on every 16th row or fewer: a start from which two or three passes over all rows are enough."""
    every = max(SUBSAMPLE, objective.rows // MOST_TO_START)
    begin = np.zeros(objective.shape) if start is None else start
    solver = Newton(objective.thinned(every), tolerance=1e-4, start=begin)
    solver.advance(30, float("inf"))
    sound = not solver.separation.how and np.isfinite(solver.theta).all()
    return solver.theta if sound and np.isfinite(objective.loss(solver.theta)) else start
