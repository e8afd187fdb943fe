"""A replica of ``BatchedNetworks``: one network's steps, losses and rates."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from dlcli.engine.loop import Iterate, StoppingCriteria, train
from dlcli.engine.schedules.base import Schedule
from dlcli.engine.solver import Termination
from dlcli.networks.data.batch import Batches
from dlcli.networks.training.solver import NetworkSolver
from dlcli.networks.training.step.bad_steps import BadSteps
from dlcli.networks.training.step.meter import LossMeter
from dlcli.networks.training.step.rate import warmed_up


class Lockstep(Protocol):
    """What a replica asks of the networks that it is trained with (``BatchedNetworks``)."""

    step: int

    def take_step(self) -> None:
        """One step of all."""

    def measure(self) -> None:
        """Tell all replicas the loss of their first batch."""

    def parameters_of(self, solver: "BatchedSolver") -> dict[str, Tensor]:
        """A copy of a replica's tensors by name."""

    def gradient_norm_of(self, solver: "BatchedSolver") -> float:
        """Euclidean norm of a replica's last gradient."""


@dataclass(frozen=True)
class LastState:
    """What can be asked of a replica that is no longer trained."""

    step: int
    parameters: dict[str, Tensor]
    gradient_norm: float


class BatchedSolver:
    """A replica of ``networks`` as a ``Solver``; see ``NetworkSolver``, whose numbers it gives.

    ``step`` is where its own last ``advance`` ended; the networks may be further when another replica drove them.
    Losses of those steps count from the next ``advance`` on.
    """

    noise_factor = NetworkSolver.noise_factor

    def __init__(self, networks: Lockstep, batches: Batches, schedule: Schedule, warmup: int) -> None:
        self.networks, self.batches, self.schedule, self.warmup = networks, batches, schedule, warmup
        self.step, self.lr = 0, schedule.lr
        self.bad_steps = BadSteps()
        self.meter = LossMeter()
        self.first_loss: float | None = None
        self._ahead: list[float] = []  # losses of steps that another replica took and this one has not asked for
        self._told = -1  # the step of the last report that ``scheduler_step`` was told of
        self._last: LastState | None = None  # once it has left

    @property
    def termination(self) -> Termination:
        """Whether too many steps failed."""
        return self.bad_steps.termination

    def init(self, origin: float) -> None:
        """Nothing depends on the time."""

    def advance(self, until: int, deadline: float) -> None:
        """Take all replicas to step ``until``, or past ``deadline`` (time.monotonic), or until a failure."""
        if self._last is not None and self.termination.running:
            raise RuntimeError("this replica was retired from its batch")
        try:
            while self.networks.step < until and self.termination.running and time.monotonic() < deadline:
                self.networks.take_step()
        finally:
            self.step = self.networks.step if self._last is None else self._last.step
            for loss in self._ahead:
                self.meter.add(loss)
            self._ahead = []

    def count(self, loss: float | None) -> None:
        """Take note of the replicas' step: its loss, or None where that or the gradient was not finite."""
        self.bad_steps.count(good=loss is not None)
        if loss is None:
            return
        step = self.networks.step
        self.lr = warmed_up(self.schedule.rate(step - 1), step, self.warmup)
        self._ahead.append(loss)

    def loss(self) -> float:
        """Mean training loss of the steps since the last ``scheduler_step``; at step 0 that of the first batch."""
        if self.meter.unknown and not self.bad_steps.skipped:
            if self.first_loss is None:
                self.networks.measure()
            self.meter.last = math.nan if self.first_loss is None else self.first_loss
        return self.meter.mean()

    def objective(self) -> float:
        """The last training loss; networks are judged by it for divergence only."""
        known = math.isfinite(self.meter.last) or self.bad_steps.skipped
        return self.meter.last if known else self.loss()

    def gradient_norm(self) -> float:
        """Euclidean norm of the last step's gradient; nan before the first."""
        return self.networks.gradient_norm_of(self) if self._last is None else self._last.gradient_norm

    def parameters(self) -> dict[str, Tensor]:
        """A copy of the network's tensors by name, on the CPU; the averaged weights where there are some."""
        if self._last is None:
            return self.networks.parameters_of(self)
        return {name: tensor.clone() for name, tensor in self._last.parameters.items()}

    def scheduler_step(self, loss: float) -> None:
        """Tell the schedule the loss of a report, and begin a new mean; nothing when that is done already.

        Raises RuntimeError for a schedule that listens, when another replica has taken steps since the report.
        """
        if self._told == self.step:
            return
        if self.schedule.listens and self._ahead:
            raise RuntimeError(f"the schedule {self.schedule.settings.name} is told of a report too late")
        self._told = self.step
        self.schedule.step(loss)
        self.meter.reset()

    def leave(self) -> None:
        """Keep what can be asked for after the others go on without this replica."""
        self._last = LastState(self.networks.step, self.parameters(), self.gradient_norm())


def train_replica(
    solver: BatchedSolver,
    limits: StoppingCriteria,
    validate: Callable[[dict[str, Tensor]], Mapping[str, float]] | None = None,
    check_signal: Callable[[], None] | None = None,
) -> Iterator[Iterate[dict[str, Tensor]]]:
    """``loop.train`` for a replica.

    The loop tells a solver of a report when it goes on, and by then another replica may have taken the next steps of
    all. Here it is told before the report is handed out.
    """
    for step in train(solver, limits, validate, check_signal=check_signal):
        if not step.status:
            solver.scheduler_step(step.watched)
        yield step
