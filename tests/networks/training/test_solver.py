"""Training a network step by step, against loops written out by hand."""

import copy
import math
import subprocess
import time
from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn

from dlcli.config.common import ScheduleName
from dlcli.engine.loop import UNLIMITED
from dlcli.engine.schedules.base import ScheduleSettings
from dlcli.engine.schedules.by_name import SCHEDULES, make_schedule
from dlcli.engine.schedules.open_loop import Annealed
from dlcli.errors import DlcliError, ExitCode
from dlcli.networks.data.batch import Batch
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.spec import DeconvSpec, Head
from dlcli.networks.optim.flat_parameters import FlatParameters
from dlcli.networks.optim.optimizers import ADAM_SHARE, make_optimizers
from dlcli.networks.training.solver import NetworkSolver
from dlcli.networks.training.step.bad_steps import MAX_BAD_STEPS
from dlcli.networks.training.step.settings import NetworkSettings

NAMES = [name.replace("-", "_") for name in get_args(ScheduleName)]
ANNEALED = [name for name, schedule in SCHEDULES.items() if issubclass(schedule, Annealed)]
OPTIMIZERS = ("adam", "adamw", "sgd", "muon")


class Tiny(nn.Module):
    """One convolution with a bias; ``base`` is not used."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)

    def forward(self, x, base=None):
        return self.conv(x)


def batches(step, size):
    generator = torch.Generator().manual_seed(step)
    x = torch.rand((size, 1, 6, 6), generator=generator)
    return Batch(x, None, torch.cat([x * 0.5, 1 - x], dim=1))


def objective(model, batch):
    return (model(batch.input, batch.base) - batch.target).square().mean()


def tiny():
    torch.manual_seed(3)
    return Tiny()


def deep():
    torch.manual_seed(3)
    net = DeconvNet(DeconvSpec(1, 2, (4, 6), (1, 1), skip=True, head=Head(output="linear")))
    return net.to(memory_format=torch.channels_last)


def solver_of(
    net, *, optimizer="sgd", lr=0.1, schedule="constant", steps=20, momentum=0.0, l2=0.0, get=batches, constants=None,
    loss=objective, **settings,
):  # fmt: skip
    hidden = net.hidden_weights() if isinstance(net, DeconvNet) else []
    flat = FlatParameters(net, hidden)
    optimizers = make_optimizers(flat, optimizer, lr, momentum=momentum, l2=l2)
    chosen = ScheduleSettings(name=schedule, total_steps=steps, **(constants or {}))
    settings = NetworkSettings(**({"batch_size": 4, "steps": steps} | settings))
    return NetworkSolver(flat, get, loss, optimizers, make_schedule(chosen, lr), settings)


def gradients(net, step, size=4):
    net.zero_grad()
    batch = batches(step, size)
    loss = objective(net, batch)
    loss.backward()
    return loss.item(), [w.grad for w in net.parameters()]


def descend(net, grads, lr=0.1):
    """All weights as one vector, as the solver has them: which of its sums are fused depends on a number's place."""
    vector = nn.utils.parameters_to_vector(net.parameters()).detach()
    vector.add_(torch.cat([grad.flatten() for grad in grads]), alpha=-lr)
    nn.utils.vector_to_parameters(vector, net.parameters())


def weights(net):
    return [w.detach() for w in net.parameters()]


def assert_equal(left, right):
    assert all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


def test_sgd_is_the_written_loop_to_the_last_bit():
    net, copied = tiny(), tiny()
    solver = solver_of(net, lr=0.1)
    first = solver.loss()
    solver.advance(8, math.inf)
    losses = []
    for step in range(8):
        loss, grads = gradients(copied, step)
        losses.append(loss)
        descend(copied, grads)
    assert_equal(weights(net), weights(copied))
    assert first == losses[0]
    assert solver.loss() == pytest.approx(np.mean(losses), rel=1e-12)
    assert solver.images_seen == 32
    norm = math.sqrt(sum(float(g.double().square().sum()) for g in grads))
    assert solver.gradient_norm() == pytest.approx(norm, rel=1e-12)
    solver.scheduler_step(0.0)  # begins a new mean
    loss, _ = gradients(copied, 8)
    solver.advance(9, math.inf)
    assert solver.loss() == loss


