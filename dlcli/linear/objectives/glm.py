"""What is minimized when a method needs the rows: generalized linear models with the canonical link.

  mse       1/(2n) sum (z'theta - y)^2
  families  1/(2n) the deviance of counts or positive numbers (``families``), with a link
  logistic  mean cross-entropy of sigmoid(z'theta), y in {0, 1}
  softmax   mean cross-entropy of softmax(z'theta), y in {0, ..., k - 1}

each plus l2/2 |w theta|^2 + l1 |w theta|_1, with ``penalized`` w (p,) 0 for the intercept and else 1, unless the
columns are trained in other units than those that are penalized. With the canonical link all have the gradient
Z'(prediction - y)/n (McCullagh and Nelder 1989). With weights of rows every sum and mean over rows is weighted, so a
row of weight 2 is the same row twice; an offset is added to a row's score. Rows are taken in blocks that stay in the
cache.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.engine.ranks import launched
from dlcli.linear.losses.families import family_of
from dlcli.linear.losses.huber import Huber
from dlcli.linear.objectives.loss import Kind, log_softmax, of_classes, of_family, of_huber, of_quantile, threshold_of
from dlcli.linear.objectives.losses import ScoreLoss, score_loss
from dlcli.linear.objectives.penalty import WeightedPenalty
from dlcli.linear.objectives.responses import Responses, RowResponses
from dlcli.linear.objectives.stored_rows import AnyRows

if TYPE_CHECKING:
    from dlcli.linear.solvers.separable.margins import Margins, Question

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
    """An objective over rows Z (n, p), which hold the column of ones if there is an intercept, and their responses.

    ``rows`` is how many there are, ``total`` the sum of their weights, by which means over them are divided.
    """

    thins = True  # whether there is a ``thinned`` one

    def __init__(
        self, Z: AnyRows, responses: Responses | AnyRows, kind: Kind, outputs: int, penalty: WeightedPenalty
    ) -> None:  # fmt: skip
        self.Z, self.responses, self.kind, self.penalties = Z, Responses.of(responses), kind, penalty
        self.l1, self.l2, self.penalized = penalty.l1, penalty.l2, penalty.weights[:, None]
        self.shape = (Z.shape[1], outputs)
        self.rows, self.total = len(self.responses), self.responses.total()
        self._latest: tuple[FloatArray, Sums] | None = None
        self._floor: float | None = None

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

    def margins(self, theta: FloatArray) -> Sums:
        """Sums at theta without the offset, which no direction of theta has: its margins are what separates classes."""
        return self.sums(theta) if self.responses.offset is None else self._all_sums(theta, False, offset=False)

    def _all_sums(self, theta: FloatArray, hessian: bool, offset: bool = True) -> Sums:
        loss, margin, reach = 0.0, np.inf, -np.inf
        gradient, second = np.zeros(self.shape), np.zeros((theta.size, theta.size)) if hessian else None
        responses = self.responses if offset else replace(self.responses, offset=None)
        for part in self._map(lambda rows: _block_sums(self.kind, self.Z[rows], responses[rows], theta, hessian)):
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
        Z, responses = np.ascontiguousarray(self.Z[::every]), self.responses[::every]
        return RowObjective(Z, responses, self.kind, self.shape[1], self.penalties)

    def constraints(self, question: "Question") -> "Margins":
        """What the rows of classes answer to a question about the sides they are on."""
        from dlcli.linear.solvers.separable.margins import ask_blocks  # where classes may be separable

        blocks = ((Z, responses.y, responses.weights) for Z, responses in self.blocks())
        return ask_blocks(blocks, self.shape, question)

    def with_penalty(self, penalty: WeightedPenalty) -> "RowObjective":
        """The same objective with another penalty: what it knows of the rows stays."""
        other = copy(self)
        other.penalties, other.penalized = penalty, penalty.weights[:, None]
        other.l1, other.l2 = penalty.l1, penalty.l2
        return other

    def mean_squares(self) -> FloatArray:
        """Mean of z^2 over the rows, (p,)."""
        if isinstance(self.Z, np.ndarray) and self.responses.weights is None:
            return np.asarray(np.einsum("ij,ij->j", self.Z, self.Z) / self.rows)
        total = np.zeros(self.shape[0])
        for Z, responses in self.blocks():
            total += np.einsum("ij,ij->j", Z, responses.weighted(Z))
        return total / self.total

    def fourth_moments(self, basis: FloatArray | None = None) -> FloatArray:
        """Mean of w^2 |z|^2 zz' over the rows, (p, p), or (r, r) of it in a ``basis`` (p, r); w is 1 on average."""
        size = self.shape[0] if basis is None else basis.shape[1]
        total, mean = np.zeros((size, size)), self.mean_weight
        for Z, responses in self.blocks():
            weight = responses.weighted(responses.weighted(np.einsum("ij,ij->i", Z, Z)))[:, None]
            Z = Z if basis is None else Z @ basis
            total += (Z * weight).T @ Z
        return total / (self.rows * mean**2)

    def loss(self, theta: FloatArray) -> float:
        """Mean squared error, deviance, cross-entropy, pinball or Huber loss, without penalties."""
        once = of_classes(self.kind) or of_quantile(self.kind) or of_huber(self.kind)
        return (self.sums(theta).loss / self.total - self.floor) * (1 if once else 2)

    @property
    def unit(self) -> float:
        """What the rows' gradients by their scores are measured in: of Huber's loss, whose scores have units, the
        threshold that bounds them; else 1.
        """
        return threshold_of(self.kind) if of_huber(self.kind) else 1.0

    @property
    def floor(self) -> float:
        """Of a family the mean loss where every row is predicted exactly, from which deviances are counted; else 0."""
        if self._floor is None:
            self._floor = self._saturated() if of_family(self.kind) else 0.0
        return self._floor

    def _saturated(self) -> float:
        family, total = family_of(self.kind), 0.0
        for start in range(0, self.rows, BLOCK):
            responses = self.responses[start : start + BLOCK]
            total += float(responses.weighted(family.saturated(responses.y)).sum())
        return total / self.total

    def penalty(self, theta: FloatArray) -> float:
        """Both penalties."""
        return self.penalties.value(theta)

    def value_and_gradient(self, theta: FloatArray) -> tuple[float, FloatArray]:
        """The smooth part (without l1) and its gradient (p, k)."""
        sums = self.sums(theta)
        value = sums.loss / self.total - self.floor + self.penalties.l2_value(theta)
        return value, sums.gradient / self.total + self.l2 * self.penalized**2 * theta

    def hessian(self, theta: FloatArray) -> FloatArray:
        """Hessian of the smooth part, (pk, pk), index class * p + row."""
        sums = self.sums(theta, hessian=True)
        assert sums.hessian is not None
        return sums.hessian / self.total + self.l2 * np.diag(np.tile(self.penalized[:, 0] ** 2, theta.shape[1]))

    def information(self, theta: FloatArray) -> FloatArray:
        """The Hessian as it is expected under the model, whose inverse is what standard errors come from (Fisher).

        Of Huber's loss that of least squares (its H1).
        """
        if of_huber(self.kind):
            total = np.zeros((theta.size, theta.size))
            for Z, responses in self.blocks():
                total += responses.weighted(Z).T @ Z
            return total / self.total + self.l2 * np.diag(self.penalized[:, 0] ** 2)
        if not of_family(self.kind) or family_of(self.kind).canonical:
            return self.hessian(theta)
        weights, total = family_of(self.kind).weights, np.zeros((theta.size, theta.size))
        for Z, responses in self.blocks():
            expected = responses.weighted(weights(responses.shifted(Z @ theta)[:, 0]))
            total += (Z * expected[:, None]).T @ Z
        return total / self.total + self.l2 * np.diag(self.penalized[:, 0] ** 2)

    def majorizer(self, theta: FloatArray) -> FloatArray:
        """Of Huber's loss, (p, p): the Hessian of the weighted least squares that touch it at theta and lie above it.

        It is positive where the Hessian, to which rows beyond the threshold add nothing, isn't.
        """
        loss, total = score_loss(self.kind), np.zeros((theta.size, theta.size))
        assert isinstance(loss, Huber)
        for Z, responses in self.blocks():
            weights = loss.weights(responses.shifted(Z @ theta)[:, 0], responses.y)
            total += (Z * responses.weighted(weights)[:, None]).T @ Z
        return total / self.total + self.l2 * np.diag(self.penalized[:, 0] ** 2)

    def hessian_product(self, theta: FloatArray, V: FloatArray) -> FloatArray:
        """The Hessian of the smooth part times V, both (p, k), without the Hessian: two passes over the rows.

        For cross-entropy, with probabilities P and S = Z V, it is Z'(P S - P (sum over classes of P S)) / n
        (Pearlmutter 1994).
        """
        total = np.zeros(self.shape)
        for Z, responses in self.blocks():
            bent = _bent(self.kind, responses.shifted(Z @ theta), responses.y, Z @ V)
            total += Z.T @ responses.weighted(bent)
        return total / self.total + self.l2 * self.penalized**2 * V

    def curvatures(self, theta: FloatArray) -> FloatArray:
        """The diagonal of the Hessian of the smooth part, (p, k)."""
        total = np.zeros(self.shape)
        for Z, responses in self.blocks():
            bend = _bend(self.kind, responses.shifted(Z @ theta), responses.y)
            total += (Z * Z).T @ responses.weighted(bend)
        return total / self.total + self.l2 * self.penalized**2

    def batch_gradient(self, theta: FloatArray, rows: IntArray, keep: FloatArray | None) -> FloatArray:
        """Gradient of the smooth part over some rows; ``keep`` (len(rows), p) multiplies the inputs (dropout)."""
        Z = self.Z[rows]
        if keep is not None:
            Z = Z * keep
        with np.errstate(over="ignore", invalid="ignore"):
            gradient = _block_sums(self.kind, Z, self.responses[rows], theta, False).gradient
        return gradient / (len(rows) * self.mean_weight) + self.l2 * self.penalized**2 * theta

    @property
    def mean_weight(self) -> float:
        """What a row counts on average: 1 without weights."""
        return self.total / self.rows

    def blocks(self) -> Iterator[tuple[FloatArray, RowResponses]]:
        """Blocks of rows (m, p) and their responses."""
        for start in range(0, self.rows, BLOCK):
            block = slice(start, start + BLOCK)
            yield self.Z[block], self.responses[block]


