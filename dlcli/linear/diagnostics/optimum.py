"""Whether a fit ended at its optimum, and the standard errors that hold there and nowhere else."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.loop import Solver, Step
from dlcli.linear.rows import ExactSolver
from dlcli.linear.solvers.optimum import Nearness, moments_nearness, rows_nearness
from dlcli.linear.solvers.separation import separated_by

if TYPE_CHECKING:
    from dlcli.linear.fit import Prepared

# "converged" promises every coefficient to this much of itself; a third of it is left to whoever compares.
PROMISED = {"exact": 1e-9, "newton": 1e-9, "lbfgs": 1e-6, "gd": 1e-6}
NOT_REACHED = "the fit has not reached its optimum"
MOST_FOR_HESSIAN = 4000  # parameters up to which the Hessian is worth its time
MOST_WORK = 5e9  # multiplications up to which it is for sgd and adam, which are chosen where there is no time
# Of a coefficient, or of its standard error where that is larger: within the first mini-batches ended near the optimum,
# and beyond the second they mislead.
NEAR, FAR = 0.1, 0.5


@dataclass(frozen=True)
class Verdict:
    """How a fit really ended. ``std_errors`` (1 + d, k) or None, and then ``no_errors`` says why.

    ``separated`` is "perfect", "partial" or "". ``off`` is the largest error of a coefficient as a share of its size.
    ``away`` is how far from the optimum a fit by mini-batches ended (``Nearness.away``), where that is far, else 0.
    """

    status: str
    reason: str
    std_errors: FloatArray | None
    no_errors: str
    separated: str = ""
    off: float = 0.0
    away: float = 0.0


def judge(
    ready: "Prepared", solver: Solver, steps: Sequence[Step], kept: Step, mse: float, measured: bool = False
) -> Verdict:
    """Measure how near the kept weights are to the optimum.

    ``mse`` is their mean squared error (1 for classes), ``measured`` by residuals or else by moments.
    """
    config, last, optimizer = ready.config, steps[-1], ready.plan.optimizer
    status, reason = last.status, last.reason
    separated = _separated(ready, solver, kept.parameters)

    def without(why: str, off: float = np.inf) -> Verdict:
        return Verdict(status, reason, None, why, separated, off)

    if status == "diverged":
        return without("the training diverged")
    if kept.step != last.step:
        if status == "converged":
            status, reason = "stopped", f"early stopping: the held-out loss was lowest at step {kept.step:,}"
        return without(f"early stopping kept step {kept.step:,}, which is not the optimum")
    if separated:
        if status == "converged":
            status, reason = "stopped", "separable classes: the loss has no minimum"
        return without("the classes are separable, and the coefficients have no finite optimum")
    if optimizer in ("sgd", "adam"):
        return _of_mini_batches(ready, solver, kept, mse, without("", 0.0))
    biased = bool(config.l1 or config.l2)
    if status != "converged" and biased:
        return without("a penalty biases the coefficients")
    near = _nearness(ready, solver, kept.parameters, mse, measured)
    if near is None:
        if status == "converged":
            status, reason = "finished", f"{reason}; too many coefficients to verify the optimum"
        return without("too many coefficients to verify the optimum")
    at_optimum = near.off <= PROMISED[optimizer] / 3
    if status == "converged" and not at_optimum:
        status, reason = _short(ready, reason, near)
    if biased:
        return without("a penalty biases the coefficients", near.off)
    if not near.determined:
        return without("the columns don't determine every coefficient", near.off)
    if not at_optimum or last.status == "stopped":
        return without(NOT_REACHED, near.off)
    return _errors(ready, solver, near, mse, Verdict(status, reason, None, "", separated, near.off))


def _of_mini_batches(ready: "Prepared", solver: Solver, kept: Step, mse: float, verdict: Verdict) -> Verdict:
    """The verdict on sgd and adam, which don't come to rest: they may end anywhere, so it is measured where."""
    name = ready.plan.optimizer
    if ready.config.dropout:
        return replace(verdict, no_errors=f"{name} with dropout has another optimum")
    near = None
    if ready.kind == "mse" or ready.squares.moments.count * kept.parameters.size**2 <= MOST_WORK:
        near = _nearness(ready, solver, kept.parameters, mse, False)
    if near is not None and not near.determined:
        return replace(verdict, no_errors="the columns don't determine every coefficient")
    if near is None or near.away is None:
        return replace(verdict, no_errors=f"{name} does not settle at the optimum")
    if near.away <= NEAR:
        return replace(verdict, no_errors=f"{name} ends near the optimum, not at it")
    where = f"{name} ended off the optimum, by up to {near.away:.2g} of a coefficient or of its error"
    return replace(verdict, no_errors=where, away=near.away if near.away > FAR else 0.0)


