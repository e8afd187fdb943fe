"""The one training loop: a generator of what each report finds. It never prints and never writes."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, NamedTuple, TypeVar

from dlcli.engine.interrupts import SLICE
from dlcli.engine.ranks import ALONE, Ranks
from dlcli.engine.solver import Solver
from dlcli.errors import Interrupted

UNLIMITED = 2**62  # as a number of steps: only the time is limited
REPORT_SHARE = 0.05  # of a run's time, at most, for the reports between the first and the last
RUNAWAY = 1e12  # times the first objective: the loss grows without bound

P = TypeVar("P")
P_co = TypeVar("P_co", covariant=True)
Status = Literal["", "converged", "finished", "stopped", "diverged"]


@dataclass(frozen=True)
class Step:
    """The numbers of a report. ``status`` is empty until the last one; ``metrics`` are those of validation."""

    step: int
    loss: float
    val_loss: float | None
    lr: float
    gradient_norm: float
    seconds: float
    is_best: bool
    status: Status = ""
    reason: str = ""
    signum: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def watched(self) -> float:
        """The loss that early stopping and schedules go by: that of validation, where there is one."""
        return self.loss if self.val_loss is None else self.val_loss


@dataclass(frozen=True)
class Iterate(Step, Generic[P_co]):
    """A report with the parameters that it is of."""

    parameters: P_co = field(kw_only=True)

    def numbers(self) -> Step:
        """The report without its parameters, which may be large."""
        return Step(
            self.step, self.loss, self.val_loss, self.lr, self.gradient_norm, self.seconds, self.is_best, self.status,
            self.reason, self.signum, self.metrics,
        )  # fmt: skip


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
    recent: float = math.inf  # the best since the learning rate last rose, which early stopping goes by
    bad_reports: int = 0
    seconds: float = 0.0
    report_seconds: float = 0.0  # spent on reports, what is done with them included
    resumed: bool = False


class Ending(NamedTuple):
    """How a run ends; an empty ``status`` says that it goes on."""

    status: Status = ""
    reason: str = ""
    signum: int = 0


def next_report(step: int, limits: StoppingCriteria) -> int:
    """First report after ``step``.

    >>> [next_report(s, StoppingCriteria(10_000)) for s in (0, 100, 999, 1000, 9500)]
    [100, 200, 1000, 2000, 10000]
    """
    every = limits.report_every or max(100, 10 ** int(math.log10(max(step, 1))))
    return min((step // every + 1) * every, limits.steps)


def train(
    solver: Solver[P],
    limits: StoppingCriteria,
    validate: Callable[[P], Mapping[str, float]] | None = None,
    memory: LoopState | None = None,
    check_signal: Callable[[], None] | None = None,
    ranks: Ranks = ALONE,
) -> Iterator[Iterate[P]]:
    """Run ``solver`` and yield an Iterate at step 0 and at each report.

    ``validate`` maps parameters to metrics, ``loss`` among them. The best step is that of the lowest validation loss
    where it is given, else the last. The last one's status is ``converged``, ``finished`` (step limit reached, or the
    time when there is no limit of steps), ``stopped`` (time, early stopping or a signal; ``reason`` says which) or
    ``diverged``. A run taken up again hands in its ``memory`` and starts with the next report. ``check_signal`` is
    asked between steps, and ends the run by raising Interrupted. Several ``ranks`` go by the time of the first.
    """
    ranks.agree()
    run = _Run(solver, limits, validate, memory or LoopState(), ranks)
    memory = run.memory
    solver.init(run.start)
    skip_report, latest, ending, last_report = memory.resumed, None, Ending(), 0.0
    if not memory.resumed:
        memory.first_objective = solver.objective()
    while True:
        if not skip_report:
            began = ranks.now()
            latest = run.last_report(latest) if ending.signum else run.report()
            ending = ending if ending.status else run.ending(latest)
            yield replace(latest, status=ending.status, reason=ending.reason, signum=ending.signum)
            if ending.status:
                return
            solver.scheduler_step(latest.watched)
            ranks.agree()
            last_report = ranks.now() - began
            memory.report_seconds += last_report
        skip_report = False
        pause = run.start + _next_moment(ranks.now() - run.start, limits.report_seconds, memory, last_report)
        try:
            run.advance(next_report(solver.step, limits), min(run.deadline, pause), check_signal)
        except Interrupted as interrupt:
            ending = Ending("stopped", interrupt.reason, interrupt.signum)


def _next_moment(elapsed: float, every: float, memory: LoopState, last_report: float) -> float:
    """When the next report by time is due, in seconds of the run.

    On a multiple of ``every``, whether or not the run was taken up again; later where reports take long, as they do
    on a machine that others use too: not before one more like the last would keep within ``REPORT_SHARE``.

    >>> _next_moment(3.5, 3.0, LoopState(report_seconds=0.1), 0.1)
    6.0
    >>> round(_next_moment(3.5, 3.0, LoopState(report_seconds=2.0), 2.0), 6)
    78.0
    """
    if math.isinf(every):
        return every
    affordable = (memory.report_seconds + last_report) / REPORT_SHARE - last_report
    return max((elapsed // every + 1) * every, affordable)


class _Run(Generic[P]):
    """One call of ``train``: what a report finds, and whether the run ends with it."""

    def __init__(
        self,
        solver: Solver[P],
        limits: StoppingCriteria,
        validate: Callable[[P], Mapping[str, float]] | None,
        memory: LoopState,
        ranks: Ranks,
    ) -> None:
        self.solver, self.limits, self.validate, self.memory, self.ranks = solver, limits, validate, memory, ranks
        self.start = ranks.now() - memory.seconds
        self._steps, self._each = 0, math.inf  # steps of the last slice that several processes took, seconds of each
        self.deadline = math.inf if limits.minutes is None else self.start + limits.minutes * 60

    def advance(self, until: int, deadline: float, check_signal: Callable[[], None] | None) -> None:
        """Take steps to ``until``, or past ``deadline``; in slices of time, where signals are to be looked for."""
        solver = self.solver
        if self.ranks.count > 1:
            self._advance_together(until, deadline, check_signal)
            return
        if check_signal is None:
            solver.advance(until, deadline)
            return
        while True:
            check_signal()
            end = time.monotonic() + SLICE
            solver.advance(until, min(deadline, end))
            if time.monotonic() < end or time.monotonic() >= deadline or solver.step >= until:
                return

    def _advance_together(self, until: int, deadline: float, check_signal: Callable[[], None] | None) -> None:
        """The same by several processes, which must take equally many steps: a number of them for each slice."""
        solver, ranks = self.solver, self.ranks
        ranks.agree(check_signal)
        while solver.step < until and ranks.now() < deadline and solver.termination.running:
            began, before = ranks.now(), solver.step
            fit = min(SLICE, deadline - began) / self._each
            self._steps = max(1, min(2 * self._steps, int(fit)))
            solver.advance(min(until, before + self._steps), math.inf)
            ranks.agree(check_signal)
            self._each = max(ranks.now() - began, 1e-6) / max(solver.step - before, 1)

    def report(self) -> Iterate[P]:
        """Measure the solver where it is."""
        solver, memory = self.solver, self.memory
        parameters, loss = solver.parameters(), solver.loss()
        metrics = self.validate(parameters) if self.validate else {}
        val_loss = metrics.get("loss")
        watched = loss if val_loss is None else val_loss
        is_best = val_loss is None or val_loss < memory.best
        memory.bad_reports = 0 if watched < memory.recent else memory.bad_reports + 1
        memory.best, memory.recent = min(memory.best, watched), min(memory.recent, watched)
        self.ranks.agree()
        memory.seconds = self.ranks.now() - self.start
        return Iterate(
            solver.step, loss, val_loss, solver.lr, solver.gradient_norm(), memory.seconds, is_best,
            metrics={name: value for name, value in metrics.items() if name != "loss"}, parameters=parameters,
        )  # fmt: skip

    def last_report(self, latest: Iterate[P] | None) -> Iterate[P]:
        """The report of a run that a signal ends: ``latest`` if it is of this step.

        One that a run without the signal would not have had leaves no trace.
        """
        if latest is not None and latest.step == self.solver.step:
            return latest
        memory = self.memory
        before = memory.best, memory.recent, memory.bad_reports
        latest = self.report()
        memory.best, memory.recent, memory.bad_reports = before
        return latest

    def ending(self, step: Step) -> Ending:
        """How the run ends with the report ``step``, if it does."""
        limits, memory, termination = self.limits, self.memory, self.solver.termination
        objective = self.solver.objective()
        if termination.kind == "failed":
            return Ending("diverged", termination.reason)
        if not math.isfinite(objective) or objective > RUNAWAY * max(memory.first_objective, 1e-300):
            return Ending("diverged", "the loss grew without bound")
        if termination.kind == "halted":
            return Ending("stopped", termination.reason)
        if termination.kind == "converged":
            return Ending("converged", termination.reason)
        if limits.patience is not None and memory.bad_reports >= limits.patience:
            return Ending("stopped", f"early stopping: {memory.bad_reports} reports without improvement")
        return self._out_of_budget(step, objective)

    def _out_of_budget(self, step: Step, objective: float) -> Ending:
        """Whether steps or time are used up, and what that means."""
        limits = self.limits
        ended, timed_out = self.solver.step >= limits.steps, self.ranks.now() >= self.deadline
        if not (ended or timed_out):
            return Ending()
        # One mini-batch can be many times easier than another, and the first steps of a network may go uphill.
        highest = self.memory.first_objective * self.solver.noise_factor
        if objective > highest and (step.val_loss is None or not step.is_best):
            return Ending("diverged", "the loss ended above where it began")
        if ended:
            return Ending("finished", "step limit reached")
        return Ending("finished" if limits.steps >= UNLIMITED else "stopped", "time limit reached")
