"""Training a network, a step at a time: what the loop needs of it."""

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from dlcli.engine.arrays import AnyArray
from dlcli.engine.schedules.base import Schedule
from dlcli.engine.solver import Solver, Termination
from dlcli.files import JsonObject
from dlcli.memory import keep_freed_memory
from dlcli.networks.data.batch import Batches
from dlcli.networks.model.flat_images import EXAMPLES, flattened
from dlcli.networks.optim.average import AveragedWeights
from dlcli.networks.optim.flat_parameters import FlatParameters
from dlcli.networks.optim.optimizers import optimizer_tensors, restore_optimizers, shrink
from dlcli.networks.training.step.bad_steps import BadSteps
from dlcli.networks.training.step.gradient import LossGradient, Objective
from dlcli.networks.training.step.graph import fixed_shapes
from dlcli.networks.training.step.guard import BatchGuard
from dlcli.networks.training.step.meter import LossMeter
from dlcli.networks.training.step.rate import LearningRate
from dlcli.networks.training.step.settings import NetworkSettings
from dlcli.networks.training.step.unread import READ, StepParts, UnreadSteps


class RunSolver(Solver[dict[str, Tensor]], Protocol):
    """What a run that can be taken up again needs of a solver of one network, whose ``weights`` it changes."""

    weights: FlatParameters
    bad_steps: BadSteps
    images_seen: int

    @property
    def batch_size(self) -> int:
        """Images of a step."""

    @property
    def warnings(self) -> list[str]:
        """What the user should know of the steps so far."""

    def lengthened(self) -> float | None:
        """See ``NetworkSolver.lengthened``."""

    def state_dict(self) -> tuple[dict[str, AnyArray], JsonObject]:
        """All that the rest of the run depends on, as arrays and numbers, for a checkpoint."""

    def load_state_dict(self, arrays: dict[str, AnyArray], numbers: JsonObject) -> None:
        """Take up what ``state_dict`` gave."""


