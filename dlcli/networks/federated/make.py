"""From a plan and the clients' images to the solver that trains over them."""

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from dlcli.degradations.task import Restoration
from dlcli.networks.data.load import TrainingImages
from dlcli.networks.federated.clients import Client
from dlcli.networks.federated.examples import generated_batches
from dlcli.networks.federated.local import LocalTraining, OneByOne
from dlcli.networks.federated.parted import has_images
from dlcli.networks.federated.solver import FederatedSettings, FederatedSolver, Flattening, Server
from dlcli.networks.federated.stacked import Stacked, can_stack
from dlcli.networks.model.flat_images import EXAMPLES
from dlcli.networks.optim.flat_parameters import FlatParameters
from dlcli.networks.training.factory import make_solver, settings_for
from dlcli.networks.training.linear_estimate import begin_with_linear_estimate
from dlcli.networks.training.problem import Problem, make_problem
from dlcli.networks.training.settings import NetworkPlan

TIMED, WORTH = 8, 1.1  # clients whose steps are timed, and by how much a stack of them must be faster
CLIENT = 5  # tells the seeds of clients from others


@dataclass(frozen=True)
class Rounds:
    """How clients train: ``mu`` is FedProx's; ``fuse`` says whether all clients of a round step at once (None: as it
    is faster).
    """

    rounds: int
    local_steps: int
    mu: float = 0.0
    fuse: bool | None = None


def apart(plan: NetworkPlan, rounds: Rounds) -> NetworkPlan:
    """``plan`` for clients that keep their images: nothing begins by looking at all images, and no steps are averaged.

    The server's mean over clients takes the place of the average over steps.
    """
    every = rounds.local_steps * max(1, -(-plan.limits.report_every // rounds.local_steps))
    return replace(
        plan,
        optimizer=replace(plan.optimizer, ema=0.0),
        classes=replace(plan.classes, whitens=False),
        execution=replace(plan.execution, unread=False),
        limits=replace(plan.limits, report_every=every),
    )


def make_server_problem(plan: NetworkPlan, images: TrainingImages, restoration: Restoration) -> Problem:
    """The server's network and its measurement on all images that clients hold out; ``plan`` is one of ``apart``."""
    problem = make_problem(plan, images, restoration)
    if plan.spec.linear:
        begin_with_linear_estimate(problem.network, generated_batches(plan, restoration), plan.batches.size)
    return problem


def make_clients(
    plan: NetworkPlan, images: Sequence[TrainingImages], names: Sequence[str], restoration: Restoration
) -> list[Client]:
    """The clients of these ``names``; each draws its batches, and its noise, by a seed of its own."""
    clients = []
    for number, (mine, name) in enumerate(zip(images, names, strict=True)):
        state = np.random.SeedSequence((plan.batches.seed, CLIENT, number)).generate_state(1, np.uint64)[0]
        seed = int(state >> np.uint64(1))
        problem = make_problem(replace(plan, batches=replace(plan.batches, seed=seed)), mine, restoration)
        clients.append(
            Client(number, name, len(mine.train), has_images(mine.val), seed, problem.batches, problem.validate)
        )
    return clients


def make_federated(
    plan: NetworkPlan,
    problem: Problem,
    restoration: Restoration,
    clients: Sequence[Client],
    server: Server,
    rounds: Rounds,
) -> FederatedSolver:
    """The solver of the server's ``problem``; ``plan`` is one of ``apart``."""
    worker = make_solver(plan, replace(problem, network=copy.deepcopy(problem.network)))
    network = copy.deepcopy(problem.network)
    weights = FlatParameters(problem.network, problem.network.hidden_weights())
    alone = OneByOne(worker, rounds.mu)
    local: LocalTraining = alone
    if rounds.fuse is not False and can_stack(plan):
        stacked = Stacked(plan, network, alone)
        local = stacked if rounds.fuse or _pays(stacked, alone, clients, weights.flat.detach()) else alone
    settings = FederatedSettings(rounds.rounds, rounds.local_steps, plan.batches.size)
    solver = FederatedSolver(clients, weights, local, server, worker.rate.schedule, settings)
    flat = settings_for(plan).flat
    if flat is not None:
        examples = generated_batches(plan, restoration)(0, EXAMPLES).input.float().cpu()
        solver.flattening = Flattening(flat, examples)
    return solver


def _pays(stacked: Stacked, alone: OneByOne, clients: Sequence[Client], weights: Tensor) -> bool:
    """Whether a few steps of some clients at once are faster than one client's so many times."""
    few = clients[:TIMED]
    return WORTH * _seconds(stacked, few, weights) < len(few) * _seconds(alone, few[:1], weights)


def _seconds(local: LocalTraining, clients: Sequence[Client], weights: Tensor) -> float:
    """The least time of a few rounds of one step, after one to warm up; nothing is left of them."""
    times = []
    for _ in range(4):
        start = time.perf_counter()
        for _update in local.train(clients, weights, range(1)):
            pass
        times.append(time.perf_counter() - start)
    return min(times[1:])
