"""Batched networks against as many runs of ``NetworkSolver``, and one replica's failure against the others."""

import copy
import math
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.degradations.base import Identity
from dlcli.engine.loop import StoppingCriteria, train
from dlcli.engine.schedules.base import ScheduleSettings
from dlcli.engine.schedules.by_name import SCHEDULES, make_schedule
from dlcli.errors import Interrupted
from dlcli.networks.batched.losses import batched
from dlcli.networks.batched.networks import BatchedNetworks, Replica, seconds_per_step, train_replica
from dlcli.networks.data.batch import Batch
from dlcli.networks.losses.base import Objective
from dlcli.networks.losses.supervised import LOSSES, SupervisedLoss
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.spec import DeconvSpec, Head
from dlcli.networks.optim.flat_parameters import FlatParameters
from dlcli.networks.optim.optimizers import make_optimizers
from dlcli.networks.training.solver import NetworkSolver
from dlcli.networks.training.step.bad_steps import MAX_BAD_STEPS
from dlcli.networks.training.step.settings import NetworkSettings
from tests.thinning.examples import examples

OPTIMIZERS = {"adam": 0.003, "adamw": 0.003, "sgd": 0.01, "muon": 0.01}
BATCH = 4
# Muon makes all directions of a gradient equally long, so that it makes more of the rounding errors in small ones.
CLOSE = {"muon": {"atol": 2e-5}}
SPEC = DeconvSpec(1, 1, (4,), (1,), depth=1)
SPECS = {
    "residual": SPEC,
    "two levels": DeconvSpec(3, 3, (4, 6), (1, 2), skip=True, activation="leaky-relu"),
    "strided": DeconvSpec(1, 1, (3, 4), (2, 3), depth=1, activation="gelu", head=Head(output="sigmoid")),
    "unshuffled": DeconvSpec(1, 2, (5,), (1,), depth=2, unshuffle=2, head=Head(output="linear")),
    "wide kernel": DeconvSpec(3, 1, (4, 5, 4), (1, 1, 1), kernel=5, activation="tanh", head=Head(output="linear")),
    "tall kernels": DeconvSpec(1, 1, (1, 12), (1, 1), head=Head(output="linear")),
    "masked": DeconvSpec(2, 1, (4,), (1,), depth=1, head=Head(masked=True)),
    "classes": DeconvSpec(1, 1, (4, 5), (1, 2), depth=1, head=Head(decoder=False, classes=3, side=9)),
    "classes after images": DeconvSpec(
        1, 1, (4,), (2,), activation="sigmoid", head=Head(output="linear", classes=3, side=9)
    ),
}


def network_of(spec, seed):
    torch.manual_seed(seed)
    net = DeconvNet(spec)
    for weight in net.parameters():  # also where it starts at 0: then many a gradient is 0 at first
        weight.data.add_(torch.randn_like(weight), alpha=0.05)
    return net.to(memory_format=torch.channels_last)


class Data:
    """Random batches for a spec; from step ``spoiled`` on, for ``length`` steps, with a target that is not finite."""

    def __init__(self, spec, seed, spoiled=None, length=1):
        self.spec, self.seed, self.calls = spec, seed, 0
        self.spoiled = range(spoiled, spoiled + length) if spoiled is not None else ()

    def __call__(self, step, size):
        self.calls += 1
        spec, generator = self.spec, torch.Generator().manual_seed(1000 * self.seed + step)
        side = spec.head.side or 9  # no multiple of the strides
        x = torch.rand((size, spec.input_channels, side, side), generator=generator)
        if spec.head.classes:
            if step in self.spoiled:
                x[:] = math.nan
            return Batch(x, None, torch.randint(spec.head.classes, (size,), generator=generator))
        base = torch.rand((size, spec.output_channels, side, side), generator=generator)
        if spec.head.masked:
            x[:, -1:] = x[:, -1:].round()
        target = (0.7 * base + 0.3 * x.mean(1, keepdim=True).flip(2)).clamp(0.01, 0.99)
        if step in self.spoiled:
            target[0, 0, 0, 0] = math.nan
        return Batch(x, base, target)


def schedule_of(name="constant", lr=0.01, steps=20):
    constants = {"decay_rate": 0.05, "decay_every": 3, "plateau_patience": 1}
    decay = 0.9 if name == "exponential" else 0.5
    return make_schedule(ScheduleSettings(name=name, total_steps=steps, decay_factor=decay, **constants), lr)