def test_momentum_of_sgd_is_nesterov_s():
    net, copied = tiny(), tiny()
    solver_of(net, lr=0.1, momentum=0.9).advance(5, math.inf)
    velocity = [torch.zeros_like(w) for w in weights(copied)]
    for step in range(5):
        _, grads = gradients(copied, step)
        with torch.no_grad():
            for w, v, g in zip(copied.parameters(), velocity, grads, strict=True):
                v.mul_(0.9).add_(g)
                w.sub_(0.1 * (g + 0.9 * v))
    torch.testing.assert_close(weights(net), weights(copied), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_l2_is_a_term_of_the_gradient(optimizer):
    net, copied = tiny(), tiny()
    solver_of(net, optimizer=optimizer, lr=0.05, l2=0.3).advance(6, math.inf)

    def penalized(model, batch):
        return objective(model, batch) + 0.15 * sum(w.square().sum() for w in copied.parameters())

    solver_of(copied, optimizer=optimizer, lr=0.05, loss=penalized).advance(6, math.inf)
    torch.testing.assert_close(weights(net), weights(copied), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_l2_is_weight_decay(optimizer):
    """Where the gradient is 0, each step shrinks a weight by the factor 1 - lr * l2, whatever the gradients' scale."""
    net = deep()
    before = copy.deepcopy(weights(net))
    solver = solver_of(
        net, optimizer=optimizer, lr=0.1, l2=0.5, loss=lambda model, batch: 0 * model(batch.input, batch.base).sum()
    )
    solver.advance(3, math.inf)
    hidden = [id(w) for w in net.hidden_weights()]
    for weight, old in zip(net.parameters(), before, strict=True):
        rate = 0.1 if optimizer == "adamw" or id(weight) in hidden else 0.1 * ADAM_SHARE
        torch.testing.assert_close(weight.detach(), old * (1 - rate * 0.5) ** 3, rtol=1e-5, atol=1e-6)


def test_l1_gives_exact_zeros_to_weights_and_none_to_biases():
    net, copied = tiny(), tiny()
    solver_of(net, lr=0.1, l1=0.8).advance(1, math.inf)
    _, grads = gradients(copied, 0)
    w, b = weights(copied)[0] - 0.1 * grads[0], weights(copied)[1] - 0.1 * grads[1]
    soft = w.sign() * (w.abs() - 0.08).clamp(min=0)
    torch.testing.assert_close(weights(net), [soft, b], rtol=1e-6, atol=1e-7)
    solver_of(net, lr=0.1, l1=0.8).advance(30, math.inf)
    assert (weights(net)[0] == 0).sum() > 9
    assert (weights(net)[1] != 0).all()


@pytest.mark.parametrize(("optimizer", "momentum"), [("adam", 0.0), ("sgd", 0.0), ("sgd", 0.9)])
def test_with_l1_training_rests_where_the_subgradient_is_0(optimizer, momentum):
    net, l1, steps = tiny(), 0.02, 1000
    rate = 0.02 if optimizer == "adam" else 0.3 * (1 - momentum)
    fixed = batches(0, 8)
    solver = solver_of(
        net, optimizer=optimizer, momentum=momentum, lr=rate, schedule="cosine", steps=steps, l1=l1,
        get=lambda step, size: fixed,
    )  # fmt: skip
    solver.advance(steps, math.inf)
    weight, bias = net.conv.weight, net.conv.bias
    slope, flat = torch.autograd.grad(objective(net, fixed), [weight, bias])
    assert flat.abs().max() < 1e-3
    assert 0 < int((weight == 0).sum()) < weight.numel()
    torch.testing.assert_close(slope[weight != 0], -l1 * weight[weight != 0].sign(), atol=1e-3, rtol=0)
    assert slope[weight == 0].abs().max() <= l1 + 1e-3


def test_clip_bounds_the_norm_and_leaves_shorter_gradients():
    lengths = {}
    for clip in (None, 0.01, 1e6):
        net = tiny()
        before = copy.deepcopy(weights(net))
        solver = solver_of(net, lr=1.0, clip=clip)
        solver.advance(1, math.inf)
        lengths[clip] = math.sqrt(sum(float((a - b).square().sum()) for a, b in zip(weights(net), before, strict=True)))
    assert lengths[0.01] == pytest.approx(0.01, rel=1e-3)
    assert lengths[1e6] == lengths[None] > 0.1


def test_the_average_is_its_formula():
    net, copied = tiny(), tiny()
    solver = solver_of(net, ema=0.8)
    plain = solver_of(copied)
    average = [w.clone() for w in weights(copied)]
    for step in range(1, 13):
        plain.advance(step, math.inf)
        share = max(0.2, 1 / (step + 1))
        average = [a + share * (w - a) for a, w in zip(average, weights(copied), strict=True)]
        if step == 3:  # so far the mean of all states, the first one included
            early = [a.clone() for a in average]
    solver.advance(3, math.inf)
    torch.testing.assert_close(list(solver.parameters().values()), early, rtol=1e-6, atol=1e-7)
    solver.advance(12, math.inf)
    torch.testing.assert_close(list(solver.parameters().values()), average, rtol=1e-6, atol=1e-7)
    assert_equal(weights(net), weights(copied))


def spoiled(bad):
    def get(step, size):
        batch = batches(step, size)
        return Batch(batch.input * math.nan, None, batch.target) if step in bad else batch

    return get


def test_a_batch_that_is_not_finite_is_skipped_and_counted():
    net, copied = tiny(), tiny()
    solver = solver_of(net, get=spoiled({1, 2, 5}), ema=0.5)
    solver.advance(7, math.inf)
    assert (solver.step, solver.bad_steps.skipped, solver.termination.reason) == (7, 3, "")
    for step in (0, 3, 4, 6):
        _, grads = gradients(copied, step)
        descend(copied, grads)
    assert_equal(weights(net), weights(copied))
    assert math.isfinite(solver.loss())


def test_too_many_bad_batches_in_a_row_are_a_failure():
    solver = solver_of(tiny(), get=spoiled({*range(5, 100)} - {10}), steps=100)
    solver.advance(100, math.inf)
    assert solver.step == 11 + MAX_BAD_STEPS
    assert solver.bad_steps.skipped == 5 + MAX_BAD_STEPS
    assert str(MAX_BAD_STEPS) in solver.termination.reason
    solver.advance(100, math.inf)
    assert solver.step == 11 + MAX_BAD_STEPS


@pytest.mark.parametrize(
    "words",
    [
        "DefaultCPUAllocator: not enough memory: you tried to allocate 7 bytes.",
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
        "allocate 4000000000000000 bytes. Error code 12 (Cannot allocate memory)",
        "could not create a primitive",
    ],
)
def test_memory_that_runs_out_halves_the_batch(words):
    sizes = []

    def get(step, size):
        sizes.append(size)
        if size > 4:
            raise RuntimeError(words)
        return batches(step, size)

    net, copied = tiny(), tiny()
    solver = solver_of(net, get=get, batch_size=16)
    assert math.isfinite(solver.loss())  # of the first batch, before any step
    assert sizes == [16, 8, 4]
    solver.advance(3, math.inf)
    solver_of(copied, batch_size=4).advance(3, math.inf)
    assert_equal(weights(net), weights(copied))
    assert len(solver.guard.warnings) == 2
    assert "4" in solver.guard.warnings[-1]
    assert solver.images_seen == 12


def test_real_allocation_failure_is_recognized():
    def get(step, size):
        torch.empty(10**15 if size > 1 else 1)
        return batches(step, size)

    solver = solver_of(tiny(), get=get, batch_size=2)
    solver.advance(1, math.inf)
    assert (solver.step, solver.guard.batch_size) == (1, 1)


def test_memory_that_runs_out_for_one_image_ends_the_run():
    def get(step, size):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(DlcliError, match="memory") as caught:
        solver_of(tiny(), get=get).advance(1, math.inf)
    assert caught.value.exit_code == ExitCode.TRAINING_FAILED


@pytest.mark.parametrize("words", ["expected 3 channels", "could not create a primitive descriptor for a convolution"])
def test_other_errors_are_not_taken_for_lack_of_memory(words):
    def get(step, size):
        raise RuntimeError(words)

    with pytest.raises(RuntimeError, match=words):
        solver_of(tiny(), get=get).advance(1, math.inf)


@pytest.mark.parametrize("name", NAMES)
def test_every_schedule_runs_and_lowers_the_loss(name):
    constants = {"decay_factor": 0.99} if name in ("exponential", "step") else {}
    solver = solver_of(tiny(), lr=0.05, schedule=name, steps=60, constants=constants)
    first = solver.loss()
    rates = []
    for step in range(1, 61):
        solver.advance(step, math.inf)
        rates.append(solver.lr)
        assert solver.optimizers[0].param_groups[0]["lr"] == pytest.approx(solver.lr, rel=1e-12)
    solver.scheduler_step(1.0)
    solver.advance(61, math.inf)
    assert solver.loss() < first
    assert all(rate >= 0 for rate in rates)
    assert name == "barzilai_borwein" or max(rates) <= 5.0
    if name in ANNEALED:
        assert rates[-1] < 0.05 * 0.05


@pytest.mark.parametrize("name", ANNEALED)
def test_in_a_run_limited_by_time_annealing_follows_the_time(name, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    net = tiny()
    solver = solver_of(net, lr=0.5, schedule=name, steps=UNLIMITED, seconds=100.0)
    solver.rate.schedule = make_schedule(ScheduleSettings(name=name, total_steps=10_000), 0.5)
    solver.init(1000.0)
    seen = {}
    for fraction in (0.0, 0.15, 0.3, 0.5, 0.65, 0.999, 1.0):
        now[0] = 1000.0 + 100 * fraction
        solver.advance(solver.step + 1, math.inf)
        seen[fraction] = solver.lr / 0.5
    cosine = {p: 0.5 * (1 + math.cos(math.pi * p)) for p in seen}
    expected = {
        "polynomial": {p: 1 - p for p in seen},
        "cosine": cosine,
        "one_cycle": {0.0: 0.04, 0.15: 0.52, 0.3: 1.0, 0.65: 0.5, 1.0: 0.0},
    }[name]
    for fraction, share in expected.items():
        assert seen[fraction] == pytest.approx(share, abs=1e-9), fraction
    assert seen[0.999] < 0.002
    now[0] = 1101.0
    solver.advance(100, deadline=1100.0)
    assert solver.step == 7


def test_one_cycle_is_that_of_smith_and_topin():
    solver = solver_of(tiny(), lr=0.02, schedule="one_cycle", steps=100)
    seen = []
    for step in range(1, 101):
        solver.advance(step, math.inf)
        seen.append(solver.lr)
    assert [seen[0], seen[15], seen[30], seen[65]] == pytest.approx([0.0008, 0.0104, 0.02, 0.01], rel=1e-12)
    assert seen[99] == pytest.approx(0.01 * (1 + math.cos(math.pi * 69 / 70)), rel=1e-9)
    assert np.argmax(seen) == 30
    peer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.02)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        peer, 0.02, total_steps=101, pct_start=31 / 101, final_div_factor=1e9, cycle_momentum=False
    )
    # torch's rise is half a cosine, Smith and Topin's a line; the fall is the same.
    fall = []
    for _ in range(100):
        fall.append(scheduler.get_last_lr()[0])
        peer.step()
        scheduler.step()
    assert seen[30:] == pytest.approx(fall[30:], abs=1e-9)


def test_rates_of_several_groups_keep_their_ratio():
    net = deep()
    solver = solver_of(net, optimizer="muon", lr=0.02, schedule="polynomial", steps=4)
    solver.advance(3, math.inf)
    muon, adam = (o.param_groups[0]["lr"] for o in solver.optimizers)
    assert muon == pytest.approx(0.01)
    assert adam == pytest.approx(0.01 * ADAM_SHARE)


def test_plateau_lowers_the_rate_after_reports_without_improvement():
    constants = {"plateau_patience": 2, "decay_factor": 0.5}
    solver = solver_of(tiny(), lr=0.1, schedule="plateau", constants=constants)
    rates = []
    for step, loss in enumerate([1.0, 0.9, 0.95, 0.9, 0.8, 0.85, 0.85, 0.85, 0.85], 1):
        solver.advance(step, math.inf)
        rates.append(solver.lr)
        solver.scheduler_step(loss)
    assert rates == pytest.approx([0.1] * 4 + [0.05] * 3 + [0.025] * 2)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_run_taken_up_again_has_equal_bits(optimizer, ema):
    options = {"optimizer": optimizer, "lr": 0.01, "momentum": 0.9, "schedule": "cosine", "ema": ema, "l2": 0.01,
               "get": spoiled({2, 9})}  # fmt: skip
    whole = solver_of(deep(), **options)
    whole.loss()
    whole.advance(5, math.inf)
    first = solver_of(deep(), **options)
    first.loss()
    first.advance(5, math.inf)
    arrays, numbers = first.state_dict()
    assert all(a.flags.c_contiguous for a in arrays.values())
    whole.advance(12, math.inf)
    first.advance(12, math.inf)  # what was taken down doesn't change with the run
    torch.manual_seed(99)
    other = DeconvNet(DeconvSpec(1, 2, (4, 6), (1, 1), skip=True, head=Head(output="linear")))
    second = solver_of(other.to(memory_format=torch.channels_last), **options)
    second.load_state_dict(arrays, numbers)
    second.advance(12, math.inf)
    assert_equal(weights(second.weights.network), weights(whole.weights.network))
    assert_equal(second.parameters().values(), whole.parameters().values())
    ours, theirs = second.state_dict(), whole.state_dict()
    assert ours[0].keys() == theirs[0].keys()
    assert all(np.array_equal(ours[0][name], theirs[0][name]) for name in ours[0])
    assert ours[1] | {"seconds": 0} == theirs[1] | {"seconds": 0}
    assert second.loss() == whole.loss()


@pytest.mark.parametrize("name", ["adagrad", "hypergradient", "polyak", "barzilai_borwein", "plateau"])
def test_schedules_that_listen_are_taken_up_again_too(name):
    def run(solver, start, end):
        for step in range(start, end):
            solver.advance(step + 1, math.inf)
            solver.scheduler_step(1.0)

    constants = {"plateau_patience": 2}
    whole = solver_of(tiny(), lr=0.05, schedule=name, constants=constants)
    run(whole, 0, 9)
    first = solver_of(tiny(), lr=0.05, schedule=name, constants=constants)
    run(first, 0, 4)
    second = solver_of(tiny(), lr=0.05, schedule=name, constants=constants)
    second.load_state_dict(*first.state_dict())
    run(second, 4, 9)
    assert_equal(weights(second.weights.network), weights(whole.weights.network))
    assert second.lr == whole.lr


def test_the_state_of_other_weights_is_refused():
    arrays, numbers = advanced(solver_of(deep(), optimizer="muon", lr=0.01)).state_dict()
    name = next(n for n in arrays if n.endswith(".momentum"))
    arrays[name] = arrays[name][:, :, 1:]
    with pytest.raises(ValueError, match="other weights"):
        solver_of(deep(), optimizer="muon", lr=0.01).load_state_dict(arrays, numbers)


def advanced(solver):
    solver.advance(2, math.inf)
    return solver


def test_a_run_in_bfloat16_goes_on_with_equal_bits():
    def half():
        net = deep()
        flat = FlatParameters(net, net.hidden_weights(), half=True)
        optimizers = make_optimizers(flat, "muon", 0.01, momentum=0.9, l2=0.01)
        chosen = ScheduleSettings(name="cosine", total_steps=20)
        settings = NetworkSettings(batch_size=4, steps=20, ema=0.9)
        return NetworkSolver(flat, batches, objective, optimizers, make_schedule(chosen, 0.01), settings)

    whole, first, second = half(), half(), half()
    whole.advance(9, math.inf)
    first.advance(4, math.inf)
    second.load_state_dict(*first.state_dict())
    second.advance(9, math.inf)
    assert_equal(weights(second.weights.network), weights(whole.weights.network))
    assert_equal(second.parameters().values(), whole.parameters().values())
    assert all(w.dtype == torch.float32 for w in second.parameters().values())
    assert second.loss() == whole.loss()


def compiled_solver(get=batches):
    """Of ``tiny``, with batches of 4."""
    flat = FlatParameters(tiny())
    optimizers = make_optimizers(flat, "sgd", 0.1, momentum=0.0, l2=0.0)
    schedule, settings = make_schedule(ScheduleSettings(), 0.1), NetworkSettings(4, 3, compiled=True)
    return NetworkSolver(flat, get, objective, optimizers, schedule, settings)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            RuntimeError("Cannot find a working triton installation.\nSet TORCH_LOGS"),
            "off: Cannot find a working triton",
        ),
        (subprocess.CalledProcessError(1, ["gcc"]), "off: Command '['gcc']' returned"),
        (AssertionError(), "off: AssertionError"),
    ],
)
@pytest.mark.parametrize("first", ["loss", "step"])
def test_where_nothing_can_be_compiled_python_computes(first, error, told, monkeypatch):
    def compile_it(function, **options):
        def refused(batch):
            raise error

        return refused

    monkeypatch.setattr(torch, "compile", compile_it)
    solver, plain = compiled_solver(), solver_of(tiny(), steps=3)
    if first == "loss":
        assert solver.loss() == plain.loss()
    solver.advance(3, math.inf)
    plain.advance(3, math.inf)
    assert_equal(weights(solver.weights.network), weights(plain.weights.network))
    (warning,) = solver.guard.warnings
    assert told in warning
    assert "Set TORCH_LOGS" not in warning
    assert solver.guard.batch_size == 4


