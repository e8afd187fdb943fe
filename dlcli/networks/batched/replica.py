"""A member of a ``BatchedNetworks``: one network's steps, losses and rates."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from torch import Tensor

from dlcli.engine.loop import Iterate, StoppingCriteria, train
from dlcli.engine.schedules.base import Schedule
from dlcli.engine.solver import RUNNING, Termination
from dlcli.networks.data.batch import Batches
from dlcli.networks.training.solver import MAX_BAD_STEPS, NetworkSolver


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


class BatchedSolver:
    """A member of a stack as a ``Solver``; see ``NetworkSolver``, whose numbers it gives.

    ``step`` is where its own last ``advance`` ended; the stack itself may be further when another member drove it.
    Losses of those steps count from the next ``advance`` on.
    """

    noise_factor = NetworkSolver.noise_factor

    def __init__(self, stack: "Lockstep", batches: Batches, schedule: Schedule, warmup: int) -> None:
        self.stack, self.batches, self.schedule, self.warmup = stack, batches, schedule, warmup
        self.step, self.lr = 0, schedule.lr
        self.skipped = self.bad_in_a_row = 0
        self.termination = RUNNING
        self.warnings: list[str] = []
        self.first_loss: float | None = None
        self.loss_sum = 0.0
        self.loss_count = 0
        self._ahead: list[float] = []  # losses of steps that another member took and this one has not asked for
        self._last_loss = math.nan
        self._told = -1  # the step of the last report that ``scheduler_step`` was told of
        self._left_with: tuple[int, dict[str, Tensor], float] | None = None  # step, parameters, gradient's norm

    def init(self, origin: float) -> None:
        """Nothing depends on the time."""

    def advance(self, until: int, deadline: float) -> None:
        """Take the stack to step ``until``, or past ``deadline`` (time.monotonic), or until a failure."""
        if self._left_with is not None and self.termination.running:
            raise RuntimeError("this member was retired from its stack")
        try:
            while self.stack.step < until and self.termination.running and time.monotonic() < deadline:
                self.stack.take_step()
        finally:
            self.step = self.stack.step if self._left_with is None else self._left_with[0]
            for loss in self._ahead:
                self.loss_sum += loss
            self.loss_count += len(self._ahead)
            self._ahead = []

    def count(self, loss: float | None) -> None:
        """Take note of the stack's step: its loss, or None where that or the gradient was not finite."""
        if loss is None:
            self.skipped += 1
            self.bad_in_a_row += 1
            if self.bad_in_a_row >= MAX_BAD_STEPS:
                reason = f"{MAX_BAD_STEPS} steps in a row gave a loss or gradient that is not finite"
                self.termination = Termination("failed", reason)
            return
        self.bad_in_a_row = 0
        self.lr = self.schedule.rate(self.stack.step - 1)
        if self.stack.step < self.warmup:
            self.lr *= self.stack.step / self.warmup
        self._ahead.append(loss)

    def loss(self) -> float:
        """Mean training loss of the steps since the last ``scheduler_step``; at step 0 that of the first batch."""
        if self.loss_count:
            self._last_loss = self.loss_sum / self.loss_count
        elif not math.isfinite(self._last_loss) and not self.skipped:
            if self.first_loss is None:
                self.stack.measure()
            self._last_loss = math.nan if self.first_loss is None else self.first_loss
        return self._last_loss

    def objective(self) -> float:
        """The last training loss; networks are judged by it for divergence only."""
        return self.loss() if not math.isfinite(self._last_loss) and not self.skipped else self._last_loss

    def gradient_norm(self) -> float:
        """Euclidean norm of the last step's gradient; nan before the first."""
        return self.stack.gradient_norm_of(self) if self._left_with is None else self._left_with[2]

    def parameters(self) -> dict[str, Tensor]:
        """A copy of the network's tensors by name, on the CPU; the averaged weights where there are some."""
        if self._left_with is None:
            return self.stack.parameters_of(self)
        return {name: tensor.clone() for name, tensor in self._left_with[1].items()}

    def scheduler_step(self, loss: float) -> None:
        """Tell the schedule the loss of a report, and begin a new mean; nothing when that is done already.

        Raises RuntimeError for a schedule that listens, when another member has taken steps since the report.
        """
        if self._told == self.step:
            return
        if self.schedule.listens and self._ahead:
            raise RuntimeError(f"the schedule {self.schedule.settings.name} is told of a report too late")
        self._told = self.step
        self.schedule.step(loss)
        self.loss_sum, self.loss_count = 0.0, 0

    def leave(self) -> None:
        """Keep what can be asked for after the stack has dropped this member."""
        self._left_with = self.stack.step, self.parameters(), self.gradient_norm()


def train_replica(
    solver: BatchedSolver,
    limits: StoppingCriteria,
    validate: Callable[[dict[str, Tensor]], Mapping[str, float]] | None = None,
    check_signal: Callable[[], None] | None = None,
) -> Iterator[Iterate[dict[str, Tensor]]]:
    """``loop.train`` for a member of a stack.

    The loop tells a solver of a report when it goes on, and by then another member may have taken the stack's next
    steps. Here it is told before the report is handed out.
    """
    for step in train(solver, limits, validate, check_signal=check_signal):
        if not step.status:
            solver.scheduler_step(step.watched)
        yield step
