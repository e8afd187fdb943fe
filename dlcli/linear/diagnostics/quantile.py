"""How a quantile regression really ended, and its standard errors."""

from dataclasses import replace

import numpy as np

from dlcli.linear.diagnostics.optimum import Endpoint, Verdict
from dlcli.linear.inference.covariance import is_kept, of_training
from dlcli.linear.problem import FitProblem
from dlcli.linear.quantile.solver import QuantileSolver


def judge_quantile(problem: FitProblem, solver: QuantileSolver, ended: Endpoint) -> Verdict:
    """The verdict on the solution of the linear program: it is proven, or it isn't.

    Standard errors take two more quantiles.
    """
    last = ended.last
    found = Verdict(last.status, last.reason, None, "")
    if solver.solution is None or not solver.solution.proven:
        return replace(found, no_errors="the solution of the linear program is not proven", off=np.inf)
    if problem.plan.penalty.present:
        return replace(found, no_errors="a penalty biases the coefficients")
    if solver.aliased:
        return replace(found, no_errors="the columns don't determine every coefficient")
    units, rows = problem.units, problem.squares.moments.count
    if rows <= len(problem.squares.penalized):
        return replace(found, no_errors="there are as many coefficients as rows")
    if not is_kept(1, len(units.scale)):
        return replace(found, no_errors="too many coefficients for standard errors")
    known = solver.covariance()
    if known is None:
        return replace(found, no_errors="the densities at the quantile can't be told from so few rows")
    whole, crossed = known
    if 2 * crossed > rows:
        return replace(found, no_errors="the quantiles beside this one cross at most rows")
    covariance = of_training(whole, units.shift, units.scale, units.intercept)
    errors = covariance.std_errors()
    if not units.intercept:
        errors[0] = np.nan
    return replace(found, std_errors=errors, covariance=covariance)