def _quiet(work: Callable[[slice], Sums]) -> Callable[[slice], Sums]:
    """NumPy's error state belongs to a thread, so each sets its own."""

    def run(rows: slice) -> Sums:
        with np.errstate(over="ignore", invalid="ignore"):
            return work(rows)

    return run


def _bend(kind: Kind, scores: FloatArray, y: FloatArray) -> FloatArray:
    """Second derivatives of each row's loss by its own scores, (n, k)."""
    if (loss := score_loss(kind)) is not None:
        bend = loss.terms(scores[:, 0], y, True)[2]
        assert bend is not None
        return bend[:, None]
    probability: FloatArray = np.exp(log_softmax(scores))
    return probability * (1 - probability)


def _bent(kind: Kind, scores: FloatArray, y: FloatArray, along: FloatArray) -> FloatArray:
    """Each row's second derivatives by its scores, (k, k), times ``along`` (n, k)."""
    if score_loss(kind) is not None:
        return _bend(kind, scores, y) * along
    probability = np.exp(log_softmax(scores))
    weighted = probability * along
    bent: FloatArray = weighted - probability * weighted.sum(axis=1, keepdims=True)
    return bent


def _block_sums(kind: Kind, Z: FloatArray, responses: RowResponses, theta: FloatArray, hessian: bool) -> Sums:
    """The sums over the rows of a block."""
    if (loss := score_loss(kind)) is not None:
        return _of_one_score(loss, Z, responses, theta, hessian)
    return _softmax(Z, responses, theta, hessian)


