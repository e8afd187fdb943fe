"""From a plan and the clients' images to the solver that trains over them."""

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from dlcli.degradations.task import Restoration
from dlcli.errors import DlcliError
from dlcli.networks.data.load import TrainingImages
from dlcli.networks.federated.clients import Client
from dlcli.networks.federated.examples import generated_batches
from dlcli.networks.federated.local import LocalTraining, OneByOne
from dlcli.networks.federated.parted import has_images
from dlcli.networks.federated.solver import FederatedSettings, FederatedSolver, Flattening, Server
from dlcli.networks.federated.stacked import Stacked, can_stack
from dlcli.networks.model.flat_images import EXAMPLES
from dlcli.networks.model.start import Start
from dlcli.networks.optim.flat_parameters import FlatParameters
from dlcli.networks.training.factory import make_solver, settings_for
from dlcli.networks.training.linear_estimate import begin_with_linear_estimate
from dlcli.networks.training.problem import Problem, make_problem
from dlcli.networks.training.settings import NetworkPlan

TIMED, WORTH = 8, 1.1  # clients whose steps are timed, and by how much a stack of them must be faster
CLIENT = 5  # tells the seeds of clients from others


@dataclass(frozen=True)
class Rounds:
    """How clients train: ``mu`` is FedProx's."""

    rounds: int
    local_steps: int
    mu: float = 0.0


@dataclass(frozen=True)
class Way:
    """How the steps of clients are computed: of all clients of a round at once (``fused``), in bfloat16 (``half``).

    None, where it may be either: as a few steps show that it is faster.
    """

    fused: bool | None = None
    half: bool | None = None


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


def make_server_problem(
    plan: NetworkPlan, images: TrainingImages, restoration: Restoration, start: Start | None = None
) -> Problem:
    """The server's network and its measurement on all images that clients hold out; ``plan`` is one of ``apart``.

    ``start`` is what its weights begin with.
    """
    problem = make_problem(plan, images, restoration, start=start)
    if plan.spec.linear and start is None:
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
    clients: Sequence[Client],
    server: Server,
    rounds: Rounds,
    *,
    fused: bool,
) -> FederatedSolver:
    """The solver of the server's ``problem``; ``plan`` is one of ``apart``."""
    alone = _alone(plan, problem, rounds)
    local = _stacked(plan, problem, alone) if fused else alone
    weights = FlatParameters(problem.network, problem.network.hidden_weights())
    settings = FederatedSettings(rounds.rounds, rounds.local_steps, plan.batches.size)
    return FederatedSolver(clients, weights, local, server, alone.solver.rate.schedule, settings)


def flattening_of(plan: NetworkPlan, restoration: Restoration) -> Flattening | None:
    """How the server makes flat images flat, by generated ones; None where the network needn't be changed for it."""
    flat = settings_for(plan).flat
    if flat is None:
        return None
    return Flattening(flat, generated_batches(plan, restoration)(0, EXAMPLES).input.float().cpu())


def fastest(plan: NetworkPlan, problem: Problem, clients: Sequence[Client], rounds: Rounds, way: Way) -> Way:
    """``way`` with nothing left open: what it leaves open is as a few steps are the fastest; nothing is left of them.

    Raises DlcliError where it asks for a stack of networks that can't be trained in one.
    """
    if way.fused and not can_stack(plan):
        raise DlcliError(
            "--fuse on: networks with dropout, of color noise and for photographs can't be trained in one stack",
            "add --dropout 0, or leave it out" if plan.spec.dropout else "leave it out",
        )
    halves = [plan.execution.half] if way.half is not None or not plan.execution.half else [True, False]
    ways = [Way(False, half) for half in halves] if not way.fused else []
    if way.fused or (way.fused is None and can_stack(plan)):
        ways.append(Way(True, False))
    if len(ways) == 1:
        return ways[0]
    few, seconds = clients[:TIMED], dict[Way, float]()
    for one in ways:
        timed = in_precision(plan, half=bool(one.half))
        alone = _alone(timed, problem, rounds)
        weights = alone.solver.weights.flat.detach().clone()
        if one.fused:
            seconds[one] = WORTH * _seconds(_stacked(timed, problem, alone), few, weights) / len(few)
        else:
            seconds[one] = _seconds(alone, few[:1], weights)
    return min(seconds, key=lambda one: seconds[one])


def in_precision(plan: NetworkPlan, *, half: bool) -> NetworkPlan:
    """``plan``, computed in bfloat16 or in float32."""
    return replace(plan, execution=replace(plan.execution, half=half))


def _alone(plan: NetworkPlan, problem: Problem, rounds: Rounds) -> OneByOne:
    return OneByOne(make_solver(plan, replace(problem, network=copy.deepcopy(problem.network))), rounds.mu)


def _stacked(plan: NetworkPlan, problem: Problem, alone: OneByOne) -> Stacked:
    return Stacked(plan, copy.deepcopy(problem.network), alone)


def _seconds(local: LocalTraining, clients: Sequence[Client], weights: Tensor) -> float:
    """The least time of a few rounds of one step, after one to warm up; nothing is left of them."""
    times = []
    for _ in range(4):
        start = time.perf_counter()
        for _update in local.train(clients, weights, range(1)):
            pass
        times.append(time.perf_counter() - start)
    return min(times[1:])
