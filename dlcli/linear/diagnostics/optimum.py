"""Whether a fit ended at its optimum, and the standard errors that hold there and nowhere else."""

from dataclasses import dataclass, replace

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.loop import Status, Step
from dlcli.linear.inference.covariance import Covariance
from dlcli.linear.losses.families import is_dispersed
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.least_squares import SpanUnits
from dlcli.linear.objectives.loss import of_huber
from dlcli.linear.optimum.moments import moments_nearness
from dlcli.linear.optimum.nearness import Nearness, rows_nearness
from dlcli.linear.optimum.steps import nearness_by_steps
from dlcli.linear.optimum.wide import wide_nearness
from dlcli.linear.problem import FitProblem
from dlcli.linear.solvers.exact_solver import ExactSolver
from dlcli.linear.solvers.second_order import ONLY_ZEROS, SEPARABLE, SecondOrder
from dlcli.linear.solvers.separable.zeros import ZEROS
from dlcli.linear.solvers.separation import Suspect
from dlcli.linear.solvers.solver import LinearSolver, Separation
from dlcli.text import printable

# "converged" promises every coefficient to this much of itself; a third of it is left to whoever compares.
PROMISED = {"exact": 1e-9, "newton": 1e-9, "lbfgs": 1e-6, "gd": 1e-6}
WEIGHTED = "--class-weight weighs classes as no sample of rows does, so there is no likelihood"
NOT_REACHED = "the fit has not reached its optimum"
MOST_FOR_HESSIAN = 4000  # parameters up to which the Hessian is worth its time
MOST_WORK = 5e9  # multiplications up to which it is for sgd and adam, which are chosen where there is no time
MOST_WORK_OF_LBFGS = 1e12
SHOWN = 4  # columns named of those that separate classes
# Of a coefficient, or of its standard error where that is larger: within the first mini-batches ended near the optimum,
# and beyond the second they mislead.
NEAR, FAR = 0.1, 0.5


@dataclass(frozen=True)
class Verdict:
    """How a fit really ended. ``std_errors`` (1 + d, k) or None, and then ``no_errors`` says why.

    ``separated`` is "perfect", "partial" or "", and ``separating`` are the columns that do it. ``off`` is the largest
    error of a coefficient as a share of its size.
    ``away`` is how far from the optimum a fit by mini-batches ended (``Nearness.away``), where that is far, else 0.
    ``optimal``: it is at the optimum of the likelihood, which may have no standard errors. ``covariance`` goes with
    these, where there are few enough of them.
    """

    status: Status
    reason: str
    std_errors: FloatArray | None
    no_errors: str
    separated: str = ""
    off: float = 0.0
    away: float = 0.0
    optimal: bool = False
    covariance: Covariance | None = None
    separating: tuple[str, ...] = ()


@dataclass(frozen=True)
class Endpoint:
    """Where a fit ended: theta (p, k) of the report ``kept``, and the ``last`` report."""

    theta: FloatArray
    kept: Step
    last: Step


def judge(problem: FitProblem, solver: LinearSolver, ended: Endpoint, mse: float, measured: bool = False) -> Verdict:
    """Measure how near the kept weights are to the optimum.

    ``mse`` is their mean squared error (1 for classes, of families the dispersion, of Huber's loss what takes its
    place), ``measured`` by residuals or else by moments.
    """
    kept, last, penalty = ended.kept, ended.last, problem.plan.penalty
    found = Verdict(last.status, last.reason, None, "", off=np.inf)
    found = _with_separation(found, problem, solver, ended.theta)
    elsewhere = _not_the_optimum(found, last, kept)
    if elsewhere is not None:
        return elsewhere
    if problem.plan.optimizer in ("sgd", "adam", "fedavg", "fedprox"):
        return _of_mini_batches(problem, solver, ended, mse, replace(found, off=0.0))
    if found.status != "converged" and penalty.present:
        return replace(found, no_errors="a penalty biases the coefficients")
    near = _nearness(problem, solver, ended.theta, mse, measured)
    if near is None:
        return _unverified(found)
    at_optimum = near.off <= _promised(problem) / 3
    found = replace(found, off=near.off)
    if found.status == "converged" and not at_optimum:
        status, reason = _short(problem, found.reason, near)
        found = _with_separation(replace(found, status=status, reason=reason), problem, solver, ended.theta)
    if found.separated:
        return _without_minimum(found)
    if penalty.present or problem.plan.columns.weighting.classes is not None:
        return replace(found, no_errors="a penalty biases the coefficients" if penalty.present else WEIGHTED)
    exact = isinstance(solver, ExactSolver)
    if not near.determined and not exact:  # which is at the optimum all the same, with coefficients that are 0
        return replace(found, no_errors="the columns don't determine every coefficient")
    if (not at_optimum and near.determined) or last.status == "stopped":
        return replace(found, no_errors=NOT_REACHED)
    optimal = exact or (near.residuals_known and not of_huber(problem.kind))  # which has no likelihood
    return _errors(problem, solver, near, mse, replace(found, optimal=optimal))


