"""The training loop, by a clock that the test moves."""

import math

import pytest

from dlcli.engine import loop
from dlcli.engine.loop import REPORT_SHARE, UNLIMITED, LoopState, StoppingCriteria, train


class Clock:
    """Stands in for the ``time`` module: only the work moves it."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


class Steady:
    """A solver whose every step takes 0.1 s."""

    lr = 0.1
    converged = False

    def __init__(self, clock):
        self.step, self.clock = 0, clock

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

    def feedback(self, loss):
        pass


@pytest.mark.parametrize(("cost", "reports"), [(0.001, 21), (0.1, 21), (1.0, 3), (5.0, 2)])
def test_reports_by_time_take_a_bounded_share(monkeypatch, cost, reports):
    """Twenty reports in a minute where they are cheap, fewer where the machine is busy and each takes long."""
    clock = Clock()
    monkeypatch.setattr(loop, "time", clock)
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
