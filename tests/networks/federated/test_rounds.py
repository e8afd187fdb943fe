"""Rounds of clients: held to pooled steps, to closed forms, and to each other's way of computing."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.degradations.task import Restoration
from dlcli.engine.schedules.base import ScheduleSettings
from dlcli.engine.schedules.by_name import make_schedule
from dlcli.errors import DlcliError
from dlcli.images.image_set import ImageSet
from dlcli.networks.data.batch import Batch
from dlcli.networks.data.facts import ImageFacts
from dlcli.networks.data.load import TrainingImages
from dlcli.networks.federated.clients import Client
from dlcli.networks.federated.local import OneByOne
from dlcli.networks.federated.make import Rounds, apart, make_clients, make_federated, make_server_problem
from dlcli.networks.federated.parted import dealt
from dlcli.networks.optim.flat_parameters import FlatParameters
from dlcli.networks.training.factory import make_solver
from dlcli.networks.training.plan import make_plan
from dlcli.networks.training.problem import make_problem
from dlcli.networks.training.solver import NetworkSolver
from dlcli.networks.training.step.settings import NetworkSettings

RESTORATION = Restoration("classify")
SIZES = (4, 8, 12)  # of the clients: each sees all of its images in a step of 24, so often as that takes
SERVERS_STEP = 24


class One(nn.Module):
    """A network of one weight, which is its output."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, _x, _base):
        return self.weight


class Mean:
    """A server that asks all, and takes the weighted mean."""

    def __init__(self, count, lost=()):
        self.count, self.losing, self.counts = count, set(lost), {}

    def asked(self, _number):
        return list(range(self.count))

    def lost(self, _number, _asked):
        return self.losing

    def averaged(self, updates, images, _asked, _number):
        return sum(images[c] * updates[c] for c in updates) / sum(images[c] for c in updates)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (sum(SIZES), 8, 8), dtype=np.uint8)
    train = ImageSet.of_arrays(pixels, labels=np.arange(len(pixels)) % 3, classes=("a", "b", "c"))
    return TrainingImages(train, None, side=8, may_lend=False)


def setting(images, rounds, **options):
    usual = {
        "task": "classify", "optimizer": "sgd", "momentum": 0.0, "lr": 0.1, "schedule": "constant", "augment": "none",
        "filters": "3,4", "stride": "1,2", "depth": 0, "unshuffle": 1, "dropout": 0.0, "batch_size": SERVERS_STEP,
        "steps": rounds.rounds * rounds.local_steps, "amp": "off", "data": ("x",), "val": 0.0, "ema": 0.0,
    }  # fmt: skip
    config = TrainDeconvConfig(**usual | options)
    return apart(make_plan(config, ImageFacts.of(images, RESTORATION), "cpu"), rounds)


def federated(images, rounds, server=None, fused=False, change=lambda client: client, **options):
    plan = setting(images, rounds, **options)
    torch.manual_seed(0)
    problem = make_server_problem(plan, images, RESTORATION)
    owners = np.repeat(np.arange(len(SIZES)), SIZES)
    parts = dealt(images, owners, "xyz")
    clients = [change(client) for client in make_clients(plan, parts, "xyz", RESTORATION)]
    return make_federated(plan, problem, clients, server or Mean(len(clients)), rounds, fused=fused)


def flat(solver):
    return solver.weights.flat.detach().clone()


@pytest.mark.parametrize("fused", [False, True])
def test_one_local_step_on_all_images_is_a_pooled_step(images, fused):
    rounds = Rounds(5, 1)
    solver = federated(images, rounds, fused=fused)
    solver.advance(5, np.inf)
    plan = setting(images, rounds)
    torch.manual_seed(0)
    pooled = make_solver(plan, make_problem(plan, images, RESTORATION))
    start = flat(pooled)
    pooled.advance(5, np.inf)
    assert (flat(pooled) - start).norm() > 0.05
    assert torch.allclose(flat(solver), flat(pooled), atol=2e-6)


@pytest.mark.parametrize("options", [{"optimizer": "muon", "augment": "shifts", "batch_size": 5}, {"momentum": 0.9}])
def test_a_stack_gives_what_clients_give_alone(images, options):
    rounds = Rounds(2, 4, mu=0.5)
    alone, stacked = (federated(images, rounds, fused=fused, **options) for fused in (False, True))
    first = flat(alone)
    assert alone.loss() == pytest.approx(stacked.loss(), rel=1e-5)
    for solver in (alone, stacked):
        solver.advance(8, np.inf)
    assert (flat(alone) - first).norm() > 0.01
    assert torch.allclose(flat(alone), flat(stacked), atol=1e-4)
    assert alone.loss() == pytest.approx(stacked.loss(), rel=1e-4)


