"""The steps that clients take in a round, all clients at once: their networks in one stack."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from dlcli.engine.interrupts import SLICE
from dlcli.errors import DlcliError
from dlcli.networks.batched.networks import BatchedNetworks, Replica
from dlcli.networks.batched.optimizers import BATCHED_OPTIMIZERS
from dlcli.networks.federated.clients import Client, ClientUpdate
from dlcli.networks.federated.local import OneByOne, refused
from dlcli.networks.losses.supervised import LOSSES
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.optim.flat_parameters import FlatParameters
from dlcli.networks.optim.pull import Pull
from dlcli.networks.training.factory import settings_for
from dlcli.networks.training.settings import NetworkPlan


def can_stack(plan: NetworkPlan) -> bool:
    """Whether the networks of clients can be trained at once: ``BatchedNetworks`` knows all that the plan has."""
    spec, optimizer = plan.spec, plan.optimizer.name
    kinds = spec.dropout or spec.turned or spec.linear or spec.head.pool or spec.head.mirrored
    return not kinds and not plan.execution.compiled and optimizer in BATCHED_OPTIMIZERS


class Stacked:
    """All clients of a round at once; each gets what it would get ``alone``, to float32 rounding.

    ``network`` is one that clients copy. Where a client can't give a batch, all train as ``alone`` has it, which leaves
    that one out.
    """

    def __init__(self, plan: NetworkPlan, network: DeconvNet, alone: OneByOne) -> None:
        """Raises ValueError for a ``plan`` that ``can_stack`` says no to."""
        if not can_stack(plan):
            raise ValueError("networks of this kind can't be trained in one stack")
        self.plan, self.network, self.alone = plan, network, alone
        self.weights = FlatParameters(network, network.hidden_weights())
        self.settings = replace(settings_for(plan), seconds=None, ema=0.0, flat=None, unread=False)
        self.lr = alone.lr

    def train(self, clients: Sequence[Client], weights: Tensor, steps: range) -> Iterator[ClientUpdate | None]:
        """See ``LocalTraining``."""
        stack = self._stack(clients, weights, steps.start)
        solvers, pause = list(stack.solvers), time.monotonic() + SLICE
        while stack.step < steps.stop and stack.solvers:
            try:
                stack.take_step()
            except (DlcliError, OSError):
                yield from self.alone.train(clients, weights, steps)
                return
            if time.monotonic() > pause:
                yield None
                pause = time.monotonic() + SLICE
        for client, solver in zip(clients, solvers, strict=True):
            solver.advance(stack.step, math.inf)  # it counts its losses in
            self.lr = solver.lr
            change = self._flat(solver.parameters()) - weights
            skipped, reason = solver.bad_steps.skipped, solver.termination.reason
            reason = reason or refused(change, skipped, len(steps))
            loss = math.nan if reason else solver.meter.mean()
            yield ClientUpdate(client, None if reason else change, loss, skipped, reason)

    def first_loss(self, clients: Sequence[Client], weights: Tensor) -> float:
        """See ``LocalTraining``."""
        stack = self._stack(clients, weights, 0)
        losses = [client.count * solver.loss() for client, solver in zip(clients, stack.solvers, strict=True)]
        return sum(losses) / sum(client.count for client in clients)

    def _stack(self, clients: Sequence[Client], weights: Tensor, step: int) -> BatchedNetworks:
        """A network for each client, all of them with ``weights``."""
        with torch.no_grad():
            self.weights.flat.copy_(weights)
        optimizer = self.plan.optimizer
        replicas = [
            Replica(
                self.network,
                client.batches,
                self.alone.solver.rate.schedule,
                optimizer.momentum,
                optimizer.l2,
                optimizer.warmup,
            )
            for client in clients
        ]
        stack = BatchedNetworks(replicas, LOSSES[self.plan.loss], optimizer.name, self.settings)
        stack.step = step
        if self.alone.mu:
            stack.pull = Pull(self.alone.mu, stack.weights.flat[0].clone())
        return stack

    def _flat(self, named: dict[str, Tensor]) -> Tensor:
        """Tensors by name as one vector (P,), laid out as the weights are."""
        vector = torch.empty_like(self.weights.flat.detach())
        for name, part in self.weights.named(vector).items():
            part.copy_(named[name])
        return vector
