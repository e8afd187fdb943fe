"""The one training loop: a generator of Step records. It never prints and never writes."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from dlcli.errors import Interrupted

UNLIMITED = 2**62  # as a number of steps: only the time is limited
REPORT_SHARE = 0.05  # of a run's time, at most, for the reports between the first and the last


class Solver(Protocol):
    """What the loop needs of a method: init (the constructor), step (``advance``), terminate (``converged``)."""

    step: int
    lr: float
    converged: bool

    def advance(self, until: int, deadline: float) -> None:
        """Take steps to step ``until``; return earlier when converged, or past ``deadline`` (time.monotonic)."""

    def loss(self) -> float:
        """Mean loss on the training rows, without penalties."""

    def objective(self) -> float:
        """The value being minimized, penalties included."""

    def gradient_norm(self) -> float:
        """Euclidean norm of the objective's gradient (with L1: of its smallest subgradient)."""

    def parameters(self) -> Any:
        """A copy of the parameters: an array of shape (columns, outputs), or a network's tensors by name."""

    def feedback(self, loss: float) -> None:
        """Take the loss of a report, for schedules that listen."""


@dataclass(frozen=True)
class Step:
    """One report of the loop. ``status`` is empty until the last one; ``metrics`` are those of validation."""

    step: int
    loss: float
    val_loss: float | None
    lr: float
    gradient_norm: float
    seconds: float
    is_best: bool
    parameters: Any
    status: str = ""
    reason: str = ""
    signum: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class StoppingCriteria:
    """When to report and when to stop.

    ``report_every`` 0 means every tenth of the current power of ten; ``report_seconds`` asks for reports by time,
    which are put off where they would take more than ``REPORT_SHARE`` of the run.
    """

    steps: int
    report_every: int = 0
    minutes: float | None = None
    patience: int | None = None
    report_seconds: float = math.inf


@dataclass
class LoopState:
    """What the loop itself remembers, so that a run can be taken up again: saved with a checkpoint."""

    first_objective: float = math.nan
    best: float = math.inf
    bad_reports: int = 0
    seconds: float = 0.0
    report_seconds: float = 0.0  # spent on reports, what is done with them included
    resumed: bool = False


def next_report(step: int, limits: StoppingCriteria) -> int:
    """First report after ``step``.

    >>> [next_report(s, Limits(10_000)) for s in (0, 100, 999, 1000, 9500)]
    [100, 200, 1000, 2000, 10000]
    """
    every = limits.report_every or max(100, 10 ** int(math.log10(max(step, 1))))
    return min((step // every + 1) * every, limits.steps)


def train(
    solver: Solver,
    limits: StoppingCriteria,
    validate: Callable[[Any], Mapping[str, float]] | None = None,
    memory: LoopState | None = None,
) -> Iterator[Step]:
    """Run ``solver`` and yield a Step at step 0 and at each report.

    ``validate`` maps parameters to metrics, ``loss`` among them. The best step is that of the lowest validation loss
    where it is given, else the last. The last Step's status is ``converged``, ``finished`` (step limit reached, or the
    time when there is no limit of steps), ``stopped`` (time, early stopping or a signal; ``reason`` says which) or
    ``diverged``. A run taken up again hands in its ``memory`` and starts with the next report.
    """
    memory = memory or LoopState()
    start = time.monotonic() - memory.seconds
    deadline = start + limits.minutes * 60 if limits.minutes is not None else math.inf
    if not memory.resumed:
        memory.first_objective = solver.objective()
    skip_report = memory.resumed
    step: Step | None = None
    status = reason = ""
    signum = 0
    last_report = 0.0
    while True:
        if not skip_report:
            began = time.monotonic()
            if not signum:
                step = _report(solver, validate, memory, start)
            elif step is None or step.step != solver.step:
                # A report that a run without the signal would not have had leaves no trace.
                before = memory.best, memory.bad_reports
                step = _report(solver, validate, memory, start)
                memory.best, memory.bad_reports = before
            if not status:
                status, reason = _outcome(solver, limits, memory, deadline, step)
            yield replace(step, status=status, reason=reason, signum=signum)
            if status:
                return
            solver.feedback(step.loss if step.val_loss is None else step.val_loss)
            last_report = time.monotonic() - began
            memory.report_seconds += last_report
        skip_report = False
        pause = start + _next_moment(time.monotonic() - start, limits.report_seconds, memory, last_report)
        try:
            solver.advance(next_report(solver.step, limits), min(deadline, pause))
        except Interrupted as interrupt:
            status, reason, signum = "stopped", interrupt.reason, interrupt.signum


def _next_moment(elapsed: float, every: float, memory: LoopState, last_report: float) -> float:
    """When the next report by time is due, in seconds of the run.

    On a multiple of ``every``, whether or not the run was taken up again; later where reports take long, as they do
    on a machine that others use too: not before one more like the last would keep within ``REPORT_SHARE``.

    >>> _next_moment(3.5, 3.0, Memory(report_seconds=0.1), 0.1)
    6.0
    >>> round(_next_moment(3.5, 3.0, Memory(report_seconds=2.0), 2.0), 6)
    78.0
    """
    if math.isinf(every):
        return every
    affordable = (memory.report_seconds + last_report) / REPORT_SHARE - last_report
    return max((elapsed // every + 1) * every, affordable)


def _report(
    solver: Solver, validate: Callable[[Any], Mapping[str, float]] | None, memory: LoopState, start: float
) -> Step:
    parameters, loss = solver.parameters(), solver.loss()
    metrics = validate(parameters) if validate else {}
    val_loss = metrics.get("loss")
    watched = loss if val_loss is None else val_loss
    is_best = val_loss is None or val_loss < memory.best
    memory.bad_reports = 0 if watched < memory.best else memory.bad_reports + 1
    memory.best = min(memory.best, watched)
    memory.seconds = time.monotonic() - start
    return Step(
        solver.step, loss, val_loss, solver.lr, solver.gradient_norm(), memory.seconds, is_best, parameters,
        metrics={name: value for name, value in metrics.items() if name != "loss"},
    )  # fmt: skip


def _outcome(
    solver: Solver, limits: StoppingCriteria, memory: LoopState, deadline: float, step: Step
) -> tuple[str, str]:
    objective, first_objective = solver.objective(), memory.first_objective
    if getattr(solver, "failure", ""):
        return "diverged", str(getattr(solver, "failure", ""))
    if not math.isfinite(objective) or objective > 1e12 * max(first_objective, 1e-300):
        return "diverged", "the loss grew without bound"
    if getattr(solver, "halted", ""):  # it can go no further, and isn't at the optimum
        return "stopped", str(getattr(solver, "halted", ""))
    if solver.converged:
        return "converged", getattr(solver, "reason", "gradient tolerance")
    if limits.patience is not None and memory.bad_reports >= limits.patience:
        return "stopped", f"early stopping: {memory.bad_reports} reports without improvement"
    ended, timed_out = solver.step >= limits.steps, time.monotonic() >= deadline
    # One mini-batch can be many times easier than another, and the first steps of a network may go uphill.
    rise = getattr(solver, "noise_factor", 1 + 1e-9)
    if (ended or timed_out) and objective > first_objective * rise and (step.val_loss is None or not step.is_best):
        return "diverged", "the loss ended above where it began"
    if ended:
        return "finished", "step limit reached"
    if timed_out:
        return ("finished", "time limit reached") if limits.steps >= UNLIMITED else ("stopped", "time limit reached")
    return "", ""
