"""The exact solution of least squares, as the training loop sees it."""

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.solver import EXACT, RUNNING, Termination
from dlcli.linear.objectives.least_squares import LeastSquares
from dlcli.linear.solvers.exact import ExactSolution
from dlcli.linear.solvers.solver import NOT_SEPARATED, PassedStep, Separation


class ExactSolver:
    """Least squares solved outright, as a ``LinearSolver`` of one step."""

    noise_factor = EXACT
    separation: Separation = NOT_SEPARATED

    def __init__(self, solution: ExactSolution, squares: LeastSquares) -> None:
        self.solution, self.squares = solution, squares
        self.step = 0
        self.lr = float("nan")
        self.termination = RUNNING

    def init(self, origin: float) -> None:
        """Nothing depends on the time."""

    def advance(self, _until: int, _deadline: float) -> None:
        """Take the one step."""
        self.step, self.termination = 1, Termination("converged", "solved directly")

    def parameters(self) -> FloatArray:
        """Theta (p, 1) in training units; zero before the step."""
        p = len(self.squares.penalized)
        if not self.step:
            return np.zeros((p, 1))
        units, solution = self.squares.units, self.solution
        slopes = solution.coefficients * units.scale
        if not units.intercept:
            return slopes[:, None]
        first = solution.intercept + float(units.shift @ solution.coefficients)
        return np.concatenate([[first], slopes])[:, None]

    def loss(self) -> float:
        """Mean squared error on the training rows."""
        if self.step:
            return self.solution.rss / self.squares.moments.count
        return self.squares.loss(self.parameters()[:, 0])

    def objective(self) -> float:
        """Half the mean squared error and the penalty."""
        theta = self.parameters()[:, 0]
        return 0.5 * (self.loss() + self.squares.l2 * float(self.squares.penalized @ theta**2))

    def gradient_norm(self) -> float:
        """Norm of the gradient, as the moments give it: near 0 after the step."""
        A, b, _ = self.squares.quadratic
        theta = self.parameters()[:, 0]
        return float(np.linalg.norm(A @ theta - b + self.squares.l2 * self.squares.penalized * theta))

    def scheduler_step(self, loss: float) -> None:
        """Ignore: there is no schedule."""

    def passed(self, _last: int) -> list[PassedStep]:
        """None: there is but one step."""
        return []
