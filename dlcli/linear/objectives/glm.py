"""What is minimized when a method needs the rows: generalized linear models with the canonical link.

  mse       1/(2n) sum (z'theta - y)^2
  logistic  mean cross-entropy of sigmoid(z'theta), y in {0, 1}
  softmax   mean cross-entropy of softmax(z'theta), y in {0, ..., k - 1}

each plus l2/2 |w theta|^2 + l1 |w theta|_1, with ``penalized`` w (p,) 0 for the intercept and else 1, unless the
columns are trained in other units than those that are penalized. All three have the gradient
Z'(prediction - y)/n (McCullagh and Nelder 1989). Rows are taken in blocks that stay in the cache.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.engine.ranks import launched
from dlcli.linear.objectives.loss import Kind, log_softmax
from dlcli.linear.objectives.penalty import WeightedPenalty
from dlcli.linear.objectives.stored_rows import AnyRows

BLOCK = 8192  # rows; with 20 columns a block and its scratch fit a 1 MiB cache
WORTH_THREADS = 100_000
AHEAD = 4  # blocks for each thread


@dataclass(frozen=True)
class Sums:
    """Sums over rows at one theta: loss, gradient (p, k), Hessian (pk, pk) or None, smallest and largest margin.

    The Hessian's index is class * p + row. The margin of a row is its score for the right class less the best
    other; it is positive where the row is classified right.
    """

    loss: float
    gradient: FloatArray
    hessian: FloatArray | None
    margin: float
    reach: float = 0.0


class RowObjective:
    """An objective over rows Z (n, p), which hold the column of ones if there is an intercept, and y (n,)."""

    thins = True  # whether there is a ``thinned`` one

    def __init__(self, Z: AnyRows, y: AnyRows, kind: Kind, outputs: int, penalty: WeightedPenalty) -> None:
        self.Z, self.y, self.kind, self.penalties = Z, y, kind, penalty
        self.l1, self.l2, self.penalized = penalty.l1, penalty.l2, penalty.weights[:, None]
        self.shape = (Z.shape[1], outputs)
        self.rows = len(y)
        self._sums = _SUMS[kind]
        self._latest: tuple[FloatArray, Sums] | None = None

    def sums(self, theta: FloatArray, hessian: bool = False) -> Sums:
        """Sums over all rows, in an order that doesn't depend on the number of threads.

        The latest are kept: a solver asks for loss, gradient and Hessian at the same theta one after another.
        ``theta`` must not be changed in place.
        """
        if self._latest is not None and np.array_equal(self._latest[0], theta):
            known = self._latest[1]
            if known.hessian is not None or not hessian:
                return known
        known = self._all_sums(theta, hessian)
        self._latest = (theta, known)
        return known

    def _all_sums(self, theta: FloatArray, hessian: bool) -> Sums:
        loss, margin, reach = 0.0, np.inf, -np.inf
        gradient, second = np.zeros(self.shape), np.zeros((theta.size, theta.size)) if hessian else None
        for part in self._map(lambda rows: self._sums(self.Z[rows], self.y[rows], theta, hessian)):
            loss, margin, reach = loss + part.loss, min(margin, part.margin), max(reach, part.reach)
            gradient += part.gradient
            if second is not None and part.hessian is not None:
                second += part.hessian
        return Sums(loss, gradient, second, margin, reach)

    def _map(self, work: Callable[[slice], Sums]) -> Iterator[Sums]:
        blocks = [slice(start, start + BLOCK) for start in range(0, self.rows, BLOCK)]
        with np.errstate(over="ignore", invalid="ignore"):
            if self.rows < WORTH_THREADS:
                yield from map(work, blocks)
                return
        # NumPy lets go of the interpreter inside a block's products and functions.
        threads = max(1, (os.cpu_count() or 1) // launched().neighbors)
        with ThreadPoolExecutor(threads) as pool:
            begun: deque[Future[Sums]] = deque()
            for block in blocks:  # a few ahead of what is asked for, as what a block gives may be a large matrix
                begun.append(pool.submit(_quiet(work), block))
                if len(begun) > AHEAD * threads:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()

    def thinned(self, every: int) -> "RowObjective":
        """The objective over each of ``every`` rows."""
        Z, y = np.ascontiguousarray(self.Z[::every]), self.y[::every]
        return RowObjective(Z, y, self.kind, self.shape[1], self.penalties)

    def mean_squares(self) -> FloatArray:
        """Mean of z^2 over the rows, (p,)."""
        if isinstance(self.Z, np.ndarray):
            return np.asarray(np.einsum("ij,ij->j", self.Z, self.Z) / self.rows)
        total = np.zeros(self.shape[0])
        for start in range(0, self.rows, BLOCK):
            Z = self.Z[start : start + BLOCK]
            total += np.einsum("ij,ij->j", Z, Z)
        return total / self.rows

    def fourth_moments(self, basis: FloatArray | None = None) -> FloatArray:
        """Mean of |z|^2 zz' over the rows, (p, p), or (r, r) of it in a ``basis`` (p, r)."""
        size = self.shape[0] if basis is None else basis.shape[1]
        total = np.zeros((size, size))
        for start in range(0, self.rows, BLOCK):
            Z = self.Z[start : start + BLOCK]
            weight = np.einsum("ij,ij->i", Z, Z)[:, None]
            Z = Z if basis is None else Z @ basis
            total += (Z * weight).T @ Z
        return total / self.rows

    def loss(self, theta: FloatArray) -> float:
        """Mean squared error or mean cross-entropy, without penalties."""
        return self.sums(theta).loss / self.rows * (2 if self.kind == "mse" else 1)

    def penalty(self, theta: FloatArray) -> float:
        """Both penalties."""
        return self.penalties.value(theta)

    def value_and_gradient(self, theta: FloatArray) -> tuple[float, FloatArray]:
        """The smooth part (without l1) and its gradient (p, k)."""
        sums = self.sums(theta)
        value = sums.loss / self.rows + self.penalties.l2_value(theta)
        return value, sums.gradient / self.rows + self.l2 * self.penalized**2 * theta

    def hessian(self, theta: FloatArray) -> FloatArray:
        """Hessian of the smooth part, (pk, pk), index class * p + row."""
        sums = self.sums(theta, hessian=True)
        assert sums.hessian is not None
        return sums.hessian / self.rows + self.l2 * np.diag(np.tile(self.penalized[:, 0] ** 2, theta.shape[1]))

    def hessian_product(self, theta: FloatArray, V: FloatArray) -> FloatArray:
        """The Hessian of the smooth part times V, both (p, k), without the Hessian: two passes over the rows.

        For cross-entropy, with probabilities P and S = Z V, it is Z'(P S - P (sum over classes of P S)) / n
        (Pearlmutter 1994).
        """
        total = np.zeros(self.shape)
        for start in range(0, self.rows, BLOCK):
            Z = self.Z[start : start + BLOCK]
            total += Z.T @ _bent(self.kind, Z @ theta, Z @ V)
        return total / self.rows + self.l2 * self.penalized**2 * V

    def curvatures(self, theta: FloatArray) -> FloatArray:
        """The diagonal of the Hessian of the smooth part, (p, k)."""
        total = np.zeros(self.shape)
        for start in range(0, self.rows, BLOCK):
            Z = self.Z[start : start + BLOCK]
            total += (Z * Z).T @ _bend(self.kind, Z @ theta)
        return total / self.rows + self.l2 * self.penalized**2

    def batch_gradient(self, theta: FloatArray, rows: IntArray, keep: FloatArray | None) -> FloatArray:
        """Gradient of the smooth part over some rows; ``keep`` (len(rows), p) multiplies the inputs (dropout)."""
        Z = self.Z[rows]
        if keep is not None:
            Z = Z * keep
        with np.errstate(over="ignore", invalid="ignore"):
            gradient = self._sums(Z, self.y[rows], theta, False).gradient
        return gradient / len(rows) + self.l2 * self.penalized**2 * theta


