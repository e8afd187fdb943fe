"""What methods of second order for cross-entropy share: a line search, and steps that end where rounding begins."""

import time

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.solver import Termination
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.optimum.nearness import SHARE_OF_ERROR
from dlcli.linear.solvers.descent import FirstOrder
from dlcli.linear.solvers.separable.zeros import ZEROS
from dlcli.linear.solvers.separation import Suspect

# Below this, a step that isn't much shorter than the one before has met rounding.
NEAR = 1e-6
SEPARABLE = Termination("halted", "separable classes: the loss has no minimum")
ONLY_ZEROS = Termination("halted", "rows whose targets are all 0: the loss has no minimum")
ROUNDING = Termination("halted", "rounding lets no step lower the loss")


class SecondOrder(FirstOrder):
    """A line search along a direction that the subclass gives; stops where rounding lets nothing more be gained.

    It has ``converged`` when it came to rest, and ``halted`` where it ended short of that.
    """

    needs_hessian = False

    def __init__(self, objective: RowObjective, tolerance: float = 0.0, start: FloatArray | None = None) -> None:
        self.rows, self.suspect = objective, Suspect(objective)
        super().__init__(objective, tolerance, start)

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
        """The largest part of a move (p, k) against its parameter; ``curvature`` (p, k) is the Hessian's diagonal.

        Where the loss isn't convex, curvature below 0 says nothing of a parameter's error.
        """
        unit = self.rows.unit
        error = np.where(curvature < 0, 0.0, unit / np.sqrt(np.maximum(curvature, 1e-300) * self.rows.total))
        size = np.maximum(np.abs(self.theta), SHARE_OF_ERROR * error)
        return float(np.max(np.where(move != 0, np.abs(move) / size, 0.0), initial=0.0))

    def _separate(self, gradient: FloatArray, move: FloatArray) -> bool:
        """Whether Newton's step ``move`` shows that the loss has no minimum."""
        self.separation = self.suspect.by_step(self.theta, gradient, move)
        if self.separation.how:
            self.termination = ONLY_ZEROS if self.separation.how == ZEROS else SEPARABLE
        return bool(self.separation.how)

    def _search(self, value: float, gradient: FloatArray, move: FloatArray) -> tuple[FloatArray, bool]:
        """Armijo's rule by halving; within rounding of the value the full step is taken."""
        l1 = self.rows.l1 * self.rows.penalized
        here = value + float(np.sum(l1 * np.abs(self.theta)))
        slope = float(np.sum(gradient * move)) + float(np.sum(l1 * (np.abs(self.theta + move) - np.abs(self.theta))))
        noise = 1e-14 * max(abs(here), abs(self.rows.floor), 1e-300)
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


def unshifted(H: FloatArray, p: int, k: int) -> FloatArray:
    """The Hessian with curvature where adding the same to all classes changes nothing, so that it can be inverted.

    The gradient has no part along it, so theta keeps summing to zero over classes.
    """
    return H if k == 1 else H + np.kron(np.full((k, k), 1 / k), np.diag(np.diag(H)[:p]))


def solve(H: FloatArray, g: FloatArray) -> FloatArray:
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
