"""The solver of a plan, with its first learning rate."""

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.schedules import by_name
from dlcli.engine.schedules.base import Schedule
from dlcli.errors import DlcliError
from dlcli.linear.data.table_data import row_blocks
from dlcli.linear.diagnostics.collinear import collinear
from dlcli.linear.losses.families import family_of
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.glm_torch import TorchObjective
from dlcli.linear.objectives.loss import Kind, of_family, of_huber, of_quantile, quantile_of
from dlcli.linear.objectives.quadratic import QuadraticObjective
from dlcli.linear.objectives.room import check_room
from dlcli.linear.objectives.row_space import RowGram
from dlcli.linear.problem import FitProblem
from dlcli.linear.solvers.descent import GradientDescent, MiniBatch
from dlcli.linear.solvers.descent_on_device import DeviceMiniBatch
from dlcli.linear.solvers.design import RowWeights
from dlcli.linear.solvers.exact import solve_exact
from dlcli.linear.solvers.exact_solver import ExactSolver
from dlcli.linear.solvers.solver import LinearSolver
from dlcli.linear.solvers.spectral import SpectralDescent
from dlcli.linear.solvers.step_sizes import automatic_rate, largest_stable_batch_rate, largest_stable_rate

ADAM_RATE = 0.01
WITH_RATE = ("gd", "sgd", "adam")
# Bounds on the curvature of the losses, as shares of that of least squares.
FEW = 100  # what a mean is at most times a target that curvature is taken at
CURVATURE = {"mse": 1.0, "logistic": 0.25, "softmax": 0.5}


def curvature_of(problem: FitProblem) -> float:
    """A bound on the largest eigenvalue of the objective's Hessian."""
    l2 = problem.plan.penalty.l2
    if of_family(problem.kind):
        return family_curvature(problem) + l2
    return _share(problem.kind) * problem.class_bend * (problem.squares.largest_eigenvalue - l2) + l2


def _share(kind: Kind) -> float:
    return CURVATURE["mse" if of_huber(kind) else kind]


def family_curvature(problem: FitProblem) -> float:
    """The largest eigenvalue of the Hessian of a family's loss, expected where means are what the targets are.

    At the optimum the targets are about the means, so it is near to the one there; there is no bound anywhere.
    """
    assert problem.rows is not None
    family, rows = family_of(problem.kind), problem.rows
    p = rows.Z.shape[1]
    at_targets, at_mean = np.zeros((p, p)), np.zeros((p, p))
    mean = float(problem.squares.moments.mean[0])
    weight = float(family.weights(np.array([family.score(mean)]))[0])
    for block in row_blocks(len(rows.responses)):
        Z, own = rows.Z[block], rows.responses[block]
        y = np.maximum(own.y, mean / FEW)
        at_mean += Z.T @ own.weighted(Z)
        at_targets += (Z * own.weighted(family.weights(family.scores(y)))[:, None]).T @ Z
    return (
        float(max(np.linalg.eigvalsh(weight * at_mean)[-1], np.linalg.eigvalsh(at_targets)[-1]))
        / rows.responses.total()
    )


def stable_rate(problem: FitProblem) -> float | None:
    """The largest stable learning rate of gd and of plain sgd; None where there is none to tell."""
    plan = problem.plan
    if of_family(problem.kind):
        return None  # the curvature has no bound
    if plan.optimizer == "gd":
        return largest_stable_rate(curvature_of(problem), plan.momentum.factor, plan.momentum.nesterov)
    if plan.optimizer != "sgd" or plan.momentum.factor or plan.batches.dropout:
        return None
    assert problem.rows is not None
    assert problem.rows.objective is not None
    objective, share = problem.rows.objective, _share(problem.kind)
    bend = share * problem.class_bend
    batch, rows, squares = min(plan.batches.batch_size, objective.rows), objective.rows, problem.squares
    A, _, _ = squares.quadratic
    if isinstance(A, RowGram):  # all that happens does so in the span of the rows
        basis = squares.modes[1]
        inside, penalized = A.B @ basis, basis * squares.penalized[:, None]
        small, ridge = inside.T @ inside, plan.penalty.l2 * penalized.T @ penalized
        return largest_stable_batch_rate(
            bend * small, share**2 * objective.fourth_moments(basis), batch, rows, ridge
        )  # fmt: skip
    ridge = np.diag(plan.penalty.l2 * squares.penalized)
    return largest_stable_batch_rate(bend * A, share**2 * objective.fourth_moments(), batch, rows, ridge)


def make_schedule(problem: FitProblem, stable: float | None) -> Schedule | None:
    """The schedule of the plan with its first rate; None for methods that have no learning rate."""
    plan = problem.plan
    if plan.optimizer not in WITH_RATE:
        return None
    if plan.lr:
        return by_name.make_schedule(plan.schedule, plan.lr)
    lr = _automatic_rate(problem)
    if plan.schedule.name == "adagrad":
        # AdaGrad-norm divides by |g(0)|, so its first step is that of the automatic rate.
        lr *= make_solver(problem, by_name.make_schedule(plan.schedule, lr)).gradient_norm() or 1.0
    if plan.optimizer == "sgd" and stable is not None:
        lr = min(lr, stable / 2)  # rows with outliers: batches see far more curvature than all rows on average
    return by_name.make_schedule(plan.schedule, lr)


