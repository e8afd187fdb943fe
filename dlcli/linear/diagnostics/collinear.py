"""Collinear columns: found for every optimizer, and reported."""

from collections.abc import Mapping, Sequence

from dlcli.engine.progress import Progress
from dlcli.linear.objectives.least_squares import LeastSquares
from dlcli.linear.problem import FitProblem
from dlcli.linear.solvers.dependence import dependent_columns
from dlcli.text import printable

DOUBTFUL = 1e11  # condition number from which dependence is looked for
WIDEST = 5000  # columns; finding which depends on which takes time with their cube
SHOWN = 5
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
    plan, names, coefficients = problem.plan, problem.data.names, len(problem.squares.penalized)
    each = [_said(names, j, on) for j, on in list(found.items())[:SHOWN]]
    more = f" and {len(found) - SHOWN} more do so" if len(found) > SHOWN else ""
    if plan.optimizer == "exact":
        taken = f"{'its coefficient is' if len(found) == 1 else 'their coefficients are'} 0"
    elif plan.optimizer in SMALLEST and not plan.penalty.l1:
        taken = "this is the solution with the smallest ones"
    else:
        taken = "this is one of many solutions"
    progress.warn(
        f"the columns determine only {coefficients - len(found)} of {coefficients} coefficients, as "
        f"{', '.join(each)}{more}: {taken}; drop columns, or add --l2"
    )


def _said(names: Sequence[str], column: int, others: Sequence[int]) -> str:
    on = [f"'{printable(names[i])}'" for i in others[:SHOWN]]
    on += [f"{len(others) - SHOWN} more"] * (len(others) > SHOWN)
    return f"'{printable(names[column])}' depends on {' and '.join(on) if on else 'others'}"