def _promised(problem: FitProblem) -> float:
    """What "converged" promises; with fewer rows than columns most coefficients are far too small for more digits."""
    promised = PROMISED[problem.plan.optimizer]
    return max(promised, PROMISED["gd"]) if problem.squares.moments.wide else promised


def _not_the_optimum(found: Verdict, last: Step, kept: Step) -> Verdict | None:
    """The verdict on weights that are not those of an optimum, whatever may be measured; None on all others."""
    if found.status == "diverged":
        return replace(found, no_errors="the training diverged")
    if kept.step != last.step:
        if found.status == "converged":
            reason = f"early stopping: the held-out loss was lowest at step {kept.step:,}"
            found = replace(found, status="stopped", reason=reason)
        return replace(found, no_errors=f"early stopping kept step {kept.step:,}, which is not the optimum")
    return _without_minimum(found) if found.separated else None


def _unverified(found: Verdict) -> Verdict:
    """The verdict on a fit that there is no time to measure."""
    if found.status == "converged":
        reason = f"{found.reason}; too many coefficients to verify the optimum"
        found = replace(found, status="finished", reason=reason)
    return replace(found, no_errors="too many coefficients to verify the optimum")


def _without_minimum(found: Verdict) -> Verdict:
    """The verdict on separable classes, and on zeros that have no finite optimum."""
    reason = SEPARABLE if found.separated != ZEROS else ONLY_ZEROS
    if found.status == "converged" or found.reason == SEPARABLE.reason:
        found = replace(found, status="stopped", reason=reason.reason)
    by = said_of_columns(found.separating)
    if found.separated == ZEROS:
        return replace(found, no_errors=f"the target is 0 in all rows that are told apart{by}: no finite optimum")
    return replace(found, no_errors=f"the classes are separable{by}, and the coefficients have no finite optimum")


def said_of_columns(names: tuple[str, ...]) -> str:
    """By which columns classes are separable, in words; "" where that isn't known."""
    if not names:
        return ""
    shown = [f"'{printable(name)}'" for name in names[:SHOWN]]
    return f" by {', '.join(shown)}" + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _of_mini_batches(
    problem: FitProblem, solver: LinearSolver, ended: Endpoint, mse: float, verdict: Verdict
) -> Verdict:
    """The verdict on sgd and adam, which don't come to rest: they may end anywhere, so it is measured where."""
    name = problem.plan.optimizer
    if problem.plan.batches.dropout:
        return replace(verdict, no_errors=f"{name} with dropout has another optimum")
    near = None
    if problem.kind == "mse" or problem.squares.moments.number * ended.theta.size**2 <= MOST_WORK:
        near = _nearness(problem, solver, ended.theta, mse, False)
    if near is not None and not near.determined:
        return replace(verdict, no_errors="the columns don't determine every coefficient")
    if near is None or near.away is None:
        return replace(verdict, no_errors=f"{name} does not settle at the optimum")
    if near.away <= NEAR:
        return replace(verdict, no_errors=f"{name} ends near the optimum, not at it")
    where = f"{name} ended off the optimum, by up to {near.away:.2g} of a coefficient or of its error"
    return replace(verdict, no_errors=where, away=near.away if near.away > FAR else 0.0)