def replicas_of(spec=SPEC, count=3, *, name="constant", lr=0.01, **spoiled):
    """Replicas with different weights, data, rates, momenta, decays and warm-ups; the second's data is spoiled."""
    return [
        Replica(
            network_of(spec, seed),
            Data(spec, seed, **(spoiled if seed == 1 else {})),
            schedule_of(name, lr * 2.0**-seed),
            momentum=(0.9, 0.0, 0.5)[seed % 3],
            l2=(0.0, 0.01, 0.1)[seed % 3],
            warmup=(0, 4, 0)[seed % 3],
        )
        for seed in range(count)
    ]


def settings_of(**options):
    return NetworkSettings(**({"batch_size": BATCH, "steps": 20} | options))


def alone(replica, loss, optimizer, chosen):
    net, schedule = copy.deepcopy(replica.network), copy.deepcopy(replica.schedule)
    flat = FlatParameters(net, net.hidden_weights())
    optimizers = make_optimizers(flat, optimizer, schedule.lr, momentum=replica.momentum, l2=replica.l2)
    chosen = replace(chosen, warmup=replica.warmup)
    objective = Objective(SupervisedLoss(loss), Identity())
    return NetworkSolver(flat, replica.batches, objective, optimizers, schedule, chosen)


def both(replicas, optimizer="adam", loss="mse", **options):
    chosen, function = settings_of(**options), LOSSES[loss]
    singles = [alone(replica, function, optimizer, chosen) for replica in replicas]
    return BatchedNetworks(replicas, function, optimizer, chosen), singles


def assert_alike(solver, single, rtol=1e-4, atol=2e-6):
    assert solver.step == single.step
    assert vars(solver.bad_steps) == vars(single.bad_steps)
    assert solver.termination == single.termination
    assert solver.lr == pytest.approx(single.lr, rel=1e-9)
    for method in ("loss", "objective", "gradient_norm"):
        assert getattr(solver, method)() == pytest.approx(getattr(single, method)(), rel=10 * rtol, nan_ok=True)
    ours, theirs = solver.parameters(), single.parameters()
    assert list(ours) == list(theirs)
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], rtol=rtol, atol=atol, msg=lambda m, n=name: f"{n}: {m}")


def compare(networks, singles, reports=(1, 6, 12), **tolerance):
    """Advance all to each report, compare, and tell all the same loss."""
    solvers = list(networks.solvers)
    for solver, single in zip(solvers, singles, strict=True):
        assert_alike(solver, single, **tolerance)  # of the first batch
    for until in reports:
        for solver, single in zip(solvers, singles, strict=True):
            solver.advance(until, math.inf)
            single.advance(until, math.inf)
            assert_alike(solver, single, **tolerance)
        for solver, single in zip(solvers, singles, strict=True):
            solver.scheduler_step(0.5)
            single.scheduler_step(0.5)


@pytest.mark.thinned(12)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_batched_networks_are_as_many_runs(spec, optimizer):
    loss = "cross-entropy" if spec.head.classes else "bce" if spec.head.output == "sigmoid" else "mse"
    compare(*both(replicas_of(spec, lr=OPTIMIZERS[optimizer]), optimizer, loss), **CLOSE.get(optimizer, {}))


@pytest.mark.parametrize("name", [name for name, schedule in SCHEDULES.items() if not schedule.needs_gradient])
def test_each_replica_has_its_schedule(name):
    compare(*both(replicas_of(name=name)), reports=(2, 5, 8, 11, 20))


def test_rates_are_right_whichever_steps_are_skipped(monkeypatch):
    monkeypatch.setattr("dlcli.engine.schedules.open_loop.BLOCK", 3)
    for bad in (2, 3, 4):
        compare(*both(replicas_of(name="time", spoiled=bad)), reports=range(1, 12))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("options", [{"l1": 0.3}, {"clip": 0.05}, {"ema": 0.8}, {"l1": 0.1, "clip": 0.1, "ema": 0.95}])
def test_settings_are_those_of_single_runs(options, optimizer):
    networks, singles = both(replicas_of(lr=OPTIMIZERS[optimizer]), optimizer, **options)
    compare(networks, singles)
    if "l1" in options and "ema" not in options:
        assert any((tensor == 0).any() for tensor in networks.solvers[0].parameters().values())