def test_fedprox_ends_where_the_quadratic_and_the_pull_balance():
    curvature, lowest, start, mu = 3.0, 2.0, -1.0, 1.5
    network = One()
    weights = FlatParameters(network)

    def objective(model, batch):
        return curvature / 2 * (model(batch.input, None) - lowest).square().mean()

    one = torch.ones(1, 1)
    batches = lambda step, size: Batch(one, None, one)  # noqa: E731
    optimizer = torch.optim.SGD([weights.flat], 0.1)
    schedule = make_schedule(ScheduleSettings(), 0.1)
    solver = NetworkSolver(weights, batches, objective, [optimizer], schedule, NetworkSettings(1, 200))
    local = OneByOne(solver, mu)
    client = Client(0, "one", 1, 0, 0, batches)
    sent = torch.tensor([start])
    updates = [u for u in local.train([client], sent, range(200)) if u is not None]
    balance = (curvature * lowest + mu * start) / (curvature + mu)
    assert float(sent + updates[0].change) == pytest.approx(balance, abs=1e-5)


def test_a_strong_pull_pins_clients_to_the_server(images):
    rounds = [Rounds(1, 40, mu) for mu in (0.0, 1000.0)]
    free, pinned = (federated(images, one, lr=1e-3) for one in rounds)  # 1000 steps back each step all the way
    first = flat(free)
    for solver in (free, pinned):
        solver.advance(40, np.inf)
    drifted, near = (float((flat(solver) - first).norm()) for solver in (free, pinned))
    assert 0 < near < drifted / 20  # about one step of 40 is left


def not_a_number(step, size):
    return Batch(torch.full((size, 1, 8, 8), torch.nan), None, torch.zeros(size, dtype=torch.int64))


def broken(_step, _size):
    raise DlcliError("3.png is damaged", "fetch it again")


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize(("batches", "told"), [(not_a_number, "finite loss"), (broken, "3.png is damaged")])
def test_a_client_that_fails_is_left_out_and_told_once(images, batches, told, fused):
    spoil = lambda client: replace(client, batches=batches) if client.number == 1 else client  # noqa: E731
    solver = federated(images, Rounds(2, 3), fused=fused, change=spoil)
    without = federated(images, Rounds(2, 3), Mean(3, lost=[1]), fused=fused)
    for one in (solver, without):
        one.advance(6, np.inf)
    assert torch.allclose(flat(solver), flat(without), atol=1e-6)
    assert [one.lost for one in solver.rounds] == [[1], [1]]
    assert len(solver.warnings) == 1
    assert told in solver.warnings[0]
    assert "client y is left out of round 1" in solver.warnings[0]
    assert np.isfinite(solver.loss())


def test_where_all_fail_the_training_ends(images):
    solver = federated(images, Rounds(9, 2), change=lambda client: replace(client, batches=broken))
    first = flat(solver)
    solver.advance(18, np.inf)
    assert solver.termination.kind == "failed"
    assert torch.equal(flat(solver), first)


@pytest.mark.parametrize("fused", [False, True])
def test_a_server_that_is_taken_up_again_goes_on_as_it_would_have(images, fused):
    options = {"optimizer": "muon", "schedule": "polynomial", "augment": "shifts", "batch_size": 5}
    whole, begun, resumed = (federated(images, Rounds(4, 2), fused=fused, **options) for _ in range(3))
    whole.advance(8, np.inf)
    begun.advance(4, np.inf)
    resumed.load_state_dict(*begun.state_dict())
    resumed.advance(8, np.inf)
    assert torch.equal(flat(whole), flat(resumed))
    assert [vars(r) for r in whole.rounds] == [vars(r) for r in resumed.rounds]


def test_a_round_that_time_cuts_short_is_gone_on_with(images):
    whole, sliced = (federated(images, Rounds(2, 30)) for _ in range(2))
    whole.advance(60, np.inf)
    calls = 0
    while sliced.step < 60:
        sliced.advance(60, time.monotonic() + 1e-4)
        calls += 1
    assert calls > 2
    assert torch.equal(flat(whole), flat(sliced))


def test_clients_draw_by_seeds_of_their_own(images):
    first, second, _ = federated(images, Rounds(1, 1)).clients
    assert first.seed != second.seed
