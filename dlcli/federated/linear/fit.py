"""A fit by rounds in place of the plan's own steps."""

from dataclasses import dataclass, field, replace

import numpy as np

from dlcli.config.federated.fit_linear import LOCAL_STEPS, FederateLinearConfig
from dlcli.config.federated.options import ROUNDS
from dlcli.engine.arrays import FloatArray
from dlcli.engine.loop import Iterate, Step
from dlcli.engine.schedules import by_name
from dlcli.engine.schedules.base import Schedule
from dlcli.federated.linear.apart import Apart
from dlcli.federated.linear.averaging import FederatedAveraging, RoundSettings, automatic_rate
from dlcli.federated.masking import MaskKey
from dlcli.federated.privacy import PrivateServer, check_accountant, noise_for
from dlcli.federated.sampling import Participation
from dlcli.linear.data.cache import FitCache
from dlcli.linear.data.load import Loaded, held_out
from dlcli.linear.data.rows import Held
from dlcli.linear.fit import Prepared, prepare
from dlcli.linear.result import Fit
from dlcli.linear.solvers.solver import LinearSolver

OTHER_MASKS = 1 << 64  # beyond every seed


def private_server(config: FederateLinearConfig, clients: int) -> PrivateServer | None:
    """What cuts and noises what clients send; None where nothing is hidden. Raises DlcliError without the package."""
    if not config.is_private:
        return None
    check_accountant()
    assert config.dp_clip is not None
    who, rounds = _participation(config, clients), config.rounds or ROUNDS
    noise = config.dp_noise or noise_for(config.dp_epsilon or 1.0, who, rounds, config.dp_delta)
    # Masks of its own: those of two messages must never be the same.
    key = MaskKey(config.seed + OTHER_MASKS) if config.secure_sum else None
    return PrivateServer(who, config.dp_clip, noise, config.seed, key)


def _participation(config: FederateLinearConfig, clients: int) -> Participation:
    return Participation(clients, config.fraction, config.client_failures, config.seed)


def round_settings(config: FederateLinearConfig, clients: int, noise: PrivateServer | None) -> RoundSettings:
    """What a command says of its rounds."""
    return RoundSettings(
        _participation(config, clients),
        config.local_steps or LOCAL_STEPS,
        None if config.lr == "auto" else config.lr,
        config.batch_size if config.optimizer == "sgd" else 0,
        config.trained_by.mu,
        noise,
    )


@dataclass(frozen=True)
class PreparedRounds(Prepared):
    """A fit by rounds over the clients of ``apart``."""

    apart: Apart
    rounds: RoundSettings
    made: list[FederatedAveraging] = field(default_factory=list)  # the solver, once it is there

    def schedule(self) -> Schedule:
        """The constant rate of the local steps."""
        mu, penalty = self.rounds.mu, self.plan.penalty
        rate = self.rounds.rate or automatic_rate(self.apart.server, self.problem.kind, penalty.l2, mu)
        return by_name.make_schedule(self.plan.schedule, rate)

    def solver(self, schedule: Schedule | None) -> LinearSolver:
        """The rounds, at their beginning."""
        rows = self.problem.rows
        assert rows is not None
        assert rows.objective is not None
        assert schedule is not None
        start = self.problem.beginning
        theta = np.zeros(rows.objective.shape) if start is None else start
        self.made.append(FederatedAveraging(rows.objective, self.apart.server, self.rounds, theta, schedule.lr))
        return self.made[-1]

    def result(
        self, solver: LinearSolver, lr: float, steps: list[Step], kept: Iterate[FloatArray], *, with_errors: bool = True
    ) -> Fit:
        """The fitted model; what noise was added to is no optimum, and has no standard errors."""
        found = super().result(solver, lr, steps, kept, with_errors=with_errors)
        if self.rounds.noise is None:
            return found
        verdict = replace(found.verdict, std_errors=None, covariance=None, no_errors="noise was added to every round")
        return replace(found, verdict=verdict)


def prepared_rounds(
    config: FederateLinearConfig, loaded: Loaded, space: FitCache, apart: Apart, noise: PrivateServer | None = None
) -> PreparedRounds:  # fmt: skip
    """The fit of a command whose algorithm averages, on all training rows."""
    plan = replace(loaded.plan, optimizer="fedprox" if config.trained_by.name == "fedprox" else "fedavg")
    held = held_out(plan.split, space.data)
    ready = prepare(plan, space, space.data.training_groups(), Held(held, held))
    return PreparedRounds(ready.problem, None, apart, round_settings(config, len(apart.names), noise))
