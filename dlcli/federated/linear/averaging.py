"""FedAvg and FedProx: rounds in which clients take steps of their own, whose mean the server takes.

FedAvg: McMahan et al. 2017 ("Communication-efficient learning of deep networks from decentralized data"). Where clients
differ it ends off the optimum of all rows, the farther the more steps they take between two means.
"""

import time
from dataclasses import dataclass, field

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.solver import RUNNING, Termination
from dlcli.federated.linear.indicators import largest
from dlcli.federated.linear.server import Server
from dlcli.federated.privacy import PrivateServer
from dlcli.federated.sampling import Participation
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.solver import CURVATURE
from dlcli.linear.solvers.solver import NOT_SEPARATED, PassedStep, Separation

DIVERGED = Termination("failed", "the model is not finite after a round")
NOISE_FACTOR = 10.0  # times the first loss that the last may be: a mean of local steps may go uphill


@dataclass(frozen=True)
class RoundSettings:
    """``local_steps`` at ``rate`` (None: from the curvature) in batches of ``batch`` rows, 0 for all.

    ``mu`` is FedProx's. With ``noise`` what clients send is cut and noised.
    """

    participation: Participation
    local_steps: int
    rate: float | None
    batch: int
    mu: float
    noise: PrivateServer | None = None


@dataclass(frozen=True)
class Round:
    """Who was asked in a round, and who of them gave no answer; ``number`` from 1."""

    number: int
    asked: list[int]
    lost: list[int]


@dataclass
class FederatedAveraging:
    """A solver whose steps are rounds; theta (p, k)."""

    objective_: RowObjective
    server: Server
    settings: RoundSettings
    theta: FloatArray
    lr: float = 0.0
    step: int = 0
    rounds: list[Round] = field(default_factory=list)
    termination: Termination = RUNNING
    noise_factor: float = NOISE_FACTOR
    separation: Separation = NOT_SEPARATED

    def init(self, origin: float) -> None:
        """The run begins, at a rate that no client's curvature is too large for, unless one is given."""
        del origin

    def advance(self, until: int, deadline: float) -> None:
        """Take rounds up to ``until``."""
        while self.step < until and self.termination.running and time.monotonic() < deadline:
            self._round()

    def _round(self) -> None:
        settings, server, number = self.settings, self.server, self.step + 1
        asked = settings.participation.asked(number)
        failed = settings.participation.lost(number, asked)
        arrays = {"theta": np.ascontiguousarray(self.theta), "penalized": self.objective_.penalized}
        answers: dict[int, FloatArray] = {}
        for client in asked:
            if client in failed:
                continue
            meta = {
                "part": "train/1", "steps": settings.local_steps, "rate": self.lr, "mu": settings.mu,
                "l2": self.objective_.l2, "batch": settings.batch,
                "seed": [settings.participation.seed, client, number],
            }  # fmt: skip
            found = server.answer(client, "local", arrays, meta)
            if np.isfinite(found).all():  # numbers that aren't are no answer
                answers[client] = found
        self.step += 1
        self.rounds.append(Round(number, asked, [client for client in asked if client not in answers]))
        if answers:
            self.theta = self.theta + self._mean(answers, asked, number)
            server.count("local", dict(arrays), next(iter(answers.values())))
        elif len(failed) < len(asked):
            self.termination = DIVERGED
        if not np.isfinite(self.theta).all():
            self.termination = DIVERGED

    def _mean(self, answers: dict[int, FloatArray], asked: list[int], number: int) -> FloatArray:
        """The mean of the clients' moves, by what their rows weigh; with noise all count alike."""
        if self.settings.noise is not None:
            moves = {client: found[:-1] for client, found in answers.items()}
            return self.settings.noise.averaged(moves, {}, asked, number).reshape(self.theta.shape)
        weighed = {c: np.concatenate([found[:-1] * found[-1], found[-1:]]) for c, found in answers.items()}
        total = self.server.added(weighed, asked)
        if not total[-1]:
            return np.zeros(self.theta.shape)
        mean: FloatArray = (total[:-1] / total[-1]).reshape(self.theta.shape)
        return mean

    def loss(self) -> float:
        """Mean loss on the training rows of all clients."""
        return self.objective_.loss(self.theta)

    def objective(self) -> float:
        """The same with penalties."""
        return self.objective_.value_and_gradient(self.theta)[0]

    def gradient_norm(self) -> float:
        """Length of its gradient."""
        return float(np.linalg.norm(self.objective_.value_and_gradient(self.theta)[1]))

    def parameters(self) -> FloatArray:
        """A copy of theta."""
        return self.theta.copy()

    def scheduler_step(self, loss: float) -> None:
        """Nothing listens to the loss."""
        del loss

    def passed(self, last: int) -> list[PassedStep]:
        """None: every round is reported."""
        del last
        return []


def automatic_rate(server: Server, kind: str, l2: float, mu: float) -> float:
    """A rate at which no client's steps diverge on its own rows: 1 to 2 times 1/L of the one whose rows curve most.

    The largest eigenvalue of any client is known to a factor of 2, from how many reach each level.
    """
    level = largest(server.total("curvature", part="train"))
    curvature = CURVATURE[kind] * level + l2 + mu
    return 1 / curvature if curvature else 1.0
