"""The steps that clients take in a round, one client after another: those of the training room's own solver."""

import math
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor

from dlcli.engine.interrupts import SLICE
from dlcli.errors import DlcliError
from dlcli.memory import is_out_of_memory
from dlcli.networks.federated.clients import Client, ClientUpdate
from dlcli.networks.optim.pull import Pull
from dlcli.networks.training.solver import NetworkSolver
from dlcli.networks.training.step.bad_steps import BadSteps
from dlcli.networks.training.step.meter import LossMeter

NOTHING_FINITE = "no step had a finite loss and gradient"


class LocalTraining(Protocol):
    """How clients take the steps of a round: ``lr`` is the rate of the last one."""

    lr: float

    def train(self, clients: Sequence[Client], weights: Tensor, steps: range) -> Iterator[ClientUpdate | None]:
        """Each client's update by these ``steps`` (numbers from 0 on) from ``weights`` (P,).

        Now and then None comes, after which the caller may stop.
        """

    def first_loss(self, clients: Sequence[Client], weights: Tensor) -> float:
        """Mean loss of the clients' first batches, each counted by its images."""


class OneByOne:
    """Clients one after another, by one ``solver``, which forgets all of a client when it turns to the next.

    Clients keep nothing between rounds: an optimizer's moments begin at 0 in each, as in McMahan et al. (2017). With
    ``mu`` each is pulled towards what it was sent (FedProx).
    """

    def __init__(self, solver: NetworkSolver, mu: float = 0.0) -> None:
        self.solver, self.mu = solver, mu
        self.lr = solver.lr

    def train(self, clients: Sequence[Client], weights: Tensor, steps: range) -> Iterator[ClientUpdate | None]:
        """See ``LocalTraining``."""
        for client in clients:
            self._begin(client, weights, steps.start)
            reason = ""
            while self.solver.step < steps.stop and not reason:
                try:
                    self.solver.advance(steps.stop, time.monotonic() + SLICE)
                except DlcliError as error:
                    reason = error.message
                except (OSError, RuntimeError) as error:
                    if isinstance(error, RuntimeError) and is_out_of_memory(error):
                        raise
                    reason = " ".join(str(error).split())
                if not self.solver.termination.running:
                    reason = self.solver.termination.reason
                yield None
            self.lr = self.solver.lr
            yield self._update(client, weights, len(steps), reason)

    def first_loss(self, clients: Sequence[Client], weights: Tensor) -> float:
        """See ``LocalTraining``."""
        total = 0.0
        for client in clients:
            self._begin(client, weights, 0)
            total += client.count * self.solver.guard.first_loss()
        return total / sum(client.count for client in clients)

    def _begin(self, client: Client, weights: Tensor, step: int) -> None:
        """Have the solver where the client begins its round."""
        solver = self.solver
        with torch.no_grad():
            solver.weights.flat.copy_(weights)
        solver.weights.sync()
        for optimizer in solver.optimizers:
            optimizer.state.clear()
        solver.guard.batches = client.batches
        solver.gradient.pull = Pull(self.mu, weights) if self.mu else None
        solver.gradient.drops_by(client.seed)
        solver.bad_steps, solver.meter, solver.step = BadSteps(), LossMeter(), step
        solver.rate.settled()

    def _update(self, client: Client, weights: Tensor, steps: int, reason: str) -> ClientUpdate:
        solver = self.solver
        skipped = solver.bad_steps.skipped
        change = solver.weights.flat.detach() - weights
        reason = reason or refused(change, skipped, steps)
        loss = math.nan if reason else solver.meter.mean()
        return ClientUpdate(client, None if reason else change, loss, skipped, reason)


def refused(change: Tensor, skipped: int, steps: int) -> str:
    """Why a client's ``change`` after so many ``steps``, some of them ``skipped``, is of no use; "" where it is."""
    if skipped >= steps:
        return NOTHING_FINITE
    return "" if bool(change.isfinite().all()) else "its weights are not finite"
