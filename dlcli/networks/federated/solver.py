"""Federated averaging as a ``Solver``: a round is so many steps of each client that is asked, and one of the server."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlcli.engine.arrays import AnyArray
from dlcli.engine.schedules.base import Schedule
from dlcli.engine.solver import RUNNING, Termination
from dlcli.files import JsonObject
from dlcli.networks.federated.clients import Client, ClientUpdate
from dlcli.networks.federated.local import LocalTraining
from dlcli.networks.model.flat_images import flattened
from dlcli.networks.optim.flat_parameters import FlatParameters
from dlcli.networks.training.step.bad_steps import BadSteps
from dlcli.networks.training.step.meter import LossMeter
from dlcli.networks.training.step.settings import FlatImages
from dlcli.text import counted, printable

FloatArray = NDArray[np.float64]
IN_VAIN = 3  # rounds in a row without an update of any client, after which the run is given up
FIRST = 32  # clients at most whose first batch tells the loss before the first step


class Server(Protocol):
    """Whom the server asks, and how it puts their answers together; ``counts`` is what it remembers of that."""

    @property
    def counts(self) -> dict[str, int]:
        """By name; a checkpoint keeps them."""

    def asked(self, round: int, /) -> list[int]:
        """The clients that are asked in ``round``, by number."""

    def lost(self, round: int, asked: Sequence[int], /) -> set[int]:
        """Those of them that give no answer, for a study of failures."""

    def averaged(
        self, updates: Mapping[int, FloatArray], images: Mapping[int, int], asked: Sequence[int], round: int, /
    ) -> FloatArray:
        """The change of the server's weights (P,), from those of the clients that answered, with their images."""


@dataclass(frozen=True)
class FederatedSettings:
    """A round is ``local_steps`` steps of a client, of ``batch_size`` images each; there are ``rounds``."""

    rounds: int
    local_steps: int
    batch_size: int


@dataclass(frozen=True)
class Flattening:
    """Making flat images flat: of ``images``, and with ``examples`` (B, C, H, W) that are changed the least."""

    images: FlatImages
    examples: Tensor


@dataclass
class Round:
    """What a round came to: who was asked, who gave nothing that could be used, and the loss of the others."""

    number: int
    asked: list[int]
    lost: list[int] = field(default_factory=list)
    loss: float = math.nan


