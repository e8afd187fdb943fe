"""Training many networks of one shape at once, for tuning: each is a ``Solver`` of the loop.

Small networks spend most of a step in calling operations, not in computing, so 32 of them take it several
times faster together than one after the other. Each gets what a ``NetworkSolver`` of its own would give it, to float32
rounding.
"""

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dlcli.engine.schedules.base import Schedule
from dlcli.engine.solver import Solver
from dlcli.memory import keep_freed_memory
from dlcli.networks.batched.forward import BatchedForward
from dlcli.networks.batched.losses import Loss, batched
from dlcli.networks.batched.optimizers import make_batched_optimizer
from dlcli.networks.batched.replica import BatchedSolver, train_replica
from dlcli.networks.batched.weights import BatchedWeights
from dlcli.networks.data.batch import Batch, Batches
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.flat_images import EXAMPLES, flattened
from dlcli.networks.optim.average import share_of_average
from dlcli.networks.optim.pull import Pull
from dlcli.networks.tensors import float64
from dlcli.networks.training.step.settings import NetworkSettings

__all__ = ["BatchedNetworks", "BatchedSolver", "Replica", "seconds_per_step", "train_replica"]


@dataclass(frozen=True)
class Replica:
    """One of the networks that are trained together, initialized; it is copied, not changed.

    ``schedule.lr`` is its first rate. ``momentum`` is that of sgd; ``l2`` is as in ``make_optimizers``; ``warmup`` is
    in steps. Replicas may share their ``batches``, which are then made once.
    """

    network: DeconvNet
    batches: Batches
    schedule: Schedule
    momentum: float = 0.9
    l2: float = 0.0
    warmup: int = 0