def _short(problem: FitProblem, reason: str, near: Nearness) -> tuple[Status, str]:
    """Status and reason of a fit that came to rest short of what "converged" promises."""
    if not near.determined:
        width, rank = len(problem.squares.penalized), problem.squares.rank
        if rank < width:
            return "finished", f"{reason}; the columns determine only {rank} of {width} coefficients"
        return "finished", f"{reason}; double precision can't tell every coefficient apart"
    if np.isfinite(near.off):
        return "stopped", f"{reason}, but coefficients may be off by {near.off:.1g} of themselves"
    return "stopped", f"{reason}, but not at the optimum"


def _with_separation(found: Verdict, problem: FitProblem, solver: LinearSolver, theta: FloatArray) -> Verdict:
    """The verdict with what is proven of the classes, by the solver or from where it ended."""
    separation, rows = solver.separation, problem.rows
    if not separation.how and rows is not None and rows.objective is not None and np.isfinite(theta).all():
        suspect = solver.suspect if isinstance(solver, SecondOrder) else Suspect(rows.objective)
        separation = suspect.by_end(theta, short=found.status != "converged")
    return replace(found, separated=separation.how, separating=_columns(problem, separation))


def _columns(problem: FitProblem, separation: Separation) -> tuple[str, ...]:
    """The names of the columns that take part; none where training is in other coordinates."""
    if isinstance(problem.units, SpanUnits):
        return ()
    return tuple(problem.data.names[j - int(problem.units.intercept)] for j in separation.taking_part)


def _nearness(
    problem: FitProblem, solver: LinearSolver, theta: FloatArray, mse: float, measured: bool
) -> Nearness | None:
    """How near theta is to the optimum; None where computing it would take too long."""
    squares, penalty = problem.squares, problem.plan.penalty
    if isinstance(solver, ExactSolver):
        solution = solver.solution
        return Nearness(np.inf if solution.aliased else solution.off, not solution.aliased, None)
    if problem.kind == "mse" and squares.moments.wide:
        return wide_nearness(squares, theta[:, 0], mse, penalty)
    if problem.kind == "mse":
        return moments_nearness(squares.moments, squares.units, theta[:, 0], mse, penalty, measured=measured)
    assert problem.rows is not None
    assert problem.rows.objective is not None
    objective = problem.rows.objective
    with np.errstate(over="ignore", invalid="ignore"):
        if problem.plan.optimizer == "newton" or not _too_many(objective, theta):
            return rows_nearness(objective, theta, problem.units)
        return None if penalty.l1 else nearness_by_steps(objective, theta, problem.row_squares)


def _too_many(objective: RowObjective, theta: FloatArray) -> bool:
    """Whether the Hessian would take more time or memory than it's worth."""
    return theta.size > MOST_FOR_HESSIAN or objective.rows * theta.size**2 > MOST_WORK_OF_LBFGS


def _errors(problem: FitProblem, solver: LinearSolver, near: Nearness, mse: float, verdict: Verdict) -> Verdict:
    """The verdict with standard errors, or with the reason why they can't be had."""
    n, width = problem.observations, len(problem.squares.penalized)
    if isinstance(solver, ExactSolver):
        width -= len(solver.solution.aliased)
    freedom = n - width if is_dispersed(problem.kind) or of_huber(problem.kind) else n
    if freedom <= 0:
        return replace(verdict, no_errors="there are as many coefficients as rows")
    covariance = near.covariance
    variance = mse / freedom if problem.kind == "mse" else mse / problem.squares.moments.count
    if isinstance(solver, ExactSolver):
        solution = solver.solution
        errors: FloatArray | None = np.concatenate([[solution.intercept_std_error], solution.std_errors])[:, None]
        residuals_known, errors_known = solution.residuals_known, solution.errors_known
        covariance, variance = solution.covariance, solution.residual_sd**2
        verdict = replace(verdict, optimal=residuals_known)
    else:
        errors, residuals_known, errors_known = near.spread, near.residuals_known, near.spread is not None
        if errors is not None:
            errors = errors * np.sqrt(variance)
            if not problem.squares.units.intercept:
                errors[0] = np.nan
    if not near.formed:
        return replace(verdict, no_errors="too many coefficients for standard errors")
    if not residuals_known:
        return replace(verdict, no_errors="the residuals are too near to 0 for six digits of them")
    if not errors_known:
        return replace(verdict, no_errors="the columns depend on each other too closely for six digits of them")
    return replace(verdict, std_errors=errors, covariance=None if covariance is None else covariance.times(variance))