class FederatedSolver:
    """Federated averaging (McMahan et al. 2017) over ``clients``, each of which steps as ``local`` has it.

    ``weights`` are the server's, of a network that nobody trains but by its rounds. ``step`` counts the steps of a
    client: ``local_steps`` for each round. The ``gradient_norm`` is that of the server's last change, which stands for
    a gradient (Reddi et al. 2021). Clients that fail are left out of their round, which ``warnings`` tell; where none
    is left, the round changes nothing.
    """

    noise_factor = 30.0

    def __init__(
        self,
        clients: Sequence[Client],
        weights: FlatParameters,
        local: LocalTraining,
        server: Server,
        schedule: Schedule,
        settings: FederatedSettings,
    ) -> None:
        self.clients, self.weights, self.local, self.server = list(clients), weights, local, server
        self.schedule, self.settings = schedule, settings
        self.flattening: Flattening | None = None
        self.bad_steps, self.meter = BadSteps(), LossMeter()
        self.step = self.images_seen = 0
        self.rounds: list[Round] = []
        self.warnings: list[str] = []
        self.batch_size = settings.batch_size
        self._told: set[int] = set()
        self._running: Iterator[None] | None = None  # the round that is under way
        self._norm = math.nan
        self._in_vain = 0

    @property
    def lr(self) -> float:
        """Learning rate of the clients' last step."""
        return self.local.lr

    @property
    def termination(self) -> Termination:
        """Whether no client could be used for too long."""
        if self._in_vain < IN_VAIN:
            return RUNNING
        return Termination("failed", f"in {counted(IN_VAIN, 'round')} after each other no client gave a usable update")

    def init(self, origin: float) -> None:
        """Nothing depends on the time."""

    def advance(self, until: int, deadline: float) -> None:
        """Take rounds to step ``until`` or beyond, or past ``deadline`` (time.monotonic), where a round may be left
        unfinished for the next call.
        """
        while self.step < until and self.termination.running and time.monotonic() < deadline:
            if self._running is None:
                self._running = self._round()
            for _ in self._running:
                if time.monotonic() >= deadline:
                    return
            self._running = None

    def _round(self) -> Iterator[None]:
        """One round, paused now and then; its end is where the solver changes."""
        number = self.step // self.settings.local_steps
        asked = self.server.asked(number)
        lost = self.server.lost(number, asked)
        found: list[ClientUpdate] = []
        steps = range(self.step, self.step + self.settings.local_steps)
        at_work = [self.clients[i] for i in asked if i not in lost]
        for update in self.local.train(at_work, self.weights.flat.detach().clone(), steps):
            if update is None:
                yield
            else:
                found.append(update)
        self._end(Round(number, list(asked), sorted(lost)), found)

    @torch.no_grad()
    def _end(self, round: Round, found: Sequence[ClientUpdate]) -> None:
        good = [update for update in found if update.change is not None]
        for update in found:
            self.bad_steps.skipped += update.skipped
            if update.change is None:
                round.lost.append(update.client.number)
                self._tell(update, round.number)
        round.lost.sort()
        if good:
            self._in_vain = 0
            images = {u.client.number: u.client.count for u in good}
            changes = {
                u.client.number: u.change.double().cpu().numpy() for u in good if u.change is not None
            }  # fmt: skip
            mean = self.server.averaged(changes, images, round.asked, round.number)
            self._norm = float(np.linalg.norm(mean))
            flat = self.weights.flat
            flat.copy_((flat.double() + torch.from_numpy(mean).to(flat.device)).to(flat.dtype))
            self.weights.sync()
            round.loss = sum(images[u.client.number] * u.loss for u in good) / sum(images.values())
            self.meter.add(round.loss)
        else:
            self._in_vain += 1
        self.step += self.settings.local_steps
        self.images_seen += len(found) * self.settings.local_steps * self.settings.batch_size
        self.rounds.append(round)

    def _tell(self, update: ClientUpdate, number: int) -> None:
        """Say once of each client that it failed."""
        client = update.client
        if client.number not in self._told:
            self._told.add(client.number)
            self.warnings.append(
                f"client {printable(client.name)} is left out of round {number + 1:,}: {update.reason}"
            )

    def loss(self) -> float:
        """Mean training loss of the clients' steps since the last ``scheduler_step``; at step 0 of first batches."""
        if self.meter.unknown and not self.rounds:
            first = self.clients[:: -(-len(self.clients) // FIRST)]
            self.meter.last = self._first_loss(first)
        return self.meter.mean()

    def _first_loss(self, clients: Sequence[Client]) -> float:
        """Of those whose images can be used."""
        weights = self.weights.flat.detach().clone()
        return self.local.first_loss(clients, weights)

    def objective(self) -> float:
        """The last training loss; networks are judged by it for divergence only."""
        return self.meter.last if math.isfinite(self.meter.last) or self.rounds else self.loss()

    def gradient_norm(self) -> float:
        """Euclidean norm of the server's last change; nan before the first."""
        return self._norm

    def parameters(self) -> dict[str, Tensor]:
        """A copy of the server's tensors by name, on the CPU, such that flat images come out flat where they are to."""
        state = {name: t.detach().cpu().clone() for name, t in self.weights.network.state_dict().items()}
        if self.flattening is None:
            return state
        images = self.flattening.images
        return flattened(images.spec, state, self.flattening.examples, kept=images.kept)

    def scheduler_step(self, loss: float) -> None:
        """Tell the schedule the loss of a report, and begin a new mean."""
        self.schedule.step(loss)
        self.meter.reset()

    def lengthened(self) -> float | None:
        """None: a run has the rounds that it was begun with."""

    def state_dict(self) -> tuple[dict[str, AnyArray], JsonObject]:
        """The server's state, all that the rest of the run depends on: clients keep nothing between rounds."""
        arrays: dict[str, AnyArray] = {
            f"network.{name}": np.array(t.detach().cpu().numpy(), order="C")
            for name, t in self.weights.network.state_dict().items()
        }
        schedule = self.schedule.state_dict()
        numbers: JsonObject = {
            "step": self.step, "images_seen": self.images_seen, "in_vain": self._in_vain, "norm": self._norm,
            "rounds": [vars(round) for round in self.rounds], "told": sorted(self._told), "warnings": self.warnings,
            "lr": self.lr, "skipped": self.bad_steps.skipped, "schedule": schedule, "counts": dict(self.server.counts),
            **self.meter.state_dict(),
        }  # fmt: skip
        return arrays, numbers

    def load_state_dict(self, arrays: dict[str, AnyArray], numbers: JsonObject) -> None:
        """Take up what ``state_dict`` gave."""
        self.weights.network.load_state_dict(
            {n[8:]: torch.from_numpy(a.copy()) for n, a in arrays.items() if n.startswith("network.")}
        )
        self.weights.sync()
        self.step, self.images_seen = numbers["step"], numbers["images_seen"]
        self._in_vain, self._norm, self.local.lr = numbers["in_vain"], numbers["norm"], numbers["lr"]
        self.rounds = [Round(**values) for values in numbers["rounds"]]
        self._told, self.warnings = set(numbers["told"]), list(numbers["warnings"])
        self.bad_steps.skipped = numbers["skipped"]
        self.schedule.load_state_dict(numbers["schedule"])
        self.server.counts.update(numbers["counts"])
        self.meter.load_state_dict(numbers)
