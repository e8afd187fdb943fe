"""One fit of a linear model: the problem in training units, a solver for it, and the result in the data's units."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np

from dlcli.config.common import DECAY_FACTORS
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.arrays import FloatArray
from dlcli.engine.interrupts import deferred_signals, interruptible
from dlcli.engine.loop import Solver, Step, StoppingCriteria, train
from dlcli.engine.progress import Progress
from dlcli.engine.schedules import Schedule, ScheduleSettings
from dlcli.linear.cache import FitCache
from dlcli.linear.curve import LossCurve, Validate, loss_curve
from dlcli.linear.data.table_data import TableData
from dlcli.linear.diagnostics.advice import Ended, advise, announce
from dlcli.linear.diagnostics.collinear import collinear, say_collinear
from dlcli.linear.diagnostics.optimum import Verdict, judge
from dlcli.linear.diagnostics.residuals import held_out_loss, training_loss
from dlcli.linear.metrics import regression_metrics
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.least_squares import LeastSquares
from dlcli.linear.objectives.loss import Kind
from dlcli.linear.objectives.moments import Moments
from dlcli.linear.objectives.penalty import WeightedPenalty
from dlcli.linear.objectives.quadratic import QuadraticObjective
from dlcli.linear.plan import Plan
from dlcli.linear.rows import (
    ADAM_RATE,
    SECOND_ORDER,
    ExactSolver,
    Problem,
    exact_solver,
    row_problem,
    row_solver,
)
from dlcli.linear.solvers.descent import GradientDescent
from dlcli.linear.solvers.spectral import SpectralDescent
from dlcli.linear.solvers.step_sizes import automatic_rate, largest_stable_batch_rate, largest_stable_rate

NOTHING = np.zeros((0, 0))  # in place of the parameters of a report that nobody asks for again


@dataclass(frozen=True)
class Held:
    """Groups of rows that are not trained on, and whether this is a ``fold``, of which only the score is wanted.

    ``watched`` is what each report measures, and what early stopping and the plateau schedule listen to; ``scored``
    is what ``metrics.val`` is of. A fold of cross-validation must never watch the rows that score it.
    """

    watched: Sequence[int] = ()
    scored: Sequence[int] = ()
    fold: bool = False


@dataclass(frozen=True)
class Fit:
    """A fitted model in the data's units: intercept (k,), coefficients (d, k), std_errors (1 + d, k) or None.

    ``no_errors`` says why there are no standard errors.
    Its weights are those of the report ``kept``: the last, or with early stopping that of the lowest held-out loss.
    """

    kind: Kind
    optimizer: str
    steps: list[Step]
    last: Step
    kept: Step
    intercept: FloatArray
    coefficients: FloatArray
    std_errors: FloatArray | None
    no_errors: str
    separated: str
    residual_sd: float | None
    condition_number: float | None
    largest_stable_lr: float | None
    lr: float
    metrics: dict[str, dict[str, float]]
    away: float = 0.0  # how far from the optimum mini-batches ended, where that is far
    aliased: tuple[str, ...] = ()  # columns that depend on earlier ones
    curve: LossCurve | None = None  # not of a fold


@dataclass(frozen=True)
class Prepared:
    """A fit that is ready to run: the problem, and the solver (or a member of a stack of them) that will solve it."""

    config: FitLinearConfig
    plan: Plan
    data: TableData
    kind: Kind
    squares: LeastSquares
    rows: Problem | None
    scored: Moments | None
    scored_groups: tuple[int, ...]
    watched: Moments | None
    curvature: float
    stable: float | None

    @property
    def limits(self) -> StoppingCriteria:
        """When to report and to stop."""
        config = self.config
        return StoppingCriteria(self.plan.steps, config.report_every, config.minutes, config.early_stop)

    @property
    def validate(self) -> "Validate | None":
        """Measures parameters on the rows that are watched."""
        return _validation(self.squares, self.watched, self.rows.watched if self.rows else None)

    @property
    def score(self) -> "Validate | None":
        """Measures parameters on the rows that score the fit."""
        return _validation(self.squares, self.scored, self.rows.scored if self.rows else None)

    def solver(self) -> tuple[Solver, float]:
        """The solver of the plan, and its first learning rate."""
        solver, lr = _solver(self.config, self.plan, self.squares, self.rows, self.curvature, self.kind)
        if self.plan.optimizer == "sgd" and self.plan.lr is None and self.stable is not None and lr > self.stable / 2:
            lr = self.stable / 2  # rows with outliers: batches see far more curvature than all rows on average
            solver.schedule.lr = lr  # type: ignore[attr-defined]
        return solver, lr

    def result(self, solver: Solver, lr: float, steps: list[Step], kept: Step, *, with_errors: bool = True) -> Fit:
        """The fitted model, ``kept`` holding its parameters; standard errors may take another pass."""
        with np.errstate(over="ignore", invalid="ignore"):  # parameters that diverged
            return _finish(self, solver, steps, kept, lr, with_errors)


def prepare(config: FitLinearConfig, plan: Plan, space: FitCache, train_groups: Sequence[int], held: Held) -> Prepared:
    """What fitting on the rows of some groups, and measuring on others, takes."""
    data = space.seen_from(train_groups)
    target = data.schema.target
    assert target is not None
    kind: Kind = "mse" if not target.levels else "logistic" if len(target.levels) == 2 else "softmax"
    scored = data.merged(held.scored) if held.scored else None
    watched = data.merged(held.watched) if held.watched else None
    resolved = config.model_copy(update={"optimizer": plan.optimizer})
    # Where the units of training don't show in the result, they are those that lose no digits.
    training = resolved
    if plan.optimizer in SECOND_ORDER:
        training = resolved.model_copy(update={"standardize": True})
    squares = space.squares(training, train_groups)
    rows = None
    if plan.keep_rows:
        values = space.rows(training, train_groups, held.scored, held.watched, squares.units)
        rows = row_problem(resolved, data, values, squares.units, kind, space.device)
    # A bound on the curvature of cross-entropy: a quarter of least squares' for two classes, a half for more.
    share = {"mse": 1.0, "logistic": 0.25, "softmax": 0.5}[kind]
    curvature = share * (squares.largest_eigenvalue - config.l2) + config.l2
    stable = None
    if plan.optimizer == "gd":
        stable = largest_stable_rate(curvature, config.momentum, config.nesterov)
    elif plan.optimizer == "sgd" and not config.momentum and not config.dropout:
        assert rows is not None
        stable = _stable_for_batches(config, squares, rows, share)
    return Prepared(
        config, plan, data, kind, squares, rows, scored, tuple(held.scored), watched, curvature, stable
    )  # fmt: skip


def _stable_for_batches(config: FitLinearConfig, squares: LeastSquares, rows: Problem, share: float) -> float:
    """The largest stable rate of mini-batches; for classes with ``share``, the bound on their curvature."""
    assert rows.objective is not None
    A, _, _ = squares.quadratic
    batch = min(config.batch_size, rows.objective.rows)
    return largest_stable_batch_rate(
        share * A, share**2 * rows.objective.fourth_moments(), batch, rows.objective.rows,
        config.l2 * squares.penalized,
    )  # fmt: skip


def fit(
    config: FitLinearConfig,
    plan: Plan,
    space: FitCache,
    train_groups: Sequence[int],
    held: Held,
    progress: Progress,
    on_step: Callable[[Step], None],
    until_drawn: ExitStack,
) -> Fit:
    """Train on the rows of some groups and measure on others. ``on_step`` gets each report.

    From the first report on, and until ``until_drawn`` ends, a signal waits for the end of a step: before that there
    is nothing to save, and after it what is written must not be cut off. The exact solver has nothing before its end.
    """
    ready = prepare(config, plan, space, train_groups, held)
    solver, lr = ready.solver()
    announce(config, plan, ready.squares, ready.kind, ready.stable, lr, progress)
    found = collinear(ready.squares, solver.solution.aliased if isinstance(solver, ExactSolver) else None)
    names, coefficients = ready.data.names, len(ready.squares.penalized)
    say_collinear(plan, found, names, coefficients, l1=bool(config.l1), progress=progress)
    count, columns = ready.squares.moments.count, len(ready.squares.units.scale)
    validate = ready.validate
    title = f"fit-linear: {ready.kind}, {plan.optimizer}, {count:,} rows, {columns} columns"
    progress.begin(title, plan.steps, validate is not None)
    if plan.optimizer != "exact":
        solver = interruptible(solver, until_drawn.enter_context(deferred_signals()))
    steps, kept = _run(solver, ready.limits, validate, on_step)
    result = ready.result(solver, lr, steps, kept, with_errors=not held.fold)
    curve = None if held.fold else loss_curve(solver, ready.squares, validate, steps)
    result = replace(result, aliased=tuple(names[j] for j in found), curve=curve)
    advise(config, Ended.of(result), progress)
    if config.early_stop and steps[-1].status != "diverged":
        progress.note(f"weights of step {kept.step:,} kept: lowest held-out loss")
        if kept.step == 0:
            progress.warn("no step lowered the held-out loss: the weights are those before training, all 0")
    return result


def _solver(
    config: FitLinearConfig, plan: Plan, squares: LeastSquares, rows: Problem | None, curvature: float, kind: Kind
) -> tuple[Solver, float]:
    """The solver of a plan, and its first learning rate."""
    if plan.optimizer == "exact":
        assert rows is not None
        return exact_solver(config, rows, squares), float("nan")
    if plan.optimizer == "adam":
        # Adam's steps are as long as the rate whatever the gradient, so it must know how large the targets are.
        automatic = ADAM_RATE * (float(np.sqrt(squares.quadratic[2])) or 1.0 if kind == "mse" else 1.0)
    elif plan.optimizer == "sgd":
        # The mean squared length of a row bounds what a mini-batch can see of the curvature.
        automatic = curvature / squares.largest_eigenvalue / float(np.trace(squares.quadratic[0]))
    else:
        automatic = automatic_rate(curvature, squares.smallest_eigenvalue if rows is None else 0.0, config.momentum)
    lr = plan.lr or automatic
    schedule = Schedule(_schedule_settings(config, plan), lr)
    if rows is not None:
        assert rows.objective is not None
        solver = row_solver(config, plan.optimizer, rows.objective, schedule, plan.tolerance, squares)
    elif config.l1:
        A, b, constant = squares.quadratic
        quadratic = QuadraticObjective(A, b, constant, WeightedPenalty(config.l1, config.l2, squares.penalized))
        solver = GradientDescent(
            quadratic, schedule, momentum=config.momentum, nesterov=config.nesterov, tolerance=plan.tolerance
        )
    else:
        solver = SpectralDescent(
            squares, schedule, momentum=config.momentum, nesterov=config.nesterov, tolerance=plan.tolerance
        )
    if config.schedule == "adagrad" and plan.lr is None:
        # AdaGrad-norm divides by |g(0)|, so its first step is that of the automatic rate.
        schedule.lr = lr = lr * solver.gradient_norm()
    return solver, lr if plan.optimizer in ("gd", "sgd", "adam") else float("nan")


def _schedule_settings(config: FitLinearConfig, plan: Plan) -> ScheduleSettings:
    factor = config.decay_factor or DECAY_FACTORS.get(config.schedule, 0.5)
    return ScheduleSettings(
        name=config.schedule.replace("-", "_"),
        decay_rate=config.decay_rate,
        decay_factor=factor,
        decay_every=config.decay_every,
        decay_power=config.decay_power,
        hyper_lr=config.hyper_lr,
        polyak_target=config.polyak_target,
        plateau_patience=config.plateau_patience,
        total_steps=plan.steps,
    )


def _validation(squares: LeastSquares, held: Moments | None, objective: RowObjective | None) -> Validate | None:
    if held is None:
        return None
    if objective is not None:
        return lambda theta: {"loss": objective.loss(theta)}
    return lambda theta: {"loss": squares.loss(theta[:, 0], held)}


def _run(
    solver: Solver,
    limits: StoppingCriteria,
    validate: Validate | None,
    on_step: Callable[[Step], None],
) -> tuple[list[Step], Step]:
    """All reports (without their parameters), and the one whose parameters are to be kept."""
    steps: list[Step] = []
    kept: Step | None = None
    for step in train(solver, limits, validate):
        kept = to_keep(kept, step, limits)
        steps.append(replace(step, parameters=NOTHING))
        on_step(step)
    assert kept is not None
    return steps, kept


def to_keep(kept: Step | None, step: Step, limits: StoppingCriteria) -> Step:
    """Which of the two reports a fit keeps: the later one, unless early stopping was asked for.

    What is saved is what was asked for: choosing among the iterates by their held-out loss is early stopping.
    """
    return step if kept is None or limits.patience is None or step.is_best else kept


def _finish(ready: Prepared, solver: Solver, steps: list[Step], kept: Step, lr: float, with_errors: bool) -> Fit:
    config, kind, rows, squares, best = ready.config, ready.kind, ready.rows, ready.squares, kept.parameters
    moments = squares.moments
    intercept, coefficients = squares.units.to_data(best)
    metrics: dict[str, dict[str, float]] = {}
    residual_sd, loss, measured = None, 1.0, False
    condition: float | None = min(squares.condition_number, squares.largest_eigenvalue / squares.resolution)
    if isinstance(solver, ExactSolver):
        solution = solver.solution
        intercept, coefficients = np.array([solution.intercept]), solution.coefficients[:, None]
        loss = solution.rss / moments.count
        metrics["train"] = regression_metrics(moments, loss, config.intercept) | {"r2": solution.r2}
        residual_sd, condition = solution.residual_sd, solution.condition_number
    elif kind == "mse":
        loss, measured = training_loss(ready, best, float(intercept[0]), coefficients[:, 0], with_errors)
        metrics["train"] = regression_metrics(moments, loss, config.intercept)
        freedom = moments.count - squares.rank
        residual_sd = float(np.sqrt(loss * moments.count / freedom)) if freedom > 0 else None
    if kind == "mse" and ready.scored is not None:
        held_loss = held_out_loss(ready, float(intercept[0]), coefficients[:, 0])
        metrics["val"] = regression_metrics(ready.scored, held_loss, config.intercept)
    if kind != "mse":
        assert rows is not None
        metrics = rows.class_metrics(best)
    last = steps[-1]
    verdict = Verdict(last.status, last.reason, None, "not asked for")
    if with_errors:
        verdict = judge(ready, solver, steps, kept, loss, measured)
        last = replace(last, status=verdict.status, reason=verdict.reason)
    return Fit(
        kind, ready.plan.optimizer, steps, last, replace(kept, parameters=NOTHING), intercept, coefficients,
        verdict.std_errors, verdict.no_errors, verdict.separated, residual_sd, condition, ready.stable, lr, metrics,
        verdict.away,
    )  # fmt: skip
