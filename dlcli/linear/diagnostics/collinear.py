"""Collinear columns: found for every optimizer, and reported."""

from collections.abc import Mapping, Sequence

from dlcli.engine.progress import Progress
from dlcli.linear.diagnostics.aliased import WIDEST, said_of_dependent, zero
from dlcli.linear.objectives.least_squares import LeastSquares
from dlcli.linear.problem import FitProblem
from dlcli.linear.solvers.dependence import dependent_columns

DOUBTFUL = 1e11  # condition number from which dependence is looked for
SMALLEST = ("gd", "sgd", "newton", "lbfgs")  # from 0 they never leave the span of the rows


def collinear(squares: LeastSquares, aliased: Sequence[int] | None) -> dict[int, tuple[int, ...]]:
    """Columns that depend on earlier ones, and on which. ``aliased``: those that the exact solver found.

    Where rows are fewer than columns, each depends on all others.
    """
    if squares.l2 or squares.moments.wide or (aliased is not None and not aliased):
        return {}
    known = aliased is None and squares.rank == len(squares.penalized) and squares.condition_number < DOUBTFUL
    if known or len(squares.units.scale) > WIDEST:
        return dict.fromkeys(aliased or (), ())
    found = dependent_columns(squares.moments, squares.units.intercept)
    return found if aliased is None else {j: found.get(j, ()) for j in aliased}


def say_collinear(
    problem: FitProblem, found: Mapping[int, tuple[int, ...]], progress: Progress
) -> None:  # fmt: skip
    """Warn of columns that depend on others, and say what their coefficients are worth."""
    if not found:
        return
    plan = problem.plan
    if plan.optimizer == "exact":
        taken = zero(len(found))
    elif plan.optimizer in SMALLEST and not plan.penalty.l1:
        taken = "this is the solution with the smallest ones"
    else:
        taken = "this is one of many solutions"
    progress.warn(said_of_dependent(problem.data.names, found, len(problem.squares.penalized), taken))
