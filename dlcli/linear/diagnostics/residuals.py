"""Mean squared errors of a fit: by moments, or by residuals where a difference of moments is all rounding."""

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.data.gaps import fill_gaps
from dlcli.linear.data.table_data import row_blocks
from dlcli.linear.objectives.moments import Moments, mean_squared_error
from dlcli.linear.problem import FitProblem

CANCELED = 1e-10  # of the square of what residuals are the difference of: a loss below it, by moments, lost its digits


def _cancels(moments: Moments, coefficients: FloatArray, loss: float) -> bool:
    """Whether a mean squared error by moments is the small difference of large numbers, and so is all rounding.

    That of a wide table isn't: it is a mean of squared residuals.
    """
    if moments.wide:
        return False
    spread = np.sqrt(np.maximum(moments.diagonal, 0.0) / max(moments.count, 1))
    size = float(spread[0] + np.abs(coefficients) @ spread[1:])
    return bool(loss < CANCELED * size * size)


def training_loss(
    problem: FitProblem, theta: FloatArray, intercept: float, coefficients: FloatArray, with_errors: bool
) -> tuple[float, bool]:
    """The mean squared error on the training rows, and whether it was measured by residuals as moments cancel."""
    data, rows, moments = problem.data, problem.rows, problem.squares.moments
    loss = mean_squared_error(moments, intercept, coefficients)
    if moments.wide:
        return loss, True
    if not with_errors or not _cancels(moments, coefficients, loss):
        return loss, False
    if rows is not None:  # those of the data may have been put into training units
        assert rows.objective is not None
        return rows.objective.loss(theta), True
    whole = sum(data.moments[group].number for group in data.training_groups()) == moments.number
    return (
        (data.mean_square_residual(intercept, coefficients, data.training_groups()), True) if whole else (loss, False)
    )


def smearing_factor(problem: FitProblem, intercept: float, slopes: FloatArray, theta: FloatArray | None) -> float:
    """The mean of exp(residual) over the training rows, by slopes (d,) or, of rows in training units, by theta (p, 1).

    It takes another pass over rows that aren't kept.
    """
    total, count, rows = 0.0, 0.0, problem.rows
    with np.errstate(over="ignore", invalid="ignore"):  # parameters that diverged
        if rows is not None:
            for block in row_blocks(len(rows.responses)):
                fitted = intercept + rows.Z[block] @ slopes if theta is None else (rows.Z[block] @ theta)[:, 0]
                here = rows.responses[block]
                total += float(here.weighted(np.exp(here.y - fitted)).sum())
                count += here.total()
            return total / (count or 1.0)
        data = problem.data
        trained = data.training_groups()
        for X, responses, groups in data.passed_again():
            own = np.isin(groups, trained)
            X, here = X[own], responses.of_rows(own)
            fill_gaps(X, data.fill)
            total += float(here.weighted(np.exp(here.y - intercept - X @ slopes)).sum())
            count += here.total()
    return total / (count or 1.0)


def held_out_loss(problem: FitProblem, intercept: float, coefficients: FloatArray) -> float:
    """The mean squared error on the rows that score the fit."""
    assert problem.scored is not None
    loss = mean_squared_error(problem.scored, intercept, coefficients)
    if _cancels(problem.scored, coefficients, loss):
        return problem.data.mean_square_residual(intercept, coefficients, problem.held.scored)
    return loss
