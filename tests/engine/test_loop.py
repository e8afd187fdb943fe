"""The training loop, by a clock that the test moves."""

import math

import pytest

from dlcli.engine import loop
from dlcli.engine import ranks as of_ranks
from dlcli.engine.loop import REPORT_SHARE, UNLIMITED, LoopState, StoppingCriteria, train
from dlcli.engine.solver import EXACT, RUNNING, Termination
from dlcli.errors import Interrupted


class Clock:
    """Stands in for the ``time`` module: only the work moves it."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


class Steady:
    """A solver whose every step takes 0.1 s."""

    lr = 0.1
    noise_factor = EXACT
    termination = RUNNING

    def __init__(self, clock):
        self.step, self.clock = 0, clock

    def init(self, origin):
        pass

    def advance(self, until, deadline):
        while self.step < until and self.clock.now < deadline:
            self.clock.now += 0.1
            self.step += 1

    def loss(self):
        return 1.0

    def objective(self):
        return 1.0

    def gradient_norm(self):
        return 1.0

    def parameters(self):
        return None

    def scheduler_step(self, loss):
        pass


@pytest.mark.parametrize(("cost", "reports"), [(0.001, 21), (0.1, 21), (1.0, 3), (5.0, 2)])
def test_reports_by_time_take_a_bounded_share(monkeypatch, cost, reports):
    """Twenty reports in a minute where they are cheap, fewer where the machine is busy and each takes long."""
    clock = Clock()
    monkeypatch.setattr(loop, "time", clock)
    monkeypatch.setattr(of_ranks, "time", clock)
    spent = []

    def validate(parameters):
        clock.now += cost / 2
        return {"loss": 1.0}

    memory = LoopState()
    for step in train(
        Steady(clock), StoppingCriteria(UNLIMITED, UNLIMITED, minutes=1.0, report_seconds=3.0), validate, memory
    ):
        spent.append(cost)
        clock.now += cost / 2  # what is done with a report counts, too: files and pictures
        assert not step.status or step.reason == "time limit reached"
    assert abs(len(spent) - reports) <= 1
    assert sum(spent[1:-1]) <= REPORT_SHARE * 60 + 1e-9
    assert math.isclose(memory.report_seconds, sum(spent[:-1]))


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(loop, "time", made)
    return made


class Ending(Steady):
    """Ends at step 5, as ``end`` says."""

    def __init__(self, clock, end):
        super().__init__(clock)
        self.end = end

    def advance(self, until, deadline):
        super().advance(min(until, 5), deadline)
        if self.step == 5:
            self.termination = self.end


@pytest.mark.parametrize(
    ("kind", "status"), [("converged", "converged"), ("halted", "stopped"), ("failed", "diverged")]
)
def test_how_a_solver_ends_is_how_the_run_ends(clock, kind, status):
    steps = list(train(Ending(clock, Termination(kind, "so it is")), StoppingCriteria(100, 50)))
    assert [step.step for step in steps] == [0, 5]
    assert (steps[-1].status, steps[-1].reason) == (status, "so it is")


@pytest.mark.parametrize(("noise_factor", "status"), [(EXACT, "diverged"), (30.0, "finished")])
def test_noisy_methods_may_end_above_where_they_began(clock, noise_factor, status):
    solver = Steady(clock)
    solver.objective = lambda: 1.0 + solver.step
    solver.noise_factor = noise_factor
    assert list(train(solver, StoppingCriteria(20)))[-1].status == status


def test_signals_are_looked_for_between_slices_and_the_last_report_leaves_no_trace(clock):
    solver, memory = Steady(clock), LoopState()
    looks = []

    def check():
        looks.append(solver.step)
        if solver.step >= 7:
            raise Interrupted(15)

    steps = list(train(solver, StoppingCriteria(100, 50), lambda _: {"loss": 1.0 - solver.step}, memory, check))
    assert looks == list(range(8))
    assert [step.step for step in steps] == [0, 7]
    assert (steps[-1].status, steps[-1].reason, steps[-1].signum) == ("stopped", "ended by SIGTERM", 15)
    assert (memory.best, memory.bad_reports) == (1.0, 0)


def test_early_stopping_waits_where_the_loss_has_risen_on_purpose(clock):
    """Reports are still held against the best of all; only patience begins anew."""
    memory = LoopState(first_objective=1.0, best=0.1, bad_reports=0, resumed=True)
    losses = iter([0.9, 0.5, 0.3, 0.2, 0.25, 0.3])
    solver = Steady(clock)
    steps = list(train(solver, StoppingCriteria(100, 10, patience=2), lambda _: {"loss": next(losses)}, memory))
    assert [(step.val_loss, step.is_best) for step in steps] == [
        (loss, False) for loss in (0.9, 0.5, 0.3, 0.2, 0.25, 0.3)
    ]
    assert (memory.best, memory.recent, steps[-1].status) == (0.1, 0.2, "stopped")


def test_the_numbers_of_a_report_are_all_but_its_parameters(clock):
    solver = Steady(clock)
    solver.parameters = lambda: [3.0]
    first = next(train(solver, StoppingCriteria(1), lambda found: {"loss": found[0], "psnr": 30.0}))
    assert first.parameters == [3.0]
    assert vars(first.numbers()) == {name: value for name, value in vars(first).items() if name != "parameters"}
    assert (first.watched, first.numbers().metrics) == (3.0, {"psnr": 30.0})