def test_what_fails_without_compiling_too_is_told(monkeypatch):
    """And what has been compiled once is no longer taken for what can't be."""

    def get(step, size):
        if step == 2:
            raise RuntimeError("no such image")
        return batches(step, size)

    monkeypatch.setattr(torch, "compile", lambda function, **options: function)
    solver = compiled_solver(get)
    with pytest.raises(RuntimeError, match="no such image"):
        solver.advance(3, math.inf)
    assert solver.guard.warnings == []
    solver = compiled_solver()
    solver.advance(1, math.inf)
    monkeypatch.setattr(solver.weights, "backward", lambda loss: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        solver.advance(3, math.inf)
    assert solver.guard.warnings == []


@pytest.mark.parametrize("memory", [math.inf, 2])
def test_compiled_code_that_fails_untold_is_left_for_python_which_tells(memory, monkeypatch):
    """Compiled code says no more of memory that ran out than this."""

    def compile_it(function, **options):
        def refused(batch):
            raise RuntimeError("aoti_torch_empty_strided(2, sizes, ...) API call failed at kernel.cpp, line 7")

        return refused

    def get(step, size):
        if size > memory and solver.guard.warnings:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return batches(step, size)

    monkeypatch.setattr(torch, "compile", compile_it)
    solver = compiled_solver(get)
    solver.advance(3, math.inf)
    plain = solver_of(tiny(), steps=3, batch_size=min(4, memory))
    plain.advance(3, math.inf)
    assert_equal(weights(solver.weights.network), weights(plain.weights.network))
    assert "--compile is off" in solver.guard.warnings[0]
    assert len(solver.guard.warnings) == (1 if memory == math.inf else 2)


def test_a_compiled_solver_compiles_the_network_with_its_loss(monkeypatch):
    """``torch.compile`` itself is torch's to test, and takes long; what it is given gives the loss of the batch."""
    given = []
    monkeypatch.setattr(torch, "compile", lambda function, **options: given.append((function, options)) or function)
    solver = compiled_solver()
    solver.advance(3, math.inf)
    plain = solver_of(tiny(), steps=3)
    plain.advance(3, math.inf)
    assert_equal(weights(solver.weights.network), weights(plain.weights.network))
    ((function, options),) = given
    assert options == {"options": {"cpp_wrapper": True}}
    batch = batches(7, 4)
    with torch.no_grad():
        assert float(function(batch)) == float(objective(plain.weights.network, batch))
