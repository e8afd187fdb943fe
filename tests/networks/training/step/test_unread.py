"""Steps that the host doesn't read, on the CPU: the same steps as those that it reads."""

import math

import numpy as np
import pytest
import torch

from dlcli.engine.loop import StoppingCriteria, train
from dlcli.engine.ranks import Ranks
from dlcli.engine.schedules.base import ScheduleSettings
from dlcli.engine.schedules.by_name import make_schedule
from dlcli.networks.data.batch import Batch
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.spec import DeconvSpec, Head
from dlcli.networks.optim.flat_parameters import FlatParameters
from dlcli.networks.optim.optimizers import make_optimizers
from dlcli.networks.training.solver import NetworkSolver
from dlcli.networks.training.step import graph, unread
from dlcli.networks.training.step.bad_steps import MAX_BAD_STEPS
from dlcli.networks.training.step.settings import NetworkSettings
from dlcli.networks.training.step.unread import PLAIN, READ
from tests.networks.training.test_solver import OPTIMIZERS, batches, objective, spoiled
from tests.networks.waiting import WaitedError, no_waiting

GRAPHED = READ + PLAIN + 1  # steps after which there is a graph
STEPS = 300  # that a run may take; those that are worth a graph


def solver_of(*, optimizer="adam", get=batches, loss=objective, half=False, dropout=0.0, l2=0.0, schedule="cosine",
              unread=True, **settings):  # fmt: skip
    torch.manual_seed(3)
    spec = DeconvSpec(1, 2, (4, 6), (1, 1), skip=True, dropout=dropout, head=Head(output="linear"))
    net = DeconvNet(spec).to(memory_format=torch.channels_last)
    weights = FlatParameters(net, net.hidden_weights(), half=half)
    optimizers = make_optimizers(weights, optimizer, 0.01, momentum=0.9, l2=l2)
    seed = 5 if dropout else None
    chosen = NetworkSettings(**{"batch_size": 4, "steps": STEPS, "dropout_seed": seed, "unread": unread} | settings)
    rates = make_schedule(ScheduleSettings(name=schedule, total_steps=40), 0.01)
    return NetworkSolver(weights, get, loss, optimizers, rates, chosen)


def run(solver, *moments):
    """The solver after steps up to each of the moments."""
    for until in moments:
        solver.advance(until, math.inf)
    return solver


def assert_alike(solver, read):
    """Weights, averages, the optimizer's state and all that is told are those of the steps that were read."""
    (ours, mine), (theirs, others) = solver.state_dict(), read.state_dict()
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, atol=1e-6, err_msg=name)
    loose = ("loss_sum", "lr", "seconds", "_last_loss")
    assert {k: v for k, v in mine.items() if k not in loose} == {k: v for k, v in others.items() if k not in loose}
    assert solver.loss() == pytest.approx(read.loss(), rel=1e-5)
    if not read.bad_steps.in_a_row:  # else the last step has neither
        assert solver.lr == pytest.approx(read.lr)
        assert solver.gradient_norm() == pytest.approx(read.gradient_norm(), rel=1e-3)
    assert solver.termination == read.termination
    assert type(solver.lr) is float


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    "options",
    [{}, {"clip": 0.05, "ema": 0.9, "l2": 0.1}, {"dropout": 0.3, "warmup": 20}, {"half": True, "schedule": "plateau"}],
    ids=lambda options: "-".join(options) or "plain",
)
def test_they_are_the_steps_that_are_read(optimizer, options, monkeypatch):
    """With bad batches among those of each kind: read, without a graph, by a graph, which here is the step itself."""
    monkeypatch.setattr(graph, "ALIKE", 1e-9)
    options = options | {"optimizer": optimizer, "get": spoiled({1, 6, 20, 21})}
    solver, read = (run(solver_of(unread=way, **options), 9, 25) for way in (True, False))
    assert (solver.unread.graphed, solver.unread.taken) == (True, 25 - READ - 1)
    assert read.unread is None
    assert solver.guard.warnings == []
    assert solver.bad_steps.skipped == 4
    assert_alike(solver, read)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("graphed", [False, True])
