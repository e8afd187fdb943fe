"""The one training loop: a generator of Step records. It never prints and never writes."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from dlcli.engine.arrays import FloatArray
from dlcli.errors import Interrupted


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
        """The value being minimised, penalties included."""

    def gradient_norm(self) -> float:
        """Euclidean norm of the objective's gradient (with L1: of its smallest subgradient)."""

    def parameters(self) -> FloatArray:
        """A copy of the parameters, of shape (columns, outputs)."""

    def feedback(self, loss: float) -> None:
        """Take the loss of a report, for schedules that listen."""


@dataclass(frozen=True)
class Step:
    """One report of the loop. ``status`` is empty until the last one."""

    step: int
    loss: float
    val_loss: float | None
    lr: float
    gradient_norm: float
    seconds: float
    is_best: bool
    parameters: FloatArray
    status: str = ""
    reason: str = ""
    signum: int = 0


@dataclass(frozen=True)
class Limits:
    """When to report and when to stop. ``report_every`` 0 means every tenth of the current power of ten."""

    steps: int
    report_every: int = 0
    minutes: float | None = None
    patience: int | None = None


def next_report(step: int, limits: Limits) -> int:
    """First report after ``step``.

    >>> [next_report(s, Limits(10_000)) for s in (0, 100, 999, 1000, 9500)]
    [100, 200, 1000, 2000, 10000]
    """
    every = limits.report_every or max(100, 10 ** int(math.log10(max(step, 1))))
    return min((step // every + 1) * every, limits.steps)


def train(solver: Solver, limits: Limits, validate: Callable[[FloatArray], float] | None = None) -> Iterator[Step]:
    """Run ``solver`` and yield a Step at step 0 and at each report.

    The best step is that of the lowest validation loss where ``validate`` is given, else the last. The last
    Step's status is ``converged``, ``finished`` (steps used up), ``stopped`` (time, early stopping or a signal;
    ``reason`` says which) or ``diverged``.
    """
    start = time.monotonic()
    deadline = start + limits.minutes * 60 if limits.minutes is not None else math.inf
    first_objective = solver.objective()
    best, bad_reports = math.inf, 0
    status = reason = ""
    signum = 0
    while True:
        parameters = solver.parameters()
        loss = solver.loss()
        val_loss = validate(parameters) if validate else None
        watched = loss if val_loss is None else val_loss
        is_best = val_loss is None or val_loss < best
        bad_reports = 0 if watched < best else bad_reports + 1
        best = min(best, watched)
        if not status:
            status, reason = _outcome(solver, limits, first_objective, bad_reports, deadline)
        yield Step(
            solver.step, loss, val_loss, solver.lr, solver.gradient_norm(), time.monotonic() - start, is_best,
            parameters, status, reason, signum,
        )  # fmt: skip
        if status:
            return
        solver.feedback(watched)
        try:
            solver.advance(next_report(solver.step, limits), deadline)
        except Interrupted as interrupt:
            status, reason, signum = "stopped", "signal", interrupt.signum


def _outcome(
    solver: Solver, limits: Limits, first_objective: float, bad_reports: int, deadline: float
) -> tuple[str, str]:
    objective = solver.objective()
    if not math.isfinite(objective) or objective > 1e12 * max(first_objective, 1e-300):
        return "diverged", "the loss grew without bound"
    if getattr(solver, "separated", ""):
        return "stopped", "separable classes: the loss has no minimum"
    if solver.converged:
        return "converged", getattr(solver, "reason", "gradient tolerance")
    if limits.patience is not None and bad_reports >= limits.patience:
        return "stopped", f"early stopping: {bad_reports} reports without improvement"
    if solver.step >= limits.steps:
        if objective > first_objective * (1 + 1e-9):
            return "diverged", "the loss ended above where it began"
        return "finished", "steps used up"
    if time.monotonic() >= deadline:
        return "stopped", "time limit"
    return "", ""
