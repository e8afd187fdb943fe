"""Training a network, a step at a time: what the loop needs of it."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlcli.engine.schedules.base import Feedback, Schedule
from dlcli.engine.schedules.open_loop import Annealed
from dlcli.engine.solver import RUNNING, Termination
from dlcli.errors import DlcliError, ExitCode
from dlcli.memory import is_out_of_memory, keep_freed_memory
from dlcli.networks.data.batch import Batch, Batches
from dlcli.networks.losses.base import Model
from dlcli.networks.optim.flat_parameters import FlatParameters
from dlcli.networks.optim.optimizers import l1_rates, optimizer_tensors, restore_optimizers

DROPOUT = 3  # tells the stream of random numbers from those of the crops and of the noise
UNTOLD = "API call failed"  # what compiled code says when torch refuses it something
MAX_BAD_STEPS = 20  # non-finite steps in a row after which the run is given up


@dataclass(frozen=True)
class NetworkSettings:
    """How to train a network: everything but the network, the batches and the loss."""

    batch_size: int
    steps: int
    seconds: float | None = None
    l1: float = 0.0
    clip: float | None = None
    ema: float = 0.0
    warmup: int = 0
    dropout_seed: int | None = None  # where the network draws random numbers
    compiled: bool = False


Objective = Callable[[Model, Batch], Tensor]


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
        """The ``optimizers`` change ``weights``, which say by their ``trained`` whether bfloat16 is used."""
        keep_freed_memory()
        self.weights, self.module = weights, weights.network
        self.network: Any = weights.compute_model
        self.batches, self.compute_loss = batches, objective
        self._loss_of = self._compiled() if settings.compiled else self._forward
        self.optimizers, self.schedule, self.settings = list(optimizers), schedule, settings
        self.step, self.lr = 0, schedule.lr
        self.batch_size = settings.batch_size
        self.seconds = 0.0
        self.origin = time.monotonic()  # when the run began; earlier by what was spent before it was taken up again
        self.skipped = self.bad_in_a_row = self.images_seen = 0
        self.termination = RUNNING
        self.warnings: list[str] = []
        self.first_rates = [[float(g["lr"]) for g in o.param_groups] for o in self.optimizers]
        self.average = weights.flat.detach().clone() if settings.ema else None
        self.loss_sum = 0.0
        self.loss_count = 0
        self._differentiated = False
        self._last_loss = math.nan

    def init(self, origin: float) -> None:
        """The run began at ``origin`` (time.monotonic), which annealing by time goes by."""
        self.origin = origin

    def advance(self, until: int, deadline: float) -> None:
        """Take steps to step ``until``, or past ``deadline`` (time.monotonic), or until a failure."""
        if not self.network.training:
            self.network.train()
        while self.step < until and self.termination.running:
            now = time.monotonic()
            if now >= deadline:
                break
            self.seconds = now - self.origin
            self._take_step()

    def fraction(self) -> float:
        """How much of the run is over, from 0 to 1: by steps, or by time."""
        if self.settings.seconds is not None:
            return min(1.0, self.seconds / self.settings.seconds)
        return min(1.0, self.step / self.settings.steps)

    def _take_step(self) -> None:
        loss = self._tried(self._backward, self.step)
        if loss is None:
            return
        self.step += 1
        self.images_seen += self.batch_size
        if not (self._clip() and math.isfinite(loss)):
            self._count_bad_step()
            return
        self.bad_in_a_row = 0
        self._set_rates(loss)
        for optimizer in self.optimizers:
            optimizer.step()
        self._shrink()
        self.weights.sync()
        self._average()
        self.loss_sum += loss
        self.loss_count += 1

    def _tried(self, function: Callable[[Batch], float], step: int) -> float | None:
        """``function`` of the batch of ``step``, or None where memory ran out: the batch is then half as large.

        None, too, where compiled code failed and doesn't say why: Python, which does, takes its place.
        Raises DlcliError when memory runs out for a single image.
        """
        try:
            return function(self.batches(step, self.batch_size))
        except RuntimeError as error:
            if UNTOLD in str(error) and self._loss_of != self._forward:
                self._loss_of = self._forward
                self.warnings.append("a compiled step failed, so --compile is off from here on")
                return None
            if not is_out_of_memory(error):
                raise
        if self.batch_size == 1:
            raise DlcliError(
                "out of memory with a batch of one image", "give a smaller --crop, or fewer --filters",
                ExitCode.TRAINING_FAILED,
            )  # fmt: skip
        self._halve_batch()
        return None

    @torch.no_grad()
    def _measure(self, batch: Batch) -> float:
        return float(self._loss_of(batch))

    def _backward(self, batch: Batch) -> float:
        if self.settings.dropout_seed is not None:
            # From the step alone, so that a run taken up again, or one of many in a process, drops the same units.
            state = np.random.SeedSequence((self.settings.dropout_seed, self.step, DROPOUT)).generate_state(1)
            torch.manual_seed(int(state[0]))
        loss = self._loss_of(batch)
        self.weights.backward(loss)
        self._differentiated = True
        return float(loss.detach())

    def _forward(self, batch: Batch) -> Tensor:
        return self.compute_loss(self._model, batch)

    def _model(self, x: Tensor, base: Tensor | None = None) -> Tensor:
        output: Tensor = self.network(x.to(self.weights.dtype), x if base is None else base)
        return output.float()

    def _compiled(self) -> Callable[[Batch], Tensor]:
        """``_forward``, the loss with it, so that its operations are fused with the network's last."""
        if self.weights.flat.device.type != "cpu":
            return torch.compile(self._forward)
        # Python's calls between the convolutions, which empty the caches, would cost 0.8% of the default's step.
        return torch.compile(self._forward, options={"cpp_wrapper": True})

    def _clip(self) -> bool:
        """Clip the gradient to the norm of --clip, if given; returns whether it is finite."""
        gradient = self.weights.gradient
        if self.settings.clip is not None:
            norm = float(gradient.norm())
            gradient.mul_(min(1.0, self.settings.clip / (norm + 1e-6)))
            return math.isfinite(norm)
        # The sum of finite numbers may be too large.
        return math.isfinite(float(gradient.sum())) or bool(gradient.isfinite().all())

    def _count_bad_step(self) -> None:
        self.skipped += 1
        self.bad_in_a_row += 1
        if self.bad_in_a_row >= MAX_BAD_STEPS:
            reason = f"{MAX_BAD_STEPS} steps in a row gave a loss or gradient that is not finite"
            self.termination = Termination("failed", reason)

    def _halve_batch(self) -> None:
        self.batch_size //= 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.warnings.append(f"out of memory: the batch size is now {self.batch_size}")

    def _set_rates(self, loss: float) -> None:
        self.lr = self._scheduled_rate(loss)
        if self.step < self.settings.warmup:
            self.lr *= self.step / self.settings.warmup
        share = self.lr / self.schedule.lr
        for optimizer, rates in zip(self.optimizers, self.first_rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * share

    def _scheduled_rate(self, loss: float) -> float:
        if self.settings.seconds is not None and isinstance(self.schedule, Annealed):
            return self.schedule.rate_at(self.fraction())
        if not self.schedule.needs_gradient:
            return self.schedule.rate(self.step - 1)
        gradient, weights = self.weights.gradient, self.weights.flat.detach()
        feedback = Feedback(gradient.double().cpu().numpy(), weights.double().cpu().numpy(), loss)
        return self.schedule.rate(self.step - 1, feedback)

    @torch.no_grad()
    def _shrink(self) -> None:
        """L1 as a proximal step on the weights (not the biases): exact zeros."""
        if self.settings.l1:
            for optimizer in self.optimizers:
                for number, part in enumerate(optimizer.param_groups[0]["params"]):
                    least = self.settings.l1 * l1_rates(optimizer, number)
                    # Hidden kernels apart, the parts are the end of all weights, biases among them.
                    mask = self.weights.is_weight[-part.numel() :] if part.ndim == 1 else 1.0
                    part.copy_(part.sign() * (part.abs() - least * mask).clamp_(min=0))

    @torch.no_grad()
    def _average(self) -> None:
        if self.average is not None:
            # The mean of the first steps, then an exponential mean: no start-up bias.
            share = max(1 - self.settings.ema, 1 / (self.step + 1))
            self.average.lerp_(self.weights.flat.detach(), share)

    def loss(self) -> float:
        """Mean training loss of the steps since the last ``scheduler_step``; at step 0 that of the first batch."""
        if self.loss_count:
            self._last_loss = self.loss_sum / self.loss_count
        elif not math.isfinite(self._last_loss) and not self.skipped:
            while (first := self._tried(self._measure, 0)) is None:
                pass
            self._last_loss = first
        return self._last_loss

    def objective(self) -> float:
        """The last training loss; networks are judged by it for divergence only."""
        return self.loss() if not math.isfinite(self._last_loss) and not self.skipped else self._last_loss

    def gradient_norm(self) -> float:
        """Euclidean norm of the last step's gradient; nan before the first."""
        return math.sqrt(float(self.weights.gradient.double().square().sum())) if self._differentiated else math.nan

    def parameters(self) -> dict[str, Tensor]:
        """A copy of the network's tensors by name, on the CPU; the averaged weights where there are some."""
        state = {name: t.detach().cpu().clone() for name, t in self.module.state_dict().items()}
        if self.average is not None:
            state |= {name: part.cpu().clone() for name, part in self.weights.named(self.average).items()}
        return state

    def scheduler_step(self, loss: float) -> None:
        """Tell the schedule the loss of a report, and begin a new mean."""
        self.schedule.step(loss)
        self.loss_sum, self.loss_count = 0.0, 0

    def state_dict(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """All that the rest of the run depends on, as arrays and numbers, for a checkpoint."""
        tensors = {f"network.{name}": t for name, t in self.module.state_dict().items()}
        tensors |= optimizer_tensors(self.optimizers)
        if self.average is not None:
            tensors["average"] = self.average
        arrays = {name: np.array(t.detach().cpu().numpy(), order="C") for name, t in tensors.items()}
        schedule = self.schedule.state_dict()
        arrays |= {f"schedule.{name}": v for name, v in schedule.items() if isinstance(v, np.ndarray)}
        numbers: dict[str, Any] = {name: getattr(self, name) for name in REMEMBERED}
        numbers["schedule"] = {k: v for k, v in schedule.items() if not isinstance(v, np.ndarray)}
        return arrays, numbers

    def load_state_dict(self, arrays: dict[str, NDArray[Any]], numbers: dict[str, Any]) -> None:
        """Take up what ``state_dict`` gave."""
        tensors = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
        self.module.load_state_dict({n[8:]: t for n, t in tensors.items() if n.startswith("network.")})
        self.weights.sync()
        if self.average is not None:
            self.average.copy_(tensors["average"])
        restore_optimizers(self.optimizers, tensors)
        for name in REMEMBERED:
            setattr(self, name, numbers[name])
        remembered = {n.removeprefix("schedule."): a for n, a in arrays.items() if n.startswith("schedule.")}
        self.schedule.load_state_dict(numbers["schedule"] | remembered)


REMEMBERED = (
    "step", "lr", "batch_size", "seconds", "skipped", "bad_in_a_row", "images_seen", "loss_sum", "loss_count",
    "_last_loss",
)  # fmt: skip