def _quiet(work: Callable[[slice], Sums]) -> Callable[[slice], Sums]:
    """NumPy's error state belongs to a thread, so each sets its own."""

    def run(rows: slice) -> Sums:
        with np.errstate(over="ignore", invalid="ignore"):
            return work(rows)

    return run


def _bend(kind: Kind, scores: FloatArray) -> FloatArray:
    """Second derivatives of each row's loss by its own scores, (n, k)."""
    if kind == "mse":
        return np.ones_like(scores)
    probability: FloatArray = np.exp(log_softmax(scores))[:, -scores.shape[1] :]
    return probability * (1 - probability)


def _bent(kind: Kind, scores: FloatArray, along: FloatArray) -> FloatArray:
    """Each row's second derivatives by its scores, (k, k), times ``along`` (n, k)."""
    if kind != "softmax":
        return _bend(kind, scores) * along
    probability = np.exp(log_softmax(scores))
    weighted = probability * along
    bent: FloatArray = weighted - probability * weighted.sum(axis=1, keepdims=True)
    return bent


def _squares(Z: FloatArray, y: FloatArray, theta: FloatArray, hessian: bool) -> Sums:
    residual = Z @ theta[:, 0] - y
    gradient = (Z.T @ residual)[:, None]
    return Sums(0.5 * float(residual @ residual), gradient, Z.T @ Z if hessian else None, -np.inf)