def make_solver(problem: FitProblem, schedule: Schedule | None) -> LinearSolver:
    """The solver of the plan, at its beginning."""
    plan, squares, rows, start = problem.plan, problem.squares, problem.rows, problem.beginning
    if of_quantile(problem.kind):
        return _of_quantile(problem)
    if plan.optimizer == "exact":
        assert rows is not None
        scale, size = squares.units.scale if plan.columns.standardize else None, len(squares.penalized)
        if squares.l2:  # d more rows, and twice the digits
            check_room(8 * 8 * size**2, f"an exact ridge of {size:,} coefficients", "use --optimizer gd")
        own = rows.responses[:]
        solution = solve_exact(
            rows.Z[:], own.y, intercept=plan.columns.intercept, l2=plan.penalty.l2, scale=scale,
            rows=None if own.weights is None else RowWeights(own.weights, problem.observations),
        )  # fmt: skip
        return ExactSolver(solution, squares)
    if rows is not None:
        assert rows.objective is not None
        return _on_rows(problem, rows.objective, schedule)
    assert schedule is not None
    if plan.penalty.l1:
        A, b, constant = squares.quadratic
        quadratic = QuadraticObjective(A, b, constant, plan.penalty.weighted(squares.penalized))
        return GradientDescent(quadratic, schedule, momentum=plan.momentum, tolerance=plan.tolerance, start=start)
    return SpectralDescent(squares, schedule, momentum=plan.momentum, tolerance=plan.tolerance, start=start)


def _of_quantile(problem: FitProblem) -> LinearSolver:
    """Raises DlcliError for more columns than rows, whose quantiles can be anything."""
    assert problem.rows is not None
    assert problem.rows.objective is not None
    l1, squares = problem.plan.penalty.l1, problem.squares
    rows, columns = squares.moments.count, len(squares.units.scale)
    if rows < len(squares.penalized) and not l1:
        raise DlcliError(f"--loss quantile: {rows:,} rows don't determine {columns:,} columns", "add --l1 0.01")
    aliased = () if l1 else [j + int(squares.units.intercept) for j in collinear(squares, None)]
    from dlcli.linear.quantile.solver import QuantileSolver  # here, so that a plain fit starts without it

    return QuantileSolver(problem.rows.objective, quantile_of(problem.kind), aliased)


def _automatic_rate(problem: FitProblem) -> float:
    """The first learning rate where none is given."""
    plan, squares = problem.plan, problem.squares
    if plan.optimizer == "adam":
        # Adam's steps are as long as the rate whatever the gradient, so it must know how large the targets are.
        in_units = problem.kind == "mse" or of_huber(problem.kind)
        return ADAM_RATE * (float(np.sqrt(squares.quadratic[2])) or 1.0 if in_units else 1.0)
    if of_family(problem.kind):
        curvature = curvature_of(problem)
        if plan.optimizer == "sgd":
            return curvature / 2 and 1 / (2 * curvature * squares.trace / squares.largest_eigenvalue)
        return automatic_rate(2 * curvature, 0.0, plan.momentum.factor)
    if plan.optimizer == "sgd":
        # The mean squared length of a row bounds what a mini-batch can see of the curvature.
        return curvature_of(problem) / squares.largest_eigenvalue / squares.trace
    smallest = squares.smallest_eigenvalue if problem.rows is None else 0.0
    return automatic_rate(curvature_of(problem), smallest, plan.momentum.factor)


def _metric(problem: FitProblem, objective: RowObjective) -> FloatArray:
    """The inverse (p, p) of Z'Z/n, with penalties."""
    A, _, _ = problem.row_squares.quadratic
    whole = A.B.T @ A.B if isinstance(A, RowGram) else A
    values, vectors = np.linalg.eigh(whole + np.diag(problem.plan.penalty.l2 * objective.penalized[:, 0] ** 2))
    live = values > len(values) * np.finfo(np.float64).eps * values[-1]
    metric: FloatArray = (vectors[:, live] / values[live]) @ vectors[:, live].T
    return metric


def _on_rows(problem: FitProblem, objective: RowObjective, schedule: Schedule | None) -> LinearSolver:
    """The solver of the plan on the rows."""
    from dlcli.linear.solvers.lbfgs import LBFGS
    from dlcli.linear.solvers.newton import Newton

    plan, start = problem.plan, problem.beginning
    if plan.optimizer == "newton":
        size = objective.shape[0] * objective.shape[1]
        check_room(4 * 8 * size**2, f"Newton's steps with {size:,} coefficients", "use --optimizer lbfgs or gd")
        return Newton(objective, plan.tolerance, start, null=problem.start is None)
    if plan.optimizer == "lbfgs":
        return LBFGS(objective, plan.tolerance, metric=_metric(problem, objective), start=start)
    assert schedule is not None
    if plan.optimizer == "gd":
        return GradientDescent(objective, schedule, momentum=plan.momentum, tolerance=plan.tolerance, start=start)
    adam = plan.optimizer == "adam"
    if isinstance(objective, TorchObjective):
        return DeviceMiniBatch(objective, schedule, plan.batches, adam=adam, momentum=plan.momentum, start=start)
    return MiniBatch(objective, schedule, plan.batches, adam=adam, momentum=plan.momentum, start=start)