@given(
    st.lists(st.tuples(st.integers(1, 7), st.sampled_from((1, 2, 3))), min_size=1, max_size=3),
    st.sampled_from((3, 5)),
    st.integers(0, 2),
    st.sampled_from((1, 2)),
    st.booleans(),
    st.sampled_from(("residual", "sigmoid", "linear")),
    st.sampled_from(tuple(OPTIMIZERS)),
    st.sampled_from(("mse", "charbonnier")),  # of l1, a rounding error can turn the gradient round
    st.integers(1, 5),
)
@settings(max_examples=examples(25))
def test_any_shape(levels, kernel, depth, unshuffle, skip, output, optimizer, loss, count):
    filters, strides = zip(*levels, strict=True)
    spec = DeconvSpec(1, 1, filters, strides, kernel, depth, unshuffle, skip, "gelu", head=Head(output=output))
    replicas = replicas_of(spec, count, lr=OPTIMIZERS[optimizer])
    tolerance = {"rtol": 1e-2, "atol": 1e-3} if optimizer == "muon" else {"rtol": 1e-3, "atol": 1e-4}
    compare(*both(replicas, optimizer, loss), reports=(5,), **tolerance)


@pytest.mark.parametrize("name", LOSSES)
def test_batched_losses_and_their_gradients_are_those_of_each(name):
    torch.manual_seed(0)
    if name == "cross-entropy":
        outputs, targets = torch.randn(6, 3, 5), torch.randint(5, (6, 3))
    else:
        outputs, targets = torch.rand(6, 3, 2, 4, 5), torch.rand(6, 3, 2, 4, 5)
        outputs[0, 0, 0, 0] = torch.tensor([0.0, 1.0, 1e-7, 0.5, 0.2])
    outputs.requires_grad_()
    got = batched(LOSSES[name])(outputs, targets)
    want = [LOSSES[name](outputs[:, k], targets[:, k]) for k in range(3)]
    torch.testing.assert_close(got, torch.stack(want))
    shares = torch.tensor([1.0, 2.0, -3.0])
    torch.testing.assert_close(
        torch.autograd.grad(got @ shares, outputs), torch.autograd.grad(torch.stack(want) @ shares, outputs)
    )


def test_a_loss_of_one_s_own():
    def loss(output, target):
        return ((output - target) ** 4).mean().sqrt()

    replicas, chosen = replicas_of(), settings_of()
    compare(BatchedNetworks(replicas, loss, "adam", chosen), [alone(m, loss, "adam", chosen) for m in replicas])


@pytest.mark.thinned(9)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_bad_steps_are_skipped_and_touch_nobody_else(spec, optimizer):
    """To the last bit, as networks without them; and the replica itself goes on as a single run does."""
    loss = "cross-entropy" if spec.head.classes else "bce" if spec.head.output == "sigmoid" else "mse"
    lr = OPTIMIZERS[optimizer]
    networks, singles = both(replicas_of(spec, lr=lr, spoiled=2, length=3), optimizer, loss, ema=0.9, l1=0.01, clip=1.0)
    clean, _ = both(replicas_of(spec, lr=lr), optimizer, loss, ema=0.9, l1=0.01, clip=1.0)
    # With L1, Adam's thresholds are divided by the root of its second moment: where that is small, rounding counts.
    compare(
        networks, singles, reports=(3, 4, 12), **({"atol": 3e-4} if optimizer == "adam" else CLOSE.get(optimizer, {}))
    )
    clean.solvers[0].advance(12, math.inf)
    assert [s.bad_steps.skipped for s in networks.solvers] == [0, 3, 0]
    for number in (0, 2):
        theirs = clean.solvers[number].parameters()
        assert all(torch.equal(t, theirs[name]) for name, t in networks.solvers[number].parameters().items())