def _logistic(Z: FloatArray, y: FloatArray, theta: FloatArray, hessian: bool) -> Sums:
    score = Z @ theta[:, 0]
    # log(1 + e^s) = max(s, 0) + log1p(e^-|s|) does not overflow.
    small = np.exp(-np.abs(score))
    loss = float(np.sum(np.log1p(small)) + np.sum(np.maximum(score, 0)) - score @ y)
    probability = np.where(score >= 0, 1.0, small)
    probability /= 1 + small
    margins = np.where(y == 1, score, -score)
    second = None
    if hessian:
        weight = probability * (1 - probability)
        second = (Z * weight[:, None]).T @ Z
    probability -= y
    return Sums(loss, (Z.T @ probability)[:, None], second, float(np.min(margins)), float(np.max(margins)))


def _softmax(Z: FloatArray, y: FloatArray, theta: FloatArray, hessian: bool) -> Sums:
    scores = Z @ theta
    rows, codes = np.arange(len(y)), y.astype(np.int64)
    right = scores[rows, codes]
    scores[rows, codes] = -np.inf
    rival = scores.max(axis=1)
    margins = right - rival
    scores[rows, codes] = right
    scores -= np.maximum(right, rival)[:, None]
    log_right = scores[rows, codes].copy()
    probability = np.exp(scores, out=scores)
    total = probability.sum(axis=1)
    loss = float(np.sum(np.log(total)) - np.sum(log_right))
    probability /= total[:, None]
    second = _softmax_hessian(Z, probability) if hessian else None
    probability[rows, codes] -= 1
    return Sums(loss, Z.T @ probability, second, float(np.min(margins)), float(np.max(margins)))


def _softmax_hessian(Z: FloatArray, probability: FloatArray) -> FloatArray:
    p, k = Z.shape[1], probability.shape[1]
    second = np.empty((k * p, k * p))
    for a in range(k):
        for b in range(a + 1):
            weight = probability[:, a] * ((a == b) - probability[:, b])
            block = (Z * weight[:, None]).T @ Z
            second[a * p : (a + 1) * p, b * p : (b + 1) * p] = block
            second[b * p : (b + 1) * p, a * p : (a + 1) * p] = block
    return second


_SUMS: dict[Kind, Callable[[FloatArray, FloatArray, FloatArray, bool], Sums]] = {
    "mse": _squares,
    "logistic": _logistic,
    "softmax": _softmax,
}
