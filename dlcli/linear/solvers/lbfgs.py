"""L-BFGS for cross-entropy."""

from collections import deque

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.solver import GRADIENT_TOLERANCE
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.optimum.nearness import inverse_of
from dlcli.linear.optimum.steps import newton_step
from dlcli.linear.solvers.second_order import NEAR, ROUNDING, SEPARABLE, SecondOrder, solve, unshifted

FLAT_STEPS = 10  # near the optimum the gradient still falls when the loss can't
GOOD = 1e-7  # it is at the optimum when Newton's step is shorter
MOST_FOR_HESSIAN = 2000  # parameters up to which it asks for the Hessian
MOST_TO_POLISH = 100  # conjugate gradients that a step of Newton's may take in its place


class LBFGS(SecondOrder):
    """Limited-memory BFGS (Nocedal and Wright 2006, algorithm 7.4), in the metric of the columns' cross-products.

    ``metric`` (p, p) is the inverse of Z'Z/n (plus penalties), to which the Hessian is in proportion at theta = 0: with
    it, scales of columns and correlations between them cost no steps. When the steps come to rest, Newton's step tells
    whether the optimum is there: a gradient alone can be small far from it. If not, the Hessian is the next metric.
    """

    def __init__(
        self, objective: RowObjective, tolerance: float = 0.0, memory: int = 20, metric: FloatArray | None = None,
        start: FloatArray | None = None,
    ) -> None:  # fmt: skip
        super().__init__(objective, tolerance, start)
        self.pairs: deque[tuple[FloatArray, FloatArray]] = deque(maxlen=memory)
        self._last: tuple[FloatArray, FloatArray] | None = None
        self._metric = self._first_metric = metric
        self._whole = False
        self._check_below = np.inf
        self._flat = 0  # steps in a row that have not lowered the loss
        self._polish = np.inf  # length of the last step that polished

    def _one_step(self) -> None:
        value, gradient = self.rows.value_and_gradient(self.theta)
        self.note_loss()
        norm = self.norm(self.theta, gradient)
        if self.small(norm) or norm == 0:
            self._at_rest(gradient, True)
            if self.termination.kind != "halted":
                self.termination = GRADIENT_TOLERANCE
            return
        move = self.direction(gradient)
        theta, moved = self._search(value, gradient, move)
        decrement = np.sqrt(abs(float(np.sum(gradient * move))))
        if self._check_below == np.inf:
            self._check_below = 1e-7 * decrement
        lower = moved and self.rows.value_and_gradient(theta)[0] < value
        self._flat = 0 if lower else self._flat + 1
        gained = moved and decrement**2 > 1e-16 * abs(value) and self._flat < FLAT_STEPS  # less is rounding
        if not gained or decrement <= self._check_below:
            before = self.theta
            if self._at_rest(gradient, gained):
                return
            moved = moved and self.theta is before
        if moved:
            self.theta = theta
        self.step += 1

    def _at_rest(self, gradient: FloatArray, moved: bool) -> bool:
        """Whether this is the end: at the optimum, as far as rounding allows, or where there is none.

        ``moved`` says whether the last step still lowered the loss.
        """
        self._check_below *= 1e-3
        p, k = gradient.shape
        if p * k > MOST_FOR_HESSIAN:
            return self._polished(gradient, moved)
        H = unshifted(self.rows.hessian(self.theta), p, k)
        whole = inverse_of(H)
        newton = -solve(H, gradient.T.ravel()).reshape(k, p).T if whole is None else -_apply(whole[0], gradient)
        if self._separate(gradient, newton) or self._vanished(H):
            return True
        length = self._length(newton, np.diag(H).reshape(k, p).T)
        if length <= GOOD or (not moved and self._whole):
            self.termination = GRADIENT_TOLERANCE if length <= NEAR else ROUNDING
            return True
        if whole is None:  # some columns depend on others: the shortest step shows whether it is the optimum
            return self._rests(not moved)
        self._metric, self._whole = whole[0], True
        self.pairs.clear()
        self._flat = 0
        self._last = None
        return False

    def _polished(self, gradient: FloatArray, moved: bool) -> bool:
        """The same without the Hessian: Newton's step from conjugate gradients tells, and is taken where it's long."""
        move = None
        if self._first_metric is not None:
            first: FloatArray = self._first_metric
            move = newton_step(self.rows, self.theta, gradient, lambda v: first @ v, MOST_TO_POLISH)
        if move is None:
            return self._rests(not moved)
        length = self._length(move, self.rows.curvatures(self.theta))
        if length > self._polish / 2:
            self.termination = GRADIENT_TOLERANCE if length <= NEAR else ROUNDING
            return True
        self.theta, self._polish = self.theta + move, length
        if length <= GOOD:
            self.termination = GRADIENT_TOLERANCE
            return True
        self.pairs.clear()
        self._flat, self._last = 0, None
        return False

    def _rests(self, at_optimum: bool) -> bool:
        if at_optimum:
            self.termination = GRADIENT_TOLERANCE
        return at_optimum

    def _vanished(self, H: FloatArray) -> bool:
        """Whether the loss has become flat along a direction that separates classes."""
        if self._first_metric is not None:
            self.separation = self.suspect.by_curvature(self.theta, H, self._first_metric)
        if self.separation.how:
            self.termination = SEPARABLE
        return bool(self.separation.how)

    def direction(self, gradient: FloatArray) -> FloatArray:
        """The two-loop recursion over the last steps."""
        if self._last is not None:
            s, y = self.theta - self._last[0], gradient - self._last[1]
            if np.sum(s * y) > 1e-16 * np.sum(y * y):
                self.pairs.append((s, y))
        self._last = (self.theta, gradient)
        q, weights = gradient.copy(), []
        for s, y in reversed(self.pairs):
            weights.append(float(np.sum(s * q) / np.sum(s * y)))
            q -= weights[-1] * y
        q = self._in_metric(q)
        if self.pairs:
            s, y = self.pairs[-1]
            q *= np.sum(s * y) / np.sum(y * self._in_metric(y))
        for s, y in self.pairs:
            q += s * (weights.pop() - float(np.sum(y * q) / np.sum(s * y)))
        return -q

    def _in_metric(self, q: FloatArray) -> FloatArray:
        if self._metric is None:
            return q
        return _apply(self._metric, q) if self._whole else self._metric @ q


def _apply(inverse: FloatArray, gradient: FloatArray) -> FloatArray:
    """A (pk, pk) matrix, index class * p + row, times a gradient (p, k)."""
    p, k = gradient.shape
    found: FloatArray = (inverse @ gradient.T.ravel()).reshape(k, p).T
    return found