def test_weights_that_overflow_touch_nobody_else():
    """Every kind of layer, with a replica whose weights and images are as large as numbers get."""
    for spec in SPECS.values():
        loss = "cross-entropy" if spec.head.classes else "mse"
        replicas, clean = replicas_of(spec, 5, lr=0.01), replicas_of(spec, 5, lr=0.01)
        with torch.no_grad():
            for number, value in ((1, math.nan), (3, math.inf)):
                for weight in replicas[number].network.parameters():
                    weight.fill_(value)
        networks, other = both(replicas, loss=loss)[0], both(clean, loss=loss)[0]
        for each in (networks, other):
            each.solvers[0].advance(3, math.inf)
        assert [s.bad_steps.skipped for s in networks.solvers] == [0, 3, 0, 3, 0]
        for number in (0, 2, 4):
            theirs = other.solvers[number].parameters()
            assert all(torch.equal(t, theirs[name]) for name, t in networks.solvers[number].parameters().items())


def test_a_failed_replica_stops_and_the_others_go_on():
    networks, singles = both(replicas_of(spoiled=3, length=100))
    solvers = list(networks.solvers)
    for solver, single in zip(solvers, singles, strict=True):
        solver.advance(40, math.inf)
        single.advance(40, math.inf)
        assert_alike(solver, single)
    assert solvers[1].termination.kind == "failed"
    assert solvers[1].step == 3 + MAX_BAD_STEPS
    assert networks.solvers == [solvers[0], solvers[2]]


def test_the_failing_replica_may_be_the_one_that_drives():
    networks, _ = both(replicas_of(spoiled=0, length=100))
    first, failing, last = networks.solvers
    failing.advance(40, math.inf)
    assert failing.step == networks.step == MAX_BAD_STEPS
    assert not math.isfinite(failing.loss())
    last.advance(40, math.inf)
    assert (first.step, last.step) == (0, 40)
    failing.advance(60, math.inf)
    assert (failing.step, networks.step) == (MAX_BAD_STEPS, 40)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_those_who_stay_go_on_as_before(optimizer):
    replicas = replicas_of(count=4, lr=OPTIMIZERS[optimizer])
    networks, singles = both(replicas, optimizer, ema=0.9)
    solvers = list(networks.solvers)
    for solver, single in zip(solvers, singles, strict=True):
        solver.advance(5, math.inf)
        single.advance(5, math.inf)
    networks.retire(solvers[1])
    networks.retire(solvers[1])
    with pytest.raises(RuntimeError, match="retired"):
        solvers[1].advance(6, math.inf)
    for number in (0, 2, 3):
        solvers[number].advance(9, math.inf)
        singles[number].advance(9, math.inf)
        assert_alike(solvers[number], singles[number])
    assert_alike(solvers[1], singles[1])  # as it left
    for number in (0, 2, 3):
        networks.retire(solvers[number])
        assert_alike(solvers[number], singles[number])
    assert networks.solvers == []


@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("name", ["plateau", "cosine"])
def test_the_loop_drives_each_replica_in_turn(name, validated):
    networks, singles = both(replicas_of(name=name))
    limits = StoppingCriteria(17, 5)

    def validate(parameters):
        return {"loss": sum(float(tensor.abs().sum()) for tensor in parameters.values())}

    check = validate if validated else None
    wanted = [list(train(single, limits, check)) for single in singles]
    runs = [train_replica(solver, limits, check) for solver in networks.solvers]
    for number, steps in enumerate(zip(*runs, strict=True)):
        for got, want in zip(steps, (w[number] for w in wanted), strict=True):
            assert (got.step, got.status, got.reason) == (want.step, want.status, want.reason)
            assert got.loss == pytest.approx(want.loss, rel=1e-4)
            assert got.lr == pytest.approx(want.lr, rel=1e-9)
            for key, tensor in got.parameters.items():
                torch.testing.assert_close(tensor, want.parameters[key], rtol=1e-4, atol=2e-6)
    assert (networks.step, [len(w) for w in wanted]) == (17, [5, 5, 5])
    assert name == "cosine" or any(w[-1].lr < w[1].lr for w in wanted)


def test_the_loop_alone_does_where_no_schedule_listens():
    networks, singles = both(replicas_of(name="time"))
    limits = StoppingCriteria(12, 4)
    wanted = [list(train(single, limits)) for single in singles]
    for number, steps in enumerate(zip(*[train(solver, limits) for solver in networks.solvers], strict=True)):
        assert [s.loss for s in steps] == pytest.approx([w[number].loss for w in wanted], rel=1e-4)


