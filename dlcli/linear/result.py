"""What comes out of a fit: the model in the data's units, how it was found, and how well it fits."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.loop import Step
from dlcli.linear.curve import LossCurve
from dlcli.linear.diagnostics.optimum import Endpoint, Verdict, judge
from dlcli.linear.diagnostics.residuals import held_out_loss, smearing_factor, training_loss
from dlcli.linear.inference.likelihood import Likelihood, categorical, gaussian, without_likelihood
from dlcli.linear.metrics import regression_metrics
from dlcli.linear.objectives.least_squares import LeastSquares
from dlcli.linear.objectives.loss import Kind, of_family, of_huber, of_quantile
from dlcli.linear.problem import FitProblem
from dlcli.linear.solvers.exact import ExactSolution
from dlcli.linear.solvers.exact_solver import ExactSolver
from dlcli.linear.solvers.solver import LinearSolver

# What only some losses take is imported where they do: a plain fit starts without it.
if TYPE_CHECKING:
    from dlcli.linear.huber.errors import HuberFit

FEW = 500  # coefficients whose eigenvalues take no time
Metrics = dict[str, dict[str, float]]  # by part: train, val


@dataclass(frozen=True)
class Coefficients:
    """Intercept (k,) and coefficients (d, k) in the data's units."""

    kind: Kind
    intercept: FloatArray
    slopes: FloatArray


@dataclass(frozen=True)
class Trace:
    """How a fit went: its reports without their parameters, the last, and the one whose weights are kept.

    That is the last too, or with early stopping the one of the lowest held-out loss. ``lr`` is the first learning
    rate, nan where there is none; ``stable`` the largest stable one, where it is known.
    """

    optimizer: str
    steps: list[Step]
    last: Step
    kept: Step
    lr: float
    stable: float | None


@dataclass(frozen=True)
class Fit:
    """A fitted model, how it was found, and what can be said of it.

    ``verdict`` has the standard errors, or why there are none; ``aliased`` are columns that depend on earlier ones.
    ``likelihood``, and the ``counts`` (k,) of the classes' training rows (or what these weigh), not of a fold; the
    latter not of numbers. ``clusters``: how many there are, of standard errors by clusters. ``smearing``: of a model of
    the target's logarithm, the mean of the training rows' exp(residual).
    ``condition_at_least``: rounding hides how large the condition number is.
    """

    model: Coefficients
    trace: Trace
    verdict: Verdict
    metrics: Metrics
    residual_sd: float | None
    condition_number: float | None
    aliased: tuple[str, ...] = ()
    curve: LossCurve | None = None  # not of a fold
    likelihood: Likelihood | None = None
    counts: FloatArray | None = None
    condition_at_least: bool = False
    clusters: int | None = None
    smearing: float | None = None
    class_weights: dict[str, float] | None = None
    huber: "HuberFit | None" = None


@dataclass(frozen=True)
class _Measured:
    """A model and what was measured of it.

    ``loss`` is its mean squared error; of families the dispersion, of classes 1, of Huber's loss what takes its place.
    ``by_residuals``: the loss is a mean of squared residuals, as the moments cancel.
    """

    model: Coefficients
    metrics: Metrics
    condition_number: float | None
    loss: float = 1.0
    by_residuals: bool = False
    residual_sd: float | None = None