def test_nothing_of_a_step_is_read(optimizer, graphed):
    options = {"optimizer": optimizer, "clip": 1.0, "ema": 0.9, "l2": 0.1, "get": spoiled({14})}
    solver = run(solver_of(steps=STEPS if graphed else 150, **options), 13)
    with no_waiting():
        for _ in range(3):
            solver._take_step()
    assert solver.unread.graphed == graphed
    assert solver.step == 16
    read = run(solver_of(unread=False), 13)
    with pytest.raises(WaitedError), no_waiting():
        read._take_step()


def test_too_many_bad_batches_in_a_row_end_the_run_at_the_same_step():
    options = {"get": spoiled({*range(2, 100)} - {30, 10, 5, 4})}
    first, second = ({"get": spoiled({*range(30, 60)})}, options)
    for chosen in (first, second):
        solver, read = (run(solver_of(unread=way, **chosen), 25, 90, 100) for way in (True, False))
        assert solver.bad_steps.in_a_row == MAX_BAD_STEPS
        assert not solver.termination.running
        assert_alike(solver, read)


def test_losses_are_read_before_there_is_no_room_for_more(monkeypatch):
    monkeypatch.setattr(unread, "KEPT", 4)
    solver, read = (run(solver_of(unread=way, get=spoiled({7})), 30) for way in (True, False))
    assert_alike(solver, read)


@pytest.mark.thinned(4)
@pytest.mark.parametrize("taken_up", [2, 9, 20])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_checkpoint_is_that_of_steps_that_are_read(optimizer, taken_up):
    """It is taken up by either, and by a solver that has already gone on from it."""
    options = {"optimizer": optimizer, "ema": 0.9, "get": spoiled({5, 19})}
    read = run(solver_of(unread=False, **options), 33)
    first = run(solver_of(**options), taken_up)
    state = first.state_dict()
    for solver in (first, solver_of(**options), solver_of(unread=False, **options)):
        run(solver, 26)
        solver.load_state_dict(*state)
        assert_alike(run(solver, 33), read)


def failing(at, error, *, lasting=False):
    """An objective whose call number ``at`` raises, or all from then on of batches of more than two."""
    calls = [0]

    def loss(model, batch):
        calls[0] += 1
        if calls[0] == at or (lasting and calls[0] >= at and len(batch.input) > 2):
            raise error
        return objective(model, batch)

    return loss


@pytest.mark.parametrize("at", [READ + 3, GRAPHED, GRAPHED + 5])
def test_memory_that_runs_out_halves_the_batch(at):
    error = torch.OutOfMemoryError("CUDA out of memory")
    solver = run(solver_of(loss=failing(at, error, lasting=True)), 30)
    assert solver.guard.batch_size == 2
    assert solver.step == 30
    warnings = " ".join(solver.guard.warnings)
    assert warnings.count("the batch size is now 2") == warnings.count("in each step, which is slower") == 1
    size = {4: 0, 2: 0}

    def get(step, count):
        size[count] += 1
        return batches(step, count)

    # As many steps of four as then, and two for the rest.
    fours = (solver.images_seen - 60) // 2
    read = solver_of(unread=False, get=get)
    run(read, fours)
    read.guard.batch_size = 2
    assert_alike(run(read, 30), solver)
    assert size == {4: fours, 2: 30 - fours}


def test_a_batch_that_has_no_room_is_halved_too():
    def get(step, size):
        if step == 8 and size > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return batches(step, size)

    solver = run(solver_of(get=get), 12)
    assert (solver.guard.batch_size, solver.step, solver.images_seen) == (2, 12, 8 * 4 + 4 * 2)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_step_that_fails_half_way_changes_nothing(optimizer, monkeypatch):
    """Its optimizer has moved the weights by then."""
    solver, read = (run(solver_of(unread=way, optimizer=optimizer), 6) for way in (True, False))

    def broken(loss):
        for number in solver.optimizers:
            number.step()
        raise RuntimeError("no kernel image is available")

    monkeypatch.setattr(solver.unread, "_is_good", broken)
    solver.advance(7, math.inf)
    assert "no kernel image" in solver.guard.warnings[0]
    assert_alike(run(solver, 20), run(read, 20))
    assert len(solver.guard.warnings) == 1