class BatchedNetworks:
    """Networks that are trained in lockstep; ``solvers`` has one for each that is still trained.

    Each replica is driven by a ``train_replica`` of its own, one Step of each in turn: the first one's ``advance``
    takes the steps of all. What a replica does never changes another's numbers. ``settings`` are those of all, but for
    the warm-up. Arithmetic is float32 also where bfloat16 is fast: the smallest networks are faster so, and bfloat16
    would let what is not finite reach other replicas. When memory runs out, torch's error goes to the caller: the
    batch is not halved.

    Raises ValueError for networks of different shapes, with dropout (whose random numbers can't be repeated), for
    runs limited by time, and for schedules that look at gradients.
    """

    def __init__(self, replicas: Sequence[Replica], loss: Loss, optimizer: str, settings: NetworkSettings) -> None:
        _check(replicas, settings)
        keep_freed_memory()
        self.settings, self.loss, self.step = settings, batched(loss), 0
        self.spec = replicas[0].network.spec
        self.solvers = [BatchedSolver(self, r.batches, r.schedule, r.warmup) for r in replicas]
        self.weights = BatchedWeights([replica.network for replica in replicas])
        self.optimizer = make_batched_optimizer(
            optimizer, self.weights.flat, self.weights.hidden, [r.momentum for r in replicas], [r.l2 for r in replicas]
        )
        self.average = self.weights.flat.clone() if settings.ema else None
        self.pull: Pull | None = None  # of all, as in ``LossGradient``
        self._examples: dict[int, Tensor] = {}

    def take_step(self) -> None:
        """One step of all replicas; those that fail leave."""
        losses = self._losses()
        if not self.step:
            self._tell_first(losses)
        self.weights.backward(losses.sum())  # in which each network's gradient is that of its own loss
        if self.pull is not None:
            self.pull.add_to(self.weights.gradient, self.weights.flat)
        self.step += 1
        norms = self._clip()
        good = losses.detach().isfinite() & norms.isfinite()
        for solver, loss, is_good in zip(self.solvers, losses.tolist(), good.tolist(), strict=True):
            solver.count(loss if is_good else None)
        self._update(good)
        for solver in [s for s in self.solvers if not s.termination.running]:
            self.retire(solver)

    @torch.no_grad()
    def measure(self) -> None:
        """Tell all replicas the loss of their first batch; before the first step only."""
        self._tell_first(self._losses())

    def _tell_first(self, losses: Tensor) -> None:
        for solver, loss in zip(self.solvers, losses.tolist(), strict=True):
            solver.first_loss = loss

    def _losses(self) -> Tensor:
        """Each replica's loss on its batch of this step, (K,)."""
        made: dict[int, Batch] = {}
        for solver in self.solvers:
            if id(solver.batches) not in made:
                made[id(solver.batches)] = solver.batches(self.step, self.settings.batch_size)
        batches = [made[id(solver.batches)] for solver in self.solvers]
        bases = [batch.base for batch in batches if batch.base is not None]
        forward = BatchedForward(self.spec, self.weights.views)
        output = forward(torch.cat([b.input for b in batches], 1), torch.cat(bases, 1) if bases else None)
        return self.loss(output, torch.stack([batch.target for batch in batches], 1))

    def _clip(self) -> Tensor:
        """The norms of the gradients, (K,), as they were before they were shortened."""
        gradient = self.weights.gradient
        norms: Tensor = torch.linalg.vector_norm(gradient, dim=1)
        if self.settings.clip is not None:
            gradient.mul_((self.settings.clip / (norms + 1e-6)).clamp_(max=1).unsqueeze(1))
        return norms

    @torch.no_grad()
    def _update(self, good: Tensor) -> None:
        """Change the weights, but for the replicas that are not ``good``, (K,): all of theirs stays as it was."""
        bad = (~good).nonzero().flatten()
        kept = [rows[bad] for rows in self._rows()] if len(bad) else []
        flat = self.weights.flat
        rates = flat.new_tensor([solver.lr for solver in self.solvers]).unsqueeze(1)
        self.optimizer.step(flat, self.weights.gradient, rates)
        if self.settings.l1:
            # A proximal step on the weights, not the biases: exact zeros.
            least = self.optimizer.l1_rates(rates) * self.weights.is_weight * self.settings.l1
            flat.copy_(flat.sign() * (flat.abs() - least).clamp_(min=0))
        self.weights.even_weights()
        if self.average is not None:
            self.average.lerp_(flat, share_of_average(self.settings.ema, self.step))
        for rows, old in zip(self._rows(), kept, strict=False):
            rows[bad] = old

    def _rows(self) -> list[Tensor]:
        """All that a step changes, each (K, ...)."""
        averages = [] if self.average is None else [self.average]
        return [self.weights.flat, *averages, *self.optimizer.rows.values()]

    def parameters_of(self, solver: BatchedSolver) -> dict[str, Tensor]:
        """A copy of a replica's tensors by name, on the CPU; the averaged weights where there are some."""
        rows = self.weights.flat if self.average is None else self.average
        state = self.weights.named(rows[self.solvers.index(solver)])
        if (flat := self.settings.flat) is None:
            return state
        key = id(solver.batches)
        if key not in self._examples:
            self._examples[key] = solver.batches(0, EXAMPLES).input.float().cpu()
        return flattened(flat.spec, state, self._examples[key], kept=flat.kept)

    def gradient_norm_of(self, solver: BatchedSolver) -> float:
        """Euclidean norm of a replica's last gradient; nan before the first."""
        row = self.weights.gradient[self.solvers.index(solver)]
        return math.sqrt(float(float64(row).square().sum())) if self.step else math.nan

    def retire(self, solver: BatchedSolver) -> None:
        """Take a replica out: it keeps its last state, but can't take further steps. No effect if it is already out."""
        if solver not in self.solvers:
            return
        solver.leave()
        left = [row for row, other in enumerate(self.solvers) if other is not solver]
        # A new list, as the caller may be going through the old one.
        self.solvers = [self.solvers[row] for row in left]
        index = torch.tensor(left, dtype=torch.int64, device=self.weights.flat.device)
        self.weights.keep(index)
        self.optimizer.rows = {name: rows[index] for name, rows in self.optimizer.rows.items()}
        if self.average is not None:
            self.average = self.average[index]


def _check(replicas: Sequence[Replica], settings: NetworkSettings) -> None:
    if not replicas:
        raise ValueError("there is no network to train")
    if settings.seconds is not None:
        raise ValueError("a run of batched networks is limited by steps, not by seconds")
    if any(replica.network.spec != replicas[0].network.spec for replica in replicas):
        raise ValueError("batched networks must have one spec")
    if replicas[0].network.spec.dropout:
        raise ValueError("networks with dropout can't be batched")
    if replicas[0].network.spec.turned or replicas[0].network.spec.head.pool or replicas[0].network.spec.head.mirrored:
        raise ValueError("networks of the kind that classifies photographs can't be batched")
    for replica in replicas:
        if replica.schedule.needs_gradient:
            raise ValueError(f"the schedule {replica.schedule.settings.name} looks at gradients: it can't be batched")


def seconds_per_step(solver: Solver[object], steps: int = 3) -> float:
    """Seconds that a step takes, the median of ``steps`` after one to warm up; all of them are really taken.

    Of a batched network it is what a step of all takes.
    """
    solver.advance(solver.step + 1, math.inf)
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        solver.advance(solver.step + 1, math.inf)
        times.append(time.perf_counter() - start)
    return statistics.median(times)