def _short(ready: "Prepared", reason: str, near: Nearness) -> tuple[str, str]:
    """Status and reason of a fit that came to rest short of what "converged" promises."""
    if not near.determined:
        width, rank = len(ready.squares.penalized), ready.squares.rank
        if rank < width:
            return "finished", f"{reason}; the columns determine only {rank} of {width} coefficients"
        return "finished", f"{reason}; double precision can't tell every coefficient apart"
    if np.isfinite(near.off):
        return "stopped", f"{reason}, but coefficients may be off by {near.off:.1g} of themselves"
    return "stopped", f"{reason}, but not at the optimum"


def _separated(ready: "Prepared", solver: Solver, theta: FloatArray) -> str:
    found = str(getattr(solver, "separated", ""))
    if found or ready.rows is None or ready.rows.objective is None or not np.isfinite(theta).all():
        return found
    return "perfect" if separated_by(ready.rows.objective, theta) else ""


def _nearness(ready: "Prepared", solver: Solver, theta: FloatArray, mse: float, measured: bool) -> Nearness | None:
    """How near theta is to the optimum; None where computing it would take too long."""
    config, squares = ready.config, ready.squares
    if isinstance(solver, ExactSolver):
        solution = solver.solution
        return Nearness(np.inf if solution.aliased else solution.off, not solution.aliased, None)
    if ready.kind == "mse":
        return moments_nearness(
            squares.moments, squares.units, theta[:, 0], mse, l1=config.l1, l2=config.l2, measured=measured
        )  # fmt: skip
    assert ready.rows is not None
    assert ready.rows.objective is not None
    if theta.size > MOST_FOR_HESSIAN and ready.plan.optimizer != "newton":
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        return rows_nearness(ready.rows.objective, theta, squares.units)


def _errors(ready: "Prepared", solver: Solver, near: Nearness, mse: float, verdict: Verdict) -> Verdict:
    """The verdict with standard errors, or with the reason why they can't be had."""
    n, width = ready.squares.moments.count, len(ready.squares.penalized)

    def without(why: str) -> Verdict:
        return Verdict(verdict.status, verdict.reason, None, why, verdict.separated, verdict.off)

    freedom = n - width if ready.kind == "mse" else n
    if freedom <= 0:
        return without("there are as many coefficients as rows")
    if isinstance(solver, ExactSolver):
        solution = solver.solution
        errors = np.concatenate([[solution.intercept_std_error], solution.std_errors])[:, None]
        if not solution.residuals_known:
            return without("the residuals are too near to 0 for six digits of them")
        if not solution.errors_known:
            return without("the columns depend on each other too closely for six digits of them")
    elif not near.residuals_known:
        return without("the residuals are too near to 0 for six digits of them")
    elif near.spread is None:
        return without("the columns depend on each other too closely for six digits of them")
    else:
        errors = near.spread * (np.sqrt(mse / freedom) if ready.kind == "mse" else 1 / np.sqrt(n))
        if not ready.squares.units.intercept:
            errors[0] = np.nan
    return Verdict(verdict.status, verdict.reason, errors, "", verdict.separated, verdict.off)
