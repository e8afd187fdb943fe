"""Problems and solvers that need the rows themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.arrays import FloatArray
from dlcli.engine.loop import Solver
from dlcli.engine.schedules import Schedule
from dlcli.linear.data.gaps import fill_gaps
from dlcli.linear.data.table_data import TableData
from dlcli.linear.metrics import class_metrics
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.least_squares import LeastSquares, Standardizer
from dlcli.linear.objectives.loss import Kind, log_softmax
from dlcli.linear.objectives.make import make_objective
from dlcli.linear.objectives.penalty import WeightedPenalty
from dlcli.linear.solvers.exact import ExactSolution, solve_exact

ADAM_RATE = 0.01
SECOND_ORDER = ("newton", "lbfgs")


@dataclass(frozen=True)
class Problem:
    """Training and validation rows, Z = [1, (X - shift) / scale] (n, p) and y (n,).

    ``objective`` is over the training rows (None for the exact solver, whose rows stay in the data's units);
    ``scored`` is over the validation rows and ``watched`` over those that the reports measure, both for classes.
    """

    kind: Kind
    Z: FloatArray
    y: FloatArray
    objective: RowObjective | None
    Z_val: FloatArray | None = None
    y_val: FloatArray | None = None
    scored: RowObjective | None = None
    watched: RowObjective | None = None

    def class_metrics(self, theta: FloatArray) -> dict[str, dict[str, float]]:
        """Metrics of theta (p, k) on the training rows, and on the validation rows if there are any."""
        parts = {"train": class_metrics(log_softmax(self.Z @ theta), self.y)}
        if self.Z_val is not None and self.y_val is not None:
            parts["val"] = class_metrics(log_softmax(self.Z_val @ theta), self.y_val)
        return parts


@dataclass(frozen=True)
class Rows:
    """Training, scored and watched rows, each [1, (X - shift) / scale] (n, p) and y (n,).

    For the exact solver there are training rows only, with raw X.
    """

    Z: FloatArray
    y: FloatArray
    scored: tuple[FloatArray, FloatArray] | None = None
    watched: tuple[FloatArray, FloatArray] | None = None


def standardized_rows(
    data: TableData, train_groups: Sequence[int], held: tuple[Sequence[int], Sequence[int]], units: Standardizer, *,
    exact: bool, in_place: bool,
) -> Rows:  # fmt: skip
    """The rows of some groups in training units; ``in_place`` where nobody needs the data's own again.

    ``held`` are the groups that score the fit, and those that the reports measure.
    """
    assert data.ones_X is not None
    assert data.y is not None
    assert data.groups is not None
    first = 0 if units.intercept else 1
    everything = not any(held) and len(train_groups) == len(data.moments)
    rows = slice(None) if everything and in_place else np.isin(data.groups, list(train_groups))
    Z, y = data.ones_X[rows], data.y[rows]
    if data.gaps is not None:
        fill_gaps(Z[:, 1:], data.fill)
    if exact:
        return Rows(Z[:, 1:], y)
    Z = _standardized(Z, units)[:, first:]
    parts: dict[tuple[int, ...], tuple[FloatArray, FloatArray] | None] = {(): None}
    for groups in held:
        if tuple(groups) not in parts:
            chosen = np.isin(data.groups, list(groups))
            ones_X = data.ones_X[chosen]
            if data.gaps is not None:
                fill_gaps(ones_X[:, 1:], data.fill)
            parts[tuple(groups)] = _standardized(ones_X, units)[:, first:], data.y[chosen]
    return Rows(Z, y, parts[tuple(held[0])], parts[tuple(held[1])])


def row_problem(
    config: FitLinearConfig, data: TableData, rows: Rows, units: Standardizer, kind: Kind, device: str
) -> Problem:
    """The objective over the training rows, and one over the validation rows if there are any."""
    target = data.schema.target
    outputs = len(target.levels) if target and kind == "softmax" else 1
    # Second-order methods train on standardized columns whatever is asked: only the penalty is in the data's units.
    elsewhere = config.optimizer in SECOND_ORDER and not config.standardize
    slopes = 1 / units.scale if elsewhere else np.ones(len(units.scale))
    penalized = np.concatenate([np.zeros(int(units.intercept)), slopes])
    if config.optimizer == "exact":
        return Problem(kind, rows.Z, rows.y, None)

    def objective(Z: FloatArray, y: FloatArray) -> RowObjective:
        return make_objective(Z, y, kind, outputs, WeightedPenalty(config.l1, config.l2, penalized), device=device)

    training = objective(rows.Z, rows.y)
    if kind == "mse":  # measured by moments
        return Problem(kind, rows.Z, rows.y, training)
    scored = objective(*rows.scored) if rows.scored else None
    watched = scored if rows.watched is rows.scored else objective(*rows.watched) if rows.watched else None
    Z_val, y_val = rows.scored or (None, None)
    return Problem(kind, rows.Z, rows.y, training, Z_val, y_val, scored, watched)


def _standardized(ones_X: FloatArray, units: Standardizer) -> FloatArray:
    """[1, (X - shift) / scale] in place, a block of rows at a time so that each is read from memory once."""
    for start in range(0, len(ones_X), 8192):
        block = ones_X[start : start + 8192, 1:]
        block -= units.shift
        block /= units.scale
    return ones_X


class ExactSolver:
    """Least squares solved outright, as a Solver of one step."""

    reason = "solved directly"

    def __init__(self, solution: ExactSolution, squares: LeastSquares) -> None:
        self.solution, self.squares = solution, squares
        self.step = 0
        self.lr = float("nan")
        self.converged = False

    def advance(self, until: int, deadline: float) -> None:
        """Take the one step."""
        self.step, self.converged = 1, True

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

    def feedback(self, loss: float) -> None:
        """Ignore: this schedule does not depend on the loss."""


def exact_solver(config: FitLinearConfig, rows: Problem, squares: LeastSquares) -> ExactSolver:
    """Solve least squares by QR and refinement."""
    scale = squares.units.scale if config.standardize else None
    solution = solve_exact(rows.Z, rows.y, intercept=config.intercept, l2=config.l2, scale=scale)
    return ExactSolver(solution, squares)


def row_solver(
    config: FitLinearConfig,
    optimizer: str,
    objective: RowObjective,
    schedule: Schedule,
    tolerance: float,
    squares: LeastSquares,
) -> Solver:
    """The solver of that name on the rows."""
    from dlcli.linear.solvers.descent import GradientDescent, MiniBatch, MiniBatchSettings
    from dlcli.linear.solvers.newton import LBFGS, Newton

    if optimizer == "newton":
        return Newton(objective, tolerance)
    if optimizer == "lbfgs":
        A, _, _ = squares.quadratic
        values, vectors = np.linalg.eigh(A + np.diag(config.l2 * objective.penalized[:, 0] ** 2))
        live = values > len(values) * np.finfo(np.float64).eps * values[-1]
        return LBFGS(objective, tolerance, metric=(vectors[:, live] / values[live]) @ vectors[:, live].T)
    if optimizer == "gd":
        return GradientDescent(
            objective, schedule, momentum=config.momentum, nesterov=config.nesterov, tolerance=tolerance
        )
    return MiniBatch(
        objective,
        schedule,
        MiniBatchSettings(config.batch_size, config.dropout, config.seed),
        adam=optimizer == "adam",
        momentum=config.momentum,
        nesterov=config.nesterov,
    )
