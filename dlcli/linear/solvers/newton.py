"""Newton's method and L-BFGS for cross-entropy."""

import time
from collections import deque

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.solver import GRADIENT_TOLERANCE, Termination
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.penalty import soft_threshold
from dlcli.linear.optimum.nearness import SHARE_OF_ERROR, inverse_of
from dlcli.linear.solvers.descent import FirstOrder
from dlcli.linear.solvers.separation import along_vanished, separation

WORTH_A_START = 100_000  # rows from which a first fit on every 16th is worth it
SUBSAMPLE = 16
# A step this small against every parameter is made of rounding errors: each before it squared the error.
SETTLED = 1e-10
# Below this, a step that isn't much shorter than the one before has met rounding.
NEAR = 1e-6
FLAT_STEPS = 10  # near the optimum the gradient still falls when the loss can't
GOOD = 1e-7  # L-BFGS is at the optimum when Newton's step is shorter
MOST_FOR_HESSIAN = 2000  # parameters up to which L-BFGS asks for the Hessian
SEPARABLE = Termination("halted", "separable classes: the loss has no minimum")
ROUNDING = Termination("halted", "rounding lets no step lower the loss")


class SecondOrder(FirstOrder):
    """A line search along a direction that the subclass gives; stops where rounding lets nothing more be gained.

    It has ``converged`` when it came to rest, and ``halted`` where it ended short of that.
    """

    needs_hessian = False

    def __init__(self, objective: RowObjective, tolerance: float = 0.0, start: FloatArray | None = None) -> None:
        self.rows = objective
        self.separated = ""
        super().__init__(objective, tolerance)
        if start is not None:
            self.theta = start

    def direction(self, gradient: FloatArray) -> FloatArray:
        """Where to go from theta, given the smooth gradient there; of theta's shape."""
        raise NotImplementedError

    def advance(self, until: int, deadline: float) -> None:
        """Step to ``until``, or as far as float64 goes."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            while self.step < until and self.termination.running and time.monotonic() < deadline:
                self._one_step()

    def _one_step(self) -> None:
        raise NotImplementedError

    def _length(self, move: FloatArray, curvature: FloatArray) -> float:
        """The largest part of a move (p, k) against its parameter; ``curvature`` (p, k) is the Hessian's diagonal."""
        error = 1 / np.sqrt(np.maximum(curvature, 1e-300) * self.rows.rows)
        size = np.maximum(np.abs(self.theta), SHARE_OF_ERROR * error)
        return float(np.max(np.where(move != 0, np.abs(move) / size, 0.0), initial=0.0))

    def _separate(self, gradient: FloatArray, move: FloatArray) -> bool:
        """Whether Newton's step ``move`` shows that the loss has no minimum."""
        self.separated = separation(self.rows, self.theta, gradient, move)
        if self.separated:
            self.termination = SEPARABLE
        return bool(self.separated)

    def _search(self, value: float, gradient: FloatArray, move: FloatArray) -> tuple[FloatArray, bool]:
        """Armijo's rule by halving; within rounding of the value the full step is taken."""
        l1 = self.rows.l1 * self.rows.penalized
        here = value + float(np.sum(l1 * np.abs(self.theta)))
        slope = float(np.sum(gradient * move)) + float(np.sum(l1 * (np.abs(self.theta + move) - np.abs(self.theta))))
        noise = 1e-14 * max(abs(here), 1e-300)
        length = 1.0
        for _ in range(40):
            theta = self.theta + length * move
            # The full step nearly always stands, so its Hessian is the next step's: one pass over the rows.
            self.rows.sums(theta, hessian=self.needs_hessian)
            there = self.rows.value_and_gradient(theta)[0] + float(np.sum(l1 * np.abs(theta)))
            if there <= here + 1e-4 * length * slope + noise:
                return theta, True
            length /= 2
        return self.theta, False