def test_a_schedule_that_listens_must_be_told_in_time():
    networks, _ = both(replicas_of(name="plateau"))
    runs = [train(solver, StoppingCriteria(12, 4)) for solver in networks.solvers]
    assert [next(run).step for run in runs] == [0, 0, 0]
    next(runs[0])
    with pytest.raises(RuntimeError, match="too late"):
        next(runs[1])


def test_the_first_to_come_takes_the_steps_of_all():
    networks, _ = both(replicas_of())
    first, second, _ = networks.solvers
    calls = first.batches.calls
    first.advance(4, math.inf)
    assert first.batches.calls == calls + 4
    assert (first.step, second.step, networks.step) == (4, 0, 4)
    second.advance(4, math.inf)
    assert (first.batches.calls, second.step, networks.step) == (calls + 4, 4, 4)


def test_deadline_and_error_end_an_advance():
    networks, _ = both(replicas_of())
    first, second, _ = networks.solvers
    first.advance(10**6, time.monotonic())
    assert networks.step == 0

    batches = second.batches

    def interrupted(step, size):
        if step == 3:
            raise Interrupted(2)
        return batches(step, size)

    second.batches = interrupted
    with pytest.raises(Interrupted):
        second.advance(10, math.inf)
    assert (first.step, second.step) == (0, 3)


def test_replicas_may_share_their_batches():
    replicas = replicas_of()
    shared = [replace(replica, batches=replicas[0].batches) for replica in replicas]
    networks, singles = both(shared)
    compare(networks, singles)
    before = shared[0].batches.calls
    networks.solvers[0].advance(networks.step + 1, math.inf)
    assert shared[0].batches.calls == before + 1


def test_the_networks_given_stay():
    replicas = replicas_of()
    before = [copy.deepcopy(m.network.state_dict()) for m in replicas]
    both(replicas)[0].solvers[0].advance(3, math.inf)
    for replica, state in zip(replicas, before, strict=True):
        assert all(torch.equal(t, state[name]) for name, t in replica.network.state_dict().items())


def test_what_cannot_be_batched_is_refused():
    loss = LOSSES["mse"]
    with pytest.raises(ValueError, match="dropout"):
        BatchedNetworks(replicas_of(replace(SPEC, dropout=0.1)), loss, "adam", settings_of())
    with pytest.raises(ValueError, match="adagrad"):
        BatchedNetworks(replicas_of(name="adagrad"), loss, "adam", settings_of())
    with pytest.raises(ValueError, match="seconds"):
        BatchedNetworks(replicas_of(), loss, "adam", settings_of(seconds=1.0))
    with pytest.raises(ValueError, match="one spec"):
        BatchedNetworks([*replicas_of(), *replicas_of(SPECS["masked"])], loss, "adam", settings_of())
    with pytest.raises(ValueError, match="lion"):
        BatchedNetworks(replicas_of(), loss, "lion", settings_of())
    with pytest.raises(ValueError, match="no network"):
        BatchedNetworks([], loss, "adam", settings_of())


def test_seconds_per_step_takes_the_steps_of_either_solver():
    networks, singles = both(replicas_of())
    for solver in (networks.solvers[0], singles[0]):
        assert 0 < seconds_per_step(solver, 3) < 60
        assert solver.step == 4
        assert np.isfinite(solver.loss())


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_l1_acts_on_batched_networks_as_on_each_alone(name):
    from dlcli.networks.batched.optimizers import make_batched_optimizer
    from dlcli.networks.optim.optimizers import l1_rates, make_optimizers

    torch.manual_seed(0)
    net = torch.nn.Linear(3, 2)
    from dlcli.networks.optim.flat_parameters import FlatParameters

    flat = FlatParameters(net)
    (alone,) = make_optimizers(flat, name, 0.1, momentum=0.5, l2=0.0)
    batched_weights = flat.flat.detach().clone().unsqueeze(0)
    together = make_batched_optimizer(name, batched_weights, (), [0.5], [0.0])
    rates = torch.full((1, 1), 0.1)
    for _ in range(3):
        flat.gradient.copy_(torch.randn(flat.gradient.shape))
        alone.step()
        together.step(batched_weights, flat.gradient.unsqueeze(0), rates)
    expected = torch.as_tensor(l1_rates(alone, 0)).expand(flat.flat.shape)
    torch.testing.assert_close(together.l1_rates(rates)[0].expand(flat.flat.shape), expected)