@pytest.mark.parametrize("way", ["fails", "computes nothing", "computes something else"])
def test_without_a_sound_graph_steps_go_on_without_one(way, monkeypatch):
    def captured(work, device):
        if way == "fails":
            work()
            raise RuntimeError("operation not permitted\nwhen stream is capturing")
        return (lambda: None) if way == "computes nothing" else lambda: (work(), work(), work())

    monkeypatch.setattr(graph, "captured", captured)
    options = {"ema": 0.9, "dropout": 0.2, "get": spoiled({5})}
    solver, read = (run(solver_of(unread=way, **options), 30) for way in (True, False))
    assert not solver.unread.graphed
    (warning,) = solver.guard.warnings
    assert ("not permitted when stream" if way == "fails" else "differs from the step itself") in warning
    assert_alike(solver, read)


def test_a_bad_batch_proves_no_graph():
    solver = run(solver_of(get=spoiled({GRAPHED - 1})), GRAPHED)
    assert not solver.unread.graphed
    assert run(solver, GRAPHED + 1).unread.graphed
    assert solver.guard.warnings == []


def test_a_batch_of_another_shape_is_no_matter_of_the_graph():
    def get(step, size):
        return batches(step, size + step % 2)

    solver, read = (run(solver_of(unread=way, get=get), 30) for way in (True, False))
    assert solver.unread.graphed
    assert_alike(solver, read)


def test_a_graph_has_a_batch_of_its_own():
    """What is one tensor in a batch is one there, and parts of it are not taken for it."""
    x = torch.rand(2, 2, 4, 4)
    seen = []
    weights = torch.zeros(3)

    def body(batch):
        seen.append([part.clone() for part in (batch.input, batch.base, batch.target)])
        weights.add_(1)

    for base in (x, x[:, :1], x + 1):
        step = graph.GraphedStep(body, lambda: None, Batch(x, base, x[:, 1:]), [weights])
        other = torch.rand(2, 2, 4, 4)
        given = other if base is x else base * 2
        step(Batch(other, given, other[:, 1:]))
        for got, expected in zip(seen[-1], (other, given, other[:, 1:]), strict=True):
            assert torch.equal(got, expected)
        assert not step.fits(Batch(x[:1], base[:1], x[:1]))
        assert not step.fits(Batch(x, None, x[:, 1:]))


@pytest.mark.parametrize(
    "settings", [{"l1": 0.1}, {"schedule": "hypergradient"}, {"ranks": Ranks(0, 2)}, {"unread": False}]
)
def test_what_needs_each_step_s_numbers_reads_them(settings):
    assert solver_of(**settings).unread is None


def test_reports_and_early_stopping_are_those_of_steps_that_are_read():
    """Until the losses of validation rise."""
    found = []
    for way in (True, False):
        values = iter([5, 4, 3, 2, 3, 2.5, 4, 9, 9])
        solver = solver_of(unread=way, get=spoiled({16}))
        limits = StoppingCriteria(STEPS, report_every=6, patience=3)
        reports = list(train(solver, limits, lambda state, values=values: {"loss": next(values)}))
        found.append([vars(step.numbers()) | {"seconds": 0} for step in reports])
    assert found[0][-1]["reason"].startswith("early stopping")
    assert len(found[0]) == len(found[1]) == 7
    for ours, theirs in zip(*found, strict=True):
        assert ours.keys() == theirs.keys()
        for name, value in theirs.items():
            expected = pytest.approx(value, rel=1e-4, nan_ok=True) if type(value) is float else value
            assert ours[name] == expected, name


def test_cudnn_times_its_algorithms_while_a_gpu_trains_only():
    """Validation has images of many shapes, and is to give the same bits each time."""
    flags = torch.backends.cudnn
    before = flags.benchmark
    with graph.fixed_shapes(torch.device("cuda")):
        assert flags.benchmark
    with graph.fixed_shapes(torch.device("cpu")):
        assert flags.benchmark == before
    assert flags.benchmark == before
