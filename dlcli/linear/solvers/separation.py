"""Separation: whether the classes are separable, so that cross-entropy has no minimum (Albert and Anderson 1984).

Only a fit that looks like it has them asked: by linear programs (``separable/proof.py``), for which SciPy is imported.
"""

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.loss import of_classes
from dlcli.linear.solvers.separable.margins import ROUNDING, Question
from dlcli.linear.solvers.separable.zeros import can_lack_a_minimum, prove_zeros
from dlcli.linear.solvers.solver import NOT_SEPARATED, Separation

# Newton's steps stay about as long as this (in log-odds) however flat the loss gets, where there is no minimum.
STEADY = 0.1
FLAT = 1e-4
LONG = 100  # a step that is so much longer than the square root of what it gains, but for a few rows, goes nowhere
VANISHED = 1e-6  # the share of its curvature at theta = 0 below which a direction may have lost it for good
SHARP = 1e-3  # the loss a row below which a separating hyperplane has also got probabilities near 0 and 1
SURE = 6.0  # log-odds that fits reach which end short of an optimum far away
UNKNOWN = Separation("unknown")


class Suspect:
    """The classes of an objective under suspicion: what is proven of them, is proven once."""

    def __init__(self, objective: RowObjective) -> None:
        self._objective = objective
        self._known: Separation | None = None
        self._zeros = can_lack_a_minimum(objective)
        self.possible = self._zeros or (of_classes(objective.kind) and not objective.l1 and not objective.l2)

    def proof(self, along: FloatArray) -> Separation:
        """Whether the classes are separable; ``along`` (p, k) is looked at where a proof is out of reach."""
        if self._zeros:
            self._known = self._known or prove_zeros(self._objective)
            return self._known
        if self._known is None:
            from dlcli.linear.solvers.separable.proof import UnprovenError, prove  # of few fits

            try:
                self._known = prove(self._objective)
            except UnprovenError:
                self._known = UNKNOWN
        return _along(self._objective, along) if self._known is UNKNOWN else self._known

    def by_step(self, theta: FloatArray, gradient: FloatArray, move: FloatArray) -> Separation:
        """The same, if Newton's step ``move`` from theta looks like it; all (p, k).

        It is long and of little use, or theta has every row on its right side.
        """
        if not self._open or not np.isfinite(move).all():
            return NOT_SEPARATED
        if self._zeros:
            return self._by_step_of_zeros(-float(np.sum(gradient * move)), move)
        known = self._objective.margins(theta)
        if known.margin > ROUNDING * known.reach > 0 and known.loss < SHARP * self._objective.total:
            return self.proof(theta)
        gain = -float(np.sum(gradient * move))
        if gain > FLAT:
            return NOT_SEPARATED
        # Not remembered: theta's own sums are asked for again.
        reach = self._objective._all_sums(move, False, offset=False).reach
        if reach < STEADY or reach < LONG * np.sqrt(max(gain, 0.0)):
            return NOT_SEPARATED
        return self.proof(move)

    def _by_step_of_zeros(self, gain: float, move: FloatArray) -> Separation:
        """The same of targets of 0: each step lowers their scores by about 1, and gains ever less."""
        if gain > FLAT:
            return NOT_SEPARATED
        reach = max(float(np.abs(Z @ move).max(initial=0.0)) for Z, _ in self._objective.blocks())
        return NOT_SEPARATED if reach < STEADY or reach < LONG * np.sqrt(max(gain, 0.0)) else self.proof(move)

    def by_curvature(self, theta: FloatArray, H: FloatArray, metric: FloatArray) -> Separation:
        """The same, if the Hessian H (pk, pk) has vanished at theta along directions in which the data vary.

        ``metric`` (p, p) is the inverse of Z'Z/n. Theta's part along those directions is where it has been growing.
        """
        if not self._open or self._zeros:
            return NOT_SEPARATED
        along = _vanished(theta, H, metric)
        return NOT_SEPARATED if along is None else self.proof(along)

    def by_end(self, theta: FloatArray, *, short: bool) -> Separation:
        """The same at the end of a fit, if theta puts every row right, or went far and is ``short`` of an optimum."""
        if not self._open:
            return NOT_SEPARATED
        if self._zeros:
            return self.proof(theta) if short else NOT_SEPARATED
        sums = self._objective.margins(theta)
        right = sums.margin > ROUNDING * sums.reach > 0
        return self.proof(theta) if right or (short and sums.reach >= SURE) else NOT_SEPARATED

    @property
    def _open(self) -> bool:
        """Whether there is anything left to ask."""
        return self.possible and (self._known is None or self._known.how != "")


def _along(objective: RowObjective, theta: FloatArray) -> Separation:
    """Whether theta itself is a direction that separates."""
    p, k = objective.shape
    size = float(np.sum(np.sqrt(objective.mean_squares())[:, None] * np.abs(theta)))
    found = objective.constraints(Question(np.zeros((0, p, k)), theta / (size or 1.0), 1, 1))
    if found.reach <= ROUNDING or found.worst < -ROUNDING:
        return NOT_SEPARATED
    return Separation("perfect" if found.worst > ROUNDING else "partial")


def _vanished(theta: FloatArray, H: FloatArray, metric: FloatArray) -> FloatArray | None:
    """Theta's part (p, k) along the directions whose curvature has vanished; None where there are none."""
    p, k = theta.shape
    values, vectors = np.linalg.eigh(metric)
    live = values > values[-1] * p * np.finfo(np.float64).eps
    root = vectors[:, live] * np.sqrt(values[live])
    back = vectors[:, live] / np.sqrt(values[live])
    r = root.shape[1]
    whitened = np.einsum("ia,cidj,jb->cadb", root, H.reshape(k, p, k, p), root).reshape(k * r, k * r)
    found, modes = np.linalg.eigh(whitened)
    gone = found < VANISHED * found[-1]
    if k > 1:  # those that shift all classes alike never had any
        shifts = modes.reshape(k, r, -1).sum(axis=0)
        gone &= np.linalg.norm(shifts, axis=0) < np.sqrt(k) / 2
    inside = (back.T @ theta).T.ravel()
    move = modes[:, gone] @ (modes[:, gone].T @ inside)
    along: FloatArray = root @ move.reshape(k, r).T
    return along if gone.any() and np.isfinite(along).all() else None
