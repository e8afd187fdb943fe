"""Newton's method and L-BFGS for cross-entropy."""

import time
from collections import deque

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.descent import FirstOrder, shrink
from dlcli.engine.objectives import RowObjective

WORTH_A_START = 100_000  # rows from which a first fit on every 16th is worth it
SUBSAMPLE = 16
STALLED = 1e-9  # relative gradient below which a step that gains nothing has met rounding


class SecondOrder(FirstOrder):
    """A line search along a direction that the subclass gives; stops where rounding lets nothing more be gained."""

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
        with np.errstate(over="ignore", invalid="ignore"):
            while self.step < until and not self.converged and time.monotonic() < deadline:
                self._one_step()
                if self.separated:
                    return

    def _one_step(self) -> None:
        value, gradient = self.rows.value_and_gradient(self.theta)
        before = self.norm(self.theta, gradient)
        if self.small(before) or before == 0:
            self.converged = True
            return
        move = self.direction(gradient)
        theta, moved = self._search(value, gradient, move)
        after = self.norm(theta, self.rows.value_and_gradient(theta)[1]) if moved else before
        if after < before or before > STALLED * self.first_norm:
            self.theta = theta
        # Near the optimum the gradient falls with every step until it is made of rounding errors.
        if not moved or (before <= STALLED * self.first_norm and after > 0.5 * before):
            self.converged = before <= 1e-6 * self.first_norm
            if not moved and not self.converged:
                self.converged = True
        self.step += 1
        self.separated = self._separation(min(before, after), move)

    def _search(self, value: float, gradient: FloatArray, move: FloatArray) -> tuple[FloatArray, bool]:
        """Armijo's rule by halving; within rounding of the value the full step is taken."""
        l1 = self.rows.l1 * self.rows.penalised
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

    def _separation(self, norm: float, move: FloatArray) -> str:
        """Why there is no minimum, or "". A hyperplane with every row on its right side proves it outright."""
        if self.rows.l1 or self.rows.l2 or self.rows.kind == "mse":
            return ""
        sums = self.rows.sums(self.theta) if norm < 1e-2 * self.first_norm else None
        if sums and sums.margin > 0 and sums.loss < 1e-3 * self.rows.rows:
            return "perfect"
        # The loss flattens out exponentially along a direction that separates some rows: the gradient vanishes
        # while Newton's steps stay as long as ever.
        return "partial" if norm < 1e-7 * self.first_norm and np.abs(move).max() > 0.1 else ""


class Newton(SecondOrder):
    """Newton's method; with L1, proximal Newton with coordinate descent inside (Lee, Sun, Saunders 2014)."""

    needs_hessian = True

    def __init__(self, objective: RowObjective, tolerance: float = 0.0, start: FloatArray | None = None) -> None:
        if start is None and objective.rows >= WORTH_A_START and len(objective.Z):
            start = _subsample_optimum(objective)
        super().__init__(objective, tolerance, start)

    def direction(self, gradient: FloatArray) -> FloatArray:
        """Minimise the quadratic model."""
        p, k = gradient.shape
        H = self.rows.hessian(self.theta)
        if k > 1 and not self.rows.l1:
            # Adding the same to all classes changes nothing, so H is singular there; the gradient has no part
            # along it, and any curvature put there keeps theta summing to zero over classes.
            H = H + np.kron(np.full((k, k), 1 / k), np.eye(p))
        flat = gradient.T.ravel()
        if self.rows.l1:
            threshold = np.tile(self.rows.l1 * self.rows.penalised[:, 0], k)
            move = _coordinate_descent(H, flat, self.theta.T.ravel(), threshold)
        else:
            move = -_solve(H, flat)
        return move.reshape(k, p).T


class LBFGS(SecondOrder):
    """Limited-memory BFGS (Nocedal and Wright 2006, algorithm 7.4)."""

    def __init__(self, objective: RowObjective, tolerance: float = 0.0, memory: int = 20) -> None:
        super().__init__(objective, tolerance)
        self.pairs: deque[tuple[FloatArray, FloatArray]] = deque(maxlen=memory)
        self._last: tuple[FloatArray, FloatArray] | None = None

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
        if self.pairs:
            s, y = self.pairs[-1]
            q *= np.sum(s * y) / np.sum(y * y)
        for s, y in self.pairs:
            q += s * (weights.pop() - float(np.sum(y * q) / np.sum(s * y)))
        return -q


def _solve(H: FloatArray, g: FloatArray) -> FloatArray:
    try:
        factor = np.linalg.cholesky(H)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.lstsq(H, g)[0])
    return np.asarray(np.linalg.solve(factor.T, np.linalg.solve(factor, g)))


def _subsample_optimum(objective: RowObjective) -> FloatArray | None:
    """The optimum on every 16th row: a start from which two or three passes over all rows are enough."""
    part = RowObjective(
        np.ascontiguousarray(objective.Z[::SUBSAMPLE]), objective.y[::SUBSAMPLE], objective.kind, objective.shape[1],
        l1=objective.l1, l2=objective.l2, penalised=objective.penalised[:, 0],
    )  # fmt: skip
    solver = Newton(part, tolerance=1e-4, start=np.zeros(objective.shape))
    solver.advance(30, float("inf"))
    return None if solver.separated or not np.isfinite(solver.theta).all() else solver.theta


def _coordinate_descent(H: FloatArray, g: FloatArray, theta: FloatArray, threshold: FloatArray) -> FloatArray:
    """The move d that minimises g'd + d'Hd/2 + sum threshold |theta + d|, all of shape (m,)."""
    move = np.zeros_like(g)
    slope = g.copy()  # g + H move
    for _ in range(1000):
        largest = 0.0
        for i in np.flatnonzero(np.diag(H) > 0):
            old = theta[i] + move[i]
            new = float(shrink(np.array(old - slope[i] / H[i, i]), threshold[i] / H[i, i]))
            if new != old:
                slope += H[i] * (new - old)
                move[i] = new - theta[i]
                largest = max(largest, abs(new - old) * float(np.sqrt(H[i, i])))
        if largest <= 1e-13 * float(np.sqrt(np.abs(g @ move)) + 1e-300):
            break
    return move
