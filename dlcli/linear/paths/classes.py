"""A path of a logistic or softmax regression: Newton's method along it, over the columns that matter."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from dlcli.engine.arrays import BoolArray, FloatArray
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.least_squares import SpanUnits
from dlcli.linear.objectives.penalty import Penalty, smallest_subgradient
from dlcli.linear.paths.newton import PathNewton
from dlcli.linear.paths.settings import RIDGE_FACTOR, Track
from dlcli.linear.plan import MOST_FOR_NEWTON
from dlcli.linear.problem import FitProblem
from dlcli.linear.solver import make_solver

MOST_STEPS = 100
SCREENED = 100  # columns from which those that stay at 0 are left out of Newton's steps
BOUND = 1 + 1e-9  # on a gradient, by the penalty: more is a violation


@dataclass
class ClassesPath:
    """Cross-entropy on the rows of a ``problem``, along the ``penalty`` that its path is of."""

    problem: FitProblem
    penalty: Penalty

    @cached_property
    def objective(self) -> RowObjective:
        """That of the training rows, without penalties; with those of standardized columns on others."""
        rows = self.problem.rows
        assert rows is not None
        assert rows.objective is not None
        return rows.objective

    @cached_property
    def nothing(self) -> FloatArray:
        """Parameters (p, k) of the best fit without a column."""
        theta = np.zeros(self.objective.shape)
        if not self.problem.plan.columns.intercept:
            return theta
        counts = self.problem.class_counts().astype(np.float64)
        logs = np.log(counts / counts.sum())
        p, k = theta.shape
        theta[0] = logs[1:] - logs[0] if k == 1 else logs - logs.mean()
        smooth, own = self._with(Penalty()), p * np.arange(k)
        for _ in range(MOST_STEPS):  # where rows have weights or offsets it isn't there yet
            slope = smooth.value_and_gradient(theta)[1][0]
            if float(np.abs(slope).max()) <= 1e-14:
                break
            bend = smooth.hessian(theta)[np.ix_(own, own)]
            theta = theta.copy()
            theta[0] -= np.linalg.solve(bend + (k > 1) / k, slope)
        return theta

    @cached_property
    def _steepest(self) -> float:
        """The largest derivative by a penalized parameter where all of these are 0."""
        smooth = self._with(Penalty())
        gradient, weights = smooth.value_and_gradient(self.nothing)[1], self.objective.penalized
        units = self.problem.units
        if isinstance(units, SpanUnits):  # by those of columns, not by the coordinates that the rows span
            gradient = units.basis @ gradient[int(units.intercept) :]
            weights = np.ones((len(gradient), 1))
        inside = weights[:, 0] > 0
        steepest = float(np.max(np.abs(gradient[inside] / weights[inside]), initial=0.0))
        return steepest if steepest > 1e-14 else 0.0  # probabilities less 0 or 1, times columns of size 1

    @property
    def largest(self) -> float:
        """The smallest penalty that leaves nothing (lasso), or next to nothing, as glmnet has it (ridge)."""
        return self._steepest * (RIDGE_FACTOR if self.penalty.path == "l2" else 1.0)

    def follow(self, penalties: FloatArray) -> Track:
        """The fits along penalties (L,), each from the one before."""
        theta, held = self.nothing, self.problem.rows.scored if self.problem.rows else None
        intercepts, slopes, numbers = [], [], []
        before = float(penalties[0])
        for value in penalties.tolist():
            penalty = self.penalty.at(value)
            objective = self._with(penalty)
            if penalty.l1:
                theta = self._screened(objective, theta, 2 * value - before)
            elif theta.size > MOST_FOR_NEWTON:
                theta = self._by_lbfgs(penalty, theta)
            else:
                theta = _optimum(objective, theta)
            before = value
            intercept, slope = self.problem.units.to_data(theta)
            intercepts.append(intercept)
            slopes.append(slope)
            loss = objective.loss(theta)
            _, gradient = objective.value_and_gradient(theta)
            off = smallest_subgradient(theta, gradient, penalty.l1 * objective.penalized)
            df = float(np.count_nonzero(slope)) if penalty.l1 else _effective(objective, theta)
            numbers.append((loss, held.loss(theta) if held else np.nan, df, np.abs(off).max() / self._scale))
        found = np.array(numbers).T
        return Track(np.array(intercepts), np.array(slopes), found[0], found[1] if held else None, found[2], found[3])

    @property
    def _scale(self) -> float:
        return max(self._steepest, 1e-300)

    def _with(self, penalty: Penalty) -> RowObjective:
        return self.objective.with_penalty(penalty.weighted(self.objective.penalized[:, 0]))

    def _screened(self, objective: RowObjective, theta: FloatArray, strong: float) -> FloatArray:
        """The optimum with L1, looked for among the columns that aren't 0 or may well leave it.

        By the strong rule (Tibshirani and others 2012) those are the ones whose gradient was at least ``strong``;
        it is seen at the end whether others are.
        """
        weights, Z = objective.penalized[:, 0], objective.Z
        if len(weights) <= SCREENED or not isinstance(Z, np.ndarray) or len(Z) < objective.rows:  # they are elsewhere
            return _optimum(objective, theta)
        steep = _steepness(objective, theta)
        inside = (theta != 0).any(axis=1) | (weights == 0) | (steep >= strong * weights)
        while True:
            some, found = _of_columns(objective, inside), theta.copy()
            found[inside] = _optimum(some, theta[inside])
            theta = found
            missed = ~inside & (_steepness(objective, theta) > BOUND * objective.l1 * weights)
            if not missed.any():
                return theta
            inside |= missed

    def _by_lbfgs(self, penalty: Penalty, theta: FloatArray) -> FloatArray:
        """The optimum of a ridge of more coefficients than Newton's steps are for."""
        plan = replace(self.problem.plan, optimizer="lbfgs", penalty=penalty, tolerance=1e-12)
        assert self.problem.rows is not None
        rows = replace(self.problem.rows, objective=self._with(penalty))
        solver = make_solver(replace(self.problem, plan=plan, rows=rows, start=None), None)
        solver.theta = theta  # type: ignore[attr-defined]
        solver.advance(1000, float("inf"))
        return solver.parameters()


