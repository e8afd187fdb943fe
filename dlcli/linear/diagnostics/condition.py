"""The condition number of a fit: one definition for every solver."""

from collections.abc import Collection

import numpy as np

from dlcli.linear.objectives.least_squares import LeastSquares, Standardizer
from dlcli.linear.problem import FitProblem
from dlcli.linear.solvers.exact_solver import ExactSolver
from dlcli.linear.solvers.solver import LinearSolver


def condition_number(problem: FitProblem, solver: LinearSolver, aliased: Collection[int]) -> tuple[float, bool]:
    """The largest by the smallest eigenvalue of the columns' correlations (and the L2 penalty), and whether it is more.

    Of the columns that don't depend on others, to mean 0 and standard deviation 1 (without an intercept: root mean
    square 1). It is at least what float64 resolves: of products to 1e15, by QR of the rows themselves to 1e30.
    """
    if isinstance(solver, ExactSolver):
        found = solver.solution.condition_number
        return found, not np.isfinite(found)
    squares = problem.squares
    if squares.moments.number <= len(squares.penalized):
        aliased = ()  # each depends on all others, and which are named is chance
    if aliased or not problem.plan.columns.standardize:
        moments, intercept = squares.moments, squares.units.intercept
        kept = np.setdiff1d(np.arange(len(moments.mean) - 1), list(aliased))
        if not len(kept):
            return 1.0, False
        moments = moments.select(np.concatenate([np.zeros(1, dtype=np.int64), 1 + kept]))
        units = Standardizer.of(moments.mean[1:], moments.diagonal[1:], moments.count, intercept, standardize=True)
        squares = LeastSquares(moments, units, squares.l2)
    limit = squares.largest_eigenvalue / squares.resolution
    return min(squares.condition_number, limit), bool(squares.condition_number >= limit)
