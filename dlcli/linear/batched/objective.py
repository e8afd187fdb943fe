"""The objectives of all replicas of a batch, which differ in their penalties."""

from collections.abc import Sequence

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.linear.batched.sums import BatchedSums
from dlcli.linear.objectives.loss import Kind
from dlcli.linear.objectives.penalty import Penalty, smallest_subgradient, soft_threshold


class BatchedValues:
    """What is known of each replica at its present theta: loss (without penalties), objective, norm, gradient.

    ``smooth`` and ``gradient`` are those of the objective without l1. ``known`` says which replicas' are up to date.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.loss, self.smooth, self.objective, self.norm = np.zeros((4, shape[0]))
        self.gradient = np.zeros(shape)
        self.known = np.zeros(shape[0], dtype=bool)


class BatchedObjective:
    """Mean losses over rows Z (n, p) and y (n,), and each replica's penalty.

    ``penalized`` (p,) is 0 for the intercept, else 1. ``who`` are the numbers (m,) of the replicas that are asked for,
    and ``points`` where, (m, outputs, p).
    """

    def __init__(
        self, Z: FloatArray, y: FloatArray, kind: Kind, penalized: FloatArray, penalties: Sequence[Penalty]
    ) -> None:
        self._sums, self._rows, self._loss_scale = BatchedSums(Z, y, kind), len(y), 2.0 if kind == "mse" else 1.0
        self._penalized = penalized
        self._l1, self._l2 = np.array([[penalty.l1, penalty.l2] for penalty in penalties]).T[:, :, None, None]

    def evaluate(self, values: BatchedValues, who: IntArray, points: FloatArray) -> None:
        """Bring ``values`` up to date where replicas are now at ``points``."""
        with np.errstate(over="ignore", invalid="ignore"):
            loss, values.smooth[who], gradient = self.smooth(who, points, True)
            absolute = np.abs(self._penalized * points).sum(axis=(1, 2))
            values.objective[who] = values.smooth[who] + self._l1[who, 0, 0] * absolute
            values.norm[who] = self.norms(who, points, gradient)
        values.loss[who], values.gradient[who] = self._loss_scale * loss, gradient
        values.known[who] = True

    def smooth(self, who: IntArray, points: FloatArray, losses: bool) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Mean losses (nan unless asked for), values and gradients of the smooth parts."""
        total, gradient = self._sums(points, losses)
        total, gradient, l2 = total / self._rows, gradient / self._rows, self._l2[who]
        ridge = 0.5 * l2[:, 0, 0] * np.sum(self._penalized * points * points, axis=(1, 2))
        return total, total + ridge, gradient + l2 * self._penalized * points

    def norms(self, who: IntArray, points: FloatArray, gradient: FloatArray) -> FloatArray:
        """Norms (m,) of what ``smallest_subgradient`` gives for each."""
        if self._l1[who].any():
            threshold = self._l1[who] * self._penalized
            gradient = smallest_subgradient(points, gradient, threshold)
        norms: FloatArray = np.sqrt(np.einsum("kop,kop->k", gradient, gradient))
        return norms

    def proximal(self, who: IntArray, points: FloatArray, rates: FloatArray) -> FloatArray:
        """``points`` after the proximal step of L1 at ``rates`` (m, 1, 1)."""
        l1 = self._l1[who]
        return soft_threshold(points, rates * l1 * self._penalized) if l1.any() else points