def _optimum(objective: RowObjective, start: FloatArray) -> FloatArray:
    solver = PathNewton(objective, start)
    solver.advance(MOST_STEPS, float("inf"))
    return solver.theta


def _of_columns(objective: RowObjective, inside: BoolArray) -> RowObjective:
    """The objective over some of the columns (p,)."""
    penalty = objective.penalties
    weighted = Penalty(penalty.l1, penalty.l2).weighted(penalty.weights[inside])
    Z = objective.Z
    assert isinstance(Z, np.ndarray)
    return RowObjective(Z[:, inside], objective.responses, objective.kind, objective.shape[1], weighted)


def _steepness(objective: RowObjective, theta: FloatArray) -> FloatArray:
    """The largest derivative of the smooth part by a parameter of each column, (p,)."""
    return np.asarray(np.abs(objective.value_and_gradient(theta)[1]).max(axis=1))


def _effective(objective: RowObjective, theta: FloatArray) -> float:
    """Effective degrees of freedom of a ridge, without intercepts: the trace of H (H + ridge)^-1.

    H is the Hessian of the loss (p k, p k) (Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning",
    2nd ed., 7.6). nan where it would take longer than the fit.
    """
    k = theta.shape[1]
    if theta.size > MOST_FOR_NEWTON:
        return float("nan")
    ridge = np.tile(objective.l2 * objective.penalized[:, 0] ** 2, k)
    whole = objective.hessian(theta)
    H, free = whole - np.diag(ridge), ridge == 0
    values, vectors = np.linalg.eigh(whole)
    live = values > len(values) * np.finfo(np.float64).eps * values[-1]
    trace = float(np.sum(((H @ vectors[:, live]) * vectors[:, live]).sum(axis=0) / values[live]))
    intercepts = int(free.sum())
    return max(trace - (intercepts - (k > 1 and intercepts > 0)), 0.0)