def make_fit(problem: FitProblem, solver: LinearSolver, trace: Trace, theta: FloatArray, *, with_errors: bool) -> Fit:
    """The fitted model; ``theta`` are the parameters of ``trace.kept``.

    Standard errors may take another pass over the rows.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # parameters that diverged
        found = _measured(problem, solver, theta, with_errors)
        verdict = Verdict(trace.last.status, trace.last.reason, None, "not asked for")
        likelihood = None
        if with_errors and of_family(problem.kind):
            from dlcli.linear.inference.families import family_likelihood

            rank = _rank(problem.squares)
            likelihood = family_likelihood(problem, theta, rank, intercept=problem.plan.columns.intercept)
            found = replace(found, loss=likelihood.dispersion or 0.0)
        huber = _of_huber(problem, theta) if with_errors else None
        if huber is not None:
            found = replace(found, loss=huber.variance or np.nan)
        if with_errors:
            ended = Endpoint(theta, trace.kept, trace.last)
            verdict = _judged(problem, solver, ended, found)
    last = replace(trace.last, status=verdict.status, reason=verdict.reason)
    trace = replace(trace, last=last)
    fit = Fit(
        found.model, trace, verdict, found.metrics, found.residual_sd, found.condition_number,
        likelihood=likelihood, huber=huber,
    )  # fmt: skip
    if with_errors and problem.data.schema.log_target:
        in_units = None if isinstance(solver, ExactSolver) else theta
        factor = smearing_factor(problem, float(fit.model.intercept[0]), fit.model.slopes[:, 0], in_units)
        fit = replace(fit, smearing=factor)
    return _as_a_whole(problem, solver, fit, found.loss) if with_errors and likelihood is None else fit


def _judged(problem: FitProblem, solver: LinearSolver, ended: Endpoint, found: _Measured) -> Verdict:
    if not of_quantile(problem.kind):
        return judge(problem, solver, ended, found.loss, found.by_residuals)
    from dlcli.linear.diagnostics.quantile import judge_quantile
    from dlcli.linear.quantile.solver import QuantileSolver

    assert isinstance(solver, QuantileSolver)
    return judge_quantile(problem, solver, ended)


def _as_a_whole(problem: FitProblem, solver: LinearSolver, fit: Fit, loss: float) -> Fit:
    """The fit with its likelihood."""
    squares, intercept = problem.squares, problem.plan.columns.intercept
    moments, rank, observed = squares.moments, _rank(squares), problem.observations
    if isinstance(solver, ExactSolver):
        rank = len(squares.penalized) - len(solver.solution.aliased)
    if problem.kind == "mse":
        total = float(moments.diagonal[0]) + (0.0 if intercept else moments.count * float(moments.mean[0]) ** 2)
        logs = moments.weighted.logs if moments.weighted and problem.plan.columns.weighting.precision else 0.0
        own = gaussian(observed, rank, loss * moments.count, total, intercept=intercept, logs=logs)
        return replace(fit, likelihood=own)
    if fit.huber is not None:
        return replace(fit, likelihood=without_likelihood(moments.count, rank, intercept=intercept))
    if of_quantile(problem.kind):
        from dlcli.linear.quantile.solver import QuantileSolver

        assert isinstance(solver, QuantileSolver)
        rank = len(squares.penalized) - len(solver.aliased)
        return replace(fit, likelihood=without_likelihood(moments.count, rank, intercept=intercept))
    counts = problem.class_counts()
    log_loss = fit.metrics["train"]["log_loss"]
    assert problem.rows is not None
    null = None
    if problem.rows.responses.offset is not None:
        from dlcli.linear.start.null import null_cross_entropy

        null = null_cross_entropy(problem.rows.responses, intercept=intercept)
    found = categorical(observed, rank, log_loss, counts, intercept=intercept, null_loss=null)
    return replace(fit, likelihood=found, counts=counts, class_weights=_class_weights(problem))


def _of_huber(problem: FitProblem, theta: FloatArray) -> "HuberFit | None":
    if not of_huber(problem.kind):
        return None
    from dlcli.linear.huber.errors import measured

    assert problem.rows is not None
    assert problem.rows.objective is not None
    return measured(problem.rows.objective, theta, _rank(problem.squares))


def _class_weights(problem: FitProblem) -> dict[str, float] | None:
    """What each class counted in training, by its name."""
    factors, target = problem.rows.factors if problem.rows is not None else None, problem.data.schema.target
    if factors is None or target is None:
        return None
    return dict(zip(target.levels, factors.tolist(), strict=True))


def _rank(squares: LeastSquares) -> int:
    """How many coefficients the data determine without the help of a penalty."""
    width = len(squares.penalized)
    if not squares.l2:
        return squares.rank
    return replace(squares, l2=0.0).rank if width <= FEW else min(width, squares.moments.number)


def _measured(problem: FitProblem, solver: LinearSolver, theta: FloatArray, with_errors: bool) -> _Measured:
    squares = problem.squares
    condition = min(squares.condition_number, squares.largest_eigenvalue / squares.resolution)
    model = Coefficients(problem.kind, *problem.units.to_data(theta))
    if problem.kind != "mse":
        assert problem.rows is not None
        return _Measured(model, problem.rows.metrics(theta), condition)
    if isinstance(solver, ExactSolver):
        found = _of_exact(problem, solver.solution)
    else:
        found = _of_squares(problem, model, theta, condition, with_errors)
    if problem.scored is not None:
        held_loss = held_out_loss(problem, float(found.model.intercept[0]), found.model.slopes[:, 0])
        centered = problem.plan.columns.intercept
        found.metrics["val"] = regression_metrics(problem.scored, held_loss, centered)
    return found


def _of_exact(problem: FitProblem, solution: ExactSolution) -> _Measured:
    """What the exact solution says of itself."""
    moments = problem.squares.moments
    model = Coefficients(problem.kind, np.array([solution.intercept]), solution.coefficients[:, None])
    loss = solution.rss / moments.count
    metrics = regression_metrics(moments, loss, problem.plan.columns.intercept) | {"r2": solution.r2}
    return _Measured(
        model, {"train": metrics}, solution.condition_number, loss, residual_sd=solution.residual_sd
    )  # fmt: skip


def _of_squares(
    problem: FitProblem, model: Coefficients, theta: FloatArray, condition: float, with_errors: bool
) -> _Measured:
    """What the moments, or the residuals, say of parameters theta (p, 1) of least squares."""
    moments = problem.squares.moments
    loss, by_residuals = training_loss(
        problem, theta, float(model.intercept[0]), model.slopes[:, 0], with_errors
    )  # fmt: skip
    metrics = regression_metrics(moments, loss, problem.plan.columns.intercept)
    freedom = problem.observations - problem.squares.rank
    residual_sd = float(np.sqrt(loss * moments.count / freedom)) if freedom > 0 else None
    return _Measured(model, {"train": metrics}, condition, loss, by_residuals, residual_sd)
