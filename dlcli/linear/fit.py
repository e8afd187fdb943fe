"""One fit of a linear model: the problem in training units, a solver for it, and the result in the data's units."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dlcli.engine.arrays import FloatArray
from dlcli.engine.loop import Iterate, Step, StoppingCriteria, train
from dlcli.engine.progress import Progress
from dlcli.engine.schedules.base import Schedule
from dlcli.linear.curve import loss_curve
from dlcli.linear.data.cache import FitCache
from dlcli.linear.data.rows import Held
from dlcli.linear.diagnostics.advice import Ended, advise, announce
from dlcli.linear.diagnostics.collinear import collinear, say_collinear
from dlcli.linear.diagnostics.condition import condition_number
from dlcli.linear.inference.settings import InferenceSettings
from dlcli.linear.objectives.loss import said_of_kind
from dlcli.linear.plan import Plan
from dlcli.linear.problem import FitProblem, free_of_units, kind_of, row_problem, spans_rows
from dlcli.linear.result import Fit, Trace, make_fit
from dlcli.linear.solver import make_schedule, make_solver, stable_rate
from dlcli.linear.solvers.exact_solver import ExactSolver
from dlcli.linear.solvers.solver import LinearSolver
from dlcli.text import counted


@dataclass(frozen=True)
class Prepared:
    """A fit that is ready to run; ``stable`` is its largest stable learning rate, where that is known.

    It makes the solver (or what a replica of a batch needs), and from where that ended the result.
    """

    problem: FitProblem
    stable: float | None

    @property
    def plan(self) -> Plan:
        """How to train."""
        return self.problem.plan

    def schedule(self) -> Schedule | None:
        """The schedule of the plan with its first rate; None for methods that have no learning rate."""
        return make_schedule(self.problem, self.stable)

    def solver(self, schedule: Schedule | None) -> LinearSolver:
        """The solver of the plan, at its beginning."""
        return make_solver(self.problem, schedule)

    def result(
        self, solver: LinearSolver, lr: float, steps: list[Step], kept: Iterate[FloatArray], *, with_errors: bool = True
    ) -> Fit:
        """The fitted model, ``kept`` holding its parameters; standard errors may take another pass."""
        trace = Trace(self.plan.optimizer, steps, steps[-1], kept.numbers(), lr, self.stable)
        return make_fit(self.problem, solver, trace, kept.parameters, with_errors=with_errors)


def prepare(plan: Plan, cache: FitCache, train_groups: Sequence[int], held: Held) -> Prepared:
    """What fitting on the rows of some groups, and measuring on others, takes."""
    data = cache.seen_from(train_groups)
    kind = kind_of(plan.kind, data)
    scored = data.merged(held.scored) if held.scored else None
    watched = data.merged(held.watched) if held.watched else None
    columns = plan.columns
    squares = cache.squares(columns, plan.penalty.l2, train_groups)
    if free_of_units(plan, kind) and not columns.standardize and not spans_rows(plan, squares):
        columns = replace(columns, standardize=True)
        squares = cache.squares(columns, plan.penalty.l2, train_groups)
    rows = None
    if plan.keep_rows:
        exact = plan.optimizer == "exact" and kind == "mse"  # whose rows stay in the data's units
        values = cache.rows(columns, train_groups, held, squares.units, exact=exact)
        rows = row_problem(plan, data, values, squares, kind, cache.device)
        kind = rows.kind
    problem = FitProblem(plan, data, kind, squares, rows, held, scored, watched, cache.start_of(train_groups))
    return Prepared(problem, stable_rate(problem))


def fit(
    ready: Prepared,
    progress: Progress,
    on_step: Callable[[Step], None],
    defer: Callable[[], Callable[[], None]],
    inference: InferenceSettings | None = None,
) -> Fit:
    """Train, and say what the user should know. ``on_step`` gets each report; ``inference``: not of a fold.

    ``defer`` is called before the first report: from then on a signal waits for the end of a step, and the function
    that ``defer`` gives raises Interrupted for it. Before that there is nothing to save; the exact solver has nothing
    before its end.
    """
    problem, plan = ready.problem, ready.plan
    schedule = ready.schedule()
    solver, lr = ready.solver(schedule), float("nan") if schedule is None else schedule.lr
    announce(problem, ready.stable, lr, progress)
    found = collinear(problem.squares, solver.solution.aliased if isinstance(solver, ExactSolver) else None)
    say_collinear(problem, found, progress)
    count, columns = problem.squares.moments.number, len(problem.squares.units.scale)
    validate = problem.validate
    loss, size = said_of_kind(problem.kind), f"{counted(count, 'row')}, {counted(columns, 'column')}"
    title = f"fit-linear: {loss}, {plan.optimizer}, {size}"
    progress.begin(title, plan.steps, validate is not None)
    check_signal = None if plan.optimizer == "exact" else defer()
    steps: list[Step] = []
    kept: Iterate[FloatArray] | None = None
    for step in train(solver, plan.stopping, validate, check_signal=check_signal):
        kept = to_keep(kept, step, plan.stopping)
        steps.append(step.numbers())
        on_step(steps[-1])
    assert kept is not None
    result = ready.result(solver, lr, steps, kept, with_errors=not problem.held.fold)
    curve = None if problem.held.fold else loss_curve(solver, validate, steps)
    if inference is not None:
        if inference.covariance != "classical":
            from dlcli.linear.inference.robust import robust

            result = robust(problem, result, inference)
        condition, at_least = condition_number(problem, solver, found)
        result = replace(result, condition_number=condition, condition_at_least=at_least)
    result = replace(result, aliased=tuple(problem.data.names[j] for j in found), curve=curve)
    advise(plan, Ended.of(result), progress)
    if plan.stops_early and steps[-1].status != "diverged":
        progress.note(f"weights of step {kept.step:,} kept: lowest held-out loss")
        if kept.step == 0:
            where = "all 0" if problem.start is None else "those of --init"
            progress.warn(f"no step lowered the held-out loss: the weights are those before training, {where}")
    return result


def to_keep(
    kept: Iterate[FloatArray] | None, step: Iterate[FloatArray], limits: StoppingCriteria
) -> Iterate[FloatArray]:
    """Which of the two reports a fit keeps: the later one, unless early stopping was asked for.

    What is saved is what was asked for: choosing among the iterates by their held-out loss is early stopping.
    """
    return step if kept is None or limits.patience is None or step.is_best else kept