def _of_one_score(loss: ScoreLoss, Z: FloatArray, responses: RowResponses, theta: FloatArray, hessian: bool) -> Sums:
    score, y, weights = Z @ theta[:, 0], responses.y, responses.weights
    if responses.offset is not None:
        score += responses.offset
    losses, first, bend = loss.terms(score, y, hessian)
    total = float(np.sum(losses) if weights is None else losses @ weights)
    gradient = (Z.T @ responses.weighted(first))[:, None]
    second = None if bend is None else (Z * responses.weighted(bend)[:, None]).T @ Z
    if not loss.classes:
        return Sums(total, gradient, second, -np.inf)
    margins = np.where(y == 1, score, -score)
    return Sums(total, gradient, second, float(np.min(margins)), float(np.max(margins)))


def _softmax(Z: FloatArray, responses: RowResponses, theta: FloatArray, hessian: bool) -> Sums:
    scores, weights = responses.shifted(Z @ theta), responses.weights
    rows, codes = np.arange(len(responses)), responses.y.astype(np.int64)
    right = scores[rows, codes]
    scores[rows, codes] = -np.inf
    rival = scores.max(axis=1)
    margins = right - rival
    scores[rows, codes] = right
    scores -= np.maximum(right, rival)[:, None]
    log_right = scores[rows, codes].copy()
    probability = np.exp(scores, out=scores)
    total = probability.sum(axis=1)
    losses = np.log(total) - log_right
    loss = float(np.sum(losses) if weights is None else losses @ weights)
    probability /= total[:, None]
    second = _softmax_hessian(Z, probability, weights) if hessian else None
    probability[rows, codes] -= 1
    gradient = Z.T @ responses.weighted(probability)
    return Sums(loss, gradient, second, float(np.min(margins)), float(np.max(margins)))


def _softmax_hessian(Z: FloatArray, probability: FloatArray, weights: FloatArray | None) -> FloatArray:
    p, k = Z.shape[1], probability.shape[1]
    second = np.empty((k * p, k * p))
    for a in range(k):
        for b in range(a + 1):
            weight = probability[:, a] * ((a == b) - probability[:, b])
            if weights is not None:
                weight *= weights
            block = (Z * weight[:, None]).T @ Z
            second[a * p : (a + 1) * p, b * p : (b + 1) * p] = block
            second[b * p : (b + 1) * p, a * p : (a + 1) * p] = block
    return second
