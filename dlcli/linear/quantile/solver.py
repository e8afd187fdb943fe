"""Quantile regression, as the training loop sees it, and what is said of where it ended."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.solver import EXACT, RUNNING, Termination
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.solvers.solver import NOT_SEPARATED, PassedStep, Separation

if TYPE_CHECKING:
    from dlcli.linear.quantile.fit import QuantileSolution

PROVEN = Termination("converged", "linear program solved")
ONE_OF_MANY = Termination("converged", "linear program solved; other coefficients are as good")
UNPROVEN = Termination("halted", "rounding hides the solution of the linear program")


class QuantileSolver:
    """The linear program, solved outright, as a ``LinearSolver`` of one step.

    ``objective`` is over the rows of training; ``aliased`` are rows of theta that stay 0, as their columns depend on
    others.
    """

    noise_factor = EXACT
    separation: Separation = NOT_SEPARATED

    def __init__(self, objective: RowObjective, quantile: float, aliased: Sequence[int]) -> None:
        self.objective_over_rows, self.aliased = objective, tuple(aliased)
        self.kept = np.setdiff1d(np.arange(objective.shape[0]), self.aliased)
        from dlcli.linear.quantile.fit import QuantileRows  # which a fit by another loss doesn't need

        l1 = (objective.l1 * objective.penalized[:, 0])[self.kept]
        self.rows = QuantileRows(objective.Z, objective.responses, quantile, l1, self.kept if self.aliased else None)
        self.solution: QuantileSolution | None = None
        self.step, self.lr, self.termination = 0, float("nan"), RUNNING

    def init(self, origin: float) -> None:
        """Nothing depends on the time."""

    def advance(self, _until: int, _deadline: float) -> None:
        """Take the one step."""
        from dlcli.linear.quantile.fit import solve_quantile

        self.solution = solve_quantile(self.rows)
        self.step = 1
        self.termination = UNPROVEN
        if self.solution.proven:
            self.termination = PROVEN if self.solution.unique else ONE_OF_MANY

    def parameters(self) -> FloatArray:
        """Theta (p, 1); zero before the step."""
        theta = np.zeros(self.objective_over_rows.shape)
        if self.solution is not None:
            theta[self.kept, 0] = self.solution.theta
        return theta

    def loss(self) -> float:
        """Mean pinball loss on the training rows."""
        return self.objective_over_rows.loss(self.parameters())

    def objective(self) -> float:
        """The same with the penalty."""
        theta = self.parameters()
        return self.objective_over_rows.loss(theta) + self.objective_over_rows.penalty(theta)

    def gradient_norm(self) -> float:
        """Norm of a subgradient; 0 once the program proves that 0 is one."""
        if self.solution is not None and self.solution.proven:
            return 0.0
        return float(np.linalg.norm(self.objective_over_rows.value_and_gradient(self.parameters())[1]))

    def scheduler_step(self, loss: float) -> None:
        """Ignore: there is no schedule."""

    def passed(self, _last: int) -> list[PassedStep]:
        """None: there is but one step."""
        return []

    def covariance(self) -> tuple[FloatArray, int] | None:
        """That of theta (p, p), see ``errors.covariance``; None where it isn't known."""
        from dlcli.linear.quantile.errors import covariance
        from dlcli.linear.quantile.fit import solve_quantile

        return covariance(replace(self.rows, l1=np.zeros_like(self.rows.l1)), lambda r: solve_quantile(r).theta)