class Newton(SecondOrder):
    """Newton's method; with L1, proximal Newton with coordinate descent inside (Lee, Sun, Saunders 2014)."""

    needs_hessian = True
    _before = np.inf  # length of the step before

    def __init__(self, objective: RowObjective, tolerance: float = 0.0, start: FloatArray | None = None) -> None:
        if start is None and objective.rows >= WORTH_A_START and len(objective.Z):
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
            H = _unshifted(H, p, k)
        flat = gradient.T.ravel()
        if self.rows.l1:
            threshold = np.tile(self.rows.l1 * self.rows.penalized[:, 0], k)
            move = _coordinate_descent(H, flat, self.theta.T.ravel(), threshold)
        else:
            move = -_solve(H, flat)
        return move.reshape(k, p).T


class LBFGS(SecondOrder):
    """Limited-memory BFGS (Nocedal and Wright 2006, algorithm 7.4), in the metric of the columns' cross-products.

    ``metric`` (p, p) is the inverse of Z'Z/n (plus penalties), to which the Hessian is in proportion at theta = 0: with
    it, scales of columns and correlations between them cost no steps. When the steps come to rest, Newton's step tells
    whether the optimum is there: a gradient alone can be small far from it. If not, the Hessian is the next metric.
    """

    def __init__(
        self, objective: RowObjective, tolerance: float = 0.0, memory: int = 20, metric: FloatArray | None = None
    ) -> None:
        super().__init__(objective, tolerance)
        self.pairs: deque[tuple[FloatArray, FloatArray]] = deque(maxlen=memory)
        self._last: tuple[FloatArray, FloatArray] | None = None
        self._metric = self._first_metric = metric
        self._whole = False
        self._check_below = np.inf
        self._flat = 0  # steps in a row that have not lowered the loss

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
        if (not gained or decrement <= self._check_below) and self._at_rest(gradient, gained):
            return
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
            return self._rests(not moved)
        H = _unshifted(self.rows.hessian(self.theta), p, k)
        whole = inverse_of(H)
        newton = -_solve(H, gradient.T.ravel()).reshape(k, p).T if whole is None else -_apply(whole[0], gradient)
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

    def _rests(self, at_optimum: bool) -> bool:
        if at_optimum:
            self.termination = GRADIENT_TOLERANCE
        return at_optimum

    def _vanished(self, H: FloatArray) -> bool:
        """Whether the loss has become flat along a direction that separates classes."""
        if self._first_metric is not None:
            self.separated = along_vanished(self.rows, self.theta, H, self._first_metric)
        if self.separated:
            self.termination = SEPARABLE
        return bool(self.separated)

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


def _unshifted(H: FloatArray, p: int, k: int) -> FloatArray:
    """The Hessian with curvature where adding the same to all classes changes nothing, so that it can be inverted.

    The gradient has no part along it, so theta keeps summing to zero over classes.
    """
    return H if k == 1 else H + np.kron(np.full((k, k), 1 / k), np.diag(np.diag(H)[:p]))


def _solve(H: FloatArray, g: FloatArray) -> FloatArray:
    """H^-1 g; the shortest solution where H is singular to within rounding."""
    scale = np.sqrt(np.where(np.diag(H) > 0, np.diag(H), 1.0))
    C, b = H / scale[:, None] / scale, g / scale
    try:
        factor = np.linalg.cholesky(C)
        if np.diag(factor).min() ** 2 > 1e-14 * len(g):
            return np.asarray(np.linalg.solve(factor.T, np.linalg.solve(factor, b)) / scale)
    except np.linalg.LinAlgError:
        pass
    values, vectors = np.linalg.eigh(H)  # the rows are standardized, so the shortest is that of gradient descent
    live = values > len(g) * np.finfo(np.float64).eps * 4 * values[-1]
    return np.asarray(vectors[:, live] @ ((vectors[:, live].T @ g) / values[live]))


def _subsample_optimum(objective: RowObjective) -> FloatArray | None:
    """The optimum on every 16th row: a start from which two or three passes over all rows are enough."""
    part = RowObjective(
        np.ascontiguousarray(objective.Z[::SUBSAMPLE]), objective.y[::SUBSAMPLE], objective.kind, objective.shape[1],
        objective.penalties,
    )  # fmt: skip
    solver = Newton(part, tolerance=1e-4, start=np.zeros(objective.shape))
    solver.advance(30, float("inf"))
    return None if solver.separated or not np.isfinite(solver.theta).all() else solver.theta


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