class NetworkSolver:
    """A ``Solver`` that trains a network by mini-batches.

    Each optimizer's rate is its own first rate times the schedule's relative rate. Steps whose loss or gradient is
    not finite are skipped and counted; too many in a row are a failure. When memory runs out the batch is halved.
    """

    noise_factor = 30.0  # the loss may end this much above that of the first batch before it counts as divergence

    def __init__(
        self,
        weights: FlatParameters,
        batches: Batches,
        objective: Objective,
        optimizers: Sequence[torch.optim.Optimizer],
        schedule: Schedule,
        settings: NetworkSettings,
    ) -> None:
        """The ``optimizers`` change ``weights``, which say by their ``dtype`` whether bfloat16 is used."""
        keep_freed_memory()
        self.weights, self.settings = weights, settings
        self.optimizers = list(optimizers)
        self.gradient = LossGradient(weights, objective, settings)
        self.guard = BatchGuard(batches, settings.batch_size, self.gradient)
        self.rate = LearningRate(schedule, self.optimizers, settings)
        self.average = AveragedWeights(weights, settings.ema) if settings.ema else None
        self.bad_steps = BadSteps()
        self.meter = LossMeter()
        self.unread = self._unread_steps()
        self._examples: Tensor | None = None  # images that making flat ones flat is to change the least
        self._read = 0  # good steps that this process has read
        self.step = self.images_seen = 0

    def _unread_steps(self) -> UnreadSteps | None:
        """None where each step's numbers are needed on the host, or added up over processes."""
        settings = self.settings
        if not settings.unread or settings.l1 or self.rate.schedule.needs_gradient or settings.ranks.count > 1:
            return None
        watchers = self.meter, self.bad_steps, self.guard.warnings
        return UnreadSteps(StepParts(self.gradient, self.optimizers, self.average, *watchers))

    @property
    def lr(self) -> float:
        """Learning rate of the last step."""
        return self.rate.lr

    @property
    def batch_size(self) -> int:
        """Images of a step: fewer than at first where memory ran out."""
        return self.guard.batch_size

    @property
    def warnings(self) -> list[str]:
        """What the user should know of the steps so far."""
        return self.guard.warnings

    def lengthened(self) -> float | None:
        """The run, which was to end otherwise, goes on: the factor by which its rates are raised for that, if any."""
        return self.rate.factor if self.rate.lengthened(self.step) else None

    @property
    def termination(self) -> Termination:
        """Whether too many steps failed."""
        return self.bad_steps.termination

    def init(self, origin: float) -> None:
        """The run began at ``origin`` (time.monotonic), which annealing by time goes by."""
        self.rate.origin = origin

    def advance(self, until: int, deadline: float) -> None:
        """Take steps to step ``until``, or past ``deadline`` (time.monotonic), or until a failure."""
        self.gradient.train()
        with fixed_shapes(self.weights.flat.device), self.gradient.lanes.opened():
            while self.step < until and self.bad_steps.termination.running:
                now = self.settings.ranks.now()
                if now >= deadline:
                    break
                self.rate.seconds = now - self.rate.origin
                self._take_step()
            self._settle()

    def _take_step(self) -> None:
        if self.unread is None or self.unread.failed or self._read < READ:
            self._take_read_step()
            return
        size = self.guard.batch_size
        self.rate.update(self.step + 1, math.nan, self.weights)
        if not self.unread.take(lambda: self.guard.batches(self.step, size), self.step + 1):
            self.rate.taken_back(1)
            self._settle()
            return
        self.step += 1
        self.images_seen += size
        if self.unread.full:
            self._settle()

    def _settle(self) -> None:
        """Know what the steps came to that were not read."""
        if self.unread is not None:
            late = self.unread.settle()
            self.rate.taken_back(late)
            self.step -= late
            self.images_seen -= late * self.guard.batch_size
        self.rate.settled()

    def _take_read_step(self) -> None:
        loss = self.guard.loss_of(self.step)
        if loss is None:
            return
        self.step += 1
        self.images_seen += self.guard.batch_size
        self.weights.even_gradient()
        good = self.gradient.clip() and math.isfinite(loss)
        self.bad_steps.count(good=good)
        if not good:
            self.rate.left_out(self.step)
            return
        self._read += 1
        self.rate.update(self.step, loss, self.weights)
        for optimizer in self.optimizers:
            optimizer.step()
        if self.settings.l1:
            shrink(self.optimizers, self.weights, self.settings.l1)
        self.weights.even_weights()
        self.weights.sync()
        if self.average is not None:
            self.average.update(self.step)
        self.meter.add(loss)

    def loss(self) -> float:
        """Mean training loss of the steps since the last ``scheduler_step``; at step 0 that of the first batch."""
        if self.meter.unknown and not self.bad_steps.skipped:
            self.meter.last = self.guard.first_loss()
        return self.meter.mean()

    def objective(self) -> float:
        """The last training loss; networks are judged by it for divergence only."""
        known = math.isfinite(self.meter.last) or self.bad_steps.skipped
        return self.meter.last if known else self.loss()

    def gradient_norm(self) -> float:
        """Euclidean norm of the last step's gradient; nan before the first."""
        return self.gradient.norm()

    def parameters(self) -> dict[str, Tensor]:
        """A copy of the network's tensors by name, on the CPU; the averaged weights where there are some.

        Where the settings ask for it, they are those that make flat images flat.
        """
        state = {name: t.detach().cpu().clone() for name, t in self.weights.network.state_dict().items()}
        state = state if self.average is None else state | self.average.named()
        if self.settings.flat is None:
            return state
        if self._examples is None:
            self._examples = self.guard.batches(0, EXAMPLES).input.float().cpu()
        return flattened(self.settings.flat.spec, state, self._examples, kept=self.settings.flat.kept)

    def scheduler_step(self, loss: float) -> None:
        """Tell the schedule the loss of a report, and begin a new mean."""
        self.rate.schedule.step(loss)
        self.meter.reset()

    def state_dict(self) -> tuple[dict[str, AnyArray], JsonObject]:
        """All that the rest of the run depends on, as arrays and numbers, for a checkpoint."""
        tensors = {f"network.{name}": t for name, t in self.weights.network.state_dict().items()}
        tensors |= optimizer_tensors(self.optimizers)
        if self.average is not None:
            tensors["average"] = self.average.vector
        arrays = {name: np.array(t.detach().cpu().numpy(), order="C") for name, t in tensors.items()}
        of_schedule, numbers = self.rate.state_dict()
        numbers |= {"step": self.step, "images_seen": self.images_seen, "batch_size": self.guard.batch_size}
        return arrays | of_schedule, numbers | self.bad_steps.state_dict() | self.meter.state_dict()

    def load_state_dict(self, arrays: dict[str, AnyArray], numbers: JsonObject) -> None:
        """Take up what ``state_dict`` gave."""
        tensors = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
        self.weights.network.load_state_dict({n[8:]: t for n, t in tensors.items() if n.startswith("network.")})
        self.weights.sync()
        if self.average is not None:
            self.average.vector.copy_(tensors["average"])
        restore_optimizers(self.optimizers, tensors)
        self.step, self.images_seen = numbers["step"], numbers["images_seen"]
        self.guard.batch_size = numbers["batch_size"]
        self.bad_steps.load_state_dict(numbers)
        self.meter.load_state_dict(numbers)
        self.rate.load_state_dict(arrays, numbers)
        self.unread, self._read = self._unread_steps(), 0  # the optimizers' tensors are other ones now
